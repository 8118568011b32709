"""Where generation stops and how it samples, as far as the checkpoint says.

Knows no sampler and no tokenizer; the end-of-text token of tokenizer_config.json comes in as an id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.text.json_file import read_json_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_GENERATION = "generation_config.json"
_MODEL = "config.json"


@dataclass(frozen=True, slots=True)
class GenerationDefaults:
    """The checkpoint's own wishes; None where it has none."""

    stop_ids: frozenset[int]
    """Any of these ends the text."""
    do_sample: bool | None = None
    """False asks for the likeliest token always, whatever the temperature says."""
    temperature: float | None = None
    top_p: float | None = None
    top_k_sampling: int | None = None
    """How many of the likeliest tokens sampling may choose from; not the experts' top_k."""
    min_p: float | None = None

    @classmethod
    def open(cls, folder: Path, *, tokenizer_eos_id: int | None = None) -> GenerationDefaults:
        """Read generation_config.json and the end-of-text ids of config.json; all stop ids are joined.

        Args:
            folder: the checkpoint; either file may be absent.
            tokenizer_eos_id: `Tokenizer.eos_id`, one more stop id.

        Raises:
            CheckpointError: a file is broken, or a value is of the wrong kind.
        """
        generation = read_json_object(folder / _GENERATION) or {}
        model = read_json_object(folder / _MODEL) or {}
        text = model.get("text_config")
        stop_ids = _token_ids(generation, _GENERATION) | _token_ids(model, _MODEL)
        if isinstance(text, dict):
            stop_ids |= _token_ids(text, f"{_MODEL}, text_config")
        if tokenizer_eos_id is not None:
            stop_ids |= {tokenizer_eos_id}
        do_sample = generation.get("do_sample")
        if do_sample is not None and not isinstance(do_sample, bool):
            raise CheckpointError(f'{_GENERATION}: "do_sample" is {do_sample!r}: give true or false')
        top_k = _number(generation, "top_k", most=None)
        if top_k is not None and top_k != int(top_k):
            raise CheckpointError(f'{_GENERATION}: "top_k" is {top_k!r}: give a whole number')
        return cls(
            stop_ids=stop_ids,
            do_sample=do_sample,
            temperature=_number(generation, "temperature", most=None),
            top_p=_number(generation, "top_p", most=1.0),
            top_k_sampling=None if top_k is None else int(top_k),
            min_p=_number(generation, "min_p", most=1.0),
        )


def _token_ids(raw: Mapping[str, Any], source: str) -> frozenset[int]:
    """`eos_token_id`: absent, null, one id or a list of them."""
    value = raw.get("eos_token_id")
    ids = value if isinstance(value, list) else [] if value is None else [value]
    for token_id in ids:
        if not isinstance(token_id, int) or isinstance(token_id, bool) or token_id < 0:
            raise CheckpointError(f'{source}: "eos_token_id" is {value!r}: give a token id or a list of them')
    return frozenset(ids)


def _number(raw: Mapping[str, Any], key: str, *, most: float | None) -> float | None:
    value = raw.get(key)
    if value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # Written so that NaN, which JSON as Python reads it may hold, is refused too.
    if not is_number or not value >= 0 or not value <= (float("1e308") if most is None else most):
        limit = "at least 0" if most is None else f"0 to {most:g}"
        raise CheckpointError(f'{_GENERATION}: "{key}" is {value!r}: give a number, {limit}')
    return float(value)
