"""The measures on a made-up subject: what is counted is what it answered, and a worse one has the higher loss."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from flashmoe_nb.lab.demo.chatml import ToolFormat
from flashmoe_nb.lab.demo.evalset import EvalSet
from flashmoe_nb.lab.demo.prompts import Ask, Prompt
from flashmoe_nb.lab.demo.subject import Reading
from flashmoe_nb.lab.demo.toolbox import Call
from flashmoe_nb.lab.tool_validity import report
from flashmoe_nb.lab.tool_validity.measure import (
    Found,
    Pairs,
    answers,
    chosen_prompts,
    domains,
    likelihood,
    paired,
    right_answer,
)

PROMPTS = [
    Prompt(ask, tool_format, f"question {number}", (Call("f", {"n": number}),) if ask is Ask.SINGLE else ())
    for tool_format in ToolFormat
    for number, ask in enumerate([Ask.SINGLE, Ask.REFUSAL, Ask.SINGLE, Ask.SINGLE])
]
EVALSET = EvalSet({"prose": np.arange(12).reshape(2, 6), "code": np.arange(12, 24).reshape(2, 6)}, {}, PROMPTS, [])


class Subject:
    """Knows all answers, but for every `wrong`th; the loss of a token is `nats` where it stands in an answer."""

    num_experts = 1

    def __init__(self, wrong: int, nats: float) -> None:
        self._wrong, self._nats = wrong, nats
        self._prompt = ""

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode()

    def read(self, tokens: NDArray[np.integer]) -> Reading:
        text = bytes(int(token) % 256 for token in tokens).decode("latin-1")
        start = max(text.find("<tool_call>") - 1, 0)
        nats = np.where(np.arange(len(tokens) - 1) < start, 100.0, self._nats).astype(np.float32)
        return Reading(nats, np.zeros((1, len(tokens) - 1, 1), np.int16))

    def answers(self, prompts: Sequence[str]) -> Iterator[str]:
        for count, text in enumerate(prompts):
            prompt = next(one for one in asked() if one.text == text)
            yield "no" if count % self._wrong == 0 else right_answer(prompt).removesuffix("<|im_end|>")


def asked() -> list[Prompt]:
    return chosen_prompts(EVALSET, 2, ["json"])


def measured(wrong: int, nats: float) -> Found:
    found, subject = Found(), Subject(wrong, nats)
    steps = itertools.chain(
        likelihood(subject, asked(), found), domains(subject, EVALSET, 1, found), answers(subject, asked(), found)
    )
    assert all(one is found for one in steps)
    return found


def test_prompts_are_the_first_that_a_tool_fits():
    assert [prompt.text for prompt in asked()] == ["question 0", "question 2"]
    assert len(chosen_prompts(EVALSET, 9, ["json", "xml"])) == 6


def test_answers_are_counted_and_classed():
    row = measured(wrong=2, nats=0.5).row()
    assert row["counts"]["json"] == {"n": 2, "parsed": 1, "names": 1, "keys": 1, "exact": 1}
    assert row["faults"] == {"no call": 1}
    assert row["failures"][0]["answer"] == "no"
    assert row["backslashes"] == 0


def test_only_the_answer_counts_for_its_likelihood():
    assert measured(wrong=9, nats=0.5).call_nats == pytest.approx([0.5, 0.5])
    assert measured(wrong=9, nats=0.5).domain_nats == pytest.approx({"prose": 0.5, "code": 0.5})


def test_pairs_count_what_only_one_has_right():
    pairs = Pairs.of("44430", "04434", level=4)
    assert (pairs.lost, pairs.won) == (1, 1)
    assert Pairs.of("44430", "04434", level=1) == Pairs(lost=1, won=1)
    assert Pairs.of("444", "4", level=4) == Pairs(0, 0)


@pytest.mark.parametrize(("lost", "won", "chance"), [(0, 0, 1.0), (1, 1, 1.0), (5, 0, 2 / 32), (2, 6, 74 / 256)])
def test_the_chance_of_pairs_is_that_of_coin_throws(lost: int, won: int, chance: float):
    assert Pairs(lost, won).chance == pytest.approx(chance)
    assert Pairs(won, lost).chance == pytest.approx(chance)


def test_differences_are_paired():
    mean, half = paired([1.0, 2.0, 3.0], [1.5, 2.5, 3.5])
    assert (mean, half) == pytest.approx((0.5, 0.0))
    assert paired([1.0], [2.0]) == (1.0, float("inf"))


def test_the_report_says_what_was_measured():
    rows = {"4 bits": measured(9, 0.5).row(), "2 bits": measured(1, 0.75).row()}
    text = "\n".join(report.lines(rows))
    assert "100.0 [34.2, 100.0]" not in text.splitlines()[1]  # one of two is wrong at best
    assert "+0.2500 +- 0.0000" in text
    assert "against 4 bits: 1 exact calls lost and 0 won (p 1), 1 no longer parsed and 0 now do (p 1)" in text
    assert r"\name\ for" in text
    assert "2 bits: what was wrong in 2 of 2 answers" in text
