"""Token ids and positions a caller gives, checked before anything is fed. Knows no session."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flashmoe_nb.errors import ContextError, PromptError

if TYPE_CHECKING:
    from collections.abc import Iterable


def whole_ids(token_ids: Iterable[object]) -> list[int]:
    """Token ids as plain numbers, taken on the caller's thread: MLX's lazy arrays do not cross threads.

    Raises:
        PromptError: text, messages, or anything that is no whole number.
    """
    if isinstance(token_ids, (str, bytes, Mapping)):
        msg = f"token ids are given as {type(token_ids).__name__}, expected a sequence of whole numbers: "
        raise PromptError(msg + "put text through engine.encode()")
    try:
        return [operator.index(token) for token in token_ids]  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        shown = " ".join(repr(token_ids).split())[:60]
        msg = f"token ids are {shown}, expected a sequence of whole numbers ({error}): "
        raise PromptError(msg + "put text through engine.encode()") from None


def reject_context(position: int, n_tokens: int, limit: int, why: str) -> None:
    """Refuse positions beyond a limit.

    Raises:
        ContextError: with position, count and limit.
    """
    if position + n_tokens > limit:
        msg = f"{n_tokens} tokens from position {position} end at {position + n_tokens}, the limit is {limit} ({why}): "
        raise ContextError(msg + "feed fewer, or session.reset()")
