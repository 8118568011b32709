"""ChatView without a browser: messages, tools asked about, stopping, and the tokens behind the words."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

import flashmoe_nb as fm
from flashmoe_nb.chat.approval import ask_at_keyboard
from flashmoe_nb.errors import OptionError
from flashmoe_nb.widgets.chat_entries import MOST_ENTRIES, Entries
from flashmoe_nb.widgets.chat_view import ChatView
from flashmoe_nb.widgets.token_strip import TokenStrip

Eventually = Callable[[Callable[[], object]], object]

QUESTION = "What is the weather in Vienna in celsius?"


@fm.tool
def get_weather(city: str, unit: Literal["celsius", "fahrenheit"]) -> dict[str, Any]:
    """Get the current weather for a city."""
    return {"city": city, "temperature": 12 if unit == "celsius" else 54}


@pytest.fixture(scope="module")
def demo() -> Iterator[fm.Engine]:
    with fm.open() as opened:
        yield opened


@pytest.fixture
def view(demo: fm.Engine) -> Iterator[ChatView]:
    """A conversation that asks before its tool runs."""
    shown = ChatView(fm.Chat(demo, tools=[get_weather], max_tokens=120))
    yield shown
    shown.close()


def kinds(view: ChatView) -> list[str]:
    return [entry["kind"] for entry in view.state["chat"]["entries"]]


def say(view: ChatView, text: str = QUESTION, **settings: object) -> None:
    view._command("chat", {"do": "send", "text": text, "settings": settings})


def test_a_call_is_asked_about_and_run_when_allowed(view: ChatView, eventually: Eventually):
    say(view)
    eventually(lambda: view.state["chat"]["state"] == "asking")
    asked = view.state["chat"]["asked"]
    assert asked["name"] == "get_weather"
    assert asked["arguments"]["unit"] == "celsius"
    view._command("chat", {"do": "answer", "allow": True})
    eventually(lambda: view.state["chat"]["state"] == "idle")
    assert kinds(view)[:3] == ["user", "call", "result"]
    assert kinds(view)[-2:] == ["text", "end"]
    assert '"temperature": 12' in view.state["chat"]["entries"][2]["text"]
    assert [message["role"] for message in view.chat.messages] == ["user", "assistant", "tool", "assistant"]


def test_a_call_that_is_refused_is_not_run(view: ChatView, eventually: Eventually):
    say(view)
    eventually(lambda: view.state["chat"]["state"] == "asking")
    view._command("chat", {"do": "answer", "allow": False})
    eventually(lambda: view.state["chat"]["state"] == "idle")
    entry = view.state["chat"]["entries"][2]
    assert (entry["kind"], entry["name"]) == ("refused", "get_weather")
    assert "did not allow" in entry["text"]


def test_stopping_while_it_asks_is_a_refusal(view: ChatView, eventually: Eventually):
    say(view)
    eventually(lambda: view.state["chat"]["state"] == "asking")
    view._command("chat", {"do": "stop"})
    eventually(lambda: view.state["chat"]["state"] == "idle")
    assert "result" not in kinds(view)
    assert view.state["chat"]["asked"] is None


def test_the_words_of_an_answer_know_their_tokens(demo: fm.Engine, eventually: Eventually):
    view = ChatView(demo)
    say(view, "Hello", max_tokens=12)
    eventually(lambda: view.state["chat"]["state"] == "idle" and "end" in kinds(view))
    answer = next(entry for entry in view.state["chat"]["entries"] if entry["kind"] == "text")
    trace = view.trace
    starts = [start for start, _ in answer["marks"]] + [len(answer["text"])]
    for (start, row), end in zip(answer["marks"], starts[1:], strict=True):
        if row < len(trace):  # the last one is drawn, not fed
            assert trace[row : row + 1].text == answer["text"][start:end]
    assert len(answer["marks"]) > 3
    other = TokenStrip(view)
    assert other.trace is trace
    other.close()
    view.close()


def test_settings_are_used_and_wrong_ones_told(view: ChatView, eventually: Eventually):
    say(view, "Hello", max_tokens=3, temperature=0.5, seed=7, enable_thinking=True)
    eventually(lambda: "end" in kinds(view))
    assert (view.chat.sampling.max_tokens, view.chat.sampling.seed) == (3, 7)
    assert view.chat.enable_thinking
    assert view.state["chat"]["settings"]["temperature"] == 0.5
    before = list(view.chat.messages)
    say(view, "Hello", top_p=3)
    eventually(lambda: "error" in kinds(view))
    eventually(lambda: view.state["chat"]["state"] == "idle")
    assert "top_p 3, " in view.state["chat"]["entries"][-1]["text"]
    assert view.chat.messages == before


def test_a_new_conversation_keeps_the_system_prompt(demo: fm.Engine, eventually: Eventually):
    chat = fm.Chat(demo, system="Be brief.", max_tokens=4)
    chat.send("Hello")
    view = ChatView(chat)
    assert kinds(view)[:3] == ["system", "user", "text"]
    view._command("chat", {"do": "reset"})
    eventually(lambda: kinds(view) == ["system"])
    with pytest.raises(OptionError, match="'sing' is not known"):
        view.panel.take({"do": "sing"})
    view.close()


def test_the_keyboard_is_asked_again_once_it_is_let_go(demo: fm.Engine):
    chat = fm.Chat(demo, tools=[get_weather])
    own = fm.Chat(demo, tools=[get_weather], approve="never")
    refuse = own.approve
    view = ChatView(chat)
    assert chat.approve is not ask_at_keyboard
    view.attach(own)
    assert chat.approve is ask_at_keyboard
    assert own.approve is refuse, "who decides already is not replaced"
    view.close()


def test_what_cannot_answer_is_refused(recorded: fm.Trace, demo: fm.Engine, tmp_path: Path):
    with pytest.raises(OptionError, match="a recorded trace cannot answer"):
        ChatView(recorded)
    view = ChatView(demo)
    assert '"kind": "chat"' in view.to_html(tmp_path / "chat.html").read_text("utf-8")
    view.close()


def test_old_entries_are_not_listed():
    entries = Entries()
    for number in range(MOST_ENTRIES + 5):
        entries.add("user", str(number))
    assert len(entries.listed()) == MOST_ENTRIES
    assert entries.listed()[0]["text"] == "5"
    assert entries.last() == (MOST_ENTRIES - 1, entries.listed()[-1])
