"""Values under the names TransformerLens users know: `blocks.3.hook_resid_post`, `blocks.3.mlp.hook_router_scores`.

Only names; the values are those of `session.steps`. A name nobody knows, or one this model's layers never fire, is an
error, not an empty result.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.values import named_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import mlx.core as mx
    from numpy.typing import NDArray

    from flashmoe_nb.engine import Session

_IN_BLOCK = {
    "input_norm": "ln1.hook_normalized",
    "project.queries": "attn.hook_q",
    "project.keys": "attn.hook_k",
    "project.values": "attn.hook_v",
    "project.output_gate": "attn.hook_output_gate",
    "qk_norm.queries": "attn.hook_q_normed",
    "qk_norm.keys": "attn.hook_k_normed",
    "rope.queries": "attn.hook_rot_q",
    "rope.keys": "attn.hook_rot_k",
    "attention": "attn.hook_z",
    "project.mixed": "delta.hook_qkv",
    "project.z": "delta.hook_z",
    "project.b": "delta.hook_b",
    "project.a": "delta.hook_a",
    "conv": "delta.hook_conv",
    "decay.decay": "delta.hook_decay",
    "decay.beta": "delta.hook_beta",
    "delta": "delta.hook_read",
    "gated": "attn.hook_gated",
    "mixer": "hook_attn_out",
    "resid_mid": "hook_resid_mid",
    "post_norm": "ln2.hook_normalized",
    "router.logits": "mlp.hook_router_scores",
    "router.expert_ids": "mlp.hook_expert_indices",
    "router.routing_weights": "mlp.hook_expert_weights",
    "expert_compute": "mlp.hook_experts_out",
    "shared_expert": "mlp.hook_shared_expert_out",
    "combine": "hook_resid_post",
}
_OUTSIDE = {"embed": "hook_embed", "final_norm": "ln_final.hook_normalized", "logits": "hook_logits"}


@dataclass(frozen=True, slots=True)
class ActivationCache:
    """Arrays by hook name, float32. Shapes: [T, ...], but final norm and logits, which are the last token's alone."""

    arrays: Mapping[str, NDArray[Any]]

    def __repr__(self) -> str:
        return f"<ActivationCache of {len(self.arrays)} activations>"

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.arrays:
            raise OptionError(_unknown(name, self.arrays))
        return self.arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def __len__(self) -> int:
        return len(self.arrays)

    def keys(self) -> Iterable[str]:
        """Names, in the order of the forward pass."""
        return self.arrays.keys()


def hook_names(session: Session) -> list[str]:
    """Every name that may fire in this model, by layer; a layer fires those of its own kind."""
    blocks = range(session.engine.config.num_layers)
    inside = [f"blocks.{n}.{name}" for n in blocks for name in ("hook_resid_pre", *_IN_BLOCK.values())]
    return [_OUTSIDE["embed"], *inside, _OUTSIDE["final_norm"], _OUTSIDE["logits"]]


def run_with_cache(
    session: Session,
    token_ids: Sequence[int],
    names_filter: str | Sequence[str] | Callable[[str], bool] | None = None,
) -> tuple[mx.array, ActivationCache]:
    """Feed tokens together and keep the activations that are asked for.

    Args:
        session: goes on by the tokens.
        token_ids: what to feed.
        names_filter: one name, several, or a function of the name; None keeps all.

    Returns:
        logits [V] of the last token, and the activations.

    Raises:
        OptionError: a name that does not exist, or that no layer of this model fires.
    """
    wanted, named = _filter(session, names_filter)
    arrays: dict[str, NDArray[Any]] = {}
    steps = session.steps(token_ids, prefill=True)
    before: NDArray[Any] | None = None
    for event in steps:
        for name, array in named_values(session.engine, [event]).items():
            outside = event.layer is None
            hook = _OUTSIDE[name] if outside else f"blocks.{event.layer}.{_IN_BLOCK[name]}"
            if name == "input_norm" and before is not None and wanted(f"blocks.{event.layer}.hook_resid_pre"):
                arrays[f"blocks.{event.layer}.hook_resid_pre"] = before
            if name in ("embed", "combine"):
                before = array
            if wanted(hook):
                arrays[hook] = arrays[hook] + array if name == "expert_compute" and hook in arrays else array
    missing = [name for name in named if name not in arrays]
    if missing:
        msg = f'"{missing[0]}" never fired: that layer of this {session.engine.config.model_type} has none such; '
        raise OptionError(msg + "run without names_filter to see what fires")
    assert steps.logits is not None
    return steps.logits, ActivationCache(arrays)


def _filter(
    session: Session, names_filter: str | Sequence[str] | Callable[[str], bool] | None
) -> tuple[Callable[[str], bool], Sequence[str]]:
    """Whether a name is wanted, and the names that must fire."""
    if names_filter is None:
        return (lambda _: True), ()
    if callable(names_filter):
        return names_filter, ()
    named = [names_filter] if isinstance(names_filter, str) else list(names_filter)
    known = hook_names(session)
    for name in named:
        if name not in known:
            raise OptionError(_unknown(name, known))
    return set(named).__contains__, named


def _unknown(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f'"{name}" is no activation here: ' + (f"did you mean {', '.join(close)}?" if close else "see hook_names()")
