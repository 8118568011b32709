"""What one token's values mean: the next token after each layer, who wrote what into the residual, delta-net memory.

Each lens feeds one token to a fork of the session and leaves the session where it stands. Shapes: L layers, D hidden,
K experts a token, V vocabulary, Hv and Hq heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import Stage
from flashmoe_nb.observe.values import like, named_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine, Session
    from flashmoe_nb.events import StageEvent


@dataclass(frozen=True, slots=True)
class LogitLens:
    """What would come next if the model ended after each layer."""

    logits: NDArray[np.float32]
    """[L, V]; the last row is the model's own."""
    top_ids: NDArray[np.int64]
    """[L, n] by falling probability."""
    top_probabilities: NDArray[np.float32]
    top_text: tuple[tuple[str, ...], ...]
    """Empty strings without a tokenizer."""

    def __repr__(self) -> str:
        rows = zip(self.top_text, self.top_ids, strict=True)
        said = " > ".join(repr(text[0]) if text[0] else str(ids[0]) for text, ids in rows)
        return f"<LogitLens {said}>"


@dataclass(frozen=True, slots=True)
class LayerContribution:
    """What one layer added to the residual stream of one token."""

    layer: int
    before: NDArray[np.float32]
    """[D] the stream as it came in."""
    mixer: NDArray[np.float32]
    """[D]."""
    expert_ids: NDArray[np.int64]
    """[K]; empty in a dense layer."""
    experts: NDArray[np.float32]
    """[K, D], each expert's output times its routing weight; in a dense layer [1, D], its MLP."""
    shared_expert: NDArray[np.float32] | None
    """[D], after its gate."""
    after: NDArray[np.float32]
    """[D] the stream as it went out."""

    @property
    def total(self) -> NDArray[np.float32]:
        """`before` and everything that was added: equals `after` up to rounding."""
        shared = 0 if self.shared_expert is None else self.shared_expert
        return np.asarray(self.before + self.mixer + self.experts.sum(axis=0) + shared)


@dataclass(frozen=True, slots=True)
class DeltaView:
    """A gated delta net at one token. Shapes: all [Hv]."""

    layer: int
    decay: NDArray[np.float32]
    """Share of the memory kept at this token, 0 to 1."""
    beta: NDArray[np.float32]
    """How strongly it writes, 0 to 1."""
    half_life_tokens: NDArray[np.float32]
    """Tokens until half of the memory is gone at this decay; infinite where nothing decays."""
    memory_norm: NDArray[np.float32]
    """Frobenius norm of the memory after the token."""
    surprise: NDArray[np.float32]
    """|v - S k| / |v|: how far the decayed memory was from the value it was about to store; 1 is all new."""


@dataclass(frozen=True, slots=True)
class RouterView:
    """A router's decision for one token."""

    layer: int
    probabilities: NDArray[np.float32]
    """[E], softmax over all experts."""
    expert_ids: NDArray[np.int64]
    """[K] by falling probability."""
    kept_mass: float
    """Probability of the chosen together."""
    margin: float
    """Probability of the last chosen less that of the first left out."""
    entropy_bits: float


def logit_lens(session: Session, token_id: int | None = None, *, n_top: int = 5) -> LogitLens:
    """Final norm and head on the residual after each layer.

    Args:
        session: stands before the token.
        token_id: the token to look at; None is what `generate` sampled last.
        n_top: candidates listed.
    """
    engine = session.engine
    events, _ = _walk(session, token_id)
    streams = [event.value for event in events if event.stage is Stage.COMBINE]
    logits = np.stack([np.array(engine.unembed(stream))[0] for stream in streams])
    shares = _softmax(logits)
    top = np.argsort(-shares, axis=1, kind="stable")[:, :n_top]
    tokenizer = engine.tokenizer
    text = tuple(tuple(tokenizer.decode([int(i)]) if tokenizer else "" for i in row) for row in top)
    return LogitLens(logits, top, np.take_along_axis(shares, top, axis=1), text)


def contributions(session: Session, token_id: int | None = None) -> list[LayerContribution]:
    """What mixer, each routed expert and the shared expert of every layer wrote into the residual.

    The token is fed once as it is, and once for each rank of the K experts with all other weights at nought; the true
    values are put back after each layer's experts, so that nothing after is touched.
    """
    engine = session.engine
    events, _ = _walk(session, token_id)
    by_layer = _by_layer(engine, events)
    no_ids = np.zeros((1, 0), np.int64)
    ranks = max(values.get("router.expert_ids", no_ids).shape[1] for values in by_layer.values())
    true = {event.layer: event.value for event in events if event.stage is Stage.EXPERT_COMPUTE}
    alone: list[dict[int, NDArray[np.float32]]] = []
    for rank in range(ranks):
        found: dict[int, Any] = {}

        def change(event: StageEvent, rank: int = rank, found: dict[int, Any] = found) -> Any:
            if event.stage is Stage.ROUTER:
                return _only_rank(engine, event.value, rank)
            if event.stage is Stage.EXPERT_COMPUTE and event.layer is not None:
                found[event.layer] = event.value
                return true[event.layer]
            return None

        _walk(session, token_id, change)
        alone.append({layer: _row(engine, value) for layer, value in found.items()})
    stream = _row(engine, next(event.value for event in events if event.stage is Stage.EMBED))
    out = []
    for layer, values in sorted(by_layer.items()):
        ids = values.get("router.expert_ids", no_ids)[0]
        parts = [alone[rank][layer] for rank in range(len(ids))] or [values["expert_compute"][0]]
        shared = values["shared_expert"][0] if "shared_expert" in values else None
        after = values["combine"][0]
        out.append(LayerContribution(layer, stream, values["mixer"][0], ids, np.stack(parts), shared, after))
        stream = after
    return out


def delta_view(session: Session, token_id: int | None = None) -> list[DeltaView]:
    """Decay, write strength, memory and surprise of every gated delta net.

    Raises:
        OptionError: the model has none.
    """
    engine = session.engine
    config = engine.config.delta
    layers = [n for n, kind in enumerate(engine.config.mixer_kinds) if kind == "linear_attention"]
    if config is None or not layers:
        raise OptionError(f"{engine.config.model_type} has no gated delta nets: look at its attention_pattern()")
    before = {layer: session.layer_state(layer)["memory"] for layer in layers}
    events, fork = _walk(session, token_id)
    views = []
    for layer, values in sorted(_by_layer(engine, events).items()):
        if layer not in before:
            continue
        decay, beta = values["decay.decay"][0], values["decay.beta"][0]
        _, keys, stored = np.split(values["conv"][0], [config.key_dim, 2 * config.key_dim])
        keys = keys.reshape(config.num_k_heads, -1)
        keys /= np.sqrt((keys**2).sum(axis=1, keepdims=True) + 1e-6)
        keys = np.repeat(keys, config.num_v_heads // config.num_k_heads, axis=0)
        stored = stored.reshape(config.num_v_heads, -1)
        recalled = np.einsum("hvk,hk->hv", before[layer] * decay[:, None, None], keys)
        norm = np.linalg.norm(stored, axis=1)
        surprise = np.linalg.norm(stored - recalled, axis=1) / np.where(norm > 0, norm, 1)
        with np.errstate(divide="ignore"):
            half_life = np.log(0.5) / np.log(decay)
        memory = np.linalg.norm(fork.layer_state(layer)["memory"], axis=(1, 2))
        views.append(DeltaView(layer, decay, beta, half_life, memory, surprise))
    return views


def attention_pattern(session: Session, layer: int, token_id: int | None = None) -> NDArray[np.float32]:
    """Where each head of a full-attention layer looks. Shapes: [Hq, positions], rows sum to 1.

    Raises:
        OptionError: the layer is no full attention.
    """
    engine = session.engine
    kinds, config = engine.config.mixer_kinds, engine.config.attention
    if not 0 <= layer < len(kinds) or kinds[layer] != "full_attention":
        full = [n for n, kind in enumerate(kinds) if kind == "full_attention"]
        raise OptionError(f"layer {layer} is no full attention: give one of {full}")
    events, fork = _walk(session, token_id)
    queries = _by_layer(engine, events)[layer]["rope.queries"][0]
    keys = np.repeat(fork.layer_state(layer)["keys"], config.num_heads // config.num_kv_heads, axis=0)
    return _softmax(np.einsum("hd,hpd->hp", queries, keys) * config.head_dim**-0.5)


def router_view(session: Session, token_id: int | None = None) -> list[RouterView]:
    """Every router's probabilities, kept mass and margin.

    Raises:
        OptionError: the model is dense.
    """
    events, _ = _walk(session, token_id)
    views = []
    for layer, values in sorted(_by_layer(session.engine, events).items()):
        if "router.logits" not in values:
            continue
        shares, ids = _softmax(values["router.logits"])[0], values["router.expert_ids"][0]
        left = np.delete(shares, ids)
        margin = float(shares[ids].min() - left.max()) if left.size else 1.0
        positive = shares[shares > 0]
        entropy = float(-(positive * np.log2(positive)).sum())
        views.append(RouterView(layer, shares, ids, float(shares[ids].sum()), margin, entropy))
    if not views:
        raise OptionError(f"{session.engine.config.model_type} is dense here: it has no routers to look at")
    return views


def _walk(
    session: Session, token_id: int | None, change: Callable[[StageEvent], Any] | None = None
) -> tuple[list[StageEvent], Session]:
    """All events of one token on a fork, and the fork after it."""
    fork = session.fork()
    steps = fork.steps(() if token_id is None else (token_id,))
    events: list[StageEvent] = []
    sent: Any = None
    while True:
        try:
            event = steps.send(sent)
        except StopIteration:  # a token sampled before went in front: only the last one is looked at
            return [event for event in events if event.position == events[-1].position], fork
        events.append(event)
        sent = change(event) if change else None


def _by_layer(engine: Engine, events: list[StageEvent]) -> dict[int, dict[str, NDArray[Any]]]:
    layers = sorted({event.layer for event in events if event.layer is not None})
    return {layer: named_values(engine, [event for event in events if event.layer == layer]) for layer in layers}


def _only_rank(engine: Engine, routing: Any, rank: int) -> Any:
    """The routing with one expert's weight, the others' at nought."""
    weights = engine.owner_call(lambda: engine.ops.to_numpy(routing.routing_weights))
    kept = np.zeros_like(weights)
    kept[:, rank : rank + 1] = weights[:, rank : rank + 1]
    return routing._replace(routing_weights=like(routing.routing_weights, kept, "routing_weights"))


def _row(engine: Engine, value: Any) -> NDArray[np.float32]:
    return np.asarray(engine.owner_call(lambda: engine.ops.to_numpy(value))[0])


def _softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Over the last axis."""
    wide = logits.astype(np.float64)
    shares = np.exp(wide - wide.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True), np.float32)
