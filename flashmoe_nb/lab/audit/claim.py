"""One claim beside its sources, and the page of all of them. Knows no numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING

from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Standing(StrEnum):
    """What this package can say to a claim."""

    COMPUTED = "computed here"  # follows from the model's config or from the claim's own numbers
    MEASURED = "measurable here"  # an experiment of ours asks the same question
    RECORDED = "recorded only"
    UNOBSERVABLE = "not observable here"


@dataclass(frozen=True, slots=True)
class Claim:
    """Something a document says."""

    name: str
    claim: str
    source: str
    conflict: str
    """What other sources, or the same one elsewhere, say; empty where nobody contradicts."""
    here: str
    """What follows from arithmetic, or was measured, here."""
    standing: Standing
    experiments: tuple[str, ...] = ()
    """Names for `lab.run`."""

    @property
    def rerun(self) -> str:
        """The commands that ask the same question of this machine."""
        return "; ".join(f"flashmoe lab run {name}" for name in self.experiments)


_HEADS = ("claim", "source", "conflict", "here", "standing")


@dataclass(frozen=True, slots=True, repr=False)
class Claims:
    """The page; shows itself as a table in a notebook, and as Markdown for the docs."""

    all: tuple[Claim, ...]

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Claim]:
        return iter(self.all)

    def __getitem__(self, name: str) -> Claim:
        for claim in self.all:
            if claim.name == name:
                return claim
        raise OptionError(f'there is no claim "{name}": give one of {", ".join(one.name for one in self.all)}')

    def markdown(self) -> str:
        """A section a claim, as docs/claims.md holds them."""
        return "\n".join(line for claim in self.all for line in _section(claim))

    def __repr__(self) -> str:
        contradicted = sum(bool(claim.conflict) for claim in self.all)
        return f"<Claims: {len(self)}, of them {contradicted} contradicted by another source: .markdown(), [name]>"

    def _repr_html_(self) -> str:
        heads = "".join(f'<th style="text-align:left">{head}</th>' for head in _HEADS)
        body = "".join(f"<tr>{''.join(map(_cell, _cells(claim)))}</tr>" for claim in self.all)
        return (
            '<div style="max-height:40em;overflow:auto"><table><caption style="text-align:left;padding:.3em 0">'
            f"<b>What the original claims, and what can be said here</b></caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{body}</tbody></table></div>"
        )


def _cells(claim: Claim) -> tuple[str, ...]:
    standing = f"{claim.standing}: {', '.join(claim.experiments)}" if claim.experiments else str(claim.standing)
    return claim.claim, claim.source, claim.conflict or "none known", claim.here, standing


def _cell(text: str) -> str:
    return f'<td style="text-align:left;vertical-align:top;min-width:8em">{escape(text)}</td>'


def _section(claim: Claim) -> Iterator[str]:
    yield from (f"## {claim.claim}", "", f"*Said by* {claim.source}.", "")
    if claim.conflict:
        yield from (f"*Against it:* {claim.conflict}", "")
    yield from (f"*Here ({claim.standing}):* {claim.here}", "")
    if claim.experiments:
        yield from (f"*Run it:* `{claim.rerun}`", "")
