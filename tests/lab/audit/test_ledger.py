"""All rows of the original's logs are in the ledger, and it says which can be rerun."""

from __future__ import annotations

import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.audit import Ledger, ledger

ROWS = {"early": 71, "final": 34, "documents": 24}


@pytest.mark.parametrize(("log", "count"), ROWS.items())
def test_every_row_of_a_log_is_there_once(log: str, count: int):
    assert [row.row for row in ledger().where(log=log)] == list(range(1, count + 1))


def test_the_second_copy_of_the_final_log_is_covered():
    repeated = [row.repeats for row in ledger() if row.repeats is not None]
    own = [row.row for row in ledger().where(log="metal_infer")]
    assert sorted(repeated + own) == list(range(1, 25))


def test_recorded_values_are_the_original_ones():
    lz4 = ledger().where(log="final", text="lz4")[0]
    assert (lz4.row, lz4.tokens_per_s, lz4.status, lz4.experiment) == (28, 3.55, "discard", "lz4")
    assert ledger().where(log="early", bits=4)[30].ttft_ms == 3263


def test_filters_leave_what_matches_all_of_them():
    kept = ledger().where(status="discard", model="397B", runnable=True)
    assert 0 < len(kept) < len(ledger())
    assert all(row.status == "discard" and row.runnable for row in kept)
    assert len(ledger().where(runnable=True)) + len(ledger().where(runnable=False)) == len(ledger())


def test_a_filter_that_nothing_can_match_is_refused():
    with pytest.raises(OptionError, match="keep"):
        ledger().where(status="lost")


def test_the_discarded_share_is_that_of_rows_that_were_judged():
    assert ledger().where(log="final").discarded_fraction == pytest.approx(18 / 34)
    assert Ledger(()).discarded_fraction == 0


def test_a_notebook_gets_a_table_that_says_what_is_rerun():
    shown = ledger()[:10]._repr_html_()
    assert shown.count("<tr>") == 11
    assert "rerun here: own-lru" in shown
    assert "recorded only" in shown
