"""Peak memory and speed on the true shape of Qwen3.5-397B, two layers of it: `make bench`.

Every case runs in a process of its own. The engine is allowed what it says it keeps (resident weights, expert slots,
state with keys and values) and 250 MB for everything else, the interpreter included. mlx-lm runs on the same files with
all weights resident; greedy tokens are compared. Exit status 1: a case took more, or the tokens differ.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.case import Case, Measured, Memory
from benchmarks.machine import Machine, describe_machine
from flashmoe_nb.engine.budget import plan_memory, resident_bytes
from flashmoe_nb.engine.checkpoint import open_checkpoint
from flashmoe_nb.engine.experts import slot_bytes
from flashmoe_nb.engine.options import DEFAULT_SLOTS
from flashmoe_nb.model.state import KV_STEP
from flashmoe_nb.ops import open_ops
from flashmoe_nb.storage.synth import synthesize

ROOT = Path(__file__).parent.parent
SHAPE, LAYERS = "qwen3.5-397b", 2
ALLOWANCE_BYTES = 250_000_000
_CHUNK_TOKENS = 512
"""A whole prefill chunk: what the working memory in a budget must be enough for."""


@dataclass(frozen=True, slots=True)
class Row:
    """A case, what came out, and what it was allowed."""

    case: Case
    measured: Measured
    allowed_bytes: int | None
    """None for the other system."""

    @property
    def passed(self) -> bool:
        """Whether it kept to what it was allowed."""
        return self.allowed_bytes is None or self.measured.peak_rss_bytes <= self.allowed_bytes


def main() -> int:
    """Make the checkpoint where there is none, run the cases, print and write."""
    arguments = _parser().parse_args()
    machine, folder = describe_machine(), _checkpoint(arguments.data)
    rows: list[Row] = []
    for case in _cases(folder, arguments.tokens):
        if arguments.only and case.name not in arguments.only:
            continue
        print(f"{case.name}: running", file=sys.stderr)
        rows.append(_run(case))
        print(_table(rows[-1:], heading=len(rows) == 1))
    equal = _same_tokens(rows)
    if equal is not None:
        print("greedy tokens of flashmoe_nb and mlx-lm at the checkpoint's K:", "equal" if equal else "DIFFERENT")
    _write(arguments.json or arguments.data / "memory.json", machine, rows, same_tokens=equal)
    return 0 if all(row.passed for row in rows) and equal is not False else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=ROOT / "data" / "bench", help="folder of the checkpoint, made once"
    )
    parser.add_argument("--json", type=Path, help="where the numbers go; default memory.json in the data folder")
    parser.add_argument("--tokens", type=int, default=8, help="tokens to decode in each case (default 8)")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="run these cases only")
    return parser


def _checkpoint(data: Path) -> Path:
    """Made once, 8.5 GB; `synthesize` refuses when the disk has too little space."""
    folder = data / f"{SHAPE}-{LAYERS}-layers"
    if not (folder / "config.json").exists():  # written last
        print(f"making {LAYERS} layers of {SHAPE} in {folder}, 8.5 GB, once", file=sys.stderr)
        synthesize(SHAPE, folder, layers=LAYERS)
    return folder


def _cases(folder: Path, n_tokens: int) -> list[Case]:
    path, budget = str(folder), _smallest_budget(folder, _CHUNK_TOKENS + KV_STEP)
    return [
        Case("decode-k4", "flashmoe_nb", path, 1, n_tokens, top_k=4),
        Case("decode", "flashmoe_nb", path, 1, n_tokens),
        Case("prefill-200", "flashmoe_nb", path, 200, 1),
        Case("budget-512", "flashmoe_nb", path, _CHUNK_TOKENS, 1, memory_budget=budget),
        Case("mlx-lm-decode", "mlx-lm", path, 1, n_tokens),
        Case("mlx-lm-prefill-200", "mlx-lm", path, 200, 1),
    ]


def _smallest_budget(folder: Path, positions: int) -> int:
    """What `fm.open` asks for at least, with keys and values for so many positions."""
    checkpoint = open_checkpoint(folder, "auto")
    assert checkpoint.routed is not None
    dtype = open_ops("auto", None, checkpoint.dtype).dtype
    resident = resident_bytes(checkpoint.index, checkpoint.names, checkpoint.config, dtype, stream_dense=False)
    plan = plan_memory(checkpoint.config, resident, slot_bytes([checkpoint.routed], DEFAULT_SLOTS), dtype, None)
    return plan.fixed_bytes + positions * plan.kv_bytes_per_token


def _run(case: Case) -> Row:
    command = [sys.executable, "-m", "benchmarks.case", json.dumps(asdict(case))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    fields = json.loads(done.stdout.splitlines()[-1])
    memory = Memory(**fields.pop("memory")) if fields["memory"] else None
    measured = Measured(memory=memory, **{key: value for key, value in fields.items() if key != "memory"})
    if memory is None:
        return Row(case, measured, None)
    if case.memory_budget is not None:  # the interpreter comes on top of a budget
        return Row(case, measured, case.memory_budget + measured.interpreter_bytes)
    return Row(case, measured, memory.kept_bytes + ALLOWANCE_BYTES)


def _same_tokens(rows: list[Row]) -> bool | None:
    """Whether both systems went on alike wherever both ran the same; None where they did not."""
    answers: dict[tuple[int, int], list[list[int]]] = {}
    for row in rows:
        if row.case.top_k is None:
            key = row.case.prompt_tokens, row.case.decode_tokens
            answers.setdefault(key, []).append(row.measured.tokens)
    compared = [tokens for tokens in answers.values() if len(tokens) > 1]
    return all(first == other for first, *others in compared for other in others) if compared else None


def _table(rows: list[Row], *, heading: bool) -> str:
    """In MB = 10^6 bytes; s/token of the prompt where it is longer than one, else the median decoded token."""
    names = "resident", "slots", "state+KV", "allowed", "peak RSS", "anon", "file", "read", "s/token"
    lines = [f"{'MB':20}" + "".join(f"{name:>10}" for name in names)] if heading else []
    for row in rows:
        measured, memory = row.measured, row.measured.memory
        kept = (memory.resident_bytes, memory.slot_bytes, memory.state_bytes) if memory else (None,) * 3
        cells = *kept, row.allowed_bytes, measured.peak_rss_bytes, measured.anon_bytes, measured.file_bytes
        numbers = "".join(_megabytes(cell) for cell in (*cells, measured.bytes_read))
        verdict = "" if row.allowed_bytes is None else "  pass" if row.passed else "  OVER"
        lines.append(f"{row.case.name:20}{numbers}{_seconds_per_token(row):10.3f}{verdict}")
    return "\n".join(lines)


def _megabytes(nbytes: int | None) -> str:
    return f"{'-' if nbytes is None else format(nbytes / 1e6, ',.0f'):>10}"


def _seconds_per_token(row: Row) -> float:
    if row.case.prompt_tokens > 1:
        return row.measured.prompt_ns / row.case.prompt_tokens / 1e9
    return statistics.median(row.measured.decode_ns) / 1e9


def _write(path: Path, machine: Machine, rows: list[Row], *, same_tokens: bool | None) -> None:
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "-m", "benchmarks.memory", *sys.argv[1:]]),
        "machine": asdict(machine),
        "same_tokens": same_tokens,
        "rows": [_record(row) for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _record(row: Row) -> dict[str, object]:
    """A row without the place the checkpoint is in."""
    case = asdict(row.case) | {"folder": Path(row.case.folder).name}
    return {"case": case, "allowed_bytes": row.allowed_bytes, "passed": row.passed, "measured": asdict(row.measured)}


if __name__ == "__main__":
    sys.exit(main())
