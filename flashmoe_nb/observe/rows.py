"""Turns passes that were taken down into rows of columns, many at once. Pure numpy."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.observe.prediction import drawn_from, not_drawn
from flashmoe_nb.observe.routed import join_routed
from flashmoe_nb.observe.schema import COLUMNS, DECODE, PREFILL
from flashmoe_nb.observe.taken import READS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.observe.facts import TraceFacts
    from flashmoe_nb.observe.taken import TakenPass
    from flashmoe_nb.text import Tokenizer

    Rows = dict[str, NDArray[np.generic]]

_LAYER_TIMES = ("layer_start_ns", "layer_routed_ns", "layer_read_ns", "layer_end_ns")
"""In the order of `PassTape.layer_times_ns`."""
_DRAWN = ("token_rank", "token_logprob", "sampled_from_entropy", "sampled_from_ids", "sampled_from_logprobs")
"""In the order of the fields of `Drawn`."""
_LOGITS_AT_ONCE = 2**15 - 1
"""Of tokens, summed up together: less than 128 KB, so that the C library maps no memory for them."""


class RowMaker:
    """Numbers rows, turns and bytes of text from the start of the trace."""

    def __init__(self, facts: TraceFacts, tokenizer: Tokenizer | None) -> None:
        self._tokenizer = tokenizer
        self._stages = {stage: number for number, stage in enumerate(facts.stages)}
        self._token = self._text = self._turn = 0

    def rows(self, passes: Sequence[TakenPass]) -> Rows:
        """Rows of the next passes."""
        sizes = np.array([len(taken.ids) for taken in passes])
        starts = self._token + np.cumsum(sizes) - sizes
        rows = self._token_rows(passes, starts, sizes)
        rows |= join_routed([taken.routed for taken in passes])
        rows |= _drawn_rows(passes, starts - self._token, int(sizes.sum()))
        rows |= _layer_rows(passes, sizes)
        rows |= _read_rows(passes, starts)
        patches = [(start, *patch) for start, taken in zip(starts, passes, strict=True) for patch in taken.patches]
        rows["patch_token"] = np.array([token for token, _, _ in patches])
        rows["patch_layer"] = np.array([-1 if layer is None else layer for _, layer, _ in patches])
        rows["patch_stage"] = np.array([self._stages[stage] for _, _, stage in patches])
        self._token += int(sizes.sum())
        self._text += len(rows["text"])
        return {column.name: rows[column.name].astype(column.dtype, copy=False) for column in COLUMNS}

    def _token_rows(self, passes: Sequence[TakenPass], starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> Rows:
        of_pass = {
            "start_ns": [taken.start_ns for taken in passes],
            "end_ns": [taken.end_ns for taken in passes],
            "pass_start": starts,
            "turn": [self._turn_of(taken) for taken in passes],
            "phase": [PREFILL if taken.phase == "prefill" else DECODE for taken in passes],
        }
        rows: Rows = {name: np.repeat(np.asarray(values), sizes) for name, values in of_pass.items()}
        ids = list(chain.from_iterable(taken.ids for taken in passes))
        texts = [self._tokenizer.token_bytes(token) if self._tokenizer else b"" for token in ids]
        ends = self._text + np.cumsum([len(text) for text in texts])
        rows["token_id"] = np.array(ids)
        rows["position"] = np.concatenate([taken.position + np.arange(len(taken.ids)) for taken in passes])
        rows["text_end"] = ends
        rows["text_start"] = np.concatenate([[self._text], ends[:-1]])
        rows["text"] = np.frombuffer(b"".join(texts), np.uint8)
        return rows

    def _turn_of(self, taken: TakenPass) -> int:
        self._turn += taken.phase == "prefill" and taken.chunk == 0
        return self._turn


def _drawn_rows(passes: Sequence[TakenPass], starts: NDArray[np.int64], n_tokens: int) -> Rows:
    """Only the first token of a pass can have been drawn from something known."""
    columns = not_drawn(n_tokens)
    known = [(start, taken) for start, taken in zip(starts, passes, strict=True) if taken.previous is not None]
    vocabulary = max((taken.previous.size for _, taken in known if taken.previous is not None), default=1)
    step = max(1, _LOGITS_AT_ONCE // vocabulary)
    for at in range(0, len(known), step):
        places, some = zip(*known[at : at + step], strict=True)
        found = drawn_from(np.array([taken.previous for taken in some]), [taken.ids[0] for taken in some])
        for column, values in zip(columns, found, strict=True):
            column[list(places)] = values
    return dict(zip(_DRAWN, columns, strict=True))


def _layer_rows(passes: Sequence[TakenPass], sizes: NDArray[np.int64]) -> Rows:
    """Tokens of a pass went through its layers together."""
    numbers = chain.from_iterable(taken.layer_times_ns for taken in passes)
    times = np.fromiter(numbers, np.int64).reshape(len(passes), -1, len(_LAYER_TIMES))
    return {name: np.repeat(times[:, :, n], sizes, axis=0) for n, name in enumerate(_LAYER_TIMES)}


def _read_rows(passes: Sequence[TakenPass], starts: NDArray[np.int64]) -> Rows:
    rows: Rows = {name: np.concatenate([taken.reads[n] for taken in passes]) for n, name in enumerate(READS)}
    rows["read_token"] = np.repeat(starts, [len(taken.reads[0]) for taken in passes])
    return rows
