"""Synthetic conversations as messages: tool calls with results and final answers, refusals, copying, small talk.

Knows what is said; `chatml` knows how it is written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flashmoe_nb.lab.demo import smalltalk
from flashmoe_nb.lab.demo.chatml import Message, Role, ToolFormat, render
from flashmoe_nb.lab.demo.kinds import Draw, Value, joined
from flashmoe_nb.lab.demo.toolbox import FIXED, Call, Tool, invented

if TYPE_CHECKING:
    from collections.abc import Callable

_REFUSALS = (
    "None of the tools I have can do that.", "I'm sorry, I have no tool for that.",
    "I can't do that with the tools I have.",
)  # fmt: skip


@dataclass(slots=True)
class Dialogue:
    """A conversation that is being written."""

    tools: list[Tool]
    messages: list[Message] = field(default_factory=list)


def _weather(draw: Draw, call: Call) -> tuple[Value, str]:
    unit = call.arguments["unit"]
    degrees = draw.number(-5, 35) if unit == "celsius" else draw.number(20, 95)
    sky = draw.random.choice(["sunny", "cloudy", "rainy", "windy", "snowy", "foggy"])
    text = f"It is {sky} in {call.arguments['city']} with a temperature of {degrees} degrees {unit}."
    return {"temperature": degrees, "condition": sky}, text


def _time(draw: Draw, call: Call) -> tuple[Value, str]:
    now = draw.time()
    return {"time": now}, f"It is {now} in {call.arguments['city']}."


def _calculate(draw: Draw, call: Call) -> tuple[Value, str]:
    value = draw.decimal() if "/" in str(call.arguments["expression"]) else draw.number(-999, 99999)
    return {"result": value}, f"{call.arguments['expression']} = {value}"


def _stock(draw: Draw, call: Call) -> tuple[Value, str]:
    price, symbol = draw.decimal(), call.arguments["symbol"]
    return {"symbol": symbol, "price": price}, f"{symbol} is trading at {price} dollars."


def _convert(draw: Draw, call: Call) -> tuple[Value, str]:
    value, given = draw.decimal(), call.arguments
    return {"converted": value}, f"{given['amount']} {given['from']} is {value} {given['to']}."


def _listing(draw: Draw, call: Call) -> tuple[Value, str]:
    files: list[Value] = [f"{draw.word()}.txt" for _ in range(draw.number(1, 4))]
    return {"files": files}, f"The folder {call.arguments['path']} contains {joined([str(name) for name in files])}."


def _reading(draw: Draw, call: Call) -> tuple[Value, str]:
    content = draw.phrase(3, 10)
    return {"content": content}, f'{call.arguments["path"]} says: "{content}".'


def _parcel(draw: Draw, call: Call) -> tuple[Value, str]:
    city, day = draw.city(), draw.date()
    text = f"Your package {call.arguments['tracking_code']} is in {city} and should arrive on {day}."
    return {"location": city, "expected": day}, text


def _done(draw: Draw, _call: Call) -> tuple[Value, str]:
    if draw.chance(0.12):
        why = draw.random.choice(["not available", "permission denied", "not found", "time out"])
        return {"status": "error", "message": why}, f"Sorry, that failed: {why}."
    if draw.chance(0.5):
        code = draw.code()
        return {"status": "ok", "id": code}, f"Done. The id is {code}."
    return {"status": "ok"}, draw.random.choice(["Done.", "That worked.", "It is done."])


_RESULTS: dict[str, Callable[[Draw, Call], tuple[Value, str]]] = {
    "get_weather": _weather, "get_time": _time, "calculate": _calculate, "get_stock_price": _stock,
    "convert_currency": _convert, "list_directory": _listing, "read_file": _reading, "track_package": _parcel,
}  # fmt: skip


def result(draw: Draw, call: Call) -> tuple[Value, str]:
    """What a tool answers, and what the assistant then says."""
    return _RESULTS.get(call.name, _done)(draw, call)


def renamed(draw: Draw, tool: Tool) -> Tool:
    """The same tool under a name that nobody has seen, so that a name is read from the offer and not remembered."""
    first, *rest = tool.name.split("_")
    name = draw.random.choice([
        first + "".join(part.capitalize() for part in rest), f"{draw.word()}_{tool.name}", f"{tool.name}_{draw.word()}",
        f"{draw.word()}_{rest[-1] if rest else first}", f"{tool.name}_v{draw.number(2, 9)}",
    ])  # fmt: skip
    return replace(tool, name=name)


def some_tools(draw: Draw) -> list[Tool]:
    """A few tools with different names: fixed ones, some of them renamed, and invented ones."""
    tools, most = {}, draw.habits.most_tools
    for tool in draw.random.sample(FIXED, draw.number(0, most)):
        offered = renamed(draw, tool) if draw.chance(0.25) else tool
        tools[offered.name] = offered
    for _ in range(draw.number(0 if tools else 1, 2)):
        tool = invented(draw)
        tools.setdefault(tool.name, tool)
    return draw.random.sample(list(tools.values()), min(len(tools), most))


def ask(draw: Draw, tool: Tool) -> tuple[str, Call]:
    """A request and its call; an optional parameter is sometimes left unsaid."""
    if tool.optional and draw.chance(0.5):
        kept = {name: kind for name, kind in tool.parameters.items() if name not in tool.optional}
        said = tuple(_without(sentence, tool.optional) for sentence in tool.sentences)
        tool = Tool(tool.name, tool.description, kept, said)
    return tool.ask(draw)


def _without(sentence: str, names: frozenset[str]) -> str:
    # Invented sentences join their parts with ", " and " and "; drop the parts that name an optional parameter.
    parts = sentence.rstrip(".").replace("} and ", "}, ").split(", ")
    return ", ".join(part for part in parts if not any(f"{{{name}}}" in part for name in names)) + "."


def _call_turn(draw: Draw, dialogue: Dialogue) -> None:
    # One request, or several at once in one message: the calls come in the order asked.
    habits, offered = draw.habits, dialogue.tools
    count = 1 if draw.chance(1 - habits.several) else draw.number(2, habits.most_calls)
    apart = habits.different and count <= len(offered)
    wanted = draw.random.sample(offered, count) if apart else (draw.random.choice(offered) for _ in range(count))
    pairs = [ask(draw, tool) for tool in wanted]
    glue = draw.random.choice([" ", " Then: ", "\n"])
    dialogue.messages.append(Message(Role.USER, glue.join(text for text, _ in pairs)))
    dialogue.messages.append(Message(Role.ASSISTANT, "", tuple(call for _, call in pairs)))
    if draw.chance(0.6):
        answers = []
        for _, call in pairs:
            value, text = result(draw, call)
            dialogue.messages.append(Message(Role.TOOL, json.dumps(value)))
            answers.append(text)
        dialogue.messages.append(Message(Role.ASSISTANT, " ".join(answers)))


def _refusal_turn(draw: Draw, dialogue: Dialogue) -> None:
    # What is asked for is described as an offered tool never is: two tools of one description would make it a guess.
    offered = {tool.description for tool in dialogue.tools}
    tool = draw.random.choice([tool for tool in FIXED if tool.description not in offered])
    if draw.chance(0.25):
        stranger = invented(draw)
        tool = tool if stranger.description in offered else stranger
    text, _ = ask(draw, tool)
    dialogue.messages.append(Message(Role.USER, text))
    dialogue.messages.append(Message(Role.ASSISTANT, draw.random.choice(_REFUSALS)))


def _talk_turn(draw: Draw, dialogue: Dialogue) -> None:
    question, answer = smalltalk.exchange(draw)
    dialogue.messages += [Message(Role.USER, question), Message(Role.ASSISTANT, answer)]


def conversation(draw: Draw) -> tuple[str, ToolFormat]:
    """A whole conversation as text, and the format of its tool calls."""
    tool_format = ToolFormat.JSON if draw.chance(0.55) else ToolFormat.XML
    if draw.chance(0.14):
        dialogue = Dialogue([])
        for _ in range(draw.number(1, 4)):
            _talk_turn(draw, dialogue)
        return render(dialogue.messages, [], tool_format), tool_format
    dialogue = Dialogue(some_tools(draw))
    if draw.chance(0.25):
        dialogue.messages.append(Message(Role.SYSTEM, smalltalk.system_prompt(draw)))
    for _ in range(draw.random.choice([1, 1, 2, 2, 3, 4, 5])):
        turn = draw.random.choices([_call_turn, _refusal_turn, _talk_turn], [0.7, 0.22, 0.08])[0]
        turn(draw, dialogue)
    return render(dialogue.messages, [tool.schema() for tool in dialogue.tools], tool_format), tool_format
