"""The measures: loss and routing on held-out windows, bits a byte of prose, tool calls, refusals, later turns.

Each takes a `Subject` and part of the fixed evaluation set, and gives a table of plain JSON values, the longer ones
again and again while they go on: a run that is cut short has measured something.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

import numpy as np

from flashmoe_nb.lab.demo import routing, scoring
from flashmoe_nb.lab.demo.prompts import Ask
from flashmoe_nb.lab.demo.tally import Tally
from flashmoe_nb.lab.demo.tokens import END_OF_TEXT
from flashmoe_nb.lab.demo.turns import TurnKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flashmoe_nb.lab.demo.chatml import ToolFormat
    from flashmoe_nb.lab.demo.evalset import EvalSet
    from flashmoe_nb.lab.demo.prompts import Prompt
    from flashmoe_nb.lab.demo.subject import Subject
    from flashmoe_nb.lab.demo.toolbox import Call
    from flashmoe_nb.lab.demo.turns import Turn

Part = Literal["windows", "prose", "tools", "refusals", "turns"]
PARTS: tuple[Part, ...] = get_args(Part)
P = TypeVar("P", "Prompt", "Turn")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of the evaluation set is measured: always its first so many."""

    windows: int = 8
    """Of 1,024 tokens, of each domain."""
    documents: int = 6
    """Of each source of prose."""
    json: int = 96
    xml: int = 48
    refusals: int = 20
    """Of each format, as the next."""
    turns: int = 24


def measure(part: Part, subject: Subject, evalset: EvalSet, sizes: Sizes) -> Iterator[dict[str, object]]:
    """The tables of one part."""
    match part:
        case "windows":
            yield from routing.measure(subject, {name: rows[: sizes.windows] for name, rows in evalset.windows.items()})
        case "prose":
            yield from prose(subject, {name: texts[: sizes.documents] for name, texts in evalset.prose.items()})
        case "tools":
            calls = [prompt for prompt in evalset.prompts if prompt.ask is not Ask.REFUSAL]
            yield from tools(subject, _first(calls, {"json": sizes.json, "xml": sizes.xml}))
        case "refusals":
            none = [prompt for prompt in evalset.prompts if prompt.ask is Ask.REFUSAL]
            yield from refusals(subject, _first(none, dict.fromkeys(("json", "xml"), sizes.refusals)))
        case "turns":
            yield from turns(subject, _first(evalset.turns, dict.fromkeys(("json", "xml"), sizes.turns)))


def _first(asked: Sequence[P], counts: dict[str, int]) -> list[P]:
    by_format = ([one for one in asked if one.tool_format == name][:count] for name, count in counts.items())
    return [one for some in by_format for one in some]


def prose(subject: Subject, documents: dict[str, list[str]]) -> Iterator[dict[str, object]]:
    """Bits a byte by source and over all, whatever the tokenizer. Every document starts after end-of-text."""
    bits: dict[str, list[float]] = {source: [] for source in documents}
    for source, texts in documents.items():
        for text in texts:
            nats = subject.read(np.array([END_OF_TEXT, *subject.encode(text)])).nats
            bits[source].append(float(nats.sum()) / math.log(2))
            yield {"read": {name: len(found) for name, found in bits.items()}}
    sizes = {source: sum(len(text.encode()) for text in texts) for source, texts in documents.items()}
    total = sum(sum(found) for found in bits.values()) / sum(sizes.values())
    yield {
        "bits_per_byte": {name: round(sum(bits[name]) / sizes[name], 4) for name in bits} | {"all": round(total, 4)},
        "bytes": sizes,
        "bits_by_document": {name: [round(value, 2) for value in found] for name, found in bits.items()},
    }


def tools(subject: Subject, asked: Sequence[Prompt]) -> Iterator[dict[str, object]]:
    """Parsed, right tools, right keys, exact arguments; and the answers that were not exact."""
    tally = Tally()
    failures: list[dict[str, str]] = []
    for prompt, answer in zip(asked, subject.answers([prompt.text for prompt in asked]), strict=True):
        found = scoring.score(answer, prompt.calls, prompt.tool_format)
        tally.add(prompt.tool_format.value, prompt.ask.value, asdict(found))
        if not found.exact:
            failures.append(_failure(prompt.tool_format, prompt.calls, answer))
        yield tally.table() | {"failures": failures}


def refusals(subject: Subject, asked: Sequence[Prompt]) -> Iterator[dict[str, object]]:
    """Whether no tool is called where none fits."""
    tally = Tally()
    for prompt, answer in zip(asked, subject.answers([prompt.text for prompt in asked]), strict=True):
        tally.add(prompt.tool_format.value, None, {"refused": "<tool_call>" not in answer})
        yield tally.table()


def turns(subject: Subject, asked: Sequence[Turn]) -> Iterator[dict[str, object]]:
    """After a tool's result: an answer in words that holds every value of it. After a whole exchange: the next call."""
    tally = Tally()
    failures: list[dict[str, str]] = []
    for turn, answer in zip(asked, subject.answers([turn.text for turn in asked]), strict=True):
        if turn.kind is TurnKind.ANSWER:
            in_words = "<tool_call>" not in answer
            hits = {"in words": in_words, "all values": in_words and all(value in answer for value in turn.values)}
        else:
            hits = asdict(scoring.score(answer, turn.calls, turn.tool_format))
        tally.add(f"{turn.tool_format} {turn.kind}", None, hits)
        if not all(hits.values()):
            failures.append(_failure(turn.tool_format, turn.calls or turn.values, answer))
        yield tally.table() | {"failures": failures}


def _failure(tool_format: ToolFormat, expected: Sequence[Call | str], answer: str) -> dict[str, str]:
    wanted = [one if isinstance(one, str) else [one.name, one.arguments] for one in expected]
    return {"format": tool_format.value, "expected": json.dumps(wanted, ensure_ascii=False), "answer": answer}
