"""Scores: what counts as parseable and exact."""

from __future__ import annotations

import pytest

from flashmoe_nb.lab.demo.chatml import ToolFormat
from flashmoe_nb.lab.demo.scoring import Score, parse, score, share, wilson
from flashmoe_nb.lab.demo.toolbox import Call

_EXPECTED = [Call("f", {"a": "x", "n": 2})]


def _wrap(body: str) -> str:
    return f"<tool_call>\n{body}\n</tool_call>"


@pytest.mark.parametrize(("body", "expected"), [
    ('{"name": "f", "arguments": {"a": "x", "n": 2}}', Score(parsed=True, names=True, keys=True, exact=True)),
    ('{"name": "f", "arguments": {"a": "y", "n": 2}}', Score(parsed=True, names=True, keys=True, exact=False)),
    ('{"name": "f", "arguments": {"a": "x"}}', Score(parsed=True, names=True, keys=False, exact=False)),
    ('{"name": "g", "arguments": {"a": "x", "n": 2}}', Score(parsed=True, names=False, keys=False, exact=False)),
    ('{"name": "f", "arguments": {"a": "x", "a": "x"}}', Score(parsed=False, names=False, keys=False, exact=False)),
    ('{"name": "f", "arguments": {', Score(parsed=False, names=False, keys=False, exact=False)),
])  # fmt: skip
def test_json_score(body: str, expected: Score) -> None:
    assert score(_wrap(body), _EXPECTED, ToolFormat.JSON) == expected


def test_xml_score() -> None:
    good = "<function=f>\n<parameter=a>\nx\n</parameter>\n<parameter=n>\n2\n</parameter>\n</function>"
    assert score(_wrap(good), _EXPECTED, ToolFormat.XML).exact
    assert not score(_wrap(good.replace("\n2\n", "\n3\n")), _EXPECTED, ToolFormat.XML).exact
    assert parse(_wrap(good.replace("</function>", "")), ToolFormat.XML) is None


def test_answer_with_text_beside_the_call_is_not_parsed() -> None:
    assert parse("well " + _wrap('{"name": "f", "arguments": {}}'), ToolFormat.JSON) is None


def test_wilson_interval_holds_the_share() -> None:
    low, high = wilson(95, 100)
    assert low < 0.95 < high
    assert wilson(0, 0) == (0.0, 1.0)


def test_share_is_shown_with_its_interval() -> None:
    assert share(95, 100) == "95.0 [88.8, 97.8]"
