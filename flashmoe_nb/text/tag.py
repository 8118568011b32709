"""A tag in text that comes in pieces: nothing is given out that may turn out to be the tag's beginning."""

from __future__ import annotations


class TagFinder:
    """Looks for one tag; made anew for the next."""

    __slots__ = ("_held", "_tag")

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._held = ""

    def push(self, text: str) -> tuple[str, str | None]:
        """More text in; out comes what stands before the tag for certain, and what stands behind it once it was met."""
        held = self._held + text
        before, found, behind = held.partition(self._tag)
        if found:
            self._held = ""
            return before, behind
        longest = min(len(held), len(self._tag) - 1)
        keep = next((n for n in range(longest, 0, -1) if self._tag.startswith(held[-n:])), 0)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep], None

    def flush(self) -> str:
        """What was held back, once nothing more comes."""
        held, self._held = self._held, ""
        return held
