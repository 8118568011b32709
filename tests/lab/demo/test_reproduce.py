"""The card's numbers made again: by this engine, prompt by prompt as recorded, and as mlx_lm makes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.cli import main
from flashmoe_nb.lab.demo import reproduce
from flashmoe_nb.lab.demo.engine_subject import EngineSubject, losses
from flashmoe_nb.lab.demo.evalset import EvalSet, shipped
from flashmoe_nb.lab.demo.evaluate import Sizes, tools

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZES = Sizes(windows=1, documents=1, json=1, xml=1, refusals=1, turns=1)


@pytest.fixture(scope="module")
def evalset() -> EvalSet:
    return EvalSet.load(shipped())


@pytest.fixture(scope="module")
def subject() -> Iterator[EngineSubject]:
    with fm.open(dtype="float32") as engine:
        yield EngineSubject(engine)


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    results: dict[str, Any] = json.loads((shipped() / reproduce.RESULTS).read_text("utf8"))
    return results


def few(evalset: EvalSet) -> EvalSet:
    """One domain and one source, to save time."""
    windows = {"tools": evalset.windows["tools"]}
    prose = {"The Devil's Dictionary": evalset.prose["The Devil's Dictionary"]}
    return EvalSet(windows, prose, evalset.prompts, evalset.turns)


@pytest.mark.slow
def test_the_first_of_everything_is_as_recorded(
    subject: EngineSubject, evalset: EvalSet, recorded: dict[str, Any]
) -> None:
    parts = reproduce.PARTS
    results = reproduce.run(subject, few(evalset), SIZES, parts, lambda _: None)
    count, different = reproduce.compare(results, recorded)
    assert different == []
    assert count == 1 + 1 + 2 + 2 + 2
    assert all(reproduce.summary(part, results[part]) for part in parts)


def test_a_wrong_number_is_named(recorded: dict[str, Any]) -> None:
    other = json.loads(json.dumps(recorded))
    digits = other["tools"]["outcomes"]["json"]
    other["tools"]["outcomes"]["json"] = digits[0] + "0" + digits[2:]
    other["windows"]["nats_by_window"]["code"][3] += 0.01
    count, lines = reproduce.compare(other, recorded)
    assert count > 100
    assert len(lines) == 2
    assert lines[0].startswith("windows, code, number 3: ")
    assert lines[1] == f"tools, json, number 1: 0 here, {digits[1]} recorded"


def test_the_record_is_the_full_run(recorded: dict[str, Any]) -> None:
    assert Sizes(**recorded["sizes"]) == Sizes()
    assert set(reproduce.PARTS) <= set(recorded)


def test_a_window_reads_as_mlx_lm_reads_it(subject: EngineSubject, evalset: EvalSet, demo_folder: Path) -> None:
    mlx_lm_subject = pytest.importorskip("flashmoe_nb.lab.demo.mlx_lm_subject")
    peer = mlx_lm_subject.MlxLmSubject(demo_folder)
    tokens = evalset.windows["tools"][0][:129]
    ours, theirs = subject.read(tokens), peer.read(tokens)
    assert np.abs(ours.nats - theirs.nats).max() < 1e-3
    same = np.sort(ours.experts, -1) == np.sort(theirs.experts, -1)
    assert same.mean() > 0.999  # a tie within rounding may fall either way


@pytest.mark.slow
def test_answers_equal_those_of_mlx_lm(subject: EngineSubject, evalset: EvalSet, demo_folder: Path) -> None:
    mlx_lm_subject = pytest.importorskip("flashmoe_nb.lab.demo.mlx_lm_subject")
    texts = [prompt.text for prompt in (*evalset.prompts[:2], *evalset.prompts[600:602])]
    peer = mlx_lm_subject.MlxLmSubject(demo_folder, batch=8)
    assert list(subject.answers(texts)) == list(peer.answers(texts))


def test_losses_are_those_of_softmax() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32) * 30
    targets = np.array([0, 3, 6, 2, 2])
    shares = np.exp(logits.astype(np.float64))
    expected = -np.log(shares[np.arange(5), targets] / shares.sum(1))
    assert np.allclose(losses(logits, targets), expected, atol=1e-4)


def test_a_wrong_answer_is_counted_and_kept(evalset: EvalSet) -> None:
    class Silent:
        def answers(self, prompts: list[str]) -> Iterator[str]:
            yield from [""] * len(prompts)

    table = list(tools(Silent(), evalset.prompts[:3]))[-1]  # type: ignore[arg-type]
    assert table["outcomes"] == {"json": "000"}
    assert len(table["failures"]) == 3  # type: ignore[arg-type]


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "demo", "--parts", "tools,speed"]) == 2
    assert "--parts names speed: give some of windows,prose,tools,refusals,turns" in capsys.readouterr().err
