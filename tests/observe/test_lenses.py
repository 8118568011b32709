"""Lenses against the definitions: sums that must come out, the model's own last row, brute force on small arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from tests.oracle.checkpoints import Case, write_mlx_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

PAST, TOKEN = [3, 99, 41, 250, 17], 68


@pytest.fixture
def session(engine: fm.Engine) -> fm.Session:
    session = engine.session()
    session.feed(PAST)
    return session


def _logits(session: fm.Session) -> np.ndarray:
    return np.array(session.fork().feed([TOKEN]))


def test_logit_lens_ends_in_the_models_own_logits(session: fm.Session) -> None:
    lens = fm.logit_lens(session, TOKEN, n_top=3)
    np.testing.assert_allclose(lens.logits[-1], _logits(session), atol=1e-4)
    assert not np.allclose(lens.logits[0], lens.logits[-1], atol=0.1)
    assert lens.top_ids.shape == (4, 3)
    np.testing.assert_array_equal(lens.top_ids[:, 0], lens.logits.argmax(axis=1))
    assert (np.diff(lens.top_probabilities, axis=1) <= 0).all()
    assert session.position == len(PAST)


def test_contributions_sum_to_the_residual(session: fm.Session) -> None:
    layers = fm.contributions(session, TOKEN)
    assert [one.layer for one in layers] == [0, 1, 2, 3]
    for one, following in zip(layers, [*layers[1:], None], strict=True):
        np.testing.assert_allclose(one.total, one.after, atol=1e-4)
        assert one.experts.shape == (4, 128)
        assert one.shared_expert is not None
        assert np.abs(one.experts).sum(axis=1).min() > 0
        if following:
            np.testing.assert_array_equal(one.after, following.before)
    left_out = layers[1].total - layers[1].experts[2]
    assert not np.allclose(left_out, layers[1].after, atol=1e-4)


@pytest.mark.parametrize("architecture", ["qwen3_next", "qwen3_moe", "qwen3_5"])
def test_contributions_sum_in_other_architectures(architecture: str, tmp_path: Path) -> None:
    """Without a shared expert, without delta nets, without experts at all."""
    with fm.open(write_mlx_checkpoint(Case(architecture, "4bit-g64", "float32"), tmp_path / "m")) as engine:
        session = engine.session()
        session.feed(PAST)
        for one in fm.contributions(session, TOKEN):
            np.testing.assert_allclose(one.total, one.after, atol=1e-4)


def test_delta_view_is_the_rule(session: fm.Session, engine: fm.Engine) -> None:
    """S <- decay*S + beta*(v - decay*S k) k^T: the memory after must follow from the one before and the surprise."""
    views = {view.layer: view for view in fm.delta_view(session, TOKEN)}
    layers = [n for n, kind in enumerate(engine.config.mixer_kinds) if kind == "linear_attention"]
    assert list(views) == layers
    fork = session.fork()
    fork.feed([TOKEN])
    for layer, view in views.items():
        memory = fork.layer_state(layer)["memory"]
        np.testing.assert_allclose(view.memory_norm, np.linalg.norm(memory, axis=(1, 2)), rtol=1e-5)
        assert ((view.decay > 0) & (view.decay <= 1) & (view.beta > 0) & (view.beta < 1)).all()
        np.testing.assert_allclose(view.decay**view.half_life_tokens, 0.5, rtol=1e-3)
        before = session.layer_state(layer)["memory"] * view.decay[:, None, None]
        written = np.linalg.norm(memory - before, axis=(1, 2))  # |beta (v - S k) k^T| = beta |v - S k|, since |k| = 1
        values = _values_norm(session, layer)
        np.testing.assert_allclose(written, view.beta * view.surprise * values, rtol=1e-3, atol=1e-6)


def _values_norm(session: fm.Session, layer: int) -> np.ndarray:
    config = session.engine.config.delta
    assert config is not None
    steps = session.fork().steps([TOKEN])
    conv = next(np.array(e.value)[0] for e in steps if e.stage == "conv" and e.layer == layer)
    return np.linalg.norm(conv[2 * config.key_dim :].reshape(config.num_v_heads, -1), axis=1)


def test_attention_pattern_gives_the_mixed_values(session: fm.Session, engine: fm.Engine) -> None:
    layer = engine.config.mixer_kinds.index("full_attention")
    pattern = fm.attention_pattern(session, layer, TOKEN)
    config = engine.config.attention
    assert pattern.shape == (config.num_heads, len(PAST) + 1)
    np.testing.assert_allclose(pattern.sum(axis=1), 1, rtol=1e-5)
    fork = session.fork()
    mixed = next(np.array(e.value)[0] for e in fork.steps([TOKEN]) if e.stage == "attention" and e.layer == layer)
    fork = session.fork()
    fork.feed([TOKEN])
    values = np.repeat(fork.layer_state(layer)["values"], config.num_heads // config.num_kv_heads, axis=0)
    expected = np.einsum("hp,hpd->hd", pattern, values).ravel()
    np.testing.assert_allclose(mixed, expected, atol=1e-5)


def test_router_view_is_the_routing(session: fm.Session) -> None:
    events = [e for e in session.fork().steps([TOKEN]) if e.stage == "router"]
    for view, event in zip(fm.router_view(session, TOKEN), events, strict=True):
        logits = np.array(event.value.logits)[0].astype(np.float64)
        shares = np.exp(logits) / np.exp(logits).sum()
        order = np.argsort(-shares)
        np.testing.assert_allclose(view.probabilities, shares, rtol=1e-4)
        assert set(view.expert_ids.tolist()) == set(order[:4].tolist())
        assert view.kept_mass == pytest.approx(shares[order[:4]].sum(), rel=1e-4)
        assert view.margin == pytest.approx(shares[order[3]] - shares[order[4]], rel=1e-3)
        assert 0 < view.entropy_bits <= 4


def test_lenses_look_at_a_sampled_token_too(engine: fm.Engine) -> None:
    session = engine.session()
    token = next(iter(session.generate(PAST, max_tokens=1)))
    assert session.pending == token.id
    other = engine.session()
    other.feed(PAST)
    np.testing.assert_allclose(fm.logit_lens(session).logits, fm.logit_lens(other, token.id).logits, atol=1e-5)


def test_lenses_refuse_what_is_not_there(session: fm.Session, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"layer 0 is no full attention: give one of \[3\]"):
        fm.attention_pattern(session, 0, TOKEN)
    folder = write_mlx_checkpoint(Case("qwen3_moe", "4bit-g64", "float32"), tmp_path / "m")
    with fm.open(folder) as engine, pytest.raises(OptionError, match="qwen3_moe has no gated delta nets"):
        fm.delta_view(engine.session(), 1)


# -- compare -----------------------------------------------------------------------------------------------------------
def test_comparison_is_the_two_runs(session: fm.Session) -> None:
    same = fm.compare(session, [TOKEN])
    assert (same.kl_bits, same.largest_logit_difference, same.top_a) == (0, 0, same.top_b)
    wider = fm.compare(session, [TOKEN, 5], fm.Patches(), fm.Patches().set_top_k(0, 1).set_top_k(2, 6))
    assert wider.kl_bits > 0
    assert wider.bytes_b * 16 == wider.bytes_a * (4 * 4 - 3 + 2)
    assert "KL" in repr(wider)
    assert "<table>" in wider._repr_html_()
    assert session.position == len(PAST)


# -- hooks -------------------------------------------------------------------------------------------------------------
def test_run_with_cache_gives_every_activation(session: fm.Session) -> None:
    fork = session.fork()
    logits, cache = fm.run_with_cache(fork, [TOKEN, 5, 6])
    expected = session.fork()
    np.testing.assert_array_equal(np.array(logits), np.array(expected.feed([TOKEN, 5, 6])))
    assert set(cache.keys()) <= set(fm.hook_names(session))
    for n in range(3):
        np.testing.assert_array_equal(cache[f"blocks.{n}.hook_resid_post"], cache[f"blocks.{n + 1}.hook_resid_pre"])
        added = cache[f"blocks.{n}.mlp.hook_experts_out"] + cache[f"blocks.{n}.mlp.hook_shared_expert_out"]
        mid = cache[f"blocks.{n}.hook_resid_mid"]
        np.testing.assert_allclose(mid + added, cache[f"blocks.{n}.hook_resid_post"], atol=1e-4)
    assert cache["blocks.0.mlp.hook_router_scores"].shape == (3, 16)
    assert "blocks.3.attn.hook_q" in cache
    assert "blocks.0.attn.hook_q" not in cache


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("blocks.0.mlp.hook_router_score", "did you mean blocks.0.mlp.hook_router_scores"),
        (["blocks.9.hook_resid_post"], "is no activation here"),
        ("blocks.0.attn.hook_q", "never fired: that layer of this qwen3_5_moe"),
    ],
)
def test_unknown_and_silent_hooks_are_errors(names: str | list[str], says: str, session: fm.Session) -> None:
    with pytest.raises(OptionError, match=says):
        fm.run_with_cache(session.fork(), [TOKEN], names)


def test_filter_keeps_what_is_asked_for(session: fm.Session) -> None:
    _, cache = fm.run_with_cache(session.fork(), [TOKEN], lambda name: name.endswith("hook_expert_indices"))
    assert list(cache.keys()) == [f"blocks.{n}.mlp.hook_expert_indices" for n in range(4)]
    with pytest.raises(OptionError, match="is no activation here"):
        cache["hook_embed"]
