"""The bad-input table through the command line: status 2, one line on standard error, no traceback, no output.

All rows run in this process; some, and everything about streams, as a user starts it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flashmoe_nb.cli import main
from flashmoe_nb.storage.pack import pack
from flashmoe_nb.storage.synth import synthesize
from tests.engine.bad_checkpoints import Row, nan_in
from tests.engine.bad_checkpoints_table import TABLE
from tests.engine.damage import edit_json

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS = ("top_k", "slots", "read_threads", "ops", "dtype", "experts", "memory_budget")
_NOT_HERE = {
    "top-k-half",
    "top-k-negative",
    "read-threads-text",
    "experts-none",
    "policy",
    "budget-negative",
    "budget-text",
}
"""What argparse refuses before us, what has no flag, or what the command line takes ("6GiB")."""
ROWS = [row for row in TABLE if row.name not in _NOT_HERE]
STARTED = {"missing-shard", "norm-i32", "architecture", "top-k-0", "budget-small", "half-written-pack"}


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "tiny"
    synthesize("tiny", folder, dtype="float32", progress=False)
    return folder


@pytest.fixture
def model(source: Path, tmp_path: Path) -> Path:
    """A copy to damage; not called `folder`, as the tests of the engine call theirs."""
    return shutil.copytree(source, tmp_path / "model")


def _arguments(row: Row, folder: Path) -> list[str]:
    flags = [part for key in _FLAGS if key in row.options for part in ("--" + key.replace("_", "-"), row.options[key])]
    return [*map(str, [folder, *flags])]


@pytest.mark.parametrize("command", [["info"], ["generate", "--ids", "1,2", "--json"]], ids=["info", "generate"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_opening_is_refused_in_one_line(
    row: Row, command: list[str], model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = next(model.glob("*.safetensors")).stat().st_size
    row.damage(model)
    capsys.readouterr()
    assert main([*command, *_arguments(row, model)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    _is_one_line(captured.err)
    for words in row.says:
        assert words.format(size=size, size_less=size - 1000) in captured.err


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in STARTED], ids=lambda row: row.name)
def test_started_program_refuses_in_one_line(row: Row, model: Path) -> None:
    row.damage(model)
    result = _start(["generate", "--ids", "1", *_arguments(row, model)])
    assert (result.returncode, result.stdout) == (2, b"")
    _is_one_line(result.stderr.decode())


CALLS: dict[str, tuple[list[str], str]] = {
    "empty-text": (["generate", "-p", ""], "the prompt is empty"),
    "no-ids": (["generate", "--ids", ""], "the prompt is empty"),
    "ids-commas": (["generate", "--ids", ", ,"], "the prompt is empty"),
    "ids-text": (["generate", "--ids", "1,two"], '"1,two"'),
    "id-above": (["generate", "--ids", "1 512"], "token id 512 at place 1"),
    "id-negative": (["generate", "--ids=-1"], "token id -1 at place 0"),
    "id-huge": (["generate", "--ids", str(10**30)], "token id 1000"),
    "context": (["generate", "--ids", " ".join(["1"] * 4097)], "limit is 4096"),
    "max-tokens-0": (["generate", "-p", "a", "--max-tokens", "0"], "max_tokens is 0"),
    "temperature": (["generate", "-p", "a", "--temperature", "-1"], "temperature >= 0"),
    "temperature-nan": (["generate", "-p", "a", "--temperature", "nan"], "temperature >= 0"),
    "top-p": (["generate", "-p", "a", "--top-p", "0"], "0 < top_p <= 1"),
    "seed": (["generate", "-p", "a", "--seed", "-3"], "seed is -3"),
    "top-k-negative": (["generate", "-p", "a", "--top-k", "-1"], "top_k is -1"),
    "budget-text": (["info", "--memory-budget", "lots"], '"lots" is no size'),
    "budget-small": (["info", "--memory-budget", "1.5 MiB"], "memory_budget is 1,572,864 bytes"),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_are_refused_in_one_line(name: str, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, says = CALLS[name]
    assert main([*arguments, str(source)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    _is_one_line(captured.err)
    assert says in captured.err


def test_good_calls_of_the_same_kind_are_taken(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Negative control of both tables."""
    assert main(["generate", "--ids", "1, 2", "--max-tokens", "2", "--memory-budget", "1GiB", str(source)]) == 0
    assert main(["info", str(source)]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_text_without_tokenizer(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "tokenizer.json").unlink()
    assert main(["generate", "-p", "a", str(model)]) == 2
    _is_one_line(capsys.readouterr().err)
    assert main(["generate", "--ids", "1", "--max-tokens", "2", str(model)]) == 0


@pytest.mark.parametrize("as_json", [False, True])
def test_nan_met_while_decoding(as_json: bool, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nan_in("lm_head.biases")(model)
    assert main(["generate", "-p", "a", str(model), *(["--json"] if as_json else [])]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    _is_one_line(captured.err)
    assert "not finite" in captured.err


def test_context_reached_while_generating_is_a_length(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What no longer fits is refused; what fills up while generating ends as at `--max-tokens`."""
    edit_json(model / "config.json", lambda c: c["text_config"].update(max_position_embeddings=10))
    assert main(["generate", "--ids", "1 2 3 4 5 6 7 8", str(model), "--json"]) == 0
    captured = capsys.readouterr()
    *tokens, totals = map(json.loads, captured.out.splitlines())
    assert [token["finish_reason"] for token in tokens] == [None, None, "length"]
    assert totals["tokens"] == 3
    assert main(["generate", "--ids", "1 2 3 4 5 6 7 8 9 10 11", str(model), "--json"]) == 2
    _is_one_line(capsys.readouterr().err)


OTHERS: dict[str, tuple[list[str], str]] = {
    "info-nowhere": (["info", "{tmp}/nowhere"], "nowhere is not a folder"),
    "pack-nowhere": (["pack", "{tmp}/nowhere"], "nowhere"),
    "pack-empty": (["pack", "{tmp}"], "config.json"),
    "verify-nowhere": (["verify", "{tmp}/nowhere"], "nowhere"),
    "verify-unpacked": (["verify", "{model}"], "flashmoe pack"),
    "synth-shape": (["synth", "gpt-5", "{tmp}/new"], '"gpt-5"'),
    "synth-full": (["synth", "tiny", "{model}"], "is not empty"),
    "synth-vocab": (["synth", "tiny", "{tmp}/new", "--vocab", "3"], "vocab is 3"),
    "synth-layers": (["synth", "tiny", "{tmp}/new", "--layers", "0"], "layers is 0"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_commands_refuse_in_one_line(
    name: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, says = OTHERS[name]
    (tmp_path / "empty").mkdir()
    assert main([part.format(tmp=tmp_path / "empty", model=model) for part in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    _is_one_line(captured.err)
    assert says in captured.err


def test_verify_says_damage_with_status_1(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack(model, progress=False)
    assert main(["verify", str(model), "--source", str(model)]) == 0
    packed = model / "packed_experts" / "layer_01.bin"
    raw = bytearray(packed.read_bytes())
    raw[1000] ^= 1
    packed.write_bytes(raw)
    capsys.readouterr()
    assert main(["verify", str(model), "--source", str(model)]) == 1
    captured = capsys.readouterr()
    assert "DAMAGED" in captured.out
    assert "layer_01.bin" in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("arguments", [[], ["train"], ["generate"], ["generate", "-p", "a", "--top-k", "many"]])
def test_usage_errors_end_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: flashmoe" in capsys.readouterr().err


def test_prompt_from_a_stream_that_is_no_text(source: Path) -> None:
    result = _start(["generate", "-p", "-", str(source)], stdin=b"\xff\xfe caf\xe9", encoding="utf-8:strict")
    assert result.returncode == 2
    _is_one_line(result.stderr.decode())


def test_empty_prompt_stream(source: Path) -> None:
    result = _start(["generate", "-p", "-", str(source)], stdin=b"")
    assert (result.returncode, result.stdout) == (2, b"")
    _is_one_line(result.stderr.decode())


def test_reader_that_goes_away_is_no_error(source: Path) -> None:
    """As `flashmoe generate ... --json | head -1`."""
    arguments = [sys.executable, "-m", "flashmoe_nb.cli", "generate", "--ids", "1", "--max-tokens", "3000", "--json"]
    with subprocess.Popen([*arguments, str(source)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(120)
    assert b"Traceback" not in errors
    assert b"Exception ignored" not in errors


def _start(arguments: list[str], stdin: bytes = b"", encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "flashmoe_nb.cli", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False, env=environment)


def _is_one_line(text: str) -> None:
    assert text.startswith("flashmoe: "), text[-2000:]
    assert text.count("\n") == 1, text[-2000:]
    assert text.endswith("\n")
