"""`flashmoe serve`: a local server that speaks OpenAI's chat interface."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.commands.parser import Commands, add_command, add_engine_options, open_engine
from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    import argparse


def add(commands: Commands) -> None:  # type: ignore[valid-type]
    """Describe it."""
    command = add_command(
        commands,
        "serve",
        _serve,
        "serve a model to OpenAI clients",
        "Serve /v1/chat/completions, /v1/models and /health for any OpenAI client. Only this machine can reach it\n"
        "unless --host says otherwise, and then clients need a token: that of --token-file, or one that is printed.\n"
        "One answer at a time; others wait in a queue, and who hangs up stops its own.\n\n"
        "  flashmoe serve                                 the demo model at http://127.0.0.1:8000/v1\n"
        "  flashmoe serve path/to/model --top-k 4 --port 8080\n"
        "  flashmoe serve path/to/model --host 0.0.0.0 --token-file token.txt",
    )
    command.add_argument("--host", default="127.0.0.1", help="address to bind (default %(default)s)")
    command.add_argument("--port", type=int, default=8000, help="0 takes any free one (default %(default)s)")
    command.add_argument("--token-file", type=Path, help="a file with the token that clients must send")
    command.add_argument("--queue", type=int, default=32, help="requests that may wait (default %(default)s)")
    command.add_argument("--sessions", type=int, default=2, help="conversations kept in memory (default %(default)s)")
    add_engine_options(command)


def _serve(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.serve import Server

    token = None if arguments.token_file is None else _token(arguments.token_file)
    with open_engine(arguments) as engine:
        server = Server(
            engine,
            host=arguments.host,
            port=arguments.port,
            token=token,
            queue=arguments.queue,
            sessions=arguments.sessions,
        )
        print(f'serving "{server.service.model}" ({engine!r}) at {server.url}', file=sys.stderr)
        if server.token is not None and token is None:
            print(f"clients need the token {server.token}", file=sys.stderr)
        server.run()
    return 0


def _token(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the token cannot be read from {path} ({error}): write it there in plain text") from error
