"""`flashmoe verify`: checksums of a pack."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.commands.parser import Commands, add_command

if TYPE_CHECKING:
    import argparse


def add(commands: Commands) -> None:  # type: ignore[valid-type]
    """Describe it."""
    command = add_command(
        commands,
        "verify",
        _verify,
        "checksums of a pack, and experts against the source",
        "Check every packed file against its checksum and, with --source, random experts byte for byte.\n\n"
        "  flashmoe verify path/to/packed\n"
        "  flashmoe verify path/to/model-4bit --source path/to/model-4bit --samples 64",
    )
    command.add_argument("folder", type=Path, metavar="FOLDER", help="packed checkpoint, or its packed_experts")
    command.add_argument("--source", type=Path, help="what it was packed from")
    command.add_argument("--samples", type=int, default=16, help="experts to compare (default %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="which ones")


def _verify(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.storage.verify import verify

    result = verify(arguments.folder, source=arguments.source, samples=arguments.samples, seed=arguments.seed)
    for problem in result.problems:
        print(problem, file=sys.stderr)
    state = "whole" if result.ok else "DAMAGED"
    print(f"{result.folder}: {state}; {result.hashed_bytes:,} bytes hashed, {result.compared_experts} experts compared")
    return 0 if result.ok else 1
