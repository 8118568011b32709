"""Kinds of tool argument: how to draw a value, how to say it in a sentence, how to describe it in a JSON schema.

Knows nothing of tools (see `toolbox`) or of the chat format (see `dialogues`).
"""

from __future__ import annotations

import random
import string
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from flashmoe_nb.lab.demo.habits import HABITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from flashmoe_nb.lab.demo.pools import Pools

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value]"
Schema: TypeAlias = "dict[str, object]"
STRING: Schema = {"type": "string"}
_LANGUAGES = "French German Spanish Italian Portuguese Dutch Swedish Polish Greek Turkish Japanese Korean Hindi Arabic"
_CURRENCIES = "USD EUR GBP JPY CHF CAD AUD SEK NOK INR"
_SYLLABLES = [c + v + e for c in "bdfgklmnprstvz" for v in "aeiou" for e in ("", "", "n", "r", "s", "l")]


class Draw:
    """A seeded source of values over one pool of entries."""

    def __init__(self, seed: str, pools: Pools) -> None:
        self.random = random.Random(f"{seed}:{pools.split}")  # noqa: S311 - reproducible, not secret
        self.pools = pools
        self.habits = HABITS[pools.split]
        self._recent: deque[str] = deque(maxlen=6)

    def chance(self, share: float) -> bool:
        """True in `share` of the draws."""
        return self.random.random() < share

    def word(self) -> str:
        """An everyday word, any dictionary word, an invented one, or one of the last few again."""
        if self._recent and self.habits.repeated and self.chance(self.habits.repeated):
            return self.random.choice(self._recent)
        self._recent.append(self._fresh_word())
        return self._recent[-1]

    def _fresh_word(self) -> str:
        if self.chance(self.habits.invented):
            return "".join(self.random.choices(_SYLLABLES, k=self.random.randint(2, 4)))
        everyday = self.chance(self.habits.everyday)
        return self.random.choice(self.pools.everyday if everyday else self.pools.words)

    def phrase(self, least: int = 1, most: int = 4) -> str:
        """A few words."""
        return " ".join(self.word() for _ in range(self.random.randint(least, most)))

    def name(self) -> str:
        """A first name."""
        return self.random.choice(self.pools.names)

    def city(self) -> str:
        """A city, or a first name used as a place."""
        real = self.chance(self.pools.city_share)
        return self.random.choice(self.pools.cities if real else self.pools.names)

    def email(self) -> str:
        """An address."""
        host = f"{self.word()}.{self.random.choice(['com', 'org', 'net', 'io'])}"
        return f"{self.name().lower()}@{host}" if self.chance(0.7) else f"{self.name().lower()}.{self.word()}@{host}"

    def date(self) -> str:
        """An ISO date."""
        return f"20{self.random.randint(20, 39)}-{self.random.randint(1, 12):02d}-{self.random.randint(1, 28):02d}"

    def time(self) -> str:
        """A time of day."""
        return f"{self.random.randint(0, 23):02d}:{self.random.choice(['00', '15', '30', '45', '10', '20', '05'])}"

    def folder(self) -> str:
        """A path without a file."""
        return "/" + "/".join(self.word() for _ in range(self.random.randint(1, 3)))

    def file(self) -> str:
        """A path with a file."""
        return f"{self.folder()}.{self.random.choice(['txt', 'md', 'csv', 'json', 'py', 'log', 'yaml', 'html'])}"

    def code(self) -> str:
        """A random identifier: nothing to guess it from, it has to be copied."""
        pick, digits = self.random.choices, string.digits
        shape = self.random.randrange(6)
        if shape == 0:
            return "".join(pick(string.ascii_uppercase, k=2)) + "-" + "".join(pick(digits, k=self.random.randint(3, 6)))
        if shape == 1:
            return "".join(pick("0123456789abcdef", k=self.random.choice([6, 8, 12])))
        if shape == 2:  # noqa: PLR2004
            return "".join(pick(string.ascii_lowercase + digits, k=self.random.randint(4, 10)))
        if shape == 3:  # noqa: PLR2004
            return f"{self.word()}_{''.join(pick(digits, k=self.random.randint(1, 4)))}"
        if shape == 4:  # noqa: PLR2004
            return "".join(pick(string.ascii_letters, k=self.random.randint(4, 8)))
        return f"v{self.random.randint(0, 20)}.{self.random.randint(0, 30)}.{self.random.randint(0, 99)}"

    def symbol(self) -> str:
        """A ticker symbol."""
        return "".join(self.random.choices(string.ascii_uppercase, k=self.random.randint(3, 5)))

    def number(self, low: int, high: int) -> int:
        """A whole number."""
        return self.random.randint(low, high)

    def decimal(self) -> float:
        """A number with one or two decimals."""
        return round(self.random.uniform(0, 999), self.random.randint(1, 2))

    def expression(self) -> str:
        """Arithmetic."""
        text = f"{self.number(2, 999)} {self.random.choice('+-*/')} {self.number(2, 999)}"
        return f"({text}) {self.random.choice('+-*')} {self.number(2, 99)}" if self.chance(0.4) else text

    def snippet(self) -> str:
        """A line or two of Python."""
        word = self.word()
        return self.random.choice([
            f"print({self.number(2, 99)} * {self.number(2, 99)})", f'print(len("{word}"))',
            f"{word} = {self.number(1, 99)}\nprint({word} + {self.number(1, 9)})", f'print("{word}".upper())',
            f'for i in range({self.number(2, 9)}):\n    print("{word}", i)',
        ])  # fmt: skip


def joined(parts: list[str]) -> str:
    """A list as a person says it."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of argument."""

    schema: Schema
    draw: Callable[[Draw], Value]
    say: Callable[[Value], str] = str


def text(draw: Callable[[Draw], Value]) -> Kind:
    """A string."""
    return Kind(STRING, draw)


def integer(low: int, high: int) -> Kind:
    """A whole number of a range."""
    return Kind({"type": "integer"}, lambda d: d.number(low, high))


def choice(*options: str) -> Kind:
    """One of a fixed set."""
    return Kind({"type": "string", "enum": list(options)}, lambda d: d.random.choice(options))


def flag(yes: str, no: str, share: float = 0.5) -> Kind:
    """A boolean, said in words."""
    return Kind({"type": "boolean"}, lambda d: d.chance(share), lambda value: yes if value else no)


def several(draw: Callable[[Draw], Value], most: int = 3) -> Kind:
    """A list of strings."""
    return Kind(
        {"type": "array", "items": STRING},
        lambda d: [draw(d) for _ in range(d.number(1, most))],
        lambda value: joined([str(part) for part in value]) if isinstance(value, list) else str(value),
    )


def record(separator: str = ", ", **fields: Kind) -> Kind:
    """An object, said field by field."""

    def say(value: Value) -> str:
        assert isinstance(value, dict)
        return separator.join(fields[name].say(part) for name, part in value.items())

    schema: Schema = {"type": "object", "properties": {name: kind.schema for name, kind in fields.items()}}
    return Kind(schema, lambda d: {name: kind.draw(d) for name, kind in fields.items()}, say)


def records(item: Kind, most: int = 3) -> Kind:
    """A list of objects."""
    return Kind(
        {"type": "array", "items": item.schema},
        lambda d: [item.draw(d) for _ in range(d.number(1, most))],
        lambda value: joined([item.say(part) for part in value]) if isinstance(value, list) else str(value),
    )


WORD, PHRASE, NAME, CITY = text(Draw.word), text(Draw.phrase), text(Draw.name), text(Draw.city)
SENTENCE = text(lambda d: d.phrase(3, 9))
EMAIL, DATE, TIME, CODE = text(Draw.email), text(Draw.date), text(Draw.time), text(Draw.code)
FOLDER, FILE, SYMBOL = text(Draw.folder), text(Draw.file), text(Draw.symbol)
EXPRESSION, SNIPPET = text(Draw.expression), text(Draw.snippet)
AMOUNT = Kind({"type": "number"}, lambda d: d.number(1, 9999) if d.chance(0.5) else d.decimal())
LANGUAGE, CURRENCY = choice(*_LANGUAGES.split()), choice(*_CURRENCIES.split())
LANGUAGE_TEXT, CURRENCY_TEXT = text(LANGUAGE.draw), text(CURRENCY.draw)
