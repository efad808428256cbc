"""Many runs on many machines: points of a grid or of draws, trained by the workers of a Dask cluster."""
