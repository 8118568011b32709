"""The whole evaluation, and whether it gave what is recorded: the model card's numbers, made again.

A shorter run measures the first of what a longer one measures, so any two can be compared prompt by prompt.

    python -m flashmoe_nb.lab.demo.reproduce CHECKPOINT --out FILE --json 600 --xml 300
    python -m flashmoe_nb.lab.demo.reproduce CHECKPOINT --out FILE --experts 2:mx     through mlx_lm; see `--help`
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashmoe_nb.engine import open_engine
from flashmoe_nb.lab.bench.machine import describe_machine
from flashmoe_nb.lab.demo import scoring
from flashmoe_nb.lab.demo.engine_subject import EngineSubject
from flashmoe_nb.lab.demo.evalset import EvalSet, shipped
from flashmoe_nb.lab.demo.evaluate import PARTS, Part, Sizes, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flashmoe_nb.lab.demo.subject import Subject

RESULTS = "results.json"
QUICK = Sizes(windows=1, documents=1, json=6, xml=4, refusals=2, turns=2)
_COMPARED = (
    ("windows", "nats_by_window", 5e-3),
    ("prose", "bits_by_document", 2.0),
    ("tools", "outcomes", 0),
    ("refusals", "outcomes", 0),
    ("turns", "outcomes", 0),
)
"""Part, the numbers of its windows, documents or prompts, and how far two runs may be apart.

Rounding alone moves a window by less than 1e-4. Where a router's 10th and 11th expert tie within rounding, though, two
back ends choose differently, and every later token sees it: seen once in 56 windows, 2e-3 nats a token.
"""


def run(
    subject: Subject, evalset: EvalSet, sizes: Sizes, parts: Sequence[Part], told: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    """Measure part after part; `told` gets all results so far after every step.

    Returns:
        Plain JSON values: sizes, machine, seconds, and a table by part.
    """
    results: dict[str, Any] = {"sizes": asdict(sizes), "machine": asdict(describe_machine()), "seconds": {}}
    for part in parts:
        start = time.perf_counter()
        for table in measure(part, subject, evalset, sizes):
            results[part] = table
            results["seconds"][part] = round(time.perf_counter() - start, 1)
            told(results)
    return results


def compare(found: dict[str, Any], recorded: dict[str, Any]) -> tuple[int, list[str]]:
    """How many numbers two runs both have, and one sentence for each that differs."""
    count, lines = 0, []
    for part, key, tolerance in _COMPARED:
        ours, theirs = (run.get(part, {}).get(key, {}) for run in (found, recorded))
        for group in sorted(ours.keys() & theirs.keys()):
            for i, (a, b) in enumerate(zip(ours[group], theirs[group], strict=False)):
                count += 1
                if abs(float(a) - float(b)) > tolerance:
                    lines.append(f"{part}, {group}, number {i}: {a} here, {b} recorded")
    return count, lines


def summary(part: Part, table: dict[str, Any]) -> list[str]:
    """A part in a few lines."""
    if part == "windows":
        shown = [f"nats a token: {_listed(table['nats'])}"]
        for key, name in (("information_bits", "bits of information about the domain"), ("dead", "dead experts")):
            shown.append(f"{name} by layer: {' '.join(str(row[key]) for row in table['layers'])}")
        return shown + [
            f"domain guessed {key.replace('_', ' ')}, %: {_listed(row)}" for key, row in table["guess"].items()
        ]
    if part == "prose":
        return [f"bits a byte: {_listed(table['bits_per_byte'])}"]
    return [_shares(name, row) for name, row in table["counts"].items()]


def _listed(row: dict[str, float]) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items())


def _shares(name: str, row: dict[str, int]) -> str:
    shares = [f"{key} {scoring.share(hits, row['n'])}" for key, hits in row.items() if key != "n"]
    return f"{name}: n {row['n']}, % {', '.join(shares)}"


def write(path: Path, results: dict[str, Any]) -> None:
    """Store results, one row of a table a line."""
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf8")


@contextmanager
def _subject(
    checkpoint: Path, experts: str | None, top_k: int | None, *, mlx_lm: bool
) -> Iterator[tuple[Subject, str]]:
    if mlx_lm or experts:
        from flashmoe_nb.lab.demo.mlx_lm_subject import MlxLmSubject  # noqa: PLC0415 - mlx_lm is for development only

        yield MlxLmSubject(checkpoint, experts, top_k), "mlx_lm"
        return
    with open_engine(checkpoint, top_k=top_k, dtype="float32") as engine:
        yield EngineSubject(engine), repr(engine)


def main() -> None:
    """Measure a checkpoint as it is or with changes, and keep what comes."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--experts", help="BITS:requantise or BITS:mx: routed experts from their present values")
    parser.add_argument("--mlx-lm", action="store_true", help="through mlx_lm in batches, as --experts always is")
    parser.add_argument("--top-k", type=int)
    parser.add_argument("--set", type=Path, help="folder of the evaluation set (default: the shipped one)")
    for name, most in asdict(Sizes()).items():
        parser.add_argument(f"--{name}", type=int, default=most, help="default %(default)s")
    given = parser.parse_args()
    sizes = replace(Sizes(), **{name: getattr(given, name) for name in asdict(Sizes())})
    parts = [part for part in PARTS if part in given.parts.split(",")]
    with _subject(given.checkpoint, given.experts, given.top_k, mlx_lm=given.mlx_lm) as (subject, through):
        about = {"through": through, "experts": given.experts, "top_k": given.top_k}
        evalset = EvalSet.load(given.set or shipped())
        run(subject, evalset, sizes, parts, lambda results: write(given.out, about | results))


if __name__ == "__main__":
    main()
