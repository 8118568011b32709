"""The measured table in lines of text. Knows no model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flashmoe_nb.lab.demo.scoring import share
from flashmoe_nb.lab.tool_validity.faults import ORIGINAL_CORRUPTION
from flashmoe_nb.lab.tool_validity.measure import Pairs, paired

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LEVELS = ("parsed", "names", "keys", "exact")
_MOST_FAULTS = 6


def lines(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Every model's shares with 95 % intervals, what it lost and won against the first, faults, loss by domain."""
    names = list(rows)
    width = max(map(len, names), default=0)
    for tool_format in ("json", "xml"):
        counted = {name: row["counts"][tool_format] for name, row in rows.items() if tool_format in row["counts"]}
        if not counted:
            continue
        yield f"{tool_format} calls, % with 95 % intervals: {', '.join(_LEVELS)}"
        for name, counts in counted.items():
            shown = "   ".join(share(counts[level], counts["n"]) for level in _LEVELS)
            yield f"  {name:{width}}  n {counts['n']:4}   {shown}"
        yield from _pairs({name: rows[name]["outcomes"][tool_format] for name in counted}, width)
    yield from _likelihood(rows, width)
    yield from _domains(rows, width)
    for name, row in rows.items():
        yield from _faults(name, row)


def _pairs(outcomes: Mapping[str, str], width: int) -> Iterator[str]:
    first, *others = outcomes.items()
    for name, digits in others:
        exact, parsed = (Pairs.of(first[1], digits, level) for level in (len(_LEVELS), 1))
        shown = f"{exact.lost} exact calls lost and {exact.won} won (p {exact.chance:.2g})"
        syntax = f"{parsed.lost} no longer parsed and {parsed.won} now do (p {parsed.chance:.2g})"
        yield f"  {name:{width}}  against {first[0]}: {shown}, {syntax}"


def _likelihood(rows: Mapping[str, Mapping[str, Any]], width: int) -> Iterator[str]:
    measured = {name: row["call_nats"] for name, row in rows.items() if row["call_nats"]}
    if not measured:
        return
    own = next(iter(measured.values()))
    yield "nats a token of the right call, and the difference to the first over the same prompts"
    for name, nats in measured.items():
        same = min(len(own), len(nats))
        mean, half = paired(own[:same], nats[:same])
        difference = "" if nats is own else f"   {mean:+.4f} +- {half:.4f}"
        yield f"  {name:{width}}  n {len(nats):4}   {sum(nats) / len(nats):.4f}{difference}"


def _domains(rows: Mapping[str, Mapping[str, Any]], width: int) -> Iterator[str]:
    measured = {name: row["domain_nats"] for name, row in rows.items() if row["domain_nats"]}
    if not measured:
        return
    columns = list(next(iter(measured.values())))
    yield f"nats a token of held-out text: {', '.join(columns)}"
    for name, nats in measured.items():
        yield f"  {name:{width}}  {'  '.join(f'{nats[column]:.3f}' for column in columns if column in nats)}"


def _faults(name: str, row: Mapping[str, Any]) -> Iterator[str]:
    n = sum(counts["n"] for key, counts in row["counts"].items() if key in ("json", "xml"))
    if not n:
        return
    yield f"{name}: what was wrong in {sum(row['faults'].values())} of {n} answers"
    for fault, count in list(row["faults"].items())[:_MOST_FAULTS]:
        yield f"  {count:4}  {fault}"
    yield f"  {row['backslashes']:4}  with the corruption the original saw at 2 bits ({ORIGINAL_CORRUPTION})"
