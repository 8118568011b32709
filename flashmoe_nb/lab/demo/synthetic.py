"""Synthetic JSON and school mathematics: text whose rules are few and whose values are drawn."""

from __future__ import annotations

import json
from math import gcd
from typing import TYPE_CHECKING

from flashmoe_nb.lab.demo.toolbox import FIXED, invented

if TYPE_CHECKING:
    from collections.abc import Callable

    from flashmoe_nb.lab.demo.kinds import Draw, Value

_KEYS = (
    "id", "name", "type", "value", "status", "created", "tags", "items", "config", "enabled", "version", "path",
    "count", "url", "user",
)  # fmt: skip


def _scalar(draw: Draw) -> Value:
    makers: list[Callable[[], Value]] = [
        draw.word, draw.phrase, draw.code, draw.email, draw.date, draw.file, draw.name, draw.city, draw.decimal,
        lambda: draw.number(0, 9999), lambda: draw.chance(0.5),
    ]  # fmt: skip
    return draw.random.choice(makers)()


def _key(draw: Draw) -> str:
    kind = draw.random.random()
    if kind < 0.35:  # noqa: PLR2004
        return draw.random.choice(_KEYS)
    return draw.word() if kind < 0.7 else f"{draw.word()}_{draw.word()}"  # noqa: PLR2004


def _object(draw: Draw, depth: int) -> dict[str, Value]:
    return {_key(draw): _value(draw, depth) for _ in range(draw.number(2, 7))}


def _value(draw: Draw, depth: int) -> Value:
    kind = draw.random.random()
    if depth == 0 or kind < 0.55:  # noqa: PLR2004
        return _scalar(draw)
    if kind < 0.75:  # noqa: PLR2004
        return [_value(draw, depth - 1) if draw.chance(0.3) else draw.word() for _ in range(draw.number(0, 5))]
    return _object(draw, depth - 1)


def json_document(draw: Draw) -> str:
    """An object, a table of JSON lines, a tool call or a tool schema."""
    kind = draw.random.random()
    indent = draw.random.choice([None, None, 2, 4])
    if kind < 0.5:  # noqa: PLR2004
        return json.dumps(_object(draw, 3), indent=indent)
    if kind < 0.8:  # noqa: PLR2004
        keys = list(_object(draw, 0))
        return "\n".join(json.dumps({key: _scalar(draw) for key in keys}) for _ in range(8))
    tool = draw.random.choice(FIXED) if draw.chance(0.5) else invented(draw)
    if kind < 0.9:  # noqa: PLR2004
        call = tool.ask(draw)[1]
        return json.dumps({"name": call.name, "arguments": call.arguments}, indent=indent)
    return json.dumps(tool.schema(), indent=2)


def _sum(d: Draw) -> str:
    a, b = d.number(1, 10 ** d.number(1, 3)), d.number(1, 10 ** d.number(1, 3))
    return f"{a} + {b} = {a + b}" if d.chance(0.5) else f"{a} - {b} = {a - b}"


def _product(d: Draw) -> str:
    a, b = d.number(2, 99), d.number(2, 12)
    return f"{a} * {b} = {a * b}" if d.chance(0.5) else f"{a * b} / {b} = {a}"


def _equation(d: Draw) -> str:
    x, a, b = d.number(-12, 12), d.number(2, 9), d.number(-20, 20)
    c, sign, back = a * x + b, "+" if b >= 0 else "-", "-" if b >= 0 else "+"
    return f"Solve {a}x {sign} {abs(b)} = {c}.\n{a}x = {c} {back} {abs(b)} = {c - b}\nx = {c - b} / {a} = {x}"


def _sequence(d: Draw) -> str:
    start, step = d.number(0, 20), d.number(1, 12)
    terms = ", ".join(str(start + step * i) for i in range(5))
    return f"Sequence: {terms}. The next term is {start + step * 5}, because each term adds {step}."


def _story(d: Draw) -> str:
    name, thing, x, y = d.name(), d.random.choice(d.pools.everyday), d.number(2, 60), d.number(2, 40)
    few = y % 9 + 2
    buys = (
        f"Question: {name} has {x} {thing}s and buys {y} more. How many {thing}s does {name} have?\n"
        f"Answer: {x} + {y} = {x + y}. {name} has {x + y} {thing}s."
    )
    gives = (
        f"Question: {name} has {x + y} {thing}s and gives away {y}. How many are left?\n"
        f"Answer: {x + y} - {y} = {x}. There are {x} {thing}s left."
    )
    costs = (
        f"Question: A {thing} costs {x} coins. How much do {few} cost?\n"
        f"Answer: {x} * {few} = {x * few}. They cost {x * few} coins."
    )
    return d.random.choice([buys, gives, costs])


def _columns(d: Draw) -> str:
    a, b = d.number(100, 999), d.number(100, 999)
    units = a % 10 + b % 10
    tens = a // 10 % 10 + b // 10 % 10 + units // 10
    hundreds = a // 100 + b // 100 + tens // 10
    return (
        f"Add {a} and {b} column by column.\n"
        f"Units: {a % 10} + {b % 10} = {units}, write {units % 10} carry {units // 10}.\n"
        f"Tens: {a // 10 % 10} + {b // 10 % 10} + {units // 10} = {tens}, write {tens % 10} carry {tens // 10}.\n"
        f"Hundreds: {a // 100} + {b // 100} + {tens // 10} = {hundreds}.\nThe sum is {a + b}."
    )


def _compare(d: Draw) -> str:
    a, b = d.number(1, 10 ** d.number(1, 3)), d.number(1, 10 ** d.number(1, 3))
    return f"{a} equals {b}." if a == b else f"Which is larger, {a} or {b}? {max(a, b)} is larger."


def _fraction(d: Draw) -> str:
    a, b = d.number(2, 60), d.number(2, 60)
    g = gcd(a, b)
    return f"Simplify {a}/{b}. The greatest common divisor of {a} and {b} is {g}, so {a}/{b} = {a // g}/{b // g}."


def _brackets(d: Draw) -> str:
    a, b = d.number(1, 9), d.number(1, 9)
    return f"Expand (x + {a})(x + {b}) = x^2 + {a + b}x + {a * b}."


def _sorting(d: Draw) -> str:
    numbers = [d.number(1, 99) for _ in range(d.number(3, 6))]
    listed, ordered = ", ".join(map(str, numbers)), ", ".join(map(str, sorted(numbers)))
    return f"Sort {listed}: {ordered}. Maximum {max(numbers)}, minimum {min(numbers)}, sum {sum(numbers)}."


_EXERCISES = (
    _sum,
    _sum,
    _product,
    _product,
    _equation,
    _sequence,
    _story,
    _columns,
    _compare,
    _fraction,
    _brackets,
    _sorting,
)


def maths_document(draw: Draw) -> str:
    """A page of solved exercises."""
    return "\n\n".join(draw.random.choice(_EXERCISES)(draw) for _ in range(draw.number(5, 14)))
