"""`flashmoe bench` runs every suite on real files and writes down what it printed; how fast is not asserted."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from flashmoe_nb.cli import main
from flashmoe_nb.lab.bench import live
from flashmoe_nb.lab.bench.options import Options
from flashmoe_nb.lab.bench.table import Table
from flashmoe_nb.storage.synth import synthesize

DEMO = Path(__file__).parents[3] / "data" / "demo"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "tiny"
    synthesize("tiny", folder, dtype="float32", progress=False)
    return folder


def _bench(model: Path, capsys: pytest.CaptureFixture[str], *suites: str) -> tuple[dict[str, Any], str]:
    path = model.parent / "bench.json"
    arguments = ["--model", str(model), "--ops", "mlx", "--tokens", "3", "--rounds", "1", "--json", str(path)]
    assert main(["bench", *suites, *arguments]) == 0
    found: dict[str, Any] = json.loads(path.read_text())
    return found, capsys.readouterr().out


def test_reads_layers_and_tokens_are_measured(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, printed = _bench(model, capsys, "read", "layer", "decode", "prefill")
    tables = {table["name"]: table for table in found["tables"]}
    assert list(tables) == [
        "read",
        *(["hints"] if sys.platform == "linux" else []),
        "layer",
        "decode",
        "disk",
        "context",
        "prefill",
    ]
    assert {row["page cache"] for row in tables["read"]["rows"]} == {"cold", "warm"}
    assert all(row["GB/s"] > 0 and row["bare preadv GB/s"] > 0 for row in tables["read"]["rows"])
    assert {row["mixer kind"] for row in tables["layer"]["rows"]} == {"linear_attention", "full_attention"}
    assert "what Python costs" in tables["layer"]["notes"][0]
    (disk,) = tables["disk"]["rows"]
    parts_ms = disk["bare reads, ms"] + disk["warm, ms"]
    assert disk["cold over both"] == pytest.approx(disk["cold, ms a token"] / parts_ms)
    per_token = [row["MB read a token"] for row in tables["prefill"]["rows"]]
    assert per_token == sorted(per_token, reverse=True)
    assert len(set(per_token)) == 4
    assert found["machine"]["cores"] > 0
    assert all(table["title"] in printed for table in tables.values())


@pytest.mark.slow
def test_peers_run_side_by_side_with_equal_tokens(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, _ = _bench(model, capsys, "peers")
    (table,) = found["tables"]
    assert [row["run"] for row in table["rows"]] == ["decode", "prefill"]
    assert all(row["same tokens"] and row["flashmoe_nb"] > 0 and row["mlx-lm"] > 0 for row in table["rows"])


@pytest.mark.slow
@pytest.mark.browser
def test_a_live_view_is_measured_in_a_browser(monkeypatch: pytest.MonkeyPatch, chromium: Any) -> None:
    monkeypatch.setattr(live, "VIEWS", ("RouterView",))
    monkeypatch.setattr(live, "PACES", (25.0,))
    monkeypatch.setattr(live, "_TURN_S", 1)
    (table,) = live.run_in(chromium, Options(DEMO, rounds=1))
    (row,) = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert row["ms a token unwatched"] > 0
    assert row["updates/s"] > 1
    assert row["frames/s"] > 1
    assert 0 < row["ms to the screen, p50"] <= row["p95"]


def test_unknown_suite_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "speed"]) == 2
    assert "suite 'speed' is not known: give read, layer" in capsys.readouterr().err


def test_table_lines_up_and_records_by_column() -> None:
    table = Table("t", "Title", ("name", "ms", "same"))
    table.add("a", 1234.5, True)
    table.add("longer", 0.01234, False)
    table.notes.append("a note")
    assert table.text().splitlines() == [
        "Title",
        "",
        "| name   |     ms | same |",
        "| ------ | -----: | ---: |",
        "| a      |  1,234 |  yes |",
        "| longer | 0.0123 |   NO |",
        "  a note",
    ]
    assert table.record()["rows"][1] == {"name": "longer", "ms": 0.01234, "same": False}
