"""`flashmoe bench`: measure this machine, print tables, write JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.commands.parser import Commands, add_command

if TYPE_CHECKING:
    import argparse

    from flashmoe_nb.lab.bench.table import Table

SUITES = ("read", "layer", "decode", "prefill", "kernels", "variants", "watch", "live", "peers", "memory")


def add(commands: Commands) -> None:  # type: ignore[valid-type]
    """Describe it."""
    command = add_command(
        commands,
        "bench",
        _bench,
        "measure reads, layers, decoding, kernels, watching and peers on this machine",
        "Run suites and print their tables; numbers, machine and versions go to a JSON file. Without --model\n"
        "checkpoints with random weights in true shapes are made once (up to 8 GB a shape).\n\n"
        "  flashmoe bench kernels\n"
        "  flashmoe bench read decode --model path/to/model\n"
        "  flashmoe bench --rounds 5 --json results.json",
    )
    command.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)} (default: all)")
    command.add_argument("--model", type=Path, help="a checkpoint of yours in place of random weights")
    command.add_argument("--data", type=Path, help="where checkpoints are made")
    command.add_argument("--ops", default="auto", help="back end")
    command.add_argument("--top-k", type=int, help="experts per token (default 4, as the original engine)")
    command.add_argument("--tokens", type=int, default=16, help="tokens in each measurement (default %(default)s)")
    command.add_argument("--rounds", type=int, default=3, help="repetitions (default %(default)s)")
    command.add_argument("--json", type=Path, help="where the numbers go (default: bench.json with the checkpoints)")


def _bench(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.errors import OptionError
    from flashmoe_nb.lab.bench.options import Options
    from flashmoe_nb.lab.bench.suites import run_suites

    unknown = sorted(set(arguments.suites) - set(SUITES))
    if unknown:
        raise OptionError(f"suite {unknown[0]!r} is not known: give {', '.join(SUITES)}")
    options = Options(
        arguments.model, arguments.data, arguments.ops, arguments.top_k, arguments.tokens, arguments.rounds
    )
    tables = []
    for table in run_suites(arguments.suites or SUITES, options):
        print(table.text(), end="\n\n", flush=True)
        tables.append(table)
    path = arguments.json or options.folder() / "bench.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_record(tables), indent=1) + "\n", encoding="utf-8")
    print(f"written to {path}", file=sys.stderr)
    return 0


def _record(tables: list[Table]) -> dict[str, object]:
    from flashmoe_nb.lab.bench.machine import about_this_run

    return about_this_run() | {"tables": [table.record() for table in tables]}
