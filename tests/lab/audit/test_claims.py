"""Every claim is there, computed numbers are right, and the page in docs/ is the one the command prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.audit import Standing, arithmetic, claims, ledger
from flashmoe_nb.lab.audit.page import PAGE
from flashmoe_nb.lab.sizes import load_config, model_sizes

DOCS = Path(__file__).parents[3] / "docs" / "claims.md"


def test_every_claim_names_its_source_and_what_is_found_here():
    for claim in claims():
        assert claim.source
        assert claim.here
        assert bool(claim.experiments) or claim.standing in (Standing.COMPUTED, Standing.RECORDED)


def test_claims_have_names_of_their_own():
    names = [claim.name for claim in claims()]
    assert len(set(names)) == len(names) == len(claims())


def test_active_share_is_counted_at_both_k():
    sizes = model_sizes(load_config("qwen3.5-397b")[1])
    own, cut = arithmetic.active_share(sizes), arithmetic.active_share(sizes, 4)
    assert own.with_table / own.total == pytest.approx(0.0438, abs=1e-4)
    assert cut.values / cut.total == pytest.approx(0.0298, abs=1e-4)


def test_the_layer_time_does_not_give_the_speed_beside_it():
    assert arithmetic.tokens_per_s(4.28, 60) == pytest.approx(3.894, abs=1e-3)
    assert arithmetic.tokens_per_s(1000 / 4.36 / 60, 60) == pytest.approx(4.36)


def test_the_hit_rate_follows_from_three_times():
    assert arithmetic.inferred_hit_rate(1.0, 5.8, 2.4) == pytest.approx(0.708, abs=1e-3)
    assert arithmetic.inferred_hit_rate(1.0, 5.8, 1.0) == 1
    assert arithmetic.inferred_hit_rate(1.0, 5.8, 5.8) == 0


def test_a_million_tokens_take_64_hours():
    assert arithmetic.hours_for(10**6, 4.36) == pytest.approx(63.7, abs=0.05)


def test_58_experiments_count_23_rows_twice():
    assert "58 together, 23 of them twice" in arithmetic.ledger_counts()
    assert "44 of 105" in arithmetic.ledger_counts()


def test_experiments_of_claims_are_those_of_the_ledger():
    known = {row.experiment for row in ledger() if row.runnable}
    assert {name for claim in claims() for name in claim.experiments} <= known


def test_an_unknown_claim_is_refused():
    with pytest.raises(OptionError, match="209-gb"):
        claims()["210-gb"]


def test_the_page_in_the_docs_is_the_rendered_one():
    assert DOCS.read_text("utf-8") == PAGE + claims().markdown(), "run: flashmoe lab claims --markdown > docs/claims.md"


def test_a_notebook_gets_every_claim():
    shown = claims()._repr_html_()
    assert shown.count("<tr>") == len(claims()) + 1
    assert "<script" not in shown
