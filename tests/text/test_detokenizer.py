from hypothesis import given
from hypothesis import strategies as st

from flashmoe_nb.text import Detokenizer, Tokenizer

N_IDS = 330
"""A little more than the tokenizer has: models' vocabularies are padded."""


def pushed(tokenizer: Tokenizer, ids: list[int], *, skip: bool) -> tuple[list[str], str]:
    detokenizer = Detokenizer(tokenizer, skip_special_tokens=skip)
    return [detokenizer.push(token_id) for token_id in ids], detokenizer.flush()


@given(ids=st.lists(st.integers(0, N_IDS), max_size=40), skip=st.booleans())
def test_pushes_and_flush_equal_decode_of_random_ids(tokenizer: Tokenizer, ids: list[int], skip: bool):
    texts, rest = pushed(tokenizer, ids, skip=skip)
    assert "".join(texts) + rest == tokenizer.decode(ids, skip_special_tokens=skip)


@given(text=st.text(), skip=st.booleans())
def test_pushes_of_whole_text_never_hold_half_a_character(tokenizer: Tokenizer, text: str, skip: bool):
    ids = tokenizer.encode(text)
    texts, rest = pushed(tokenizer, ids, skip=skip)
    assert rest == ""
    assert "".join(texts) == tokenizer.decode(ids, skip_special_tokens=skip)
    assert "".join(texts).count("\ufffd") == text.count("\ufffd")


@given(ids=st.lists(st.integers(0, 4100), max_size=40), skip=st.booleans())
def test_pushes_equal_decode_on_the_demo_tokenizer(demo_tokenizer: Tokenizer, ids: list[int], skip: bool):
    texts, rest = pushed(demo_tokenizer, ids, skip=skip)
    assert "".join(texts) + rest == demo_tokenizer.decode(ids, skip_special_tokens=skip)


def test_push_waits_for_the_last_byte_of_a_character(tokenizer: Tokenizer):
    ids = tokenizer.encode("a🫠b")
    texts, rest = pushed(tokenizer, ids, skip=False)
    assert texts[0] == "a"
    assert texts[-2:] == ["🫠", "b"]
    assert set(texts[1:-2]) == {""}
    assert rest == ""


def test_naive_decoding_token_by_token_would_split_it(tokenizer: Tokenizer):
    assert "\ufffd" in "".join(tokenizer.decode([token_id]) for token_id in tokenizer.encode("a🫠b"))


def test_flush_replaces_an_incomplete_character_and_starts_afresh(tokenizer: Tokenizer):
    detokenizer = Detokenizer(tokenizer)
    for token_id in tokenizer.encode("🫠")[:-1]:
        assert detokenizer.push(token_id) == ""
    assert "bytes held back" in repr(detokenizer)
    assert detokenizer.flush() == "\ufffd"
    assert detokenizer.flush() == ""
    assert "".join(map(detokenizer.push, tokenizer.encode("é"))) == "é"


def test_special_tokens_are_kept_or_skipped_others_always_kept(tokenizer: Tokenizer):
    ids = tokenizer.encode("a<tool_call>b<|im_end|>")
    assert "".join(pushed(tokenizer, ids, skip=False)[0]) == "a<tool_call>b<|im_end|>"
    assert "".join(pushed(tokenizer, ids, skip=True)[0]) == "a<tool_call>b"
