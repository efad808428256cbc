"""Arrays in, PNG out: a module for each kind of picture, and style.py for what they share."""

from rnn_mnist.console.settings import UserError

try:
    import matplotlib  # noqa: F401
except ModuleNotFoundError:
    raise
except Exception as error:  # it reads a matplotlibrc and MPLBACKEND, and raises half a dozen kinds
    reason = " ".join(str(error).split())[:100] or type(error).__name__
    raise UserError("matplotlib cannot be started ({reason}): mend your matplotlibrc or unset MPLBACKEND",
                    reason=reason) from None
