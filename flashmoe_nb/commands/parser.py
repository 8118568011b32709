"""What commands share: how they are described, the options of an engine, sizes and ids given as text."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    from flashmoe_nb import Engine

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


class Parser(argparse.ArgumentParser):
    """Keeps the examples as they are written."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, formatter_class=argparse.RawDescriptionHelpFormatter)


Commands = "argparse._SubParsersAction[Parser]"


def add_command(commands: Commands, name: str, run: object, summary: str, text: str) -> Parser:  # type: ignore[valid-type]
    """A command with its help: what it does, a blank line, examples."""
    about, _, examples = text.partition("\n\n")
    command: Parser = commands.add_parser(  # type: ignore[attr-defined]
        name, help=summary, description=about, epilog="examples:\n" + examples
    )
    command.set_defaults(run=run)
    return command


def add_engine_options(command: Parser, *, positional: bool = True) -> None:
    """The path, by itself or as --model, and what `fm.open` takes."""
    help_text = "checkpoint folder (default: the demo model)"
    if positional:
        command.add_argument("path", nargs="?", type=Path, help=help_text)
    else:
        command.add_argument("--model", dest="path", type=Path, help=help_text)
    engine = command.add_argument_group("engine")
    engine.add_argument("--top-k", type=int, help="experts per token (default: the checkpoint's)")
    engine.add_argument("--experts", default="auto", help='"auto", "in-place", "packed" or the folder of a pack')
    engine.add_argument("--slots", type=int, help="experts in memory at once")
    engine.add_argument("--read-threads", type=int, help="parallel reads")
    engine.add_argument("--ops", default="auto", help="back end: auto, cpu or mlx")
    engine.add_argument("--compute-threads", type=int, help="cores of the cpu back end")
    engine.add_argument("--dtype", help="activations: float32, bfloat16 or float16")
    engine.add_argument("--memory-budget", help="refuse to take more, e.g. 40GiB; the interpreter comes on top")


def open_engine(arguments: argparse.Namespace) -> Engine:
    """`fm.open` with these options."""
    import flashmoe_nb as fm

    return fm.open(
        arguments.path,
        top_k=arguments.top_k,
        experts=arguments.experts,
        slots=arguments.slots,
        read_threads=arguments.read_threads,
        ops=arguments.ops,
        compute_threads=arguments.compute_threads,
        dtype=arguments.dtype,
        memory_budget=None if arguments.memory_budget is None else parse_bytes(arguments.memory_budget),
    )


def parse_bytes(text: str) -> int:
    """Bytes in a size like "6GiB", "48 GB", "500m" or a plain number.

    Raises:
        OptionError: anything else.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]i?)?b?\s*", text.lower())
    if not match:
        raise OptionError(f'"{text}" is no size: write it like 6GiB, 48GB or 6442450944')
    return math.floor(float(match[1]) * _UNITS[match[2] or ""])


def parse_ids(text: str) -> list[int]:
    """Token ids from "1, 2 3".

    Raises:
        OptionError: anything else.
    """
    try:
        return [int(part) for part in re.split(r"[\s,]+", text.strip()) if part]
    except ValueError:
        raise OptionError(f'--ids "{text}": give whole numbers, separated by spaces or commas') from None
