"""The model card says what was measured."""

from __future__ import annotations

import dataclasses

import pytest

from flashmoe_nb.lab.demo import card
from flashmoe_nb.lab.demo.card import CARD, DATA, TABLES, Measured, rewritten, table


@pytest.fixture(scope="module")
def measured() -> Measured:
    return Measured.load(DATA)


def test_a_table_is_markdown() -> None:
    assert table(("a", "b"), [(1, "x")]) == "| a | b |\n| --- | --- |\n| 1 | x |\n"


def test_the_card_is_what_the_command_writes(measured: Measured) -> None:
    text = CARD.read_text("utf8")
    assert rewritten(text, measured) == text
    assert all(text.count(f"<!-- table: {name} -->") == 1 for name in TABLES)


def test_another_measurement_gives_another_card(measured: Measured) -> None:
    counts = measured.runs[0]["tools"]["counts"] | {"json": {"n": 10, "parsed": 9, "names": 9, "keys": 9, "exact": 1}}
    first = measured.runs[0] | {"tools": measured.runs[0]["tools"] | {"counts": counts}}
    changed = rewritten(CARD.read_text("utf8"), dataclasses.replace(measured, runs=[first, *measured.runs[1:]]))
    assert "| json | recorded | 10 | 90.0 [59.6, 98.2] |" in changed


def test_a_table_nobody_makes_is_an_error(measured: Measured) -> None:
    with pytest.raises(KeyError, match="speed"):
        rewritten("<!-- table: speed -->\n<!-- end -->\n", measured)


def test_both_engines_answered_the_same(measured: Measured) -> None:
    (mlx_lm,) = (run for run in measured.runs if run["through"] == "mlx_lm" and run["weights"].startswith("4 bits"))
    for part in ("tools", "turns"):
        ours, theirs = measured.results[part]["outcomes"], mlx_lm[part]["outcomes"]
        shared = ours.keys() & theirs.keys()
        same = [a == b for name in shared for a, b in zip(ours[name], theirs[name], strict=False)]
        assert len(same) > 20
        print(f"{part}: {sum(same)} of {len(same)} prompts scored the same by both")
        assert sum(same) >= 0.98 * len(same)  # a token on a tie may fall either way and change an answer


def test_the_words_agree_with_the_tables(measured: Measured) -> None:
    text, counts = CARD.read_text("utf8"), measured.runs[0]["tools"]["counts"]
    for name in ("json", "xml"):
        assert f"exact {name.upper()} calls" in text
        assert card.share(counts[name]["exact"], counts[name]["n"]) + f", n {counts[name]['n']}" in text
