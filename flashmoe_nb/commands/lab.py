"""`flashmoe lab`: the original's claims and log, and its experiments on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.commands.parser import Commands, add_command, add_engine_options, open_engine, parse_bytes

if TYPE_CHECKING:
    import argparse

    from flashmoe_nb import Engine
    from flashmoe_nb.commands.parser import Parser
    from flashmoe_nb.lab.rerun import Result


def add(commands: Commands) -> None:  # type: ignore[valid-type]
    """Describe it and what it can do."""
    command = add_command(
        commands,
        "lab",
        _overview,
        "the original's claims and experiments, rerun here",
        "What the original engine claims and logged, and its experiments on this machine.\n\n"
        "  flashmoe lab claims\n"
        "  flashmoe lab ledger --text cache\n"
        "  flashmoe lab run own-lru k-sweep    on the demo model\n"
        "  flashmoe lab run own-lru --model path/to/model --limit 2GiB",
    )
    parts = command.add_subparsers(metavar="WHAT")
    _add_claims(parts)
    _add_ledger(parts)
    _add_run(parts)
    report = add_command(
        parts,
        "report",
        _report,
        "the results kept in a folder, as Markdown",
        "Print docs/experiments.md with what `flashmoe lab run --out FOLDER` and `flashmoe forecast` kept.\n\n"
        "  flashmoe lab report data/experiments > docs/experiments.md",
    )
    report.add_argument("folder", type=Path)


def _add_claims(parts: Commands) -> None:  # type: ignore[valid-type]
    command = add_command(
        parts,
        "claims",
        _claims,
        "every claim, who contradicts it, what can be said here",
        "Print the claims of the original and its paper.\n\n  flashmoe lab claims --markdown > docs/claims.md",
    )
    command.add_argument("--markdown", action="store_true", help="as the page in the docs, with its introduction")


def _add_ledger(parts: Commands) -> None:  # type: ignore[valid-type]
    command = add_command(
        parts,
        "ledger",
        _ledger,
        "every experiment the original logged",
        "Print the rows of the original's logs.\n\n"
        "  flashmoe lab ledger --runnable\n  flashmoe lab ledger --log final --status discard",
    )
    command.add_argument("--log", help="early, final, metal_infer or documents")
    command.add_argument("--status", help="keep, discard, recorded or analysed")
    command.add_argument("--text", help="only rows that contain it")
    command.add_argument("--runnable", action="store_true", help="only what can be rerun here")


def _add_run(parts: Commands) -> None:  # type: ignore[valid-type]
    command: Parser = add_command(
        parts,
        "run",
        _run,
        "rerun experiments here",
        "Run experiments, each way in turn, and print the verdict beside the original's. Without names: a list.\n\n"
        "  flashmoe lab run --list\n"
        "  flashmoe lab run mmap lz4 --model path/to/model --cold --scratch path/to/large/disk\n"
        "  flashmoe lab run all --model path/to/model --limit 2GiB --out data/experiments",
    )
    command.add_argument("names", nargs="*", metavar="NAME", help='experiments, or "all"')
    command.add_argument("--list", action="store_true", help="say what there is")
    add_engine_options(command, positional=False)
    how = command.add_argument_group("experiment")
    how.add_argument("--repetitions", type=int, default=5, help="of every way (default %(default)s)")
    how.add_argument("--tokens", type=int, help="timed in each repetition (default: the experiment's own)")
    how.add_argument("--warmup", type=int, help="tokens fed before (default: 24, or what fills the limit twice)")
    how.add_argument("--limit", help="memory for page cache and slots, e.g. 2GiB")
    how.add_argument("--cold", action="store_true", help="empty the page cache before every token")
    how.add_argument("--scratch", type=Path, help="where copies of the experts go (default: the temporary folder)")
    how.add_argument("--out", type=Path, help="keep each result here as JSON")


def _overview(_: argparse.Namespace) -> int:
    from flashmoe_nb.lab.rerun import experiments

    print(experiments().text())
    return 0


def _claims(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.lab.audit.entries import claims
    from flashmoe_nb.lab.audit.page import PAGE

    print((PAGE if arguments.markdown else "") + claims().markdown(), end="")
    return 0


def _ledger(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.lab.audit import ledger

    runnable = True if arguments.runnable else None
    rows = ledger().where(log=arguments.log, status=arguments.status, text=arguments.text, runnable=runnable)
    print(rows.table().text())
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.errors import FlashMoeError
    from flashmoe_nb.lab.rerun.records import write_result
    from flashmoe_nb.lab.rerun.registry import all_experiments, find_experiment

    if arguments.list or not arguments.names:
        return _overview(arguments)
    names = list(all_experiments()) if arguments.names == ["all"] else arguments.names
    for name in names:
        find_experiment(name)
    limit = None if arguments.limit is None else parse_bytes(arguments.limit)
    start = "cold" if arguments.cold else "warm" if limit is None else arguments.limit.lower().replace(" ", "")
    failed = 0
    with open_engine(arguments) as engine:
        for name in names:
            try:
                result = _result(name, engine, arguments, limit)
            except FlashMoeError as error:
                if len(names) == 1:
                    raise
                failed += 1
                print(f"flashmoe: {name} could not be run: {error}", file=sys.stderr)
                continue
            print(result.table().text(), end="\n\n", flush=True)
            if arguments.out is not None:
                label = f"{engine.checkpoint.folder.name}.{start}"
                print(f"written to {write_result(result, arguments.out, label)}", file=sys.stderr)
    return 2 if failed else 0


def _result(name: str, engine: Engine, arguments: argparse.Namespace, limit: int | None) -> Result:
    from flashmoe_nb.lab.rerun import run

    return run(
        name,
        engine,
        repetitions=arguments.repetitions,
        tokens=arguments.tokens,
        warmup=arguments.warmup,
        memory_limit=limit,
        cold=arguments.cold,
        scratch=arguments.scratch,
    )


def _report(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.lab.rerun.page import page

    print(page(arguments.folder), end="")
    return 0
