"""How reliable tool calls are at fewer bits."""
