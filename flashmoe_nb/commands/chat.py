"""`flashmoe chat`: a conversation in the terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashmoe_nb.commands.parser import Commands, add_command, add_engine_options, open_engine
from flashmoe_nb.errors import FlashMoeError, OptionError

if TYPE_CHECKING:
    import argparse

    from flashmoe_nb.chat.chat import Chat
    from flashmoe_nb.chat.pieces import ChatPiece

_HELP = "/save FILE writes the conversation, /reset forgets it, /quit or the end of input leaves"


def add(commands: Commands) -> None:  # type: ignore[valid-type]
    """Describe it."""
    command = add_command(
        commands,
        "chat",
        _chat,
        "talk with a model",
        "Talk with a model through its chat template; each line is a message. Ctrl-C ends the answer on its way.\n"
        f"{_HELP}.\n\n"
        "  flashmoe chat                                  the demo model, which knows little\n"
        '  flashmoe chat path/to/model --system "Be brief." --think\n'
        "  flashmoe chat path/to/model --load talk.json",
    )
    command.add_argument("--system", help="the system prompt")
    command.add_argument("--think", action="store_true", help="let the model think, and show it")
    command.add_argument("--thinking-budget", type=int, help="tokens of thought at most")
    command.add_argument("--max-tokens", type=int, default=1024, help="of one answer (default %(default)s)")
    command.add_argument("--temperature", type=float, default=0.0, help="0, the default, takes the likeliest token")
    command.add_argument("--top-p", type=float, default=1.0, help="draw from the likeliest tokens holding this share")
    command.add_argument("--seed", type=int, help="of the random numbers")
    command.add_argument("--load", type=Path, help="go on with a saved conversation")
    add_engine_options(command)


def _chat(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.chat import Chat

    if arguments.load is not None and arguments.system is not None:
        raise OptionError("--load brings its own system prompt, --system gives another: leave one of them out")
    with open_engine(arguments) as engine:
        options: dict[str, Any] = {
            "enable_thinking": arguments.think,
            "thinking_budget": arguments.thinking_budget,
            "max_tokens": arguments.max_tokens,
            "temperature": arguments.temperature,
            "top_p": arguments.top_p,
            "seed": arguments.seed,
        }
        if arguments.load is None:
            chat = Chat(engine, system=arguments.system, **options)
        else:
            chat = Chat.load(arguments.load, engine, **options)
        if sys.stdin.isatty():
            print(f"{engine!r}\n{_HELP}", file=sys.stderr)
        while (line := _read_line()) is not None:
            if not _command(chat, line):
                _say(chat, line)
    return 0


def _read_line() -> str | None:
    """The next message; None at the end of input or on /quit."""
    while True:
        try:
            line = input("> " if sys.stdin.isatty() else "").strip()
        except EOFError:
            return None
        if line == "/quit":
            return None
        if line:
            return line


def _command(chat: Chat, line: str) -> bool:
    """Whether the line was a command; then it is done."""
    word, _, rest = line.partition(" ")
    if word == "/reset":
        chat.reset()
    elif word == "/save":
        try:
            chat.save(rest.strip() or "conversation.json")
        except FlashMoeError as error:
            print(f"flashmoe: {error}", file=sys.stderr)
    else:
        return False
    return True


def _say(chat: Chat, line: str) -> None:
    try:
        for piece in chat.stream(line):
            _show(piece)
    except KeyboardInterrupt:
        print("\n[interrupted: this message and its answer are forgotten]", file=sys.stderr)
    except FlashMoeError as error:
        print(f"flashmoe: {error}", file=sys.stderr)


def _show(piece: ChatPiece) -> None:
    from flashmoe_nb.chat import Finish, Text, Thought

    match piece:
        case Text():
            print(piece.text, end="", flush=True)
        case Thought():
            print(piece.text, end="", flush=True, file=sys.stderr)
        case Finish():
            print(flush=True)
            counts = (
                f"{piece.n_generated} tokens, {piece.n_reused} of {piece.n_prompt} of the prompt were there already"
            )
            if piece.reason != "stop":
                counts += f", ended by {piece.reason}"
            print(f"[{counts}]", file=sys.stderr)
        case _:
            pass  # no tools are offered here
