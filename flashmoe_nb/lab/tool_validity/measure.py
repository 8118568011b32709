"""Tool calls by bits: answers to held-out prompts scored and classed, the right answer's likelihood, loss by domain.

Answers are greedy. The likelihood needs no answers, one pass over prompt and right call, so it tells small damage apart
(which layer carries it) where shares of a few dozen answers cannot. Knows no engine; see `Subject`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.lab.demo import scoring
from flashmoe_nb.lab.demo.chatml import write_call
from flashmoe_nb.lab.demo.prompts import Ask
from flashmoe_nb.lab.demo.tally import Tally
from flashmoe_nb.lab.tool_validity.faults import Fault, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flashmoe_nb.lab.demo.evalset import EvalSet
    from flashmoe_nb.lab.demo.prompts import Prompt
    from flashmoe_nb.lab.demo.subject import Subject

_MAX_FAILURES = 200


@dataclass(slots=True)
class Found:
    """What was measured of one model so far."""

    tally: Tally = field(default_factory=Tally)
    faults: Counter[str] = field(default_factory=Counter)
    """By class; broken syntax by its reason too."""
    backslashes: int = 0
    """Answers with the original's corruption."""
    failures: list[dict[str, str]] = field(default_factory=list)
    call_nats: list[float] = field(default_factory=list)
    """Loss of the right answer, a token, by prompt."""
    domain_nats: dict[str, float] = field(default_factory=dict)
    """Loss of held-out text, a token."""

    def row(self) -> dict[str, Any]:
        """As it is stored."""
        return self.tally.table() | {
            "faults": dict(self.faults.most_common()),
            "backslashes": self.backslashes,
            "call_nats": [round(value, 5) for value in self.call_nats],
            "domain_nats": {name: round(value, 4) for name, value in self.domain_nats.items()},
            "failures": self.failures,
        }


def chosen_prompts(evalset: EvalSet, count: int, formats: Sequence[str]) -> list[Prompt]:
    """The first `count` prompts of each format that a tool fits."""
    asked = [prompt for prompt in evalset.prompts if prompt.ask is not Ask.REFUSAL]
    by_format = ([prompt for prompt in asked if prompt.tool_format == name][:count] for name in formats)
    return [prompt for some in by_format for prompt in some]


def answers(subject: Subject, asked: Sequence[Prompt], found: Found) -> Iterator[Found]:
    """Ask every prompt, and class what comes back."""
    for prompt, answer in zip(asked, subject.answers([prompt.text for prompt in asked]), strict=True):
        found.tally.add(
            prompt.tool_format.value,
            prompt.ask.value,
            asdict(scoring.score(answer, prompt.calls, prompt.tool_format)),
        )
        verdict = judge(answer, prompt)
        found.backslashes += verdict.backslashes
        if verdict.fault is not Fault.NONE:
            what = f"{verdict.fault}: {verdict.detail}" if verdict.detail else str(verdict.fault)
            found.faults[what] += 1
            if len(found.failures) < _MAX_FAILURES:
                found.failures.append({"fault": what, "expected": right_answer(prompt), "answer": answer})
        yield found


def likelihood(subject: Subject, asked: Sequence[Prompt], found: Found) -> Iterator[Found]:
    """The loss of the right answer to every prompt."""
    for prompt in asked:
        before = len(subject.encode(prompt.text))
        ids = subject.encode(prompt.text + right_answer(prompt))
        nats = subject.read(np.array(ids)).nats[before - 1 :]
        found.call_nats.append(float(nats.mean()))
        yield found


def domains(subject: Subject, evalset: EvalSet, windows: int, found: Found) -> Iterator[Found]:
    """The loss of held-out text by domain."""
    for name, rows in evalset.windows.items():
        if windows:
            found.domain_nats[name] = float(np.mean([subject.read(row).nats.mean() for row in rows[:windows]]))
            yield found


def right_answer(prompt: Prompt) -> str:
    """The calls expected, as the model was taught to write them."""
    return "\n".join(write_call(call, prompt.tool_format) for call in prompt.calls) + "<|im_end|>"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Over the same prompts: what one model has right and the other has not."""

    lost: int
    won: int

    @classmethod
    def of(cls, own: str, other: str, level: int) -> Pairs:
        """Count them. `own` and `other` hold a digit a prompt, as `Tally.outcomes`; right is `level` or more."""
        both = [(int(a) >= level, int(b) >= level) for a, b in zip(own, other, strict=False)]
        return cls(both.count((True, False)), both.count((False, True)))

    @property
    def chance(self) -> float:
        """How likely coin throws are to be split so unevenly or more: McNemar's test, exact, two-sided."""
        n, most = self.lost + self.won, max(self.lost, self.won)
        return min(1.0, 2 * sum(comb(n, k) for k in range(most, n + 1)) / int(2**n))


def paired(own: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Mean difference of two models over the same prompts, and the half width of its 95 % interval."""
    difference = np.array(other) - np.array(own)
    if len(difference) < 2:  # noqa: PLR2004 - one value has no spread
        return float(difference.mean()) if len(difference) else 0.0, float("inf")
    return float(difference.mean()), float(1.96 * difference.std(ddof=1) / np.sqrt(len(difference)))
