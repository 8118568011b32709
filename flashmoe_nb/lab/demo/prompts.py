"""The held-out tool prompts: fixed before the first measurement, entities from the held-out pools only.

Four kinds, in both formats: one call with a fixed tool, several calls asked for at once, nested or long arguments, and
a made-up tool whose name and parameters were never trained on. `refusal` prompts ask for what no offered tool does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from flashmoe_nb.lab.demo import dialogues
from flashmoe_nb.lab.demo.chatml import Message, Role, ToolFormat, render
from flashmoe_nb.lab.demo.kinds import Draw
from flashmoe_nb.lab.demo.toolbox import FIXED, Call, Tool, invented

if TYPE_CHECKING:
    from flashmoe_nb.lab.demo.pools import Pools

SEED = 77
_NESTED = ("book_flight", "query_database", "order_food", "create_invoice", "plan_trip", "create_user")


class Ask(StrEnum):
    """What a prompt asks for."""

    SINGLE = "single"
    SEVERAL = "several"
    NESTED = "nested"
    UNSEEN = "unseen tool"
    REFUSAL = "refusal"


SHARES = {Ask.SINGLE: 0.5, Ask.SEVERAL: 0.15, Ask.NESTED: 0.2, Ask.UNSEEN: 0.15}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt up to the assistant's turn, and the calls expected; none for a refusal."""

    ask: Ask
    tool_format: ToolFormat
    text: str
    calls: tuple[Call, ...]


def _offer(draw: Draw, wanted: list[Tool]) -> list[Tool]:
    tools = {tool.name: tool for tool in wanted}
    for tool in draw.random.sample(FIXED, draw.number(0, 2)):
        tools.setdefault(tool.name, tool)
    return draw.random.sample(list(tools.values()), len(tools))


def _prompt(draw: Draw, ask: Ask, tool_format: ToolFormat, index: int) -> Prompt:
    fixed = {tool.name: tool for tool in FIXED}
    match ask:
        case Ask.SINGLE:
            wanted = [FIXED[index % len(FIXED)]]
        case Ask.SEVERAL:
            wanted = draw.random.sample(FIXED, draw.number(2, 3))
        case Ask.NESTED:
            wanted = [fixed[_NESTED[index % len(_NESTED)]]]
        case Ask.UNSEEN | Ask.REFUSAL:
            wanted = [invented(draw)] if ask is Ask.UNSEEN else [draw.random.choice(FIXED)]
    pairs = [dialogues.ask(draw, tool) for tool in wanted]
    offered = _offer(draw, wanted)
    if ask is Ask.REFUSAL:
        offered = [tool for tool in offered if tool is not wanted[0]] or [invented(draw)]
    messages = [Message(Role.USER, " ".join(text for text, _ in pairs))]
    text = render(messages, [tool.schema() for tool in offered], tool_format, add_generation_prompt=True)
    calls = () if ask is Ask.REFUSAL else tuple(call for _, call in pairs)
    return Prompt(ask, tool_format, text, calls)


def heldout(pools: Pools, tool_format: ToolFormat, count: int) -> list[Prompt]:
    """The first `count` tool prompts of a format, the kinds in the proportions of `SHARES`, evenly interleaved."""
    draw = Draw(f"{SEED}:{tool_format}", pools)
    due = dict.fromkeys(SHARES, 0.0)
    made = dict.fromkeys(SHARES, 0)
    prompts = []
    for _ in range(count):
        for ask, share in SHARES.items():
            due[ask] += share
        ask = max(due, key=lambda kind: due[kind])
        due[ask] -= 1.0
        prompts.append(_prompt(draw, ask, tool_format, made[ask]))
        made[ask] += 1
    return prompts


def refusals(pools: Pools, tool_format: ToolFormat, count: int) -> list[Prompt]:
    """Prompts that no offered tool fits."""
    draw = Draw(f"{SEED}:refusal:{tool_format}", pools)
    return [_prompt(draw, Ask.REFUSAL, tool_format, i) for i in range(count)]
