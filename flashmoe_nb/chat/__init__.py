"""Conversations and tools: templates to turns, calls to functions, and who may run them."""

from flashmoe_nb.chat.chat import Chat, Reply
from flashmoe_nb.chat.pieces import BrokenCall, Finish, Text, Thought, ToolCall, ToolResult
from flashmoe_nb.chat.tool import FunctionTool, SchemaTool, tool

__all__ = [
    "BrokenCall",
    "Chat",
    "Finish",
    "FunctionTool",
    "Reply",
    "SchemaTool",
    "Text",
    "Thought",
    "ToolCall",
    "ToolResult",
    "tool",
]
