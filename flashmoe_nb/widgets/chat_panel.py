"""Joins a view and a conversation: messages go to it on one thread, what comes back goes to every front end.

A call of a tool that needs leave is asked about with buttons, as a kernel has no keyboard for a thread.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, replace
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from flashmoe_nb.chat.approval import ask_at_keyboard
from flashmoe_nb.errors import FlashMoeError, OptionError
from flashmoe_nb.widgets.chat_entries import Entries
from flashmoe_nb.widgets.errand import Errands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flashmoe_nb.chat import Chat
    from flashmoe_nb.chat.pieces import ToolCall
    from flashmoe_nb.widgets.view import View

    Args = Mapping[str, Any]

_KEPT_EVERY_NS = 250_000_000
"""Between two states of the whole conversation while an answer comes; its last entry goes along at once."""
_LOOK_S = 0.2
"""How long one wait for an answer lasts at most: then it looks whether the main thread is still there."""
SAMPLING = ("max_tokens", "temperature", "top_p", "min_p", "seed")
"""Settings that may be changed between two messages; they are fields of `Chat.sampling`."""


class ChatPanel:
    """Takes the command "chat" of a view; the part it keeps there is called so too, "chat_tail" is its last entry."""

    def __init__(self, view: View) -> None:
        self.errands = Errands()
        self.chat: Chat | None = None
        self.entries = Entries()
        self._view = view
        self._state = "idle"
        self._asked: ToolCall | None = None
        self._answer: bool | None = None
        self._changed = threading.Condition()
        self._stopping = False
        self._version = 0
        self._kept_ns = 0
        view.on_command("chat", self.take)

    def show(self, chat: Chat) -> None:
        """Hold this conversation from now on; calls it would ask about at the keyboard are asked about here."""
        self.chat = chat
        self.entries = Entries()
        self.entries.add_messages(chat.messages)
        if chat.approve is ask_at_keyboard:
            chat.approve = self._ask
        self._tell()

    def leave(self) -> None:
        """Stop the answer on its way, and let go of the conversation; its calls are asked about at the keyboard."""
        chat = self.chat
        if chat is None:
            return
        self._stop(chat)
        self.errands.wait()
        if chat.approve == self._ask:
            chat.approve = ask_at_keyboard
        self.chat = None

    def take(self, args: Args) -> None:
        """Have a command done; returns at once. "stop" and "answer" reach what is under way.

        Raises:
            OptionError: a command nobody knows.
            SessionBusyError: too many messages wait.
        """
        chat = self.chat
        if chat is None:
            return
        match args.get("do"):
            case "send":
                self.errands.add(lambda: self._say(chat, str(args["text"]), args.get("settings", {})))
            case "stop":
                self._stop(chat)
            case "answer":
                self._reply(allow=bool(args["allow"]))
            case "reset":
                self._stop(chat)
                self.errands.add(lambda: self._forget(chat))
            case unknown:
                raise OptionError(f"command {unknown!r} is not known: give send, stop, answer or reset")

    # -- on the worker -----------------------------------------------------------------------------------------------
    def _say(self, chat: Chat, text: str, settings: Args) -> None:
        self._stopping = False
        self._state = "answering"
        self.entries.add("user", text)
        self._tell()
        try:
            self._set(chat, settings)
            for piece in chat.stream(text):
                self.entries.take(piece, self._row())
                self._tell_some()
        except FlashMoeError as error:
            self.entries.add("error", str(error))
        except Exception as error:
            self.entries.add("error", repr(error))
            raise
        finally:
            self._state = "idle"
            self._tell()

    def _forget(self, chat: Chat) -> None:
        chat.reset()
        self.entries = Entries()
        self.entries.add_messages(chat.messages)
        self._tell()

    def _set(self, chat: Chat, settings: Args) -> None:
        """Checked where they are used: by the sampler."""
        chat.sampling = replace(chat.sampling, **{name: settings[name] for name in SAMPLING if name in settings})
        chat.enable_thinking = bool(settings.get("enable_thinking", chat.enable_thinking))

    def _row(self) -> int:
        """Of the token just drawn in the trace: it is fed next."""
        return 0 if self._view.trace is None else len(self._view.trace)

    # -- leave to call a tool ----------------------------------------------------------------------------------------
    def _ask(self, call: ToolCall) -> bool:
        """Called by the conversation, on the worker; no answer is no."""
        with self._changed:
            self._asked, self._answer = call, None
        self._state = "asking"
        self._tell()
        allowed = self._wait_for_answer()
        self._asked, self._state = None, "answering"
        self._tell()
        return allowed

    def _wait_for_answer(self) -> bool:
        with self._changed:
            while self._answer is None and not self._stopping and threading.main_thread().is_alive():
                self._changed.wait(_LOOK_S)
            return self._answer is True

    def _reply(self, *, allow: bool) -> None:
        with self._changed:
            self._answer = allow
            self._changed.notify_all()

    def _stop(self, chat: Chat) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        chat.stop()

    # -- telling -----------------------------------------------------------------------------------------------------
    def _tell_some(self) -> None:
        """The entry that grows at once, the whole seldom."""
        if perf_counter_ns() - self._kept_ns > _KEPT_EVERY_NS:
            self._tell()
            return
        self._version += 1
        number, entry = self.entries.last()
        part = {"kind": "chat_tail", "version": self._version, "number": number, "entry": entry}
        self._view.put(part, key=("chat_tail", number))

    def _tell(self) -> None:
        chat, call = self.chat, self._asked
        if chat is None:
            return
        self._kept_ns = perf_counter_ns()
        self._version += 1
        sampling = asdict(chat.sampling)
        settings = {name: sampling[name] for name in SAMPLING} | {"enable_thinking": chat.enable_thinking}
        self._view.keep(
            {
                "kind": "chat",
                "version": self._version,
                "state": self._state,
                "entries": self.entries.listed(),
                "settings": settings,
                "tools": [{"name": one.name, "description": one.description} for one in chat.tools],
                "asked": None if call is None else {"name": call.name, "arguments": dict(call.arguments)},
            }
        )
