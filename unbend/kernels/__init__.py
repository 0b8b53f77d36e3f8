"""Loops and products arranged for a CPU: numba behind torch.library where torch is slow, torch where it is not."""
