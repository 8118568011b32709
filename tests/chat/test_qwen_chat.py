"""Conversations through templates that do as Qwen's: thoughts that come and go, both call formats, kept state."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import flashmoe_nb as fm
from tests.chat.conftest import Script
from tests.text.test_call_stream import json_call, xml_call

TEMPLATE = Path(__file__).parents[1] / "text" / "templates" / "qwen.jinja"
FAMILIES = {"qwen3": json_call, "qwen3-next": json_call, "qwen3.5": xml_call}


@pytest.fixture(scope="module")
def qwen(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[fm.Engine]:
    folder = tmp_path_factory.mktemp("qwen") / "tiny"
    shutil.copytree(checkpoint, folder)
    shutil.copy(TEMPLATE, folder / "chat_template.jinja")
    with fm.open(folder) as engine:
        yield engine


@pytest.fixture
def engine(qwen: fm.Engine) -> fm.Engine:
    """What `script` speaks through."""
    return qwen


@fm.tool
def lamp(room: str, level: int) -> str:
    """Switch a lamp."""
    return f"{room} at {level}"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_thoughtful_exchange_with_a_call(engine: fm.Engine, script: Script, family: str):
    opening = "<think>\n" if family == "qwen3" else ""  # the others' prompts end with it
    call = FAMILIES[family]("lamp", {"room": "hall", "level": 2})
    script(
        f"{opening}which room?\n</think>\n\n{call}",
        f"{opening}it is done\n</think>\n\nOn.",
        f"{opening}polite\n</think>\n\nWelcome.",
    )
    chat = fm.Chat(engine, tools=[lamp], approve=["lamp"], enable_thinking=True, template_variables={"family": family})
    first = chat.send("Light in the hall")
    assert [(result.ok, result.content) for result in first.results] == [(True, "hall at 2")]
    assert (first.text, first.thought) == ("On.", "which room?\nit is done")
    assert chat.messages[1]["reasoning_content"] == "which room?"
    second = chat.send("Thanks")
    assert (second.text, second.thought) == ("Welcome.", "polite")
    # The thoughts of the first exchange are dropped from the prompt, so the state goes back behind its question.
    assert 0 < second.finish.n_reused < first.finish.n_prompt


@pytest.mark.parametrize("family", FAMILIES)
def test_within_an_exchange_the_state_is_kept_whole(engine: fm.Engine, script: Script, family: str):
    opening = "<think>\n" if family == "qwen3" else ""
    call = FAMILIES[family]("lamp", {"room": "hall", "level": 2})
    script(f"{opening}which room?\n</think>\n\n{call}", f"{opening}done\n</think>\n\nOn.")
    chat = fm.Chat(engine, tools=[lamp], approve=["lamp"], enable_thinking=True, template_variables={"family": family})
    reply = chat.send("Light in the hall")
    new = reply.finish.n_prompt - reply.finish.n_reused
    assert new < 100  # the tool's response and the next turn's opening; bytes are tokens here
