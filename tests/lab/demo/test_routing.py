"""What is said about routing, on cases with known answers."""

from __future__ import annotations

import numpy as np

from flashmoe_nb.lab.demo import routing
from flashmoe_nb.lab.demo.subject import Reading


def chosen(*experts: int) -> Reading:
    """One layer, K = 1, one expert a token."""
    return Reading(np.zeros(len(experts), np.float32), np.array(experts).reshape(1, -1, 1))


def test_information_is_zero_without_and_full_with_separation() -> None:
    same = np.ones((2, 1, 4), int)
    apart = np.array([[[1, 1, 0, 0]], [[0, 0, 1, 1]]])
    assert routing.layer_statistics(same)[0]["information_bits"] == 0
    assert routing.layer_statistics(apart)[0]["information_bits"] == 1


def test_an_expert_nobody_chooses_is_dead() -> None:
    rows = routing.layer_statistics(np.array([[[1, 0], [1, 3]], [[1, 0], [2, 2]]]))
    assert [row["dead"] for row in rows] == [1, 0]


def test_choices_are_counted_over_readings() -> None:
    assert routing.sum_of([chosen(0, 2, 2), chosen(2)], 4).tolist() == [[1, 0, 3, 0]]


def test_guess_is_right_when_experts_tell_domains_apart_and_chance_when_not() -> None:
    apart = {"a": ([chosen(0, 1)] * 3, [chosen(1, 0)]), "b": ([chosen(2, 3)] * 3, [chosen(3, 2)])}
    assert routing.guess(apart, 4, 1) == {"a": 100.0, "b": 100.0, "mean": 100.0}
    same = {"a": ([chosen(0, 1)], [chosen(0, 1)]), "b": ([chosen(0, 1)], [chosen(0, 1)])}
    assert routing.guess(same, 4, 2)["mean"] == 50.0


def test_guess_looks_at_whole_spans() -> None:
    fitted = {"a": [chosen(0, 0, 0, 1)], "b": [chosen(1, 1, 1, 0)]}
    tried = chosen(0, 0, 1, 0)  # its third token alone looks like b
    assert routing.guess({name: (one, [tried]) for name, one in fitted.items()}, 2, 1)["a"] == 75.0
    assert routing.guess({name: (one, [tried]) for name, one in fitted.items()}, 2, 4)["a"] == 100.0
