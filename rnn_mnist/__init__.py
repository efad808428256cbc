"""The TensorFlow 1 recurrent network on MNIST, as software: trained, recorded, resumed and compared by one command."""

__version__ = "1.0.0"
