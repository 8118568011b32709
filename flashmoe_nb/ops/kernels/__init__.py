"""Compiled kernels of the `cpu` back end; importing any of them loads numba."""
