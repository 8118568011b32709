"""`flashmoe compare`: which stage first differs from another engine's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.commands.parser import Commands, add_command, parse_ids

if TYPE_CHECKING:
    import argparse


def add(commands: Commands) -> None:  # type: ignore[valid-type]
    """Describe it."""
    command = add_command(
        commands,
        "compare",
        _compare,
        "stage by stage against mlx-lm: where do they first differ?",
        "Feed the same tokens to this engine and to another, and compare every stage of every layer, in order. The\n"
        "first that differs is where a port went wrong; exit status 1. Both hold the whole model in memory.\n\n"
        "  flashmoe compare --against mlx-lm path/to/model\n"
        "  flashmoe compare --against mlx-lm path/to/model --ids 1,2,3 --all",
    )
    command.add_argument("path", type=Path, help="checkpoint folder")
    command.add_argument("--against", choices=("mlx-lm",), default="mlx-lm", help="the reference (default mlx-lm)")
    command.add_argument("--ids", default="1,2,3,5,8,13,21", help="token ids (default %(default)s)")
    command.add_argument("--ops", default="auto", help="back end of this engine")
    command.add_argument("--tolerance", type=float, default=1e-3, help="of a stage's largest value (default 1e-3)")
    command.add_argument("--all", action="store_true", help="print every stage")


def _compare(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.lab.against_mlx_lm import compare_stages, first_beyond

    differences = compare_stages(arguments.path, parse_ids(arguments.ids), ops=arguments.ops)
    for one in differences if arguments.all else ():
        print(one)
    first = first_beyond(differences, arguments.tolerance)
    if first is None:
        worst = max(differences, key=lambda one: one.relative)
        print(f"{len(differences)} stages agree within {arguments.tolerance:g}; the largest difference is at {worst}")
        return 0
    print(f"first difference beyond {arguments.tolerance:g} at {first}")
    return 1
