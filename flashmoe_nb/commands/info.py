"""`flashmoe info`: what a checkpoint is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flashmoe_nb.commands.parser import Commands, add_command, add_engine_options, open_engine

if TYPE_CHECKING:
    import argparse


def add(commands: Commands) -> None:  # type: ignore[valid-type]
    """Describe it."""
    command = add_command(
        commands,
        "info",
        _info,
        "what a checkpoint is, what stays in memory, what streams",
        "Open a checkpoint and print its architecture, sizes, back end and anything worth knowing.\n\n"
        "  flashmoe info                                   the demo model\n"
        "  flashmoe info path/to/model --memory-budget 40GiB",
    )
    command.add_argument("--json", action="store_true", help="as one JSON object")
    add_engine_options(command)


def _info(arguments: argparse.Namespace) -> int:
    with open_engine(arguments) as engine:
        facts = engine.facts()
        if arguments.json:
            print(json.dumps({"path": str(engine.checkpoint.folder), **dict(facts), "notes": engine.notes}))
            return 0
        print(f"{engine.checkpoint.folder}: {engine.config.model_type}")
        width = max(len(key) for key, _ in facts)
        for key, value in facts:
            print(f"  {key:<{width}}  {value}")
        for note in engine.notes:
            print(f"  note: {note}")
    return 0
