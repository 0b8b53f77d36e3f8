"""numba loops behind torch.library, for what torch does slowly on a CPU."""
