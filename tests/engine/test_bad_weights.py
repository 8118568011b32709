"""Damage met while decoding: values that are not finite, and files that changed while open."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import (
    NumericError,
    ReadError,
)
from tests.engine.bad_checkpoints import nan_in, replaced, shard_of
from tests.engine.damage import Tensors, edit_tensors, key_ending
from tests.engine.refusals import feed, generate, refused, says, steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flashmoe_nb import Session


def _nan_row(token: int) -> Callable[[Path], None]:
    return replaced("embed_tokens.scales", lambda raw: raw.with_nan(token * raw.shape[-1]))


@pytest.mark.parametrize(
    "suffix",
    ["0.input_layernorm.weight", "1.linear_attn.A_log", "mlp.gate.scales", "model.norm.weight", "lm_head.biases"],
)
@pytest.mark.parametrize("how", [feed([1]), feed([1, 2, 3]), steps([1]), generate([1, 2])])
def test_nan_in_resident_weights_is_met(suffix: str, how: Callable[[Session], object], folder: Path) -> None:
    nan_in(suffix)(folder)
    with fm.open(folder) as engine:
        session = engine.session()
        error = refused(NumericError, lambda: how(session))
        says(error, ("not finite", "flashmoe verify"))
        assert session.position == 0


@pytest.mark.parametrize("how", [feed([5]), feed([5, 6, 7]), steps([5]), steps([6, 5], prefill=True)])
def test_nan_for_one_token_rolls_back_to_the_last_whole_one(
    how: Callable[[Session], object], folder: Path, tiny: Path
) -> None:
    """Only token 5 is damaged: whatever else is fed before and after gives what a good checkpoint gives."""
    _nan_row(5)(folder)
    with fm.open(folder) as engine, fm.open(tiny) as good:
        session, other = engine.session(), good.session()
        for one in (session, other):
            one.feed([7, 8, 9])
        error = refused(NumericError, lambda: how(session))
        says(error, ("not finite", "flashmoe verify"))
        assert session.position == 3
        for ids in ([10], [11, 12, 13], [14]):
            np.testing.assert_array_equal(np.array(session.feed(ids)), np.array(other.feed(ids)))


@pytest.mark.parametrize("prefill", [False, True], ids=["decode", "prefill"])
@pytest.mark.parametrize("stepped", [False, True], ids=["feed", "steps"])
def test_nan_in_expert_scales_is_met(folder: Path, tiny: Path, prefill: bool, stepped: bool) -> None:
    """One expert of layer 0 is damaged; tokens that do not choose it go on as if nothing were wrong."""
    chosen = _choices(tiny)
    broken = next(e for e in range(16) if 2 <= sum(e in experts for experts in chosen.values()) <= 200)
    bad = next(token for token, experts in chosen.items() if broken in experts)
    good = [token for token, experts in chosen.items() if broken not in experts][:4]

    def edit(tensors: Tensors) -> None:
        key = key_ending(tensors, "0.mlp.switch_mlp.down_proj.scales")
        tensors[key] = tensors[key].with_nan(broken * int(np.prod(tensors[key].shape[1:])))

    edit_tensors(folder, edit)
    ids = [bad] * 3 if prefill else [bad]
    with fm.open(folder) as engine, fm.open(tiny) as whole:
        session, other = engine.session(), whole.session()
        call = steps(ids, prefill=prefill) if stepped else feed(ids)
        error = refused(NumericError, lambda: call(session))
        says(error, ("not finite", "flashmoe verify", *(("layer 0",) if stepped else ())))
        assert session.position == 0
        for token in good[:1]:
            np.testing.assert_array_equal(np.array(session.feed([token])), np.array(other.feed([token])))


def _choices(folder: Path) -> dict[int, set[int]]:
    """Experts of layer 0 that each token chooses at position 0."""
    chosen = {}
    with fm.open(folder) as engine:
        for token in range(0, 256, 8):
            with engine.session().steps([token]) as steps:
                event = next(event for event in steps if event.stage == "router")
                chosen[token] = {int(e) for e in np.array(event.value.expert_ids)[0]}
    return chosen


@pytest.mark.parametrize("how", [feed([1]), feed([1, 2, 3]), steps([1]), generate([1, 2])])
@pytest.mark.parametrize("change", ["grown", "cut", "written"])
def test_file_changed_while_open_is_met(folder: Path, how: Callable[[Session], object], change: str) -> None:
    with fm.open(folder) as engine:
        session = engine.session()
        shard = shard_of(folder)
        size, stamp = shard.stat().st_size, shard.stat().st_mtime_ns
        if change == "written":
            os.utime(shard, ns=(stamp, stamp + 5_000_000_000))
        else:
            os.truncate(shard, size + (10 if change == "grown" else -10))
        error = refused(ReadError, lambda: how(session))
        says(error, ("model.safetensors changed while open", "close the engine and open the model again"))
        if change != "written":
            says(error, (f"{size:,}", f"{shard.stat().st_size:,}"))
        assert session.position == 0
