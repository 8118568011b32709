"""Whether a call may be made as it stands, and making it: what the model is told is always text.

Knows no policy: approval was given before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashmoe_nb.chat.pieces import ToolResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flashmoe_nb.chat.pieces import ToolCall
    from flashmoe_nb.chat.tool import FunctionTool, Tool


def refusal(call: ToolCall, tools: Mapping[str, Tool]) -> str | None:
    """Why a call cannot be made: no such tool, or arguments that do not fit; None where it can."""
    tool = tools.get(call.name)
    if tool is None:
        return f'error: there is no tool "{call.name}": the tools are {", ".join(tools)}'
    problem = tool.problem(call.arguments)
    return None if problem is None else f"error: the arguments of {call.name} do not fit: {problem}"


def run_call(call: ToolCall, tool: FunctionTool) -> ToolResult:
    """Run it; an error of the function becomes the result, so that the model can answer it."""
    try:
        return ToolResult(call, tool.run(call.arguments), ok=True)
    except Exception as error:  # noqa: BLE001 - any error of somebody else's function
        return ToolResult(call, f"error: {call.name} failed: {type(error).__name__}: {error}", ok=False)
