"""The thinking block is told apart wherever the tokens split it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashmoe_nb.text.pieces import Text, Thought
from flashmoe_nb.text.thinking import ThinkingSplit


def split(prompt: str, parts: list[str]) -> tuple[str, str]:
    """Thought and answer."""
    block = ThinkingSplit(prompt)
    pieces = [piece for part in parts for piece in block.push(part)] + block.finish()
    thought = "".join(piece.text for piece in pieces if isinstance(piece, Thought))
    return thought, "".join(piece.text for piece in pieces if isinstance(piece, Text))


CASES = [
    ("assistant\n<think>\n", "hm\n</think>\n\nYes", ("hm\n", "Yes")),
    ("assistant\n", "<think>\nhm\n</think>\n\nYes", ("hm\n", "Yes")),
    ("assistant\n<think>\n\n</think>\n\n", "Yes", ("", "Yes")),
    ("assistant\n", "  Yes <think>", ("", "  Yes <think>")),
    ("assistant\n", "<thin", ("", "<thin")),
    ("assistant\n<think>\n", "never closed </thi", ("never closed </thi", "")),
    ("assistant\n<think>\n", "a</think>b</think>c", ("a", "b</think>c")),
    ("assistant\n", "", ("", "")),
]


@pytest.mark.parametrize(("prompt", "text", "expected"), CASES)
def test_a_turn_is_thought_and_answer(prompt: str, text: str, expected: tuple[str, str]):
    assert split(prompt, [text]) == expected
    assert split(prompt, list(text)) == expected


@given(st.sampled_from(CASES), st.lists(st.integers(0, 30), max_size=6))
def test_any_split_is_told_apart_alike(case: tuple[str, str, tuple[str, str]], cuts: list[int]):
    prompt, text, expected = case
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    assert split(prompt, [text[a:b] for a, b in itertools.pairwise(places)]) == expected
