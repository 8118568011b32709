"""A layer's values without and with changes, side by side, as JSON. Pure numpy; knows no debugger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Values = Mapping[str, NDArray[Any]]

N_CHANGED = 10
OUTPUT = "combine"


def difference(layer: int, before: Values, after: Values, name: str) -> dict[str, Any]:
    """How much each value changed, and of one of them where most.

    Args:
        layer: both are of it.
        before: values by name, without the changes.
        after: the same with them.
        name: of the one to look at closely; the layer's output where it has none of that name.
    """
    reals = [one for one in before if before[one].dtype.kind == "f"]
    name = name if name in reals else OUTPUT
    stages = [{"name": one, "relative": relative(before[one], after[one])} for one in reals]
    old, new = (values[name].astype(np.float64).ravel() for values in (before, after))
    facts: dict[str, Any] = {"layer": layer, "name": name, "stages": stages, "comparable": old.size == new.size}
    if old.size != new.size:
        return facts
    most = np.argsort(-np.abs(new - old), kind="stable")[:N_CHANGED]
    facts["cosine"] = _cosine(old, new)
    facts["largest"] = float(np.abs(new - old).max())
    facts["most"] = [[int(at), float(old[at]), float(new[at])] for at in most]
    return facts


def relative(old: NDArray[Any], new: NDArray[Any]) -> float | None:
    """|new - old| / |old|; None for other shapes."""
    if old.shape != new.shape:
        return None
    size = float(np.linalg.norm(old.astype(np.float64)))
    return float(np.linalg.norm(new.astype(np.float64) - old)) / (size or 1.0)


def _cosine(old: NDArray[np.float64], new: NDArray[np.float64]) -> float:
    sizes = float(np.linalg.norm(old) * np.linalg.norm(new))
    return float(old @ new) / sizes if sizes else 1.0
