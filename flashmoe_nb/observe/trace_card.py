"""How a trace shows itself: one line in a console, a card in a notebook. Plain HTML in the page's own colours."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from flashmoe_nb.engine.card import gigabytes
from flashmoe_nb.observe.schema import DECODE
from flashmoe_nb.observe.stats_usage import gini

if TYPE_CHECKING:
    from flashmoe_nb.observe.trace import Trace

_STYLE = (
    "border:1px solid var(--jp-border-color2,#ccc);border-radius:6px;padding:10px 14px;max-width:46em;line-height:1.5;"
    "color:var(--jp-content-font-color1,inherit);background:var(--jp-layout-color1,transparent)"
)
_TEXT_SHOWN = 160


def one_line(trace: Trace) -> str:
    """For `repr`."""
    decoded = int((trace.phase == DECODE).sum())
    state = "" if trace.complete else ", not finished"
    tokens = f"{len(trace) - decoded:,} prefill + {decoded:,} decode tokens"
    return f"<Trace of {trace.facts.label}: {tokens}, {len(trace.reads):,} reads{state}>"


def html(trace: Trace) -> str:
    """For a notebook."""
    rows = "".join(
        f'<tr><td style="text-align:left;padding-right:1.2em;opacity:.7">{escape(key)}</td>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for key, value in facts(trace)
    )
    return f'<div style="{_STYLE}"><b>Trace of {escape(trace.facts.label)}</b><table>{rows}</table></div>'


def facts(trace: Trace) -> list[tuple[str, str]]:
    """What the card says, as (name, value)."""
    known, reads = trace.facts, trace.reads
    decoded = trace.phase == DECODE
    read_bytes = int(reads.nbytes.sum())
    rows = [
        ("Tokens", f"{int((~decoded).sum()):,} prefill, {int(decoded.sum()):,} decode{_speed(trace)}"),
        ("Text", _shown(trace)),
        ("Reads", f"{len(reads):,} experts, {gigabytes(read_bytes)}{_per_decoded(trace)}"),
        ("Page cache", _hits(trace)),
    ]
    if known.num_experts and len(trace):
        counts = trace.logical_count
        used = (counts > 0).mean()
        rows.append(("Experts", f"{used:.0%} of {counts.size:,} used, Gini {gini(counts).mean():.2f} (mean of layers)"))
    rows += [
        ("Policy", known.policy),
        ("Recorded", f"{known.started} on {known.machine}; {known.back_end}; {known.software}"),
        ("Checkpoint", f"{known.model_type}, {known.experts}, fingerprint {known.fingerprint}"),
    ]
    if len(trace.column("patch_token")):
        rows.append(("Patches", f"{len(trace.column('patch_token')):,} values were sent in place of a stage's own"))
    if not trace.complete:
        rows.append(("State", "not finished: being recorded, or the run was killed"))
    return rows


def _speed(trace: Trace) -> str:
    """Decoded tokens by the time their passes took, not by the clock between them."""
    decoded = trace.phase == DECODE
    took_ns = int((trace.column("end_ns") - trace.column("start_ns"))[decoded].sum())
    return f" at {decoded.sum() / took_ns * 1e9:.3g} tokens/s" if took_ns else ""


def _per_decoded(trace: Trace) -> str:
    decoded = trace.phase == DECODE
    if not decoded.any():
        return ""
    nbytes = int(trace.reads.nbytes[decoded[trace.reads.token]].sum())
    return f"; {gigabytes(nbytes / int(decoded.sum()))} a decoded token"


def _hits(trace: Trace) -> str:
    rates = trace.hit_rates
    if rates.lifetime is None:
        return "not measured (record with measure_residency=True)"
    steady = "no decode yet" if rates.steady_state is None else f"{rates.steady_state:.1%} in steady state"
    shared = "" if trace.facts.residency_per_expert else "; experts share pages, so partly their neighbours'"
    limit = f"; memory limit {trace.facts.memory_limit}" if trace.facts.memory_limit else ""
    return f"{rates.lifetime:.1%} of bytes resident over the lifetime, {steady}{shared}{limit}"


def _shown(trace: Trace) -> str:
    text = repr(trace[:_TEXT_SHOWN].text)
    return text if len(text) <= _TEXT_SHOWN else text[: _TEXT_SHOWN - 1] + "…"
