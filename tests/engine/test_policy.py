"""A cache policy decides where experts go and what is read again; it never changes a token.

Logits may differ in the last bit: sums go by slot.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError, ReadError
from flashmoe_nb.storage.policy import Placement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PROMPT = [(37 * i) % 256 for i in range(30)]
N_TOKENS = 20


class LRU:
    """Keeps the experts used last; what one call asks for is never thrown out by the same call."""

    name = "lru"

    def __init__(self) -> None:
        self.tables: list[LRUTable] = []

    def table(self, n_slots: int) -> LRUTable:
        self.tables.append(LRUTable(n_slots))
        return self.tables[-1]


class LRUTable:
    def __init__(self, n_slots: int) -> None:
        self.n_slots = n_slots
        self.slot_of: OrderedDict[tuple[int, int], int] = OrderedDict()
        self.n_hits = 0

    def place(self, layer: int, experts: Sequence[int]) -> list[Placement]:
        for key in [(layer, expert) for expert in experts]:
            if key in self.slot_of:
                self.slot_of.move_to_end(key)
        return [self._place((layer, expert)) for expert in experts]

    def _place(self, key: tuple[int, int]) -> Placement:
        slot = self.slot_of.pop(key, None)
        must_read = slot is None
        if slot is None:
            slot = len(self.slot_of) if len(self.slot_of) < self.n_slots else self.slot_of.popitem(last=False)[1]
        self.n_hits += not must_read
        self.slot_of[key] = slot
        return Placement(slot, must_read)

    def forget(self) -> None:
        self.slot_of.clear()


class Lying(LRU):
    """Negative control: says an expert is there when another one is."""

    def table(self, n_slots: int) -> LRUTable:
        class Table(LRUTable):
            def place(self, layer: int, experts: Sequence[int]) -> list[Placement]:
                return [place._replace(must_read=layer != 2) for place in super().place(layer, experts)]

        return Table(n_slots)


def _tokens(engine: fm.Engine) -> list[int]:
    return [token.id for token in engine.session().generate(PROMPT, max_tokens=N_TOKENS)]


def _open(folder: Path, **options: Any) -> fm.Engine:
    return fm.open(folder, **options)


@pytest.mark.parametrize("slots", [4, 5, 9, 16])
def test_lru_gives_the_same_tokens_with_fewer_reads(slots: int, tiny: Path) -> None:
    with _open(tiny, slots=slots) as engine:
        expected, all_reads = _tokens(engine), engine.n_reads
    policy = LRU()
    with _open(tiny, slots=slots, policy=policy) as engine:
        assert engine.policy == "lru"
        assert "lru" in str(engine.facts())
        assert _tokens(engine) == expected
        hits = sum(table.n_hits for table in policy.tables)
        assert engine.n_reads == all_reads - hits
        if slots == 16:
            assert hits > 0


def test_policy_that_lies_is_seen_in_the_logits(tiny: Path) -> None:
    with _open(tiny) as engine, _open(tiny, policy=Lying()) as lying:
        expected, found = (np.array(one.session().feed(PROMPT)) for one in (engine, lying))
    assert not np.allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize(
    "misplace",
    [lambda places: places[:-1], lambda places: [places[0]] * len(places), lambda places: [*places[:-1], (16, True)]],
    ids=["too-few", "twice", "beyond"],
)
def test_policy_that_misplaces_is_refused(misplace: Callable[[list[Placement]], list[Any]], tiny: Path) -> None:
    class Table(LRUTable):
        def place(self, layer: int, experts: Sequence[int]) -> list[Placement]:
            return [Placement(*place) for place in misplace(super().place(layer, experts))]

    class Misplacing(LRU):
        def table(self, n_slots: int) -> LRUTable:
            return Table(n_slots)

    with _open(tiny, slots=16, policy=Misplacing()) as engine:
        session = engine.session()
        with pytest.raises(OptionError, match=r"policy placed 4 experts in slots .* different slots from 0 to 15"):
            session.feed([1])
        assert session.position == 0


def test_two_steps_at_once_have_a_table_each(tiny: Path) -> None:
    """Slots of a suspended step belong to it; so does the account of what is in them."""
    policy = LRU()
    with _open(tiny, slots=5, policy=policy) as engine:
        past = engine.session()
        past.feed(PROMPT)
        expected = [_watched(past.fork(), ids) for ids in ([7], [8])]
        steps = [past.fork().steps(ids) for ids in ([7], [8])]
        running = list(steps)
        while running:
            running = [one for one in running if next(one, None) is not None]
        for one, logits in zip(steps, expected, strict=True):
            np.testing.assert_allclose(np.array(one.logits), logits, atol=1e-4)
        assert len(policy.tables) == 2


def test_failed_read_is_forgotten(folder: Path) -> None:
    """After an error no slot is relied on: the next tokens are right."""
    policy = LRU()
    with _open(folder, slots=16, policy=policy) as engine, _open(folder) as plain:
        session, other = engine.session(), plain.session()
        for one in (session, other):
            one.feed(PROMPT)
        (shard,) = folder.glob("*.safetensors")
        stamp = shard.stat().st_mtime_ns
        os.utime(shard, ns=(stamp, stamp + 10**9))
        with pytest.raises(ReadError, match="changed"):
            session.feed([200, 201, 202])
        os.utime(shard, ns=(stamp, stamp))
        assert not policy.tables[0].slot_of
        np.testing.assert_allclose(np.array(session.feed([9])), np.array(other.feed([9])), atol=1e-4)


def test_abandoned_step_leaves_the_table_right(tiny: Path) -> None:
    with _open(tiny, slots=16, policy=LRU()) as engine, _open(tiny) as plain:
        session, other = engine.session(), plain.session()
        for one in (session, other):
            one.feed(PROMPT)
        for stop in range(1, 60, 7):
            steps = session.steps([stop])
            for _ in range(stop):
                next(steps)
            steps.close()
        np.testing.assert_allclose(np.array(session.feed([9])), np.array(other.feed([9])), atol=1e-4)


def _watched(session: fm.Session, ids: list[int]) -> np.ndarray:
    steps = session.steps(ids)
    for _ in steps:
        pass
    return np.array(steps.logits)
