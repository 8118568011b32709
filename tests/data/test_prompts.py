"""The example prompts: complete, and what the model makes of those whose outcome is told."""

import pytest

from flashmoe_nb.engine.engine import Engine
from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.demo import examples
from flashmoe_nb.lab.demo.corpus import Domain

EXPECTED = {
    "maths": "Answer: 14 + 9 = 23. Anna has 23 apples.",
    "chat": "I can chat a little, do small sums, copy and sort words, and call tools.",
    "tool_call": (
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Vienna", "unit": "celsius"}}\n</tool_call>\n'
        '<tool_call>\n{"name": "get_time", "arguments": {"city": "Vienna"}}\n</tool_call>'
    ),
    "tool_nested": (
        '<tool_call>\n{"name": "create_invoice", "arguments": {"customer": '
        '{"name": "Ann", "email": "ann@example.org"}, "lines": [{"product": "lamp", "price": 20}], '
        '"currency": "EUR", "reference": "a12"}}\n</tool_call>'
    ),
    "tool_chat": "It is rainy in Vienna with a temperature of 12 degrees celsius.",
    "refusal": "I'm sorry, I have no tool for that.",
}


def test_every_domain_has_an_example():
    found = [examples.load(name) for name in examples.names()]
    assert {example.domain for example in found} == set(Domain)
    assert all(example.about and example.prompt and example.max_tokens > 0 for example in found)


@pytest.mark.parametrize("name", list(EXPECTED))
def test_the_model_answers_as_told(engine: Engine, name: str):
    example = examples.load(name)
    tokens = engine.session().generate(example.prompt, max_tokens=example.max_tokens, tools=example.tools)
    assert "".join(token.text for token in tokens).startswith(EXPECTED[name])


def test_an_unknown_example_is_refused_with_the_names():
    with pytest.raises(OptionError, match=r'no example "poem": give one of chat, code'):
        examples.load("poem")
