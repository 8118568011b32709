"""Measurements of memory and speed that `make bench` records; tests never assert times."""
