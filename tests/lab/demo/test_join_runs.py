"""Joining measured runs into one file."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from flashmoe_nb.lab.demo import join_runs

if TYPE_CHECKING:
    from pathlib import Path

RUN = {
    "experts": None, "top_k": 10, "through": "an engine", "sizes": {}, "seconds": {},
    "machine": {"cores": 2, "cpu": "AMD EPYC", "system": "Linux x86_64"}, "tools": {"counts": {}},
}  # fmt: skip


def _join(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["join_runs", *arguments])
    join_runs.main()


def test_runs_keep_their_order_and_a_named_one_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, out = tmp_path / "run.json", tmp_path / "recorded.json"
    run.write_text(json.dumps(RUN))
    out.write_text(json.dumps({"runs": [{"weights": "old"}, {"weights": "gone"}]}))
    _join(monkeypatch, str(out), f"as shipped={run}", f"K = 4={run}", "--keep", "old")
    rows = json.loads(out.read_text())["runs"]
    assert [row["weights"] for row in rows] == ["as shipped", "K = 4", "old"]
    assert rows[0]["machine"] == "2 cores AMD EPYC, Linux x86_64"
    assert rows[0]["tools"] == RUN["tools"]
    assert "prose" not in rows[0]


def test_a_run_that_is_not_there_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = tmp_path / "run.json", tmp_path / "recorded.json"
    run.write_text(json.dumps(RUN))
    out.write_text(before := json.dumps({"runs": [{"weights": "old"}]}))
    with pytest.raises(SystemExit):
        _join(monkeypatch, str(out), f"new={run}", "--keep", "older")
    assert "does not hold all of older: it has old" in capsys.readouterr().err
    assert out.read_text() == before
