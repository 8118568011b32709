"""A local server that speaks OpenAI's chat interface."""

from flashmoe_nb.serve.app import Service
from flashmoe_nb.serve.server import Server

__all__ = ["Server", "Service"]
