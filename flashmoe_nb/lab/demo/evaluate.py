"""Measure a checkpoint on the CPU through mlx_lm: loss, bits per byte, tool calls, routing.

    python -m flashmoe_nb.lab.demo.evaluate CHECKPOINT EVALSET --out results.json --parts windows,prose,tools

Activations are float32. `--experts 2:requantise` (or `mx`) first takes the routed experts to fewer bits, from the
values of the checkpoint's own 4 bits; `--limit` takes the first prompts only.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx_lm.generate import BatchGenerator
from mlx_lm.utils import load_model
from tokenizers import Tokenizer

from flashmoe_nb.lab.demo import fewer_bits, grouped, routing, scoring
from flashmoe_nb.lab.demo.chatml import ToolFormat
from flashmoe_nb.lab.demo.evalset import EvalSet
from flashmoe_nb.lab.demo.prompts import Ask, Prompt
from flashmoe_nb.lab.demo.tokens import END_OF_TEXT, IM_END

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ANSWER_TOKENS = 320
BATCH = 32


class Checkpoint:
    """An mlx_lm model in float32 and its tokenizer."""

    def __init__(self, folder: Path, experts: str | None = None, top_k: int | None = None) -> None:
        self.model, _ = load_model(folder)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        if experts:
            bits, way = experts.split(":")
            fewer_bits.apply(self.model, int(bits), fewer_bits.Way(way))
        self.model.set_dtype(mx.float32)
        mx.eval(self.model.parameters())
        grouped.plain_linear(self.model)
        if top_k:
            for layer in self.model.layers:
                layer.mlp.top_k = top_k

    def nats(self, tokens: np.ndarray) -> np.ndarray:
        """Loss of every token but the first. Shapes: [T + 1] -> [T]."""
        inputs, targets = mx.array(tokens[None, :-1].astype(np.int32)), mx.array(tokens[None, 1:].astype(np.int32))
        nats: np.ndarray = np.array(nn.losses.cross_entropy(self.model(inputs), targets))[0]
        return nats

    def answers(self, prompts: list[str]) -> list[str]:
        """The greedy answers of one batch, without their end markers."""
        generator = BatchGenerator(
            self.model, max_tokens=MAX_ANSWER_TOKENS, stop_tokens=[[IM_END], [END_OF_TEXT]],
            prefill_batch_size=BATCH, completion_batch_size=BATCH,
        )  # fmt: skip
        out: dict[int, list[int]] = {
            uid: [] for uid in generator.insert([self.tokenizer.encode(text).ids for text in prompts])
        }
        running = len(out)
        while running:
            for response in generator.next()[1]:  # type: ignore[no-untyped-call]
                if response.finish_reason != "stop":
                    out[response.uid].append(response.token)
                running -= response.finish_reason is not None
        return [self.tokenizer.decode(answer, skip_special_tokens=False) for answer in out.values()]


def prose_bits_per_byte(checkpoint: Checkpoint, evalset: EvalSet) -> dict[str, float]:
    """Bits a byte by source and over all sources, whatever the tokenizer. Every document starts after end-of-text."""
    bits: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for source, documents in evalset.prose.items():
        ids = [np.array([END_OF_TEXT, *checkpoint.tokenizer.encode(text).ids]) for text in documents]
        bits[source] = sum(float(checkpoint.nats(tokens).sum()) for tokens in ids) / math.log(2)
        sizes[source] = sum(len(text.encode()) for text in documents)
    table = {source: round(bits[source] / sizes[source], 4) for source in bits}
    return table | {"all sources": round(sum(bits.values()) / sum(sizes.values()), 4)}


@dataclass(slots=True)
class ToolScores:
    """Scores so far, by format and kind of prompt."""

    scores: dict[str, list[scoring.Score]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    failures: list[dict[str, str]] = field(default_factory=list)

    def add(self, prompt: Prompt, answer: str) -> None:
        """Score one answer."""
        if prompt.ask is Ask.REFUSAL:
            self.refused[prompt.tool_format].append("<tool_call>" not in answer)
            return
        score = scoring.score(answer, prompt)
        self.scores[prompt.tool_format].append(score)
        self.scores[f"{prompt.tool_format} {prompt.ask}"].append(score)
        if not score.exact:
            expected = json.dumps([[call.name, call.arguments] for call in prompt.calls])
            failure = {"format": prompt.tool_format, "ask": prompt.ask, "expected": expected, "answer": answer}
            self.failures.append(failure)

    def table(self) -> dict[str, object]:
        """Percentages with intervals, refusals, failures."""
        rows: dict[str, object] = {name: scoring.row(found) for name, found in sorted(self.scores.items())}
        rows |= {f"{name} refused": f"{sum(found)} of {len(found)}" for name, found in self.refused.items()}
        return rows | {"failures": self.failures}


def tool_calls(checkpoint: Checkpoint, asked: list[list[Prompt]]) -> Iterator[dict[str, object]]:
    """Answer batch after batch; after each, the table so far: a run that is cut short has measured something."""
    found = ToolScores()
    for batch in asked:
        for prompt, answer in zip(batch, checkpoint.answers([prompt.text for prompt in batch]), strict=True):
            found.add(prompt, answer)
        yield found.table()


def batches(evalset: EvalSet, formats: str, limit: int | None) -> list[list[Prompt]]:
    """The first prompts of each format in batches, the formats taking turns in proportion."""
    placed: list[tuple[float, list[Prompt]]] = []
    for tool_format in map(ToolFormat, formats.split(",")):
        own = [prompt for prompt in evalset.prompts if prompt.tool_format is tool_format][:limit]
        placed += [(start / len(own), own[start : start + BATCH]) for start in range(0, len(own), BATCH)]
    return [batch for _, batch in sorted(placed, key=lambda pair: pair[0])]


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("evalset", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--parts", default="windows,prose,tools")
    parser.add_argument("--limit", type=int, help="the first prompts of each format only")
    parser.add_argument("--formats", default="json,xml")
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--experts", help="BITS:requantise or BITS:mx")
    parser.add_argument("--top-k", type=int)
    given = parser.parse_args()
    evalset = EvalSet.load(given.evalset)
    checkpoint = Checkpoint(given.checkpoint, given.experts, given.top_k)
    results: dict[str, object] = {"checkpoint": given.checkpoint.name, "experts": given.experts, "top_k": given.top_k}
    for part in given.parts.split(","):
        start = time.perf_counter()
        for table in _measure(part, checkpoint, evalset, given):
            results[part] = table
            if given.out:
                given.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf8")
        brief = {key: value for key, value in table.items() if key != "failures"}
        print(part, f"{time.perf_counter() - start:.0f} s", json.dumps(brief, ensure_ascii=False))  # noqa: T201


def _measure(
    part: str, checkpoint: Checkpoint, evalset: EvalSet, given: argparse.Namespace
) -> Iterator[dict[str, object]]:
    match part:
        case "prose":
            yield dict(prose_bits_per_byte(checkpoint, evalset))
        case "tools":
            yield from tool_calls(checkpoint, batches(evalset, given.formats, given.limit))
        case "windows":
            cut = {domain: rows[: given.windows] for domain, rows in evalset.windows.items()}
            yield routing.measure(checkpoint.model, checkpoint.tokenizer, cut)
        case _:
            raise SystemExit(f"part {part} is unknown: give windows, prose or tools")


if __name__ == "__main__":
    main()
