"""`flashmoe lab` and `flashmoe forecast` print what the package knows, and keep what they measure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flashmoe_nb.cli import main
from flashmoe_nb.storage.synth import synthesize

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_claims_and_ledger_are_printed(capsys: pytest.CaptureFixture[str]):
    assert main(["lab", "claims"]) == 0
    assert "17B of 397B" in capsys.readouterr().out
    assert main(["lab", "ledger", "--log", "final", "--text", "lz4"]) == 0
    assert "rerun here: lz4" in capsys.readouterr().out
    assert main(["lab"]) == 0
    assert "own-lru" in capsys.readouterr().out


def test_an_experiment_is_run_kept_and_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    synthesize("tiny", tmp_path / "tiny", dtype="float32", progress=False)
    options = ["--model", str(tmp_path / "tiny"), "--repetitions", "2", "--tokens", "3", "--warmup", "2"]
    assert main(["lab", "run", "hints", *options, "--out", str(tmp_path / "kept")]) == 0
    assert "told RANDOM" in capsys.readouterr().out
    assert (tmp_path / "kept" / "hints.tiny.warm.json").exists()
    assert main(["lab", "report", str(tmp_path / "kept")]) == 0
    assert "## hints" in capsys.readouterr().out


def test_one_that_cannot_run_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    synthesize("tiny", tmp_path / "tiny", dtype="float32", bits=None, progress=False)
    options = ["--model", str(tmp_path / "tiny"), "--repetitions", "2", "--tokens", "3", "--warmup", "2"]
    assert main(["lab", "run", "fewer-bits", "hints", *options]) == 2
    captured = capsys.readouterr()
    assert "fewer-bits could not be run: the experts are not quantized" in captured.err
    assert "told RANDOM" in captured.out


def test_an_unknown_experiment_ends_in_one_line(capsys: pytest.CaptureFixture[str]):
    assert main(["lab", "run", "warp"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


def test_a_forecast_is_printed_and_refused(capsys: pytest.CaptureFixture[str]):
    assert main(["forecast", "qwen3.5-397b", "--machine", "m3-max-48", "--top-k", "4"]) == 0
    assert "tokens a second" in capsys.readouterr().out
    arguments = ["forecast", "qwen3.5-35b", "--machine", "m3-max-48", "--ram", "64GB", "--ssd", "6.5", "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["memory"]["ram_bytes"] == 64 * 10**9
    assert main(["forecast", "qwen3.5-397b", "--machine", "phone-8"]) == 2
    assert "in this memory" in capsys.readouterr().err


def test_probed_costs_are_kept_and_used_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["forecast", "tiny", "--top-k", "2", "--costs", str(tmp_path / "costs.json"), "--json"]
    assert main(arguments) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(arguments) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["machine"] == first["machine"]
    assert main([*arguments, "--machine", "phone-8"]) == 2
