"""Counts by group and one digit a prompt."""

from __future__ import annotations

from flashmoe_nb.lab.demo.tally import Tally


def test_tally_counts_by_group_and_part_and_keeps_the_order() -> None:
    tally = Tally()
    tally.add("json", "single", {"parsed": True, "exact": True})
    tally.add("json", "nested", {"parsed": True, "exact": False})
    tally.add("xml", None, {"parsed": False, "exact": False})
    assert tally.table() == {
        "counts": {
            "json": {"n": 2, "parsed": 2, "exact": 1},
            "json nested": {"n": 1, "parsed": 1, "exact": 0},
            "json single": {"n": 1, "parsed": 1, "exact": 1},
            "xml": {"n": 1, "parsed": 0, "exact": 0},
        },
        "outcomes": {"json": "21", "xml": "0"},
    }
