"""Jinja's sandbox with an end: a template is code from a stranger, and must not run for ever or fill the memory.

The sandbox keeps templates from Python's insides, not from `{% for %}` inside `{% for %}` or `"x" * 10**10`. Here every
round of a loop and every call of a macro counts, and no operation may make more than a bounded amount of text. Knows no
chat.
"""

from __future__ import annotations

import contextvars
import functools
import math
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import nodes, runtime
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_CHARS = 16 * 2**20
"""Of any text a template makes, its output included."""
MAX_ROUNDS = 2_000_000
MAX_S = 10.0
_MAX_WORK = 2**28
_MAX_BITS = 4096
_SMALL = 64
"""Characters of a short text."""
_PASSED = (jinja2.Environment, nodes.EvalContext, runtime.Context)
"""What some filters are given before the value they are for."""
_WIDE = re.compile(r"%[^a-zA-Z%]*(?:\d{5,}|\*)|\{[^{}]*:[^{}]*\d{5,}")


class _Budget:
    """What is left of one rendering."""

    def __init__(self) -> None:
        self._deadline_s = time.monotonic() + MAX_S
        self._rounds = 0

    def spend(self) -> None:
        self._rounds += 1
        if self._rounds > MAX_ROUNDS:
            raise jinja2.TemplateRuntimeError(f"it went through loops more than {MAX_ROUNDS:,} times")
        if self._rounds % 256 == 0 and time.monotonic() > self._deadline_s:
            raise jinja2.TemplateRuntimeError(f"it took longer than {MAX_S:g} s")


_budget: contextvars.ContextVar[_Budget | None] = contextvars.ContextVar("template budget", default=None)


@contextmanager
def budget() -> Iterator[None]:
    """One rendering's allowance of rounds and time."""
    token = _budget.set(_Budget())
    try:
        yield
    finally:
        _budget.reset(token)


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Refuses, by `TemplateRuntimeError`, what goes beyond the bounds; render inside `budget()`."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(finalize=bounded_value, **options)
        self.concat = bounded_concat  # type: ignore[method-assign]
        self.filters = {name: bounded_filter(name, function) for name, function in self.filters.items()}
        self.globals.pop("lipsum", None)  # its loop is Python's, so no tick would end it

    def call(self, context: Any, function: Any, *arguments: Any, **named: Any) -> Any:
        """Any call of the template's, methods of strings included."""
        # The sandbox wraps str.format in a function of its own.
        of = getattr(getattr(function, "__wrapped__", function), "__self__", None)
        if getattr(function, "__name__", "") in ("format", "format_map"):
            _check_widths(of)
        # Only methods multiply; macros and the namespace may be given what they like.
        if isinstance(of, (str, bytes, int)):
            check_work("" if isinstance(of, int) else of, *arguments, *named.values())
        return _checked(super().call(context, function, *arguments, **named))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """The operators that can make much of little."""
        if isinstance(left, int) and isinstance(right, int):
            if left.bit_length() * (right if operator == "**" else 1) > _MAX_BITS:
                raise jinja2.TemplateRuntimeError(f"it would make a number of more than {_MAX_BITS:,} bits")
        elif operator == "+":
            if size(left) + size(right) > MAX_CHARS:
                raise _too_much()
        else:
            _check_widths(left)
            check_work(left, right)
            if operator == "*" and size(left) * size(right) > MAX_CHARS:
                raise _too_much()
        return _checked(super().call_binop(context, operator, left, right))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Counting().visit(super()._parse(source, name, filename))
        tree.set_environment(self)
        return tree


class _Counting(NodeTransformer):
    """Puts `tick()` first into every loop and macro, and a bounded join in the place of `~`."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - named by the visitor
        node.body.insert(0, _tick(node))
        return self._inside(node)

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802 - as above
        node.body.insert(0, _tick(node))
        return self._inside(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802 - as above
        node.body.insert(0, _tick(node))
        return self._inside(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:  # noqa: N802 - as above
        self._inside(node)
        name = nodes.ImportedName(f"{__name__}.join_texts", lineno=node.lineno)
        return nodes.Call(name, node.nodes, [], None, None, lineno=node.lineno)

    def _inside(self, node: nodes.Node) -> nodes.Node:
        changed: nodes.Node = self.generic_visit(node)
        return changed


def _tick(node: nodes.Node) -> nodes.ExprStmt:
    name = nodes.ImportedName(f"{__name__}.tick", lineno=node.lineno)
    return nodes.ExprStmt(nodes.Call(name, [], [], None, None, lineno=node.lineno), lineno=node.lineno)


def tick() -> None:
    """One more round; called by the template's compiled code.

    Raises:
        TemplateRuntimeError: the allowance is spent.
    """
    if (left := _budget.get()) is not None:
        left.spend()


def join_texts(*parts: object) -> str:
    """What `~` does."""
    return bounded_concat(str(bounded_value(part)) for part in parts)


def bounded_value(value: object) -> object:
    """A value before it becomes text.

    Raises:
        TemplateRuntimeError: it holds too much.
    """
    return _checked(value) if isinstance(value, (list, tuple, dict)) else value


def bounded_concat(parts: Iterable[str]) -> str:
    """Join text, up to a length.

    Raises:
        TemplateRuntimeError: it is longer.
    """
    kept, total = [], 0
    for part in parts:
        total += len(part)
        if total > MAX_CHARS:
            raise _too_much()
        kept.append(part)
    return "".join(kept)


def size(value: object) -> int:
    """Characters or items, those inside included; the value itself for a number that may be a width.

    Raises:
        TemplateRuntimeError: lists in lists hold too many items to look at.
    """
    if isinstance(value, int):
        return 0 if isinstance(value, bool) else abs(value)
    total, n_seen, waiting = 0, 0, [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (str, bytes)):
            total += len(item)
        elif isinstance(item, (list, tuple, dict)):
            total += len(item)
            waiting.extend(item.values() if isinstance(item, dict) else item)
        if (n_seen := n_seen + 1) > MAX_ROUNDS or len(waiting) > MAX_CHARS:
            raise _too_much()
    return total


def check_work(*values: object) -> None:
    """Refuse operations whose result could be a product of large sizes.

    Of short texts beside long ones only the longest is a factor; where a number is among them, everything is.

    Raises:
        TemplateRuntimeError: it could.
    """
    sizes = [size(value) for value in values]
    numbers = [found for value, found in zip(values, sizes, strict=True) if isinstance(value, int)]
    if max(numbers, default=0) > MAX_CHARS:
        raise _too_much()
    if max(numbers, default=0) > 1:
        product = math.prod(found for found in sizes if found)
    else:
        short = max((found for found in sizes if 0 < found <= _SMALL), default=1)
        product = short * math.prod(found for found in sizes if found > _SMALL)
    if product > _MAX_WORK:
        raise _too_much()


def bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that refuses work beyond the bounds, before and after."""

    @functools.wraps(function)
    def bounded(*arguments: Any, **named: Any) -> Any:
        if name == "format":
            _check_widths(arguments[0])
        value, *options = arguments[isinstance(arguments[0], _PASSED) :]
        check_work("" if isinstance(value, int) else value, *options, *named.values())
        return _checked(function(*arguments, **named))

    return bounded


def _check_widths(text: object) -> None:
    """Refuse a format whose fields are as wide as the template likes."""
    if isinstance(text, str) and _WIDE.search(text):
        raise jinja2.TemplateRuntimeError("it formats with a width of more than 4 digits, or one given apart")


def _checked(result: Any) -> Any:
    if isinstance(result, (str, bytes, list, tuple, dict)) and size(result) > MAX_CHARS:
        raise _too_much()
    return result


def _too_much() -> jinja2.TemplateRuntimeError:
    return jinja2.TemplateRuntimeError(f"it would make more than {MAX_CHARS:,} characters")
