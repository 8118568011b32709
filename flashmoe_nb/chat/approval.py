"""Who says whether a call may run: the person asked each time, a list of names, nobody, or a function.

There is no policy that allows everything; a function that returns True is one line, and then somebody wrote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flashmoe_nb.chat.pieces import ToolCall

Approval: TypeAlias = 'Literal["ask", "never"] | Collection[str] | Callable[[ToolCall], bool]'


def approver(approve: Approval) -> Callable[[ToolCall], bool]:
    """What decides about a call.

    Args:
        approve: "ask" asks at the keyboard, "never" refuses, names of tools allow these and refuse the rest, and a
            function is asked with the call.

    Raises:
        OptionError: another word.
    """
    if isinstance(approve, str):
        known: dict[str, Callable[[ToolCall], bool]] = {"ask": ask_at_keyboard, "never": _refuse}
        if approve not in known:
            raise OptionError(f'approve is "{approve}": give "ask", "never", a list of names, or a function')
        return known[approve]
    if callable(approve):
        return approve
    allowed = frozenset(approve)
    return lambda call: call.name in allowed


def ask_at_keyboard(call: ToolCall) -> bool:
    """Show the call and read y or n; no answer is no."""
    shown = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
    try:
        # Escapes stay visible: what is approved must be what is shown.
        return input(f"Run {call.name}({shown})? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _refuse(call: ToolCall) -> bool:  # noqa: ARG001 - the answer is the same for all
    return False
