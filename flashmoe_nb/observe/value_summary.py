"""One array at a glance: statistics, a histogram, a slice as a picture, the largest values.

Pure numpy; knows no stage and no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_BINS = 48
N_TOP = 10
MOST_ROWS, MOST_COLUMNS = 48, 192
_FOLD = 64
"""Values a row when a vector is drawn as a picture."""


@dataclass(frozen=True, slots=True)
class ValueSummary:
    """One array. Statistics are of its finite values, 0 where there is none."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    n_values: int
    n_not_finite: int
    n_zero: int
    minimum: float
    maximum: float
    mean: float
    std: float
    rms: float
    low: float
    """Left edge of the histogram; the right one is `high`, the bins are equally wide."""
    high: float
    histogram: NDArray[np.uint32]
    """[N_BINS] counts of finite values."""
    rows: int
    """Of the picture: all axes but the last, or a vector folded."""
    columns: int
    folded: bool
    """A vector, `columns` of it in a row."""
    first_row: int
    """Of the slice."""
    slice: NDArray[np.float32]
    """[<= MOST_ROWS, <= MOST_COLUMNS] of the picture; the rest of a folded vector's last row is not finite."""
    top_index: NDArray[np.int32]
    """[n, number of axes] where the largest magnitudes lie, the largest first."""
    top_value: NDArray[np.float32]

    def facts(self) -> dict[str, Any]:
        """Everything that is no array."""
        arrays = {"histogram", "slice", "top_index", "top_value"}
        return {name: getattr(self, name) for name in self.__slots__ if name not in arrays}


def summarise(name: str, values: NDArray[Any], *, first_row: int = 0) -> ValueSummary:
    """Summarise an array of any shape.

    Args:
        name: of the value.
        values: numbers, at least one.
        first_row: where the slice of the picture begins; brought into range.
    """
    wide = values.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    histogram, edges = np.histogram(finite, N_BINS, (low, high) if high > low else (low - 0.5, low + 0.5))
    picture, folded = _picture(wide)
    start = max(0, min(first_row, picture.shape[0] - 1))
    top = np.argsort(-np.abs(np.where(np.isfinite(wide), wide, 0)).ravel(), kind="stable")[:N_TOP]
    places = np.stack(np.unravel_index(top, wide.shape or (1,)), axis=1)
    return ValueSummary(
        name,
        tuple(values.shape),
        str(values.dtype),
        wide.size,
        wide.size - finite.size,
        int((finite == 0).sum()),
        low,
        high,
        float(finite.mean()) if finite.size else 0.0,
        float(finite.std()) if finite.size else 0.0,
        float(np.sqrt((finite**2).mean())) if finite.size else 0.0,
        float(edges[0]),
        float(edges[-1]),
        histogram.astype(np.uint32),
        picture.shape[0],
        picture.shape[1],
        folded,
        start,
        picture[start : start + MOST_ROWS, :MOST_COLUMNS].astype(np.float32),
        places.astype(np.int32),
        wide.ravel()[top].astype(np.float32),
    )


def _picture(wide: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
    """As rows and columns, and whether it was folded for that."""
    rows = wide.reshape(-1, wide.shape[-1]) if wide.ndim else wide.reshape(1, 1)
    if rows.shape[0] > 1 or rows.shape[1] <= _FOLD:
        return rows, False
    missing = -rows.shape[1] % _FOLD
    return np.pad(rows[0], (0, missing), constant_values=np.nan).reshape(-1, _FOLD), True
