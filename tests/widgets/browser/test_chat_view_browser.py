"""ChatView in JupyterLab: every control and its effect in the kernel, on the demo model with a tool."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flashmoe_nb as fm

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OPEN = '''
from typing import Literal
import flashmoe_nb as fm
from flashmoe_nb.widgets import RouterView
engine = fm.open()

@fm.tool
def get_weather(city: str, unit: Literal["celsius", "fahrenheit"]) -> dict:
    """Get the current weather for a city."""
    return {"temperature": 12 if unit == "celsius" else 54, "condition": "rainy"}

chat = fm.Chat(engine, tools=[get_weather], system="You are a helpful assistant.")
view = fm.ChatView(chat)
view
'''
LINKED = """
import ipywidgets
other = RouterView(view)
for name in ("token", "following"):
    ipywidgets.jslink((view, name), (other, name))
other
"""
SLOW = """
import time
slow = chat.session.observe(lambda event: time.sleep(0.004))
slow.__enter__()
"""
QUESTION = "What is the weather in Vienna in celsius?"
IDLE = "view.state['chat']['state'] == 'idle'"
KINDS = "[entry['kind'] for entry in view.state['chat']['entries']]"


class Talk:
    """The widget's controls by their names."""

    def __init__(self, opened: Any) -> None:
        self.opened = opened
        self.page = opened.page
        self.root = self.page.locator(".fm-chat")
        self.named("log").wait_for()

    def named(self, name: str) -> Any:
        return self.root.locator(f'[data-name="{name}"]')

    def entry(self, kind: str, nth: int = 0) -> Any:
        return self.root.locator(f'.fm-entry[data-kind="{kind}"]').nth(nth)

    def say(self, text: str) -> None:
        self.named("message").fill(text)
        self.named("message").press("Enter")

    def in_state(self, wanted: str) -> None:
        self.page.locator(f'.fm-chat[data-state="{wanted}"]').wait_for()


@pytest.fixture
def talk(notebook: Callable[..., Any]) -> Talk:
    return Talk(notebook([OPEN]))


def test_a_tool_is_asked_about_run_and_refused(talk: Talk, screenshots: Path):
    talk.named("message").fill(QUESTION)
    talk.named("send").click()
    talk.in_state("asking")
    assert talk.named("asked").inner_text() == 'get_weather({"city":"Vienna","unit":"celsius"})'
    assert talk.named("message").input_value() == ""
    talk.page.locator(".fm-root").screenshot(path=screenshots / "chat_view_asking.png")
    talk.named("allow").click()
    talk.in_state("idle")
    assert '"temperature": 12' in talk.entry("result").inner_text()
    said = talk.opened.ask("chat.messages[-1]['content']")
    assert said
    assert talk.entry("text").locator(".fm-said").inner_text() == said
    talk.say(QUESTION)
    talk.in_state("asking")
    talk.named("refuse").click()
    talk.in_state("idle")
    talk.entry("refused").wait_for()
    assert talk.opened.ask("sum('did not allow' in str(message['content']) for message in chat.messages)") >= 1
    assert talk.named("asked").is_hidden()


def test_an_answer_streams_and_stops(notebook: Callable[..., Any]):
    talk = Talk(notebook([OPEN, SLOW]))
    talk.say("Hello")
    talk.in_state("answering")
    talk.page.wait_for_function("() => document.querySelectorAll('.fm-word').length > 1")
    assert talk.named("send").is_disabled()
    talk.named("stop").click()
    talk.in_state("idle")
    talk.opened.wait_for(IDLE)
    assert talk.entry("end").inner_text().strip().startswith("stopped · ")
    said = talk.opened.ask("chat.messages[-1]['content']")
    assert talk.entry("text").locator(".fm-said").inner_text().strip() == said
    assert 0 < len(said) < len("Hello! How can I help you today?")
    assert talk.named("stop").is_disabled()


def test_settings_and_a_new_conversation(talk: Talk):
    for name, value in {"max_tokens": "4", "temperature": "0.5", "top_p": "0.9", "min_p": "0.1", "seed": "5"}.items():
        talk.named(name).fill(value)
    talk.named("enable_thinking").check()
    talk.say("Hello")
    talk.opened.wait_for(f"{KINDS}[-1:] == ['end']")
    sampling = "(s := chat.sampling) and (s.max_tokens, s.temperature, s.top_p, s.min_p, s.seed, chat.enable_thinking)"
    assert talk.opened.ask(sampling) == (4, 0.5, 0.9, 0.1, 5, True)
    talk.named("top_p").fill("3")
    talk.say("Hello again")
    talk.entry("error").wait_for()
    assert "top_p 3" in talk.entry("error").inner_text()
    talk.named("reset").click()
    talk.opened.wait_for(f"{KINDS} == ['system'] and len(chat.messages) == 1")
    talk.entry("user").wait_for(state="detached")


def test_a_word_drives_a_linked_view_and_a_reload_restores(notebook: Callable[..., Any]):
    talk = Talk(notebook([OPEN, LINKED]))
    talk.say("Hello")
    talk.in_state("idle")
    talk.opened.wait_for(IDLE)
    word = talk.entry("text").locator(".fm-word").nth(1)
    row = int(word.get_attribute("data-row"))
    word.click()
    talk.opened.wait_for(f"(view.token, view.following) == ({row}, False)")
    assert talk.opened.ask(f"view.trace[{row}:{row + 1}].text") == word.inner_text()
    talk.opened.wait_for_status(1, shown=row)
    assert "fm-chosen" in word.get_attribute("class")
    talk.opened.save()
    talk.opened.reload()
    talk.entry("text").locator(".fm-word.fm-chosen").wait_for()
    talk.say("Hello")
    talk.opened.wait_for(f"{KINDS}.count('end') == 2")
    talk.entry("end", 1).wait_for()


@pytest.mark.parametrize("width", [700, 1200, 1900])
def test_it_fits_from_narrow_to_wide(talk: Talk, screenshots: Path, width: int):
    page = talk.page
    page.set_viewport_size({"width": width + 360, "height": 1400})
    talk.opened.ask("setattr(chat, 'approve', lambda call: True)")
    talk.say(QUESTION)
    talk.opened.wait_for(f"{KINDS}[-1:] == ['end']")
    talk.entry("end").wait_for()
    root = page.locator(".fm-root")
    assert root.evaluate("el => el.scrollWidth <= el.clientWidth")
    for theme in ("light", "dark"):
        talk.opened.theme(theme)
        root.screenshot(path=screenshots / f"chat_view_{width}_{theme}.png")


def test_a_page_shows_what_was_said(alone: Callable[..., Any], tmp_path: Path):
    with fm.open() as engine:
        chat = fm.Chat(engine, max_tokens=8)
        chat.send("Hello")
        view = fm.ChatView(chat)
        path = view.to_html(tmp_path / "page.html")
        said = chat.messages[-1]["content"]
        view.close()
    page = alone(path)
    page.locator('.fm-entry[data-kind="text"]').wait_for()
    assert page.locator('.fm-entry[data-kind="text"] .fm-said').inner_text() == said
    assert page.locator('[data-name="send"]').is_disabled()
