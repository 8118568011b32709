"""Later turns: what they want, and that they hold nothing a training dialogue may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashmoe_nb.lab.demo import turns
from flashmoe_nb.lab.demo.chatml import ToolFormat
from flashmoe_nb.lab.demo.evalset import shipped
from flashmoe_nb.lab.demo.pools import Pools, Split, split_of
from flashmoe_nb.lab.demo.turns import TurnKind

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_values_of_a_result_are_all_scalars_but_the_status() -> None:
    assert turns.said_values({"status": "ok", "id": "A-1"}) == ("A-1",)
    assert turns.said_values({"files": ["a.txt", "b.txt"], "n": 2}) == ("a.txt", "b.txt", "2")


def test_kinds_take_turns_and_want_one_thing_each(pools: dict[Split, Pools]) -> None:
    made = turns.heldout(pools[Split.HELDOUT], ToolFormat.XML, 20)
    assert [turn.kind for turn in made[:2]] == [TurnKind.ANSWER, TurnKind.CALL]
    for turn in made:
        assert turn.text.count("<tool_response>") == 1
        assert turn.text.endswith("<think>\n\n</think>\n\n")
        assert len(turn.calls) == (turn.kind is TurnKind.CALL)
        assert all(value in turn.text for value in turn.values)


def test_the_same_pools_give_the_same_turns(pools: dict[Split, Pools]) -> None:
    first, again = (turns.heldout(pools[Split.HELDOUT], ToolFormat.JSON, 9) for _ in range(2))
    assert first == again != turns.heldout(pools[Split.TRAIN], ToolFormat.JSON, 9)


def _cities(found: list[turns.Turn]) -> Iterator[str]:
    for turn in found:
        for call in turn.calls:
            if call.name in ("get_weather", "get_time"):
                yield str(call.arguments["city"])


def test_shipped_turns_name_held_out_places_only() -> None:
    found = turns.load(shipped())
    assert {kind: sum(turn.kind is kind for turn in found) for kind in TurnKind} == {"answer": 100, "call": 100}
    cities = list(_cities(found))
    assert len(cities) > 3
    assert {split_of(city) for city in cities} == {Split.HELDOUT}
