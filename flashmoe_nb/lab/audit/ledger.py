"""Every experiment the original engine logged, what became of it, and which of them can be run here.

The rows are in `rows.tsv`, in our words: `results.tsv` at commit 2af7844 of danveloper/flash-moe ("early", the MLX
engine and the first in Metal), `results.tsv` of its last version ("final"), the one row of `metal_infer/results.tsv`
that stands nowhere else, and what only the documents tell. Knows no engine.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, overload

from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.bench.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Log = Literal["early", "final", "metal_infer", "documents"]
LOGS: tuple[Log, ...] = ("early", "final", "metal_infer", "documents")


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One experiment as it was logged."""

    log: Log
    row: int
    """Place in its log, from 1."""
    model: str
    bits: int
    """Of the experts."""
    tokens_per_s: float | None
    ttft_ms: float | None
    memory_gb: float | None
    status: str
    """"keep", "discard", or what the documents have: "recorded", "analysed"."""
    what: str
    experiment: str
    """Name for `lab.run`; empty where nothing here reruns it."""
    repeats: int | None
    """The row of `metal_infer/results.tsv` that says the same."""

    @property
    def runnable(self) -> bool:
        """Whether `lab.run(row.experiment, engine)` reruns it on this machine."""
        return bool(self.experiment)


@dataclass(frozen=True, slots=True, repr=False)
class Ledger:
    """Rows, in the order they were logged; shows itself as a table."""

    rows: tuple[LedgerRow, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[LedgerRow]:
        return iter(self.rows)

    @overload
    def __getitem__(self, at: int) -> LedgerRow: ...
    @overload
    def __getitem__(self, at: slice) -> Ledger: ...
    def __getitem__(self, at: int | slice) -> LedgerRow | Ledger:
        return Ledger(self.rows[at]) if isinstance(at, slice) else self.rows[at]

    def where(
        self,
        *,
        log: Log | None = None,
        status: str | None = None,
        model: str | None = None,
        bits: int | None = None,
        experiment: str | None = None,
        runnable: bool | None = None,
        text: str | None = None,
    ) -> Ledger:
        """The rows of which all that is given holds; `text` is looked for in what was done.

        Raises:
            OptionError: a log, status, model or experiment that no row has.
        """
        wanted = {"log": log, "status": status, "model": model, "bits": bits, "experiment": experiment}
        for name, value in wanted.items():
            known = sorted({getattr(row, name) for row in ledger()}, key=str)
            if value is not None and value not in known:
                raise OptionError(f"{name} is {value!r}, no row has it: give one of {', '.join(map(str, known))}")
        kept = [
            row
            for row in self.rows
            if all(value is None or getattr(row, name) == value for name, value in wanted.items())
            and runnable in (None, row.runnable)
            and (text is None or text.lower() in row.what.lower())
        ]
        return Ledger(tuple(kept))

    @property
    def discarded_fraction(self) -> float:
        """Share of the rows that were kept or discarded at all."""
        tried = [row for row in self.rows if row.status in ("keep", "discard")]
        return sum(row.status == "discard" for row in tried) / max(1, len(tried))

    def table(self) -> Table:
        """For people."""
        columns = ("log", "row", "model", "bits", "tok/s", "status", "what", "here")
        table = Table("ledger", f"The original's experiments, {len(self)} rows", columns)
        for row in self.rows:
            here = f"rerun here: {row.experiment}" if row.runnable else "recorded only"
            speed = row.tokens_per_s
            table.add(row.log, row.row, row.model, row.bits, speed, row.status, row.what, here)
        return table

    def records(self) -> list[dict[str, Any]]:
        """For JSON or `pandas.DataFrame`."""
        return [{name: getattr(row, name) for name in (*LedgerRow.__slots__, "runnable")} for row in self.rows]

    def __repr__(self) -> str:
        runnable = sum(row.runnable for row in self.rows)
        return f"<Ledger of {len(self)} experiments, {runnable} can be rerun here: .table(), .where(text=...)>"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


@cache
def ledger() -> Ledger:
    """All rows of all logs."""
    text = files(__package__).joinpath("rows.tsv").read_text("utf-8")
    return Ledger(tuple(map(_row, csv.DictReader(text.splitlines(), delimiter="\t"))))


def experiments_named(rows: Sequence[LedgerRow]) -> set[str]:
    """What can be rerun of some rows."""
    return {row.experiment for row in rows if row.runnable}


def _row(cells: dict[str, str]) -> LedgerRow:
    log = cells["log"]
    assert log in LOGS, log
    return LedgerRow(
        log,
        int(cells["row"]),
        cells["model"],
        int(cells["bits"]),
        _number(cells["tok_s"]),
        _number(cells["ttft_ms"]),
        _number(cells["memory_gb"]),
        cells["status"],
        cells["what"],
        cells["experiment"],
        int(cells["repeats"]) if cells["repeats"] else None,
    )


def _number(text: str) -> float | None:
    return float(text) if text else None
