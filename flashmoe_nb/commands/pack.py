"""`flashmoe pack`: one record per expert."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.commands.parser import Commands, add_command

if TYPE_CHECKING:
    import argparse


def add(commands: Commands) -> None:  # type: ignore[valid-type]
    """Describe it."""
    command = add_command(
        commands,
        "pack",
        _pack,
        "one record per expert, for fewer and larger reads",
        "Write the experts as one record each (16 KiB pages, the original engine's packed_experts layout). Without\n"
        "OUTPUT they go to SOURCE/packed_experts; with it, OUTPUT becomes a checkpoint of its own. Unquantized ones\n"
        "are quantized on the way (--bits, --group-size). Killed? Run the same command again: it resumes.\n\n"
        "  flashmoe pack path/to/model-4bit\n"
        "  flashmoe pack path/to/model-bf16 path/to/packed --bits 4 --group-size 64\n"
        "  flashmoe pack path/to/model-4bit path/to/packed --delete-source",
    )
    command.add_argument("source", type=Path, metavar="SOURCE", help="checkpoint folder; only read")
    command.add_argument("output", type=Path, metavar="OUTPUT", nargs="?", help="new checkpoint folder")
    command.add_argument("--bits", type=int, choices=(2, 3, 4, 5, 6, 8), help="for unquantized sources")
    command.add_argument("--group-size", type=int, choices=(32, 64, 128), help="for unquantized sources")
    command.add_argument("--delete-source", action="store_true", help="delete each shard once all of it is verified")
    command.add_argument("--restart", action="store_true", help="drop an interrupted pack of other files")


def _pack(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.storage.pack import pack

    result = pack(
        arguments.source,
        arguments.output,
        bits=arguments.bits,
        group_size=arguments.group_size,
        delete_source=arguments.delete_source,
        restart=arguments.restart,
    )
    print(f"{result.folder}: {result.num_experts:,} experts of {result.num_layers} layers, {result.nbytes:,} bytes")
    if result.skipped:
        print(f"left out (vision, drafting): {len(result.skipped)} tensors, e.g. {result.skipped[0]}")
    for path in result.deleted:
        print(f"deleted {path}")
    return 0
