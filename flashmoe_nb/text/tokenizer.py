"""Text to token ids and back, with the checkpoint's own tokenizer.json.

Byte-level BPE only (every supported architecture uses it), so that a token is a known string of bytes, even when it is
half a character. Knows no model: ids above the tokenizer's last one (padded vocabularies) are simply not text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import tokenizers

from flashmoe_nb.errors import CheckpointError, PromptError, UnsupportedError
from flashmoe_nb.text.json_file import read_json_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def _byte_of_symbol() -> dict[str, int]:
    """The byte that each printable symbol of a byte-level vocabulary stands for.

    Source: GPT-2 `encoder.py`, bytes_to_unicode.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


_BYTE_OF_SYMBOL = _byte_of_symbol()


class Tokenizer:
    """A checkpoint's tokenizer; made by `Tokenizer.open`.

    Args:
        backend: what the `tokenizers` library read from tokenizer.json.
        config: tokenizer_config.json, an empty mapping where there is none.
        source: for messages, where it came from.
    """

    __slots__ = ("_backend", "_source", "eos_id", "pad_id", "special_ids", "vocab_size")

    def __init__(self, backend: tokenizers.Tokenizer, config: Mapping[str, Any], source: str) -> None:
        # Both would silently change what was asked for.
        backend.no_truncation()
        backend.no_padding()
        self._backend = backend
        self._source = source
        self.vocab_size: int = backend.get_vocab_size(with_added_tokens=True)
        added = backend.get_added_tokens_decoder()
        self.special_ids = frozenset(token_id for token_id, token in added.items() if token.special)
        self.eos_id = self._named_id(config, "eos_token")
        self.pad_id = self._named_id(config, "pad_token")

    @classmethod
    def open(cls, folder: Path) -> Tokenizer:
        """Read `folder/tokenizer.json`, and tokenizer_config.json where there is one.

        Raises:
            CheckpointError: the file is missing or not a tokenizer.
            UnsupportedError: the tokenizer is not a byte-level one.
        """
        path = folder / "tokenizer.json"
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise CheckpointError(
                f"{path} does not exist: text needs the checkpoint's tokenizer.json beside config.json "
                "(raw token ids work without it)"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{path} cannot be read ({error}): copy it again from the checkpoint") from error
        try:
            backend = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # the library raises bare Exception
            raise CheckpointError(
                f"{path} is not a tokenizer ({error}): copy it again from the checkpoint, complete"
            ) from error
        _require_byte_level(backend, path)
        return cls(backend, read_json_object(folder / "tokenizer_config.json") or {}, str(path))

    def encode(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
        """Token ids of `text`; special tokens written out in it become their ids.

        Args:
            text: any text.
            add_special_tokens: also add what the tokenizer puts around a text (Qwen: nothing).

        Raises:
            PromptError: the text holds half a surrogate pair, which is no character.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise PromptError(
                f"the text has a lone surrogate (U+{ord(text[error.start]):04X}) at character {error.start}, "
                "which cannot be written as UTF-8: decode its source with errors='replace'"
            ) from error
        ids: list[int] = self._backend.encode(text, add_special_tokens=add_special_tokens).ids
        return ids

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = False) -> str:
        """Text of `ids` together; bytes that are no UTF-8 become U+FFFD, ids without a token become nothing."""
        checked = [self._checked(token_id) for token_id in ids]
        text: str = self._backend.decode(checked, skip_special_tokens=skip_special_tokens)
        return text

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes one token adds to the text, perhaps half a character; b"" where the id has no token."""
        token = self._backend.id_to_token(self._checked(token_id))
        if token is None:
            return b""
        # As the library's ByteLevel decoder: a token with any other symbol (an added one) is its own UTF-8.
        if all(symbol in _BYTE_OF_SYMBOL for symbol in token):
            return bytes(_BYTE_OF_SYMBOL[symbol] for symbol in token)
        return token.encode()

    def token_id(self, token: str) -> int | None:
        """Id of a token by its exact written form ("<|im_end|>"), None where there is no such token."""
        token_id: int | None = self._backend.token_to_id(token)
        return token_id

    def __repr__(self) -> str:
        return (
            f"Tokenizer({self._source}: {self.vocab_size:,} tokens, {len(self.special_ids)} special, eos {self.eos_id})"
        )

    def _checked(self, token_id: int) -> int:
        if not 0 <= token_id < 2**32:
            raise PromptError(f"token id {token_id} is out of range: ids are 0 to {self.vocab_size - 1}")
        return int(token_id)

    def _named_id(self, config: Mapping[str, Any], key: str) -> int | None:
        token = token_text(config.get(key))
        if token is None:
            return None
        token_id = self.token_id(token)
        if token_id is None:
            raise CheckpointError(
                f'tokenizer_config.json says {key} is "{token}", {self._source} has no such token: '
                "the two files are of different checkpoints, copy both again"
            )
        return token_id


def token_text(value: object) -> str | None:
    """A special token as tokenizer_config.json writes it: a string, or an object with its "content"."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None


def _require_byte_level(backend: tokenizers.Tokenizer, path: Path) -> None:
    # Its own state, not the file again: a vocabulary of 248,000 as Python objects takes 30 MB.
    decoder = json.loads(backend.decoder.__getstate__()) if backend.decoder is not None else None
    if isinstance(decoder, dict) and decoder.get("type") == "Sequence":
        decoders = decoder.get("decoders")
        decoder = decoders[0] if isinstance(decoders, list) and len(decoders) == 1 else decoder
    kind = decoder.get("type") if isinstance(decoder, dict) else None
    if kind != "ByteLevel":
        raise UnsupportedError(f"{path} has decoder {kind}, supported is ByteLevel (byte-level BPE, as Qwen's)")
