"""Answers are classed by the first thing that is wrong with them."""

import pytest

from flashmoe_nb.lab.demo.chatml import ToolFormat
from flashmoe_nb.lab.demo.prompts import Ask, Prompt
from flashmoe_nb.lab.demo.toolbox import Call
from flashmoe_nb.lab.tool_validity.faults import Fault, judge
from flashmoe_nb.lab.tool_validity.measure import right_answer

JSON = Prompt(Ask.SINGLE, ToolFormat.JSON, "", (Call("f", {"a": "x", "n": 1}),))
XML = Prompt(Ask.SINGLE, ToolFormat.XML, "", (Call("f", {"a": "x", "n": 1}),))


@pytest.mark.parametrize("prompt", [JSON, XML])
def test_the_right_answer_has_no_fault(prompt: Prompt):
    assert judge(right_answer(prompt).removesuffix("<|im_end|>"), prompt).fault is Fault.NONE


@pytest.mark.parametrize(
    ("body", "fault", "detail"),
    [
        (r'{\name\: "f", "arguments": {"a": "x", "n": 1}}', Fault.SYNTAX, "at character N"),
        ('{"name": "f", "arguments": {"a": "x", "a": "x"}}', Fault.SYNTAX, "stands twice"),
        ('{"name": "g", "arguments": {"a": "x", "n": 1}}', Fault.TOOLS, ""),
        ('{"name": "f", "arguments": {"a": "x"}}', Fault.KEYS, ""),
        ('{"name": "f", "arguments": {"a": "y", "n": 1}}', Fault.VALUES, ""),
        ('{"name": "f", "arguments": {"a": "x", "n": "1"}}', Fault.VALUES, ""),
        ('{"name": "f", "arguments": {"a": "x", "n": 1}}', Fault.NONE, ""),
    ],
)
def test_answers_are_classed(body: str, fault: Fault, detail: str):
    verdict = judge(f"<tool_call>\n{body}\n</tool_call>", JSON)
    assert verdict.fault is fault
    assert detail in verdict.detail
    assert verdict.backslashes == (r"\name" in body)


def test_what_is_no_call_is_classed():
    assert judge("I cannot.", JSON).fault is Fault.NO_CALL
    assert judge('<tool_call>\n{"name": "f", "argum', JSON).fault is Fault.CUT_OFF
    whole = right_answer(JSON).removesuffix("<|im_end|>")
    assert judge("Here: " + whole, JSON).fault is Fault.AROUND
