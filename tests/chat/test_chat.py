"""Conversations: state that stays, tools that run only when they may, and nothing kept of an answer that failed."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

import flashmoe_nb as fm
from flashmoe_nb.chat.pieces import BrokenCall, Finish, Text, Thought, ToolCall, ToolResult
from flashmoe_nb.errors import ContextError, OptionError, PromptError, SessionBusyError, ToolError, UnsupportedError
from tests.chat.conftest import Script
from tests.text.test_call_stream import json_call, xml_call

RAN: list[str] = []


@fm.tool
def lamp(room: str, *, on: bool = True) -> str:
    """Switch a lamp."""
    RAN.append(f"{room} {on}")
    if room == "cellar":
        raise RuntimeError("no lamp there")
    return "done"


CALL = json_call("lamp", {"room": "hall"})


@pytest.fixture(autouse=True)
def _none_ran():
    RAN.clear()


def results(reply: Any) -> list[tuple[bool, str]]:
    return [(result.ok, result.content) for result in reply.results]


def test_turns_feed_only_what_is_new(engine: fm.Engine, script: Script):
    script("Hello.", "Yes.")
    chat = fm.Chat(engine, system="Be brief.")
    first, second = chat.send("Hi"), chat.send("Really?")
    assert [str(first), str(second)] == ["Hello.", "Yes."]
    assert first.finish.n_reused == 0
    assert second.finish.n_reused > first.finish.n_prompt // 2
    assert [message["role"] for message in chat.messages] == ["system", "user", "assistant", "user", "assistant"]


def test_an_allowed_call_runs_and_its_result_is_fed(engine: fm.Engine, script: Script):
    script(CALL, "It is on.")
    chat = fm.Chat(engine, tools=[lamp], approve=["lamp"])
    reply = chat.send("Light in the hall please")
    assert results(reply) == [(True, "done")]
    assert RAN == ["hall True"]
    assert reply.text == "It is on."
    assert chat.messages[1]["tool_calls"][0]["function"] == {"name": "lamp", "arguments": {"room": "hall"}}
    assert chat.messages[2] == {"role": "tool", "content": "done"}


def test_both_formats_are_understood(engine: fm.Engine, script: Script):
    script(xml_call("lamp", {"room": "hall", "on": False}), "Dark.")
    chat = fm.Chat(engine, tools=[lamp], approve=["lamp"], template_variables={"tool_format": "xml"})
    assert results(chat.send("Dark please")) == [(True, "done")]
    assert RAN == ["hall False"]


def test_several_calls_run_in_their_order(engine: fm.Engine, script: Script):
    script(f"Both. {CALL}\n{json_call('lamp', {'room': 'attic'})}", "Done.")
    chat = fm.Chat(engine, tools=[lamp], approve=["lamp"])
    assert len(chat.send("All").results) == 2
    assert RAN == ["hall True", "attic True"]
    assert chat.messages[1]["content"] == "Both."


@pytest.mark.parametrize("approve", ["never", [], ["other"], lambda _call: False])
def test_nothing_runs_without_approval(engine: fm.Engine, script: Script, approve: Any):
    script(CALL, "I may not.")
    reply = fm.Chat(engine, tools=[lamp], approve=approve).send("Light")
    assert results(reply) == [(False, "error: the user did not allow this call")]
    assert not RAN


@pytest.mark.parametrize(("typed", "ran"), [("y", 1), ("yes ", 1), ("", 0), ("n", 0), ("sure", 0), (None, 0)])
def test_the_default_asks(engine: fm.Engine, script: Script, monkeypatch: Any, typed: str | None, ran: int):
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        if typed is None:
            raise EOFError
        return typed

    monkeypatch.setattr("builtins.input", answer)
    script(json_call("lamp", {"room": "hall\x1b[2K\n"}), "ok")
    fm.Chat(engine, tools=[lamp]).send("Light")
    assert asked == [r"Run lamp(room='hall\x1b[2K\n')? [y/N] "]  # what would hide on a terminal is visible
    assert len(RAN) == ran


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (json_call("shell", {"command": "rm"}), 'error: there is no tool "shell": the tools are lamp'),
        (json_call("lamp", {}), "error: the arguments of lamp do not fit: room: Field required"),
        (json_call("lamp", {"room": "hall", "on": "yes"}), "on: Input should be a valid boolean"),
        (r'<tool_call>{\name\: "lamp"}</tool_call>', "error: no valid call: no valid JSON"),
        ('<tool_call>{"name": "lamp", "argu', "error: no valid call: the text ended after"),
        (json_call("lamp", {"room": "cellar"}), "error: lamp failed: RuntimeError: no lamp there"),
    ],
)
def test_calls_that_cannot_be_made_are_reported_to_the_model(engine: fm.Engine, script: Script, call: str, said: str):
    script(call, "Sorry.")
    chat = fm.Chat(engine, tools=[lamp], approve=["lamp", "shell"])
    reply = chat.send("Light")
    ((ok, content),) = results(reply)
    assert not ok
    assert said in content
    assert chat.messages[-2] == {"role": "tool", "content": content}
    assert reply.text == "Sorry."
    assert (["cellar True"] if "cellar" in call else []) == RAN


def test_a_broken_call_stays_in_the_history_as_it_was_written(engine: fm.Engine, script: Script):
    script("<tool_call>{nonsense}</tool_call>", "Sorry.")
    chat = fm.Chat(engine, tools=[lamp], approve=["lamp"])
    pieces = list(chat.stream("Light"))
    assert any(isinstance(piece, BrokenCall) for piece in pieces)
    assert chat.messages[1] == {"role": "assistant", "content": "<tool_call>{nonsense}</tool_call>"}


def test_without_tools_a_call_is_text(engine: fm.Engine, script: Script):
    script(CALL)
    assert fm.Chat(engine).send("Light").text == CALL


def test_rounds_of_calls_are_limited(engine: fm.Engine, script: Script):
    script(*[CALL] * 9)
    reply = fm.Chat(engine, tools=[lamp], approve=["lamp"], max_rounds=2).send("Light")
    assert reply.finish.reason == "tool_rounds"
    assert len(RAN) == 2


def test_thoughts_are_apart_and_dropped_from_later_prompts(engine: fm.Engine, script: Script):
    script("<think>\nhm\n</think>\n\nYes.", "No.")
    chat = fm.Chat(engine)
    reply = chat.send("Is it?")
    assert (reply.thought, reply.text) == ("hm", "Yes.")
    assert chat.messages[-1] == {"role": "assistant", "content": "Yes.", "reasoning_content": "hm"}
    second = chat.send("And that?")
    assert second.text == "No."
    assert 0 < second.finish.n_reused < second.finish.n_prompt


def test_the_thinking_budget_closes_the_block(engine: fm.Engine, script: Script):
    script("<think>" + "hm " * 30)
    chat = fm.Chat(engine, thinking_budget=10, max_tokens=60)
    pieces = list(chat.stream("Is it?"))
    thought = "".join(piece.text for piece in pieces if isinstance(piece, Thought))
    assert 0 < len(thought) < 20
    assert any(isinstance(piece, Text) for piece in pieces)
    unlimited = fm.Chat(engine, max_tokens=60)
    script("<think>" + "hm " * 30)
    assert len(unlimited.send("Is it?").thought) > len(thought)


def test_stop_from_another_thread_keeps_what_was_said(engine: fm.Engine, script: Script):
    script("One two three four five six seven.")
    chat = fm.Chat(engine)
    pieces = []
    for piece in chat.stream("Count"):
        pieces.append(piece)
        if len(pieces) == 3:
            thread = threading.Thread(target=chat.stop)
            thread.start()
            thread.join()
    assert isinstance(pieces[-1], Finish)
    assert pieces[-1].reason == "stopped"
    assert chat.messages[-1]["content"] == "".join(p.text for p in pieces if isinstance(p, Text)).strip()
    assert not chat.messages[-1]["content"].endswith("seven.")


def test_an_answer_dropped_half_way_leaves_no_trace(engine: fm.Engine, script: Script):
    script("One two three.")
    chat = fm.Chat(engine)
    stream = chat.stream("Count")
    next(stream)
    with pytest.raises(SessionBusyError, match="an answer is on its way"):
        chat.send("And now?")
    stream.close()
    assert chat.messages == []
    script("Fresh.")
    assert chat.send("Again").text == "Fresh."
    assert [message["content"] for message in chat.messages] == ["Again", "Fresh."]


def test_an_error_of_the_approval_leaves_no_trace(engine: fm.Engine, script: Script):
    def broken(call: ToolCall) -> bool:
        raise KeyboardInterrupt

    script(CALL)
    chat = fm.Chat(engine, tools=[lamp], approve=broken)
    with pytest.raises(KeyboardInterrupt):
        chat.send("Light")
    assert chat.messages == []


def test_a_conversation_too_long_is_refused_and_leaves_no_trace(engine: fm.Engine):
    chat = fm.Chat(engine)
    with pytest.raises(ContextError):
        chat.send("x" * (engine.max_context + 1))
    assert chat.messages == []
    with pytest.raises(PromptError, match="give text"):
        chat.send(5)  # type: ignore[arg-type]


def test_saved_conversations_go_on(engine: fm.Engine, script: Script, tmp_path: Path):
    script(CALL, "It is on.", "Yes.")
    chat = fm.Chat(engine, system="Be brief.", tools=[lamp], approve=["lamp"])
    chat.send("Light")
    chat.save(tmp_path / "talk.json")
    again = fm.Chat.load(tmp_path / "talk.json", engine, tools=[lamp], approve=["lamp"])
    assert again.messages == chat.messages
    assert again.send("Sure?").text == "Yes."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "has format 'list'"),
        ('{"format": 9, "kind": "flashmoe_nb chat"}', "has format 9, expected 1"),
        ('{"format": 1, "kind": "flashmoe_nb chat", "messages": [{"role": "pope"}]}', "role is 'pope'"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_files_that_are_no_conversation_are_refused(engine: fm.Engine, tmp_path: Path, content: str, said: str):
    path = tmp_path / "talk.json"
    path.write_text(content)
    with pytest.raises(PromptError, match=said):
        fm.Chat.load(path, engine)
    with pytest.raises(PromptError, match="cannot be read"):
        fm.Chat.load(tmp_path / "none.json", engine)


def test_a_saved_conversation_needs_its_tools(engine: fm.Engine, script: Script, tmp_path: Path):
    script("Hello.")
    chat = fm.Chat(engine, tools=[lamp], approve="never")
    chat.send("Hi")
    chat.save(tmp_path / "talk.json")
    assert "lamp" in json.loads((tmp_path / "talk.json").read_text())["tools"]
    with pytest.raises(OptionError, match="held with the tools lamp"):
        fm.Chat.load(tmp_path / "talk.json", engine)


def test_bad_options_are_refused_before_anything_is_fed(engine: fm.Engine, tmp_path: Path):
    with pytest.raises(OptionError, match='approve is "always"'):
        fm.Chat(engine, approve="always")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="max_rounds"):
        fm.Chat(engine, max_rounds=-1)
    with pytest.raises(ToolError, match="two tools"):
        fm.Chat(engine, tools=[lamp, lamp])
    with pytest.raises(OptionError, match="thinking_budget is 0"):
        fm.Chat(engine, thinking_budget=0).send("Hi")


def test_a_template_without_calls_takes_no_tools(checkpoint: Path, tmp_path: Path):
    folder = tmp_path / "plain"
    shutil.copytree(checkpoint, folder)
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    with fm.open(folder) as engine:
        with pytest.raises(UnsupportedError, match="leave tools out"):
            fm.Chat(engine, tools=[lamp])
        assert isinstance(fm.Chat(engine, max_tokens=2).send("Hi").finish, Finish)


def test_results_name_their_call(engine: fm.Engine, script: Script):
    script(CALL, "On.")
    pieces = list(fm.Chat(engine, tools=[lamp], approve=["lamp"]).stream("Light"))
    kinds = [type(piece) for piece in pieces if not isinstance(piece, Text)]
    assert kinds == [ToolCall, ToolResult, Finish]
    assert pieces[1].call is pieces[0]
