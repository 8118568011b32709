"""A server on a free port around the tiny model of the chat tests, and OpenAI's own client."""

from collections.abc import Iterator

import openai
import pytest

import flashmoe_nb as fm
from flashmoe_nb.serve import Server
from tests.chat.conftest import checkpoint, engine, script, shared_engine

__all__ = ["checkpoint", "engine", "script", "shared_engine"]


@pytest.fixture
def server(engine: fm.Engine) -> Iterator[Server]:
    with Server(engine, port=0) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key="none needed", max_retries=0, timeout=60) as made:
        yield made
