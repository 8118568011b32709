"""Generating: text is the decoding of the ids, the last token waits for the next call, and stops stop exactly there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.engine.sampling import log_softmax
from tests.engine.damage import edit_json

if TYPE_CHECKING:
    from pathlib import Path

PROMPT = "Call me Ishmael."
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who are you? 🐋"}]


def _run(engine: fm.Engine, prompt: Any = PROMPT, **options: Any) -> list[fm.Token]:
    return list(engine.session().generate(prompt, **options))


def _text(tokens: list[fm.Token]) -> str:
    return "".join(token.text for token in tokens)


@pytest.mark.parametrize("seed", range(6))
def test_text_is_the_decoding_of_the_ids(engine: fm.Engine, seed: int) -> None:
    """Random ids are full of broken UTF-8; the text must still be what the whole decodes to."""
    tokens = _run(engine, max_tokens=60, temperature=2.0, seed=seed)
    assert engine.tokenizer is not None
    ids = [token.id for token in tokens]
    assert _text(tokens) == engine.tokenizer.decode(ids, skip_special_tokens=True)


def test_greedy_tokens_are_the_largest_logits(engine: fm.Engine) -> None:
    tokens = _run(engine, max_tokens=12)
    session = engine.session()
    logits = np.array(session.feed(engine.encode(PROMPT)))
    for at, token in enumerate(tokens):
        assert token.id == int(np.argmax(logits))
        assert token.position == len(engine.encode(PROMPT)) + at
        logits = np.array(session.feed([token.id]))


@pytest.mark.parametrize("temperature", [0.0, 0.3, 5.0])
def test_logprob_is_that_before_temperature(engine: fm.Engine, temperature: float) -> None:
    tokens = _run(engine, max_tokens=8, temperature=temperature, seed=3)
    session = engine.session()
    logits = np.array(session.feed(engine.encode(PROMPT)))
    for token in tokens:
        assert token.logprob == pytest.approx(float(log_softmax(logits)[token.id]), abs=1e-4)
        logits = np.array(session.feed([token.id]))


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_tokens_are_drawn_from_the_adjusted_logits(engine: fm.Engine, temperature: float) -> None:
    def only_even(logits: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(logits)) % 2 == 0, logits, -np.inf)

    options: dict[str, Any] = {"max_tokens": 24, "temperature": temperature, "seed": 1}
    even, free = _run(engine, adjust=only_even, **options), _run(engine, **options)
    assert all(token.id % 2 == 0 for token in even)
    assert any(token.id % 2 for token in free)
    session = engine.session()
    logits = np.array(session.feed(engine.encode(PROMPT)))
    assert even[0].logprob == pytest.approx(float(log_softmax(logits)[even[0].id]), abs=1e-4)


def test_last_token_is_fed_by_the_next_call(engine: fm.Engine) -> None:
    session = engine.session()
    n_prompt = len(engine.encode(PROMPT))
    tokens = list(session.generate(PROMPT, max_tokens=5))
    assert session.position == n_prompt + 4
    assert session.pending == tokens[-1].id
    assert "not fed" in repr(session)
    logits = np.array(session.feed([7]))
    other = engine.session()
    other.feed(engine.encode(PROMPT))
    for token in tokens:
        other.feed([token.id])
    np.testing.assert_allclose(logits, np.array(other.feed([7])), atol=1e-4)
    assert session.position == other.position
    assert session.pending is None


@pytest.mark.parametrize("split", [1, 7, 19])
def test_two_calls_are_one_call(engine: fm.Engine, split: int) -> None:
    """The second call's prompt is the first token it would have sampled: `feed([])` brings the pending one in."""
    whole = [token.id for token in _run(engine, max_tokens=20)]
    session = engine.session()
    first = [token.id for token in session.generate(PROMPT, max_tokens=split)]
    logits = np.array(session.feed([]))  # only the pending token
    assert int(np.argmax(logits)) == whole[split]
    rest = [token.id for token in session.generate([whole[split]], max_tokens=20 - split)]
    assert [*first, whole[split], *rest][:20] == whole


def test_breaking_off_and_going_on_is_one_call(engine: fm.Engine) -> None:
    whole = [token.id for token in _run(engine, max_tokens=12)]
    session = engine.session()
    found = []
    for token in session.generate(PROMPT, max_tokens=100):
        found.append(token.id)
        if len(found) == 5:
            break
    while len(found) < 12:
        found.append(
            int(np.argmax(np.array(session.feed([]) if session.pending is not None else session.feed(found[-1:]))))
        )
    assert found == whole


def test_fork_takes_the_pending_token_along(engine: fm.Engine) -> None:
    session = engine.session()
    list(session.generate(PROMPT, max_tokens=3))
    fork = session.fork()
    assert fork.pending == session.pending is not None
    np.testing.assert_array_equal(np.array(fork.feed([8])), np.array(session.feed([8])))
    session.reset()
    assert session.position == 0
    assert session.pending is None


def test_finish_reasons(engine: fm.Engine, folder: Path) -> None:
    tokens = _run(engine, max_tokens=10)
    assert [token.finish_reason for token in tokens] == [None] * 9 + ["length"]
    stop_id = next(
        token.id for at, token in enumerate(tokens) if at >= 4 and token.id not in [t.id for t in tokens[:at]]
    )
    at = [token.id for token in tokens].index(stop_id)
    edit_json(folder / "generation_config.json", lambda value: value.update(eos_token_id=[stop_id]))
    with fm.open(folder) as other:
        assert stop_id in other.stop_ids
        stopped = _run(other, max_tokens=10)
    assert [token.id for token in stopped] == [token.id for token in tokens[: at + 1]]
    assert [token.finish_reason for token in stopped] == [None] * at + ["stop"]


def test_stop_at_the_last_allowed_token_is_a_stop(engine: fm.Engine, folder: Path) -> None:
    first = _run(engine, max_tokens=1)[0].id
    edit_json(folder / "generation_config.json", lambda value: value.update(eos_token_id=first))
    with fm.open(folder) as other:
        assert [token.finish_reason for token in _run(other, max_tokens=1)] == ["stop"]


def test_stop_text_over_tokens_is_cut_exactly(engine: fm.Engine) -> None:
    """Every stop string that spans a token boundary, wherever it begins."""
    plain = _run(engine, max_tokens=14)
    text = _text(plain)
    n_cut = 0
    for start in range(2, len(text) - 8, 5):
        stop = text[start : start + 7]
        found = _run(engine, max_tokens=14, stop=stop)
        assert _text(found) == text[: text.index(stop)]
        assert found[-1].finish_reason == "stop"
        assert [token.id for token in found] == [token.id for token in plain[: len(found)]]
        n_cut += len(found) < 14
    assert n_cut >= 3


def test_stop_text_that_never_comes_changes_nothing(engine: fm.Engine) -> None:
    """Negative control: what was held back is given out at the end."""
    plain = _run(engine, max_tokens=14)
    never = _text(plain)[-3:] + "\n\nnever"
    found = _run(engine, max_tokens=14, stop=[never, ""])
    assert _text(found) == _text(plain)
    assert found[-1].finish_reason == "length"


def test_seed_repeats_and_differs(engine: fm.Engine) -> None:
    runs = [[t.id for t in _run(engine, max_tokens=12, temperature=1.5, seed=seed)] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert _run(engine, max_tokens=12, temperature=1.5) != _run(engine, max_tokens=12, temperature=1.5)


def test_top_p_near_zero_is_greedy(engine: fm.Engine) -> None:
    greedy = [token.id for token in _run(engine, max_tokens=8)]
    assert [t.id for t in _run(engine, max_tokens=8, temperature=3, top_p=1e-9, seed=0)] == greedy
    assert [t.id for t in _run(engine, max_tokens=8, temperature=3, min_p=0.999999, seed=0)] == greedy
    assert [t.id for t in _run(engine, max_tokens=8, temperature=3, seed=0)] != greedy


def test_messages_text_and_ids_are_the_same_prompt(engine: fm.Engine) -> None:
    rendered = (
        "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in MESSAGES) + "<|im_start|>assistant\n"
    )
    assert engine.tokenizer is not None
    ids = engine.tokenizer.encode(rendered)
    assert 257 in ids  # <|im_start|> is one token
    runs = [[t.id for t in _run(engine, prompt, max_tokens=6)] for prompt in (MESSAGES, rendered, ids, tuple(MESSAGES))]
    assert runs[0] == runs[1] == runs[2] == runs[3]


def test_tokens_tell_what_was_read(engine: fm.Engine) -> None:
    before = engine.bytes_read, engine.n_reads
    tokens = _run(engine, max_tokens=4)
    assert sum(token.bytes_read for token in tokens) == engine.bytes_read - before[0]
    assert sum(token.n_reads for token in tokens) == engine.n_reads - before[1]
    assert [token.n_reads for token in tokens[1:]] == [4 * 4] * 3
    assert all(token.duration_ns > 0 for token in tokens)


def test_second_generation_of_a_session_goes_on(engine: fm.Engine) -> None:
    """A conversation: the second prompt stands behind the first answer, its last token with it."""
    session, other = engine.session(), engine.session()
    first = list(session.generate(PROMPT, max_tokens=4))
    second = [token.id for token in session.generate(" And then?", max_tokens=4)]
    ids = [*engine.encode(PROMPT), *(token.id for token in first), *engine.encode(" And then?")]
    assert [token.id for token in other.generate(ids, max_tokens=4)] == second
    assert session.position == other.position
