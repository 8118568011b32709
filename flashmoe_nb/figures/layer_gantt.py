"""One recorded token on a time axis: what each layer did before, while and after its experts were read.

Out of a trace alone, so of a run nobody stepped through: coarser than `gantt_figure`, and without its waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import ExpertRead
from flashmoe_nb.figures import look
from flashmoe_nb.figures.gantt import add_reads
from flashmoe_nb.figures.subject import Subject

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.observe import Trace

_PARTS = (("mixer and router", look.GREEN), ("waiting for experts", look.GREY), ("experts and sum", "#56B4E9"))


def layer_gantt_figure(trace: Trace, token: int = -1) -> go.Figure:
    """Draw the pass of one token, layer below layer, each from its own time 0.

    Args:
        trace: of schema 2 or later, on a back end that computes when asked.
        token: row of the trace; all tokens of a prompt that was fed at once share a pass.

    Raises:
        OptionError: no such token, or times that are not compute: unknown, or of a lazy back end.
    """
    n_tokens = len(trace)
    if not -n_tokens <= token < n_tokens:
        raise OptionError(f"token {token} of a trace of {n_tokens}: record it, or give {-n_tokens} to {n_tokens - 1}")
    times = trace.layer_times
    if not (times.known and times.synced):
        why = "holds no times of layers" if not times.known else "is of a lazy back end, whose times are not compute"
        raise OptionError(f"this trace {why}: record one on ops='cpu', or draw gantt_figure of session.steps([token])")
    marks_ns = np.stack([times.start_ns[token], times.routed_ns[token], times.read_ns[token], times.end_ns[token]])
    first = int(np.argmax(times.start_ns[:, 0] == times.start_ns[token, 0]))
    layers = list(range(marks_ns.shape[1]))
    figure = go.Figure()
    _add_parts(figure, marks_ns)
    subject, zero = Subject.of_trace(trace), dict(enumerate(marks_ns[0].tolist()))
    add_reads(figure, _reads_of(trace, first), layers, zero, subject)
    busy_ns, waited_ns = (int((marks_ns[end] - marks_ns[start]).sum()) for start, end in ((0, 3), (1, 2)))
    told = f"{look.duration_text(busy_ns)} in layers, {waited_ns / max(busy_ns, 1):.0%} of it waiting for experts"
    which = f"Token {token % n_tokens} of {n_tokens}, layer by layer"
    look.dress(figure, which, f"{subject.label} · {told}", look.lanes_px(len(layers), 44))
    figure.update_layout(shapes=look.bands(len(layers)), barmode="overlay", yaxis=look.layer_axis(layers))
    figure.update_xaxes(title="ms since the layer began", rangemode="tozero")
    return figure


def _add_parts(figure: go.Figure, marks_ns: NDArray[np.int64]) -> None:
    """Three bars a layer. Shapes: marks_ns [4, layers]."""
    rows = np.arange(marks_ns.shape[1])
    for number, (name, color) in enumerate(_PARTS):
        spent_ns = marks_ns[number + 1] - marks_ns[number]
        figure.add_bar(
            x=spent_ns / 1e6,
            base=(marks_ns[number] - marks_ns[0]) / 1e6,
            y=rows - 0.22,
            width=0.34,
            orientation="h",
            marker={"color": color, "line": {"width": 0}},
            name=name,
            hovertext=[
                f"<b>layer {row}: {name}</b><br>{look.duration_text(int(ns))}"
                for row, ns in zip(rows, spent_ns, strict=True)
            ],
            hoverinfo="text",
        )


def _reads_of(trace: Trace, first: int) -> list[ExpertRead]:
    """Of the pass that begins with a token."""
    reads = trace.reads
    of_pass = np.flatnonzero(reads.token == first)
    found = []
    for row in of_pass.tolist():
        share = float(reads.resident_fraction_before[row])
        found.append(
            ExpertRead(
                int(reads.layer[row]),
                int(reads.expert[row]),
                int(reads.slot[row]),
                int(reads.nbytes[row]),
                int(reads.start_ns[row]),
                int(reads.end_ns[row]),
                int(reads.thread[row]),
                int(reads.n_calls[row]),
                None if np.isnan(share) else share,
            )
        )
    return found
