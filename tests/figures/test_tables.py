from collections.abc import Callable
from dataclasses import replace

import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import Stage, StageEvent
from flashmoe_nb.figures import Subject, layer_table

Make = Callable[..., list[StageEvent]]


def test_layer_table_says_who_was_chosen_and_what_reading_took(one_token: Make, subject: Subject):
    table = layer_table(one_token(), subject, text="x")
    caption, _, first, second = repr(table).splitlines()
    assert caption == "made-up, top_k 3 of 16 experts · token 'x' at position 7 · 6,000 bytes read"
    assert first.split() == [
        "4",
        "5:0.500",
        "2:0.300",
        "11:0.200",
        "3",
        "3,000",
        "5",
        "ms",
        "3",
        "ms",
        "(expert",
        "11)",
    ]
    assert second.split()[0] == "9"


def test_layer_table_in_html_holds_the_same(one_token: Make, subject: Subject):
    html = layer_table(one_token(), subject)._repr_html_()
    assert html.count("<tr>") == 3
    for part in ("<b>15</b>", "0.150", "3,000", "5 ms", "3 ms (expert 11)"):
        assert part in html
    assert "<script" not in html


def test_layer_table_escapes_a_tokens_text(one_token: Make, subject: Subject):
    table = layer_table(one_token(), replace(subject, model="<i>"), text="<script>")
    assert "<script>" not in table._repr_html_()
    assert "&lt;script&gt;" in table._repr_html_()


def test_layer_table_of_a_stopped_token_says_so(one_token: Make, subject: Subject):
    events = one_token()[:2]
    assert events[-1].stage is Stage.ROUTER
    assert "not read yet" in repr(layer_table(events, subject))
    assert "not read yet" not in repr(layer_table(one_token(), subject))


def test_layer_table_shows_one_token(one_token: Make, subject: Subject):
    with pytest.raises(OptionError, match="2 tokens"):
        layer_table(one_token(1) + one_token(2), subject)
