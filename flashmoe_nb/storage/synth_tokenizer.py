"""A byte-level tokenizer for random checkpoints: 256 bytes, the ChatML tokens, and made-up words to fill it up.

Text encodes to its bytes; the words are never met in encoding, but let one read what a random model says.
"""

from __future__ import annotations

import json
from typing import Any

from flashmoe_nb.errors import UnsupportedError

_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_MARKUP = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")

PAD_ID = 256
EOS_IDS = (258, 256)
"""<|im_end|> and <|endoftext|>."""

CHAT_TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

_CONSONANTS = "bcdfghjklmnprstvwxyz"
_SYLLABLES = tuple(c + v for c in _CONSONANTS for v in "aeiou")


def tokenizer_files(vocab_size: int, context_length: int) -> dict[str, str]:
    """The content of the tokenizer files, by file name.

    Raises:
        UnsupportedError: a vocabulary too small for the bytes and the ChatML tokens.
    """
    added = _SPECIAL + _MARKUP
    smallest = 256 + len(added)
    if vocab_size < smallest:
        msg = f"vocab is {vocab_size}, the bytes and the ChatML tokens alone are {smallest}: give more"
        raise UnsupportedError(msg)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "model_max_length": context_length,
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
    }
    generation = {"eos_token_id": list(EOS_IDS), "pad_token_id": PAD_ID, "do_sample": True, "temperature": 1.0}
    return {
        "tokenizer.json": json.dumps(_tokenizer(vocab_size, added), ensure_ascii=False),
        "tokenizer_config.json": json.dumps(settings, indent=1),
        "generation_config.json": json.dumps(generation, indent=1),
        "chat_template.jinja": CHAT_TEMPLATE,
    }


def _tokenizer(vocab_size: int, added: tuple[str, ...]) -> dict[str, Any]:
    vocab = {symbol: byte for byte, symbol in enumerate(_byte_symbols())}
    # The added tokens must be in the vocabulary too: `tokenizers` gives others new numbers after the last one.
    vocab.update({token: 256 + i for i, token in enumerate(added)})
    first_word = len(vocab)
    vocab.update({_word(i): first_word + i for i in range(vocab_size - first_word)})
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(256 + i, token) for i, token in enumerate(added)],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": [],
        },
    }


def _added_token(token_id: int, content: str) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token_id, "content": content, **flags, "special": content in _SPECIAL}


def _byte_symbols() -> list[str]:
    """The printable character that stands for each byte (GPT-2 `encoder.py`, bytes_to_unicode)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]


def _word(number: int) -> str:
    """A distinct word of at least three syllables, after a space."""
    syllables = ""
    for _ in range(3):
        number, digit = divmod(number, len(_SYLLABLES))
        syllables += _SYLLABLES[digit]
    return "\u0120" + syllables + (_word(number - 1)[1:] if number else "")
