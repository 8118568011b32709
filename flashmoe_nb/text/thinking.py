"""The thinking block at the beginning of a turn, told apart from the answer while text comes in pieces.

A block is open from the start where the template ends with <think>, or opens when <think> is the first the model
writes. Line breaks behind a tag belong to it.
"""

from __future__ import annotations

from flashmoe_nb.text.pieces import Text, Thought
from flashmoe_nb.text.tag import TagFinder

OPEN, CLOSE = "<think>", "</think>"


class ThinkingSplit:
    """Splits one turn.

    Args:
        prompt: the text the turn follows; its end says whether a block is open already.
    """

    def __init__(self, prompt: str) -> None:
        self.open = prompt.rstrip().endswith(OPEN)
        """Whether the text now coming is thought."""
        self._start: str | None = None if self.open else ""  # what came before anything but white space
        self._closing = TagFinder(CLOSE)
        self._strip = self.open  # line breaks that come next belong to a tag

    def push(self, text: str) -> list[Thought | Text]:
        """More text in; what is certain out."""
        if self._start is not None:
            self._start += text
            begun = self._start.lstrip()
            if len(begun) < len(OPEN) and OPEN.startswith(begun):
                return []  # it may still become the tag
            text, self._start = self._start, None
            if begun.startswith(OPEN):
                self.open, self._strip, text = True, True, begun[len(OPEN) :]
        if not self.open:
            return self._out(Text, text)
        thought, rest = self._closing.push(text)
        pieces = self._out(Thought, thought)
        if rest is not None:
            self.open, self._strip = False, True
            pieces += self._out(Text, rest)
        return pieces

    def finish(self) -> list[Thought | Text]:
        """Nothing more comes: what was held back."""
        if self._start is not None:
            held, self._start = self._start, None
            return [Text(held)] if held else []
        held = self._closing.flush()
        return self._out(Thought, held) if self.open else []

    def _out(self, kind: type[Thought | Text], text: str) -> list[Thought | Text]:
        if self._strip:
            text = text.lstrip("\n")
            self._strip = not text
        return [kind(text)] if text else []
