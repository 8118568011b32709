"""The layer table: for one token, what each layer chose, how much was read and how long that took.

Plain HTML with the page's own colours, and plain text in a console; no scripts, so it reads where figures do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from flashmoe_nb.errors import OptionError
from flashmoe_nb.figures.choices import layer_choices
from flashmoe_nb.figures.look import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flashmoe_nb.events import StageEvent
    from flashmoe_nb.figures.choices import LayerChoice
    from flashmoe_nb.figures.subject import Subject

_HEADS = ("layer", "experts chosen, with routing weight", "reads", "bytes", "wall time", "slowest read")
_LEFT, _RIGHT = "text-align:left", "text-align:right;white-space:nowrap"
_CHIP = "display:inline-block;padding:0 .4em;margin:1px 2px;border-radius:4px;white-space:nowrap"


@dataclass(frozen=True, slots=True, repr=False)
class LayerTable:
    """Shows itself as a table in a notebook, as text elsewhere."""

    rows: tuple[LayerChoice, ...]
    caption: str

    def __repr__(self) -> str:
        lines = ["  ".join(_cells(row)) for row in self.rows]
        return "\n".join([self.caption, "  ".join(_HEADS), *lines])

    def _repr_html_(self) -> str:
        heads = "".join(f'<th style="{_LEFT if n == 1 else _RIGHT}">{head}</th>' for n, head in enumerate(_HEADS))
        body = "".join(_html_row(row) for row in self.rows)
        return (
            '<div style="max-height:36em;overflow:auto"><table>'
            f'<caption style="{_LEFT};padding:.3em 0">{escape(self.caption)}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
        )


def layer_table(events: Iterable[StageEvent], subject: Subject, *, text: str | None = None) -> LayerTable:
    """Make the table of one token.

    Args:
        events: of one token, whole or stopped on the way, as `session.steps` gives them.
        subject: the model.
        text: of the token, for the caption.

    Raises:
        OptionError: no router decided, or for several tokens.
    """
    choices = layer_choices(events)
    positions = {choice.position for choice in choices}
    if len(positions) > 1:
        raise OptionError(f"{len(positions)} tokens in these events: the table shows one, so step through one token")
    token = "token" if text is None else f"token {text!r}"
    total = sum(choice.nbytes for choice in choices)
    caption = f"{subject.label} · {token} at position {choices[0].position} · {total:,} bytes read"
    return LayerTable(tuple(choices), caption)


def _cells(row: LayerChoice) -> tuple[str, ...]:
    chosen = " ".join(f"{e}:{w:.3f}" for e, w in zip(row.expert_ids, row.routing_weights, strict=True))
    return (f"{row.layer:>5}", chosen, *_read_cells(row))


def _read_cells(row: LayerChoice) -> Sequence[str]:
    if row.reads is None:
        return ("not read yet", "", "", "")
    slowest = row.slowest
    if slowest is None:
        return ("0, all in their slots", "0", "", "")
    worst = f"{duration_text(slowest.duration_ns)} (expert {slowest.expert})"
    return (str(len(row.reads)), f"{row.nbytes:,}", duration_text(row.wall_ns), worst)


def _html_row(row: LayerChoice) -> str:
    most = max(row.routing_weights)
    chips = "".join(
        f'<span style="{_CHIP};background:rgba(0,114,178,{0.08 + 0.42 * max(weight, 0) / most if most else 0:.2f})">'
        f'<b>{expert}</b> <span style="opacity:.75">{weight:.3f}</span></span> '
        for expert, weight in zip(row.expert_ids, row.routing_weights, strict=True)
    )
    hand = " (by hand)" if row.patched else ""
    reads = "".join(f'<td style="{_RIGHT}">{escape(cell)}</td>' for cell in _read_cells(row))
    return f'<tr><td style="{_RIGHT}">{row.layer}{hand}</td><td style="{_LEFT}">{chips}</td>{reads}</tr>'
