"""Token ids to text, one at a time, without ever splitting a character.

A token of a byte-level vocabulary is a string of bytes, so an incremental UTF-8 decoder is all it takes: the work for a
token is proportional to its own bytes, and what is held back is at most three of them. Knows no stop tokens.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flashmoe_nb.text.tokenizer import Tokenizer

_Utf8Decoder = codecs.getincrementaldecoder("utf-8")


class Detokenizer:
    """The texts of all pushes and the flush, joined, are `tokenizer.decode` of all the ids.

    Args:
        tokenizer: where the ids come from.
        skip_special_tokens: leave special tokens out of the text, as in `Tokenizer.decode`.
    """

    __slots__ = ("_decoder", "_skipped_ids", "_tokenizer")

    def __init__(self, tokenizer: Tokenizer, *, skip_special_tokens: bool = False) -> None:
        self._tokenizer = tokenizer
        self._skipped_ids = tokenizer.special_ids if skip_special_tokens else frozenset()
        # Invalid bytes become U+FFFD in the same places as in the library's own (Rust's) lossy decoding.
        self._decoder = _Utf8Decoder(errors="replace")

    def push(self, token_id: int) -> str:
        """The text that is certain after one more token; "" while a character is incomplete."""
        if token_id in self._skipped_ids:
            return ""
        return self._decoder.decode(self._tokenizer.token_bytes(token_id))

    def flush(self) -> str:
        """What was held back: U+FFFD where a character stayed incomplete, else ""; then start afresh."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text

    def __repr__(self) -> str:
        held, _ = self._decoder.getstate()
        return f"Detokenizer({len(held)} bytes held back)"
