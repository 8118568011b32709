"""Whether a value sent back can stand in for the one a stage produced: same kinds, same shapes, experts that exist.

Knows stages, not layers. What it lets through may be any numbers at all: that is what patches are for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.events import StageEvent
    from flashmoe_nb.ops import Ops

_ARRAYS = (np.ndarray, mx.array)


def take_patch(ops: Ops, event: StageEvent, sent: Any) -> Any:
    """The value to go on with: what was sent, as arrays of the back end; numpy's and MLX's may be given to any.

    Refuses what could only fail later, or compute something else than it seems to.

    Raises:
        OptionError: naming stage, what was sent and what is needed.
    """
    where = f"the value sent at stage {event.stage}" + ("" if event.layer is None else f" of layer {event.layer}")
    if event.stage is Stage.EXPERT_READ:
        raise OptionError(f"{where} can change nothing, the bytes are in their slots: patch ROUTER or EXPERT_COMPUTE")
    sent = as_kind_of(event.value, sent)
    found, needed = _form(sent), _form(event.value)
    if found != needed and not (event.stage is Stage.ROUTER and found == _form(_with_top_k_of(sent, event.value))):
        raise OptionError(f"{where} is {found}, expected {needed}: send a value of the same form")
    if event.stage is Stage.ROUTER:
        ids, num_experts = ops.to_numpy(sent.expert_ids), event.value.logits.shape[-1]
        if not np.issubdtype(ids.dtype, np.integer) or ids.min() < 0 or ids.max() >= num_experts:
            given = f"expert_ids {ids.dtype} from {ids.min()} to {ids.max()}"
            raise OptionError(f"{where} has {given}, expected whole numbers from 0 to {num_experts - 1}: choose others")
    return sent


def as_kind_of(old: Any, new: Any) -> Any:
    """Arrays of numpy or MLX as the kind and dtype of others, through named tuples; anything else as it is.

    A copy, which whoever sent it cannot write to. Whole numbers never come of fractions: such an array stays what it
    was.
    """
    if isinstance(old, tuple) and type(new) is type(old):
        return type(old)(*map(as_kind_of, old, new))
    if not isinstance(old, _ARRAYS) or not isinstance(new, _ARRAYS) or (_counts(old) and not _counts(new)):
        return new
    if isinstance(new, mx.array):
        return new.astype(old.dtype) if isinstance(old, mx.array) else _to_numpy(new).astype(old.dtype, copy=False)
    if isinstance(old, mx.array):
        plain = np.ascontiguousarray(new, np.float32 if new.dtype == np.float64 else None)
        return mx.array(plain).astype(old.dtype)
    return new.astype(old.dtype)


def _counts(x: Any) -> bool:
    """Whether an array holds whole numbers."""
    if isinstance(x, mx.array):
        return bool(mx.issubdtype(x.dtype, mx.integer))
    return bool(np.issubdtype(x.dtype, np.integer))


def _to_numpy(x: mx.array) -> NDArray[Any]:
    return np.array(x.astype(mx.float32) if mx.issubdtype(x.dtype, mx.floating) else x)


def _with_top_k_of(sent: Any, value: Any) -> Any:
    """The routing there was, cut or widened to the K sent: more or fewer experts a token may be asked for."""
    if type(sent) is not type(value) or len(np.shape(sent.expert_ids)) != 2:  # noqa: PLR2004 - [T, K]
        return value
    columns = np.arange(np.shape(sent.expert_ids)[1]) % np.shape(value.expert_ids)[1]
    take = mx.array(columns) if isinstance(value.expert_ids, mx.array) else columns
    return value._replace(expert_ids=value.expert_ids[:, take], routing_weights=value.routing_weights[:, take])


def _form(value: Any) -> str:
    """Types and shapes, through tuples."""
    if isinstance(value, tuple):
        return f"{type(value).__name__}({', '.join(map(_form, value))})"
    kind = type(value)
    return "None" if value is None else f"{kind.__module__}.{kind.__qualname__} {list(np.shape(value))}"
