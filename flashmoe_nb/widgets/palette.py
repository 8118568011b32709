"""The front end's colour map, for pictures drawn without one. As in widgets/src/colours.ts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Ten stops of matplotlib's viridis (CC0), as RRGGBB.
_VIRIDIS = "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725"


def viridis(shares: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Colours of shares 0 to 1. Shapes: shares [...], result [..., 3]."""
    stops = np.array([list(bytes.fromhex(stop)) for stop in _VIRIDIS.split()], np.float64)
    at = np.clip(shares, 0, 1) * (len(stops) - 1)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)
