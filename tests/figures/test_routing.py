from collections.abc import Callable

import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import StageEvent
from flashmoe_nb.figures import Subject, routing_figure

Make = Callable[..., list[StageEvent]]


def test_routing_figure_has_a_mark_for_each_choice_in_its_layers_lane(one_token: Make, subject: Subject):
    figure = routing_figure(one_token(), subject, texts=["x"])
    (marks,) = figure.data
    assert list(marks.x) == [5, 2, 11, 0, 15, 3]
    assert [round(y) for y in marks.y] == [0, 0, 0, 1, 1, 1]
    assert list(figure.layout.yaxis.ticktext) == ["4", "9"]
    assert "layer 9, expert 15" in marks.hovertext[4]
    assert "weight 0.1500, rank 2 of 3" in marks.hovertext[4]


def test_routing_figure_colours_by_weight(one_token: Make, subject: Subject):
    colors = routing_figure(one_token(), subject).data[0].marker.line.color
    assert sorted(range(6), key=lambda n: -colors[n]) == [3, 0, 1, 2, 4, 5]


def test_routing_figure_shows_a_weight_set_to_zero(one_token: Make, subject: Subject):
    events = one_token()
    router = next(event for event in events if event.stage == "router")
    router.value.routing_weights[0, 0], router.patched = 0, True
    marks = routing_figure(events, subject).data[0]
    assert marks.marker.line.color[0] == min(marks.marker.line.color)
    assert "changed by hand" in marks.hovertext[0]
    assert "changed by hand" not in marks.hovertext[3]


def test_routing_figure_stacks_tokens_inside_a_lane_without_touching_the_next(one_token: Make, subject: Subject):
    events = [event for position in range(4) for event in one_token(position)]
    figure = routing_figure(events, subject, texts=list("abcd"))
    rows = sorted({y for x, y in zip(figure.data[0].x, figure.data[0].y, strict=True) if x == 5})
    assert len(rows) == 4
    assert all(-0.5 < y < 0.5 for y in rows)
    assert "4 tokens from position 0" in figure.layout.title.subtitle.text
    assert "token 'd' at position 3" in figure.data[0].hovertext[-1]


def test_routing_figure_title_names_model_and_top_k(one_token: Make, subject: Subject):
    assert "made-up, top_k 3 of 16 experts" in routing_figure(one_token(), subject).layout.title.subtitle.text


def test_routing_figure_refuses_more_tokens_than_can_be_told_apart(one_token: Make, subject: Subject):
    events = [event for position in range(9) for event in one_token(position)]
    with pytest.raises(OptionError, match="9 tokens in one picture"):
        routing_figure(events, subject)
