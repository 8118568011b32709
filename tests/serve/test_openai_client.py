"""OpenAI's own client: streams, tools, several turns, log probabilities, errors."""

import json
import math
from typing import Any

import openai
import pytest

import flashmoe_nb as fm
from flashmoe_nb.serve import Server
from tests.chat.conftest import Script
from tests.text.test_call_stream import json_call

HI: list[Any] = [{"role": "user", "content": "Hi"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
CALL = json_call("get_weather", {"city": "Köln", "days": 2})


def test_models_are_listed(client: openai.OpenAI):
    assert [model.id for model in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").owned_by == "flashmoe_nb"
    with pytest.raises(openai.NotFoundError, match='ask for "tiny"'):
        client.models.retrieve("gpt-4")


def test_a_whole_answer(client: openai.OpenAI, script: Script):
    script("Hello, Köln. 🐋")
    answer = client.chat.completions.create(model="tiny", messages=HI)
    (choice,) = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == (
        "assistant",
        "Hello, Köln. 🐋",
        "stop",
    )
    assert choice.message.tool_calls is None
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens == len("Hello, Köln. 🐋".encode()) + 1


def test_a_streamed_answer(client: openai.OpenAI, script: Script):
    script("Hello, Köln. 🐋")
    chunks = list(
        client.chat.completions.create(model="tiny", messages=HI, stream=True, stream_options={"include_usage": True})
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == "Hello, Köln. 🐋"
    assert len([delta for delta in deltas if delta.content]) > 5
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_seed_draws_the_same_again(client: openai.OpenAI):
    def drawn(seed: int) -> str | None:
        options: Any = {"temperature": 1.5, "max_tokens": 12, "seed": seed}
        return client.chat.completions.create(model="tiny", messages=HI, **options).choices[0].message.content

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_the_limit_and_stop_texts_end_the_answer(client: openai.OpenAI, script: Script):
    script("One two three")
    cut = client.chat.completions.create(model="tiny", messages=HI, max_completion_tokens=5).choices[0]
    assert (cut.message.content, cut.finish_reason) == ("One t", "length")
    script("One two three")
    stopped = client.chat.completions.create(model="tiny", messages=HI, stop=["two", "x"]).choices[0]
    assert (stopped.message.content, stopped.finish_reason) == ("One", "stop")


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_and_answered(client: openai.OpenAI, script: Script, stream: bool):
    script(CALL, "Sunny.")
    asked: Any = {"model": "tiny", "messages": HI, "tools": [WEATHER]}
    if stream:
        with client.chat.completions.stream(**asked) as events:
            choice = events.get_final_completion().choices[0]
    else:
        choice = client.chat.completions.create(**asked).choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Köln", "days": 2}
    message = choice.message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
    turns: Any = [*HI, message, {"role": "tool", "tool_call_id": call.id, "content": "sun"}]
    again = client.chat.completions.create(model="tiny", messages=turns, tools=[WEATHER])
    assert again.choices[0].message.content == "Sunny."
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    assert (again.usage.prompt_tokens_details.cached_tokens or 0) > again.usage.prompt_tokens // 2


def test_calls_that_do_not_fit_stay_text(client: openai.OpenAI, script: Script):
    for call, reason in (
        (json_call("get_weather", {"days": 2}), "'city' is a required property"),
        (json_call("shell", {}), 'there is no tool "shell"'),
        ('<tool_call>{"name"', "the text ended"),
    ):
        script("Well. " + call)
        answer = client.chat.completions.create(model="tiny", messages=HI, tools=[WEATHER])
        assert answer.choices[0].finish_reason == "stop"
        assert answer.choices[0].message.tool_calls is None
        assert answer.choices[0].message.content == "Well. " + call
        broken = answer.model_extra["flashmoe"]["broken_calls"] if answer.model_extra else []
        assert reason in broken[0]["reason"]


def test_tool_choice_none_offers_no_tools(client: openai.OpenAI, script: Script):
    script(CALL)
    answer = client.chat.completions.create(model="tiny", messages=HI, tools=[WEATHER], tool_choice="none")
    assert answer.choices[0].message.content == CALL


@pytest.mark.parametrize("named", [False, True])
def test_a_required_call_fits_its_schema_whatever_the_model(client: openai.OpenAI, named: bool):
    """The model is random, so only the grammar can make it so; the other tool could not be called by name."""
    pytest.importorskip("llguidance")
    level: Any = {"type": "object", "properties": {"level": {"enum": [1, 2, 3]}}, "required": ["level"]}
    tools: Any = [{"type": "function", "function": {"name": name, "parameters": level}} for name in ("dim", "lift")]
    choice: Any = {"type": "function", "function": {"name": "lift"}} if named else "required"
    for seed in range(3):
        answer = client.chat.completions.create(
            model="tiny", messages=HI, tools=tools, tool_choice=choice, temperature=1.5, seed=seed, max_tokens=100
        )
        call = (answer.choices[0].message.tool_calls or [])[0]
        assert call.type == "function"
        assert call.function.name in ({"lift"} if named else {"dim", "lift"})
        assert json.loads(call.function.arguments)["level"] in (1, 2, 3)


def test_several_turns_feed_only_what_is_new(client: openai.OpenAI, script: Script):
    script("One.", "Two.", "Three.")
    messages = list(HI)
    for expected in ("One.", "Two.", "Three."):
        answer = client.chat.completions.create(model="tiny", messages=messages)
        said = answer.choices[0].message.content
        assert said == expected
        assert answer.usage is not None
        assert answer.usage.prompt_tokens_details is not None
        cached = answer.usage.prompt_tokens_details.cached_tokens or 0
        assert cached > 0 or expected == "One."
        messages += [{"role": "assistant", "content": said}, {"role": "user", "content": "More"}]


def test_two_conversations_do_not_undo_each_other(client: openai.OpenAI, script: Script):
    script(*["Yes."] * 4)
    cached = []
    for name in ("Ann", "Bob", "Ann", "Bob"):
        messages: Any = [{"role": "system", "content": f"You are {name}."}, *HI]
        usage = client.chat.completions.create(model="tiny", messages=messages).usage
        assert usage is not None
        assert usage.prompt_tokens_details is not None
        cached.append(usage.prompt_tokens_details.cached_tokens or 0)
    assert min(cached[2:]) > 20 > max(cached[:2])


def test_log_probabilities(client: openai.OpenAI, engine: fm.Engine):
    asked: Any = {"model": "tiny", "messages": HI, "max_tokens": 4, "temperature": 0, "logprobs": True}
    answer = client.chat.completions.create(**asked, top_logprobs=3)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    rows = logprobs.content or []
    assert len(rows) == 4
    for row in rows:
        assert len(row.top_logprobs) == 3
        assert row.top_logprobs[0].logprob == pytest.approx(row.logprob)  # greedy takes the likeliest
        assert sum(math.exp(other.logprob) for other in row.top_logprobs) <= 1 + 1e-6
    streamed = list(client.chat.completions.create(**asked, top_logprobs=3, stream=True))
    seen = [row for c in streamed if c.choices and c.choices[0].logprobs for row in c.choices[0].logprobs.content or []]
    assert [row.bytes for row in seen] == [row.bytes for row in rows]


def test_logit_bias_forbids_tokens(client: openai.OpenAI):
    asked: Any = {"model": "tiny", "messages": HI, "max_tokens": 8, "temperature": 2.0, "seed": 1, "logprobs": True}

    def bytes_of_tokens(**more: Any) -> list[int]:
        logprobs = client.chat.completions.create(**asked, **more).choices[0].logprobs
        assert logprobs is not None
        return [len(row.bytes or []) for row in logprobs.content or []]

    assert 1 not in bytes_of_tokens(logit_bias={str(token): -100 for token in range(256)})
    assert set(bytes_of_tokens(logit_bias={str(token): 100 for token in range(256)})) == {1}


def test_thoughts_are_apart(client: openai.OpenAI, script: Script):
    script("<think>\nhm\n</think>\n\nYes.")
    message = client.chat.completions.create(model="tiny", messages=HI).choices[0].message
    assert message.content == "Yes."
    assert (message.model_extra or {})["reasoning_content"] == "hm"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"messages": []}, "messages: List should have at least 1 item"),
        ({"messages": [{"role": "pope", "content": "Hi"}]}, "role is 'pope'"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "image"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]}, "JSON"),
        ({"temperature": -1}, "temperature: Input should be greater than or equal to 0"),
        ({"temperature": "hot"}, "temperature: Input should be a valid number"),
        ({"n": 2}, "n: Input should be 1"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"top_logprobs": 3}, "top_logprobs needs logprobs"),
        ({"tools": [WEATHER, WEATHER]}, 'two tools are called "get_weather"'),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "no name for a tool"),
        ({"tool_choice": "required"}, "tool_choice asks for a call, but there are no tools"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"logit_bias": {"x": 1}}, "logit_bias has a key that is no token id"),
        ({"logit_bias": {"9999999": 1}}, "the vocabulary has"),
        ({"extra_body": {"typical_p": 0.5}}, "typical_p: Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(client: openai.OpenAI, changed: dict[str, Any], said: str):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**({"model": "tiny", "messages": HI} | changed))
    assert said in str(caught.value)
    assert caught.value.type == "invalid_request_error"


def test_a_prompt_too_long_says_so(client: openai.OpenAI, engine: fm.Engine):
    messages: Any = [{"role": "user", "content": "x" * engine.max_context}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="tiny", messages=messages)
    assert caught.value.code == "context_length_exceeded"


def test_an_error_in_the_middle_of_a_stream_is_told(
    client: openai.OpenAI, server: Server, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> int:
        raise ValueError("secret detail")

    monkeypatch.setattr("flashmoe_nb.engine.sampling.Sampler.draw", fail)
    with pytest.raises(openai.APIError, match="the server failed \\(ValueError\\)"):
        list(client.chat.completions.create(model="tiny", messages=HI, stream=True))
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="tiny", messages=HI)
    assert "secret detail" not in str(caught.value)
    monkeypatch.undo()
    assert client.chat.completions.create(model="tiny", messages=HI, max_tokens=2).choices
    assert server.service.desk.n_here == 0
