"""The arithmetic of the forward pass behind one protocol: `mlx` runs on any device and is the reference."""

from flashmoe_nb.ops.protocol import Array, Linear, Ops, SlotBank, WavePlan
from flashmoe_nb.ops.select import OPS_NAMES, open_ops

__all__ = ["OPS_NAMES", "Array", "Linear", "Ops", "SlotBank", "WavePlan", "open_ops"]
