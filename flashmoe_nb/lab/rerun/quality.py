"""Experiments that compute something else: K, fewer bits, no shared expert. Speed and damage side by side.

Damage is KL(own model || changed model) of the next-token distributions over the same tokens, in bits, and where the
tokens are a text, the perplexity of it.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.engine.decoder import Decoder
from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.rerun.caches import trust_os
from flashmoe_nb.lab.rerun.decoding import Opened, decode_in_turns
from flashmoe_nb.lab.rerun.effect import Verdict
from flashmoe_nb.lab.rerun.experiment import Experiment, Found
from flashmoe_nb.lab.rerun.requantized import write_requantized
from flashmoe_nb.model.moe import SparseMoE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.lab.rerun.decoding import Decoded
    from flashmoe_nb.lab.rerun.setting import Setting

    Ways = dict[str, Callable[[], AbstractContextManager[Opened]]]

_SOME_K = (1, 2, 3, 4, 6, 8)
_ORIGINAL_K = 4
_SOME_BITS = (3, 2)


def add_damage(setting: Setting, decoded: Decoded) -> None:
    """Count KL and perplexity into every arm's facts."""
    following = np.array(setting.ids[setting.warmup + 1 : setting.warmup + setting.tokens + 1])
    first = log_softmax(next(iter(decoded.logits.values())))
    for name, logits in decoded.logits.items():
        own = log_softmax(logits)
        facts = decoded.arms[name].facts
        divergence = kl_bits(first, own)
        facts["KL bits a token"] = float(divergence.mean())
        facts["KL bits +-95 %"] = 1.96 * float(divergence.std(ddof=1)) / math.sqrt(len(divergence))
        facts["same choice"] = float((first.argmax(axis=1) == own.argmax(axis=1)).mean())
        if setting.is_text:
            facts["perplexity"] = math.exp(-float(own[np.arange(len(own)), following].mean()))


def log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Shapes: [T, V]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def kl_bits(own: NDArray[np.float64], changed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each row. Shapes: own and changed log-probabilities [T, V], result [T]."""
    return np.asarray((np.exp(own) * (own - changed)).sum(axis=1) / math.log(2))


def _damaged(setting: Setting, ways: Ways, *notes: str) -> Found:
    decoded = decode_in_turns(setting, ways)
    add_damage(setting, decoded)
    return Found.of(decoded, *notes)


@contextmanager
def _with_k(setting: Setting, top_k: int) -> Iterator[Opened]:
    with setting.reopened(top_k=top_k) as engine:
        yield Opened(engine.session())


def _k_sweep(setting: Setting) -> Found:
    """The checkpoint's own K first, whatever the engine was opened with."""
    moe = setting.engine.config.moe
    assert moe is not None
    tried = [k for k in reversed(_SOME_K) if k < moe.top_k]
    ways: Ways = {f"K={k}": partial(_with_k, setting, k) for k in (moe.top_k, *tried)}
    return _judged(_damaged(setting, ways), *(f"K={k}" for k in tried if k == _ORIGINAL_K))


def _judged(found: Found, *names: str) -> Found:
    return replace(found, judged=names)


@contextmanager
def _another(setting: Setting, folder: Path) -> Iterator[Opened]:
    engine = setting.engine
    replaced = replace(setting, engine=_Elsewhere(engine, folder))  # type: ignore[arg-type]
    with replaced.reopened(experts="in-place") as opened:
        yield Opened(opened.session())


class _Elsewhere:
    """An engine's options with another folder; only what `Setting.reopened` asks for."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.top_k, self.ops = engine.top_k, engine.ops
        self.checkpoint = replace(engine.checkpoint, folder=folder)


def _fewer_bits(setting: Setting) -> Found:
    """Checkpoints with coarser experts are written to the scratch folder, and read in place like any other."""
    with setting.scratch_folder() as folder:
        ways: Ways = {"own bits": partial(trust_os, setting)}
        sizes = []
        for bits in _SOME_BITS:
            (folder / str(bits)).mkdir()
            nbytes = write_requantized(setting.engine.checkpoint, folder / str(bits), bits)
            ways[f"{bits} bits"] = partial(_another, setting, folder / str(bits))
            sizes.append(f"{bits} bits: {nbytes / setting.engine.checkpoint.expert_bytes:.0%} of the expert bytes")
        return _judged(_damaged(setting, ways, "; ".join(sizes)), "2 bits")


@contextmanager
def _without_shared(setting: Setting) -> Iterator[Opened]:
    """The layers of a reopened engine, put together again without their shared experts."""
    with setting.reopened() as engine:
        model = engine._model  # noqa: SLF001 - the engine is ours and closed below; it offers no such switch
        assert model is not None
        layers = tuple(
            replace(layer, mlp=replace(layer.mlp, shared_expert=None, shared_expert_gate=None))
            if isinstance(layer.mlp, SparseMoE)
            else layer
            for layer in model.layers
        )
        engine._decoder = Decoder(replace(model, layers=layers))  # noqa: SLF001 - as above
        yield Opened(engine.session())


def _skip_shared(setting: Setting) -> Found:
    moe = setting.engine.config.moe
    assert moe is not None
    if not moe.shared_intermediate_size:
        raise OptionError(
            f"{setting.engine.config.model_type} has no shared expert to leave out: open a model with one"
        )
    ways: Ways = {"with it": partial(trust_os, setting), "left out": partial(_without_shared, setting)}
    return _damaged(setting, ways)


QUALITY = (
    Experiment(
        "k-sweep",
        "Experts a token: speed, bytes and damage by K",
        _k_sweep,
        "K=10 1.20, K=6 1.91, K=4 3.15 tok/s; K=3 collapses; quality judged by eye on 5 prompts",
        Verdict.FASTER,
        "Fewer experts are always fewer bytes; where reads hit the page cache and the mixer dominates they buy "
        "little time.",
        changes_tokens=True,
        tokens=192,
    ),
    Experiment(
        "fewer-bits",
        "Experts at 3 and 2 bits: speed, bytes and damage",
        _fewer_bits,
        "2 bits: 5.74 against 3.90 tok/s, 120 of 217 GB, JSON breaks",
        Verdict.FASTER,
        "With reads from memory and kernels that unpack 2 and 3 bits no faster than 4, fewer bytes gain nothing.",
        changes_tokens=True,
        tokens=192,
    ),
    Experiment(
        "skip-shared",
        "The shared expert left out",
        _skip_shared,
        "forks halve or skip it (6.48 against 5.62 tok/s on the 35B); no measure of quality",
        Verdict.FASTER,
        "It is one of K+1 experts and always in memory: its share of a token's time is small where reads dominate.",
        changes_tokens=True,
        tokens=192,
    ),
)
