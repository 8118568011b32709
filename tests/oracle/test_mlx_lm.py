"""The engine against mlx-lm on the checkpoints mlx-lm writes.

float32: logits within FLOAT32_TOLERANCE of the largest logit, and the same greedy tokens. bfloat16: MLX's CPU
kernel for quantized products adds up in bfloat16 (1.4 % off at width 128), so mlx-lm's own logits are up to 3 %
of the largest away from its float32 ones; tokens are compared where no decision was closer than that, and the share is
reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import flashmoe_nb as fm
from tests.oracle.checkpoints import Case, all_cases, shard_count
from tests.oracle.engine_runs import feed_singly, greedy, relative_difference
from tests.oracle.mlx_reference import prompt_ids
from tests.oracle.shapes import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.oracle.shelf import Shelf

PROMPT_LENGTHS = (1, 7, 300)
N_GREEDY = 32
FLOAT32_TOLERANCE = 2e-5
BFLOAT16_LOGIT_TOLERANCE = 0.03
"""Of the largest logit: the 99th percentile of what mlx-lm's bfloat16 differs from its float32 in a top-2 margin."""
BFLOAT16_ROUTING_TOLERANCE = 0.015
"""Probability: the 99th percentile of what mlx-lm's bfloat16 differs from its float32 in a routing margin."""
BFLOAT16_SHARE = 0.8
BFLOAT16_MEDIAN, BFLOAT16_MOST = 0.02, 0.05
"""Of the largest logit, at the positions compared: with one expert less the tokens still agree, the median does not."""


@pytest.mark.parametrize("ops", ["mlx", "cpu"])
@pytest.mark.parametrize("case", all_cases("float32"), ids=str)
def test_float32_logits_and_greedy_tokens_match(
    case: Case, ops: str, shelf: Shelf, record_property: Callable[[str, object], None]
) -> None:
    """By prefill and by single steps, from prompts of three lengths."""
    worst = 0.0
    with fm.open(shelf.folder(case), ops=ops, dtype="float32") as engine:
        for length in PROMPT_LENGTHS:
            ids, expected = prompt_ids(length), shelf.mlx_lm(case).greedy(length, N_GREEDY)
            by_prefill, by_steps = engine.session(), engine.session()
            for session, first in (
                (by_prefill, np.array(by_prefill.feed(ids))),
                (by_steps, feed_singly(by_steps, ids)[-1]),
            ):
                tokens, logits = greedy(session, first, N_GREEDY)
                assert tokens == expected.tokens, f"after {length} tokens"
                worst = max(worst, relative_difference(logits, expected.logits))
    record_property("relative_difference", worst)
    print(f"relative difference {worst:.1e}")
    assert worst <= FLOAT32_TOLERANCE


@pytest.mark.parametrize("ops", ["mlx"])
@pytest.mark.parametrize("case", all_cases("bfloat16"), ids=str)
def test_bfloat16_forced_tokens_match_where_margins_allow(
    case: Case, ops: str, shelf: Shelf, record_property: Callable[[str, object], None]
) -> None:
    """Teacher-forced; a prompt fed at once and then token by token, from prompts of three lengths."""
    ids = prompt_ids(max(PROMPT_LENGTHS) + N_GREEDY)
    expected = shelf.mlx_lm(case).forced(ids)
    found: dict[int, list[np.ndarray]] = {}
    with fm.open(shelf.folder(case), ops=ops, dtype="bfloat16") as engine:
        for length in PROMPT_LENGTHS:
            session = engine.session()
            rows = [np.array(session.feed(ids[:length])), *feed_singly(session, ids[length : length + N_GREEDY])]
            for position, row in enumerate(rows, start=length - 1):
                found.setdefault(position, []).append(row)
    positions = np.array([p for p, rows in found.items() for _ in rows])
    logits = np.array([row for rows in found.values() for row in rows])
    scale = np.abs(expected.logits).max()
    routed_alike = expected.routing_margin[positions] > BFLOAT16_ROUTING_TOLERANCE
    compared = routed_alike & (expected.top2_margin[positions] > BFLOAT16_LOGIT_TOLERANCE * scale)
    record_property("share_compared", float(compared.mean()))
    print(f"{compared.mean():.1%} of {compared.size} positions compared")
    differences = np.abs(logits - expected.logits[positions]).max(axis=-1)[compared] / scale
    print(f"difference median {np.median(differences):.4f}, largest {differences.max():.4f}")
    record_property("median_difference", float(np.median(differences)))
    agree = logits.argmax(axis=-1) == expected.logits[positions].argmax(axis=-1)
    assert agree[compared].all(), f"positions {positions[compared & ~agree]} of {compared.sum()} compared"
    assert np.median(differences) <= BFLOAT16_MEDIAN
    assert differences.max() <= BFLOAT16_MOST
    assert compared.mean() >= BFLOAT16_SHARE


@pytest.mark.parametrize("case", all_cases("bfloat16"), ids=str)
def test_bfloat16_checkpoint_in_float32_matches(
    case: Case, shelf: Shelf, record_property: Callable[[str, object], None]
) -> None:
    """`dtype="float32"` on bfloat16 scales: nothing is lost, so the tight tolerance holds."""
    expected = shelf.mlx_lm(case, upcast=True).greedy(7, N_GREEDY)
    with fm.open(shelf.folder(case), dtype="float32") as engine:
        session = engine.session()
        tokens, logits = greedy(session, np.array(session.feed(prompt_ids(7))), N_GREEDY)
        difference = relative_difference(logits, expected.logits)
        record_property("relative_difference", difference)
        print(f"relative difference {difference:.1e}")
        assert difference <= FLOAT32_TOLERANCE
        assert tokens == expected.tokens


@pytest.mark.parametrize("architecture", [a for a in ARCHITECTURES if a != "qwen3_5"])
def test_float32_tolerance_notices_one_expert_less(architecture: str, shelf: Shelf) -> None:
    """Negative control: K - 1 experts a token are far outside the tolerance."""
    case = Case(architecture, "4bit-g64", "float32")
    expected = shelf.mlx_lm(case).greedy(7, N_GREEDY)
    with fm.open(shelf.folder(case), dtype="float32") as engine:
        top_k = engine.top_k
    with fm.open(shelf.folder(case), dtype="float32", top_k=top_k - 1) as engine:
        logits = np.array(engine.session().feed(prompt_ids(7)))
    assert relative_difference(logits, expected.logits[0]) > 20 * FLOAT32_TOLERANCE


@pytest.mark.parametrize("architecture", [a for a in ARCHITECTURES if a != "qwen3_5"])
def test_bfloat16_median_notices_one_expert_less(architecture: str, shelf: Shelf) -> None:
    """Negative control: the tokens alone would not tell."""
    case, ids = Case(architecture, "4bit-g64", "bfloat16"), prompt_ids(40)
    expected = shelf.mlx_lm(case).forced(ids).logits
    with fm.open(shelf.folder(case), dtype="bfloat16") as engine:
        top_k = engine.top_k
    with fm.open(shelf.folder(case), dtype="bfloat16", top_k=top_k - 1) as engine:
        logits = feed_singly(engine.session(), ids)
    differences = np.abs(logits - expected).max(axis=-1) / np.abs(expected).max()
    assert np.median(differences) > BFLOAT16_MEDIAN


def test_cases_cover_one_and_many_shards(shelf: Shelf) -> None:
    """The shelf holds what the loader must cope with: components of one layer in different files."""
    assert shard_count(shelf.folder(Case("qwen3_moe", "4bit-g64", "float32"))) == 1
    assert shard_count(shelf.folder(Case("qwen3_moe", "mixed", "float32"))) > len(ARCHITECTURES)
