"""Held-out conversations of several turns: an answer from a tool's result, and a call after a whole exchange.

Made like the other held-out prompts and fixed before anything was measured on them, but later than those: a file of
their own.

    python -m flashmoe_nb.lab.demo.turns PACKAGES EVALSET
"""

from __future__ import annotations

import argparse
import gzip
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.lab.demo import dialogues
from flashmoe_nb.lab.demo.chatml import Message, Role, ToolFormat, render
from flashmoe_nb.lab.demo.kinds import Draw
from flashmoe_nb.lab.demo.pools import Pools, Split
from flashmoe_nb.lab.demo.prompts import SEED
from flashmoe_nb.lab.demo.toolbox import FIXED, Call

if TYPE_CHECKING:
    from flashmoe_nb.lab.demo.kinds import Value

FILE = "turns.json.gz"
COUNT = 100
"""Of each format, half of each kind."""


class TurnKind(StrEnum):
    """What the last turn wants."""

    ANSWER = "answer"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Turn:
    """A conversation up to the assistant's turn, with the call it should make or the values it should say."""

    kind: TurnKind
    tool_format: ToolFormat
    text: str
    calls: tuple[Call, ...]
    values: tuple[str, ...]


def said_values(result: Value) -> tuple[str, ...]:
    """Every scalar of a tool's result as text, but for its status, which is put into words."""
    if isinstance(result, dict):
        return tuple(text for key, part in result.items() if key != "status" for text in said_values(part))
    if isinstance(result, list):
        return tuple(text for part in result for text in said_values(part))
    return (str(result),)


def _turn(draw: Draw, kind: TurnKind, tool_format: ToolFormat) -> Turn:
    tools = draw.random.sample(FIXED, draw.number(2, 3))
    asked, call = dialogues.ask(draw, tools[0])
    result, said = dialogues.result(draw, call)
    messages = [
        Message(Role.USER, asked),
        Message(Role.ASSISTANT, "", (call,)),
        Message(Role.TOOL, json.dumps(result)),
    ]
    calls: tuple[Call, ...] = ()
    values = said_values(result)
    if kind is TurnKind.CALL:
        again, wanted = dialogues.ask(draw, draw.random.choice(tools))
        messages += [Message(Role.ASSISTANT, said), Message(Role.USER, again)]
        calls, values = (wanted,), ()
    offered = [tool.schema() for tool in draw.random.sample(tools, len(tools))]
    return Turn(kind, tool_format, render(messages, offered, tool_format, add_generation_prompt=True), calls, values)


def heldout(pools: Pools, tool_format: ToolFormat, count: int) -> list[Turn]:
    """The first `count` conversations of a format, the kinds taking turns."""
    draw = Draw(f"{SEED}:turns:{tool_format}", pools)
    kinds = list(TurnKind)
    return [_turn(draw, kinds[i % len(kinds)], tool_format) for i in range(count)]


def load(folder: Path) -> list[Turn]:
    """Read the file."""
    rows = json.loads(gzip.decompress((folder / FILE).read_bytes()))
    return [
        Turn(
            TurnKind(row["kind"]),
            ToolFormat(row["tool_format"]),
            row["text"],
            tuple(Call(**call) for call in row["calls"]),
            tuple(row["values"]),
        )
        for row in rows
    ]


def main() -> None:
    """Write the file from the fetched packages."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    for name in ("packages", "evalset"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    pools = Pools.read(given.packages, Split.HELDOUT)
    rows = [asdict(turn) for tool_format in ToolFormat for turn in heldout(pools, tool_format, COUNT)]
    (given.evalset / FILE).write_bytes(gzip.compress(json.dumps(rows, ensure_ascii=False).encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
