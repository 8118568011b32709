"""Stage values as numpy arrays by name, and numpy arrays as stage values: "mixer", "router.logits", "project.keys"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.engine.patch import as_kind_of
from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.events import StageEvent


def named_values(engine: Engine, events: Iterable[StageEvent]) -> dict[str, NDArray[Any]]:
    """Every array of these stages; of a stage that comes in several waves the last."""
    parts = [(name, array) for event in events for name, array in _parts(event.stage, event.value)]
    arrays = engine.owner_call(lambda: [engine.ops.to_numpy(array) for _, array in parts])
    return {name: array for (name, _), array in zip(parts, arrays, strict=True)}


def _parts(stage: Stage, value: Any) -> Iterator[tuple[str, Any]]:
    if stage is Stage.EXPERT_READ:
        return
    if isinstance(value, tuple):
        yield from ((f"{stage}.{name}", part) for name, part in value._asdict().items() if part is not None)  # type: ignore[attr-defined]
    else:
        yield str(stage), value


def like(old: Any, values: Any, name: str) -> Any:
    """Values as an array of the same kind, dtype and shape as another.

    Raises:
        OptionError: another shape.
    """
    new = np.asarray(values)
    if new.shape != tuple(old.shape):
        raise OptionError(f"{name} is {list(old.shape)}, what was given {list(new.shape)}: give the same shape")
    return as_kind_of(old, new)
