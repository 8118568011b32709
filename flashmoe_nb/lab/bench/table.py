"""A table of measurements: printed for people, recorded for later. Knows no suite."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

_LEFT = "text-align:left;vertical-align:top;padding:.15em .6em"
_RIGHT = "text-align:right;vertical-align:top;padding:.15em .6em"

Cell = str | int | float | bool | None


@dataclass(slots=True)
class Table:
    """Rows under named columns; units stand in the names."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        """One more row."""
        assert len(cells) == len(self.columns), f"{len(cells)} cells under {len(self.columns)} columns"
        self.rows.append(cells)

    def text(self) -> str:
        """As Markdown, aligned."""
        lines = [self.columns, *(tuple(map(_shown, row)) for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.columns))]
        numeric = [any(isinstance(row[column], int | float) for row in self.rows) for column in range(len(widths))]
        rule = [
            ("-" * (width - 1) + ":") if right else "-" * width for width, right in zip(widths, numeric, strict=True)
        ]
        body = [self._line(line, widths, numeric) for line in lines]
        table = [body[0], "| " + " | ".join(rule) + " |", *body[1:]]
        return "\n".join([f"{self.title}", "", *table, *(f"  {note}" for note in self.notes)])

    def record(self) -> dict[str, object]:
        """For JSON: rows by column name."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"name": self.name, "title": self.title, "rows": rows, "notes": self.notes}

    def _repr_html_(self) -> str:
        styles = [
            _RIGHT if any(isinstance(row[n], int | float) for row in self.rows) else _LEFT for n in self._places()
        ]
        heads = "".join(f'<th style="{styles[n]}">{escape(self.columns[n])}</th>' for n in self._places())
        body = "".join(
            "<tr>" + "".join(f'<td style="{styles[n]}">{escape(_shown(row[n]))}</td>' for n in self._places()) + "</tr>"
            for row in self.rows
        )
        notes = "".join(f'<div style="opacity:.8">{escape(note)}</div>' for note in self.notes)
        return (
            '<div style="max-height:36em;overflow:auto"><table>'
            f'<caption style="text-align:left;padding:.3em 0"><b>{escape(self.title)}</b></caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{notes}</div>"
        )

    def _places(self) -> range:
        return range(len(self.columns))

    @staticmethod
    def _line(cells: tuple[str, ...], widths: list[int], numeric: list[bool]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        )
        return "| " + " | ".join(padded) + " |"


def _shown(cell: Cell) -> str:
    """Three significant digits, or all before the point."""
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "NO"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"  # noqa: PLR2004 - three digits
    return f"{cell:,}" if isinstance(cell, int) else cell
