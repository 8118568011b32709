"""Every expert read of one token: lanes per layer on the left, the latency of each read on the right.

Times are wall time of the read calls, which wait for the disk or copy from the page cache; nothing here is compute.
"""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Literal

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from flashmoe_nb.figures import look
from flashmoe_nb.figures.choices import reads_of
from flashmoe_nb.figures.residency import CLASSES, residency

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flashmoe_nb.events import ExpertRead, StageEvent
    from flashmoe_nb.figures.residency import Residency
    from flashmoe_nb.figures.subject import Subject

Origin = Literal["layer", "token"]

_LANE = 0.84
"""Share of a lane that its reads fill."""


def reads_figure(events: Iterable[StageEvent], subject: Subject, *, origin: Origin = "layer") -> go.Figure:
    """Draw the reads of one token.

    Args:
        events: of one token, as `session.steps` gives them.
        subject: the model.
        origin: where time 0 is: "layer", the layer's first read, shows the reads of a layer; "token", the token's first
            stage, shows where in the token they stand (with the time that whoever stepped took between the stages).

    Raises:
        OptionError: nothing was read.
    """
    kept = list(events)
    reads = reads_of(kept)
    layers = sorted({read.layer for read in reads})
    zero_ns = _zeros(reads, kept[0].start_ns if origin == "token" else None)
    rows = _rows(reads, layers)
    figure = make_subplots(1, 2, shared_yaxes=True, column_widths=[0.66, 0.34], horizontal_spacing=0.03)
    by_class: dict[Residency, list[ExpertRead]] = defaultdict(list)
    for read in reads:
        by_class[residency(read, subject)].append(read)
    for group in CLASSES:
        if group in by_class:
            mine = by_class[group]
            hover = [_hover(read, group, kept[0].start_ns) for read in mine]
            figure.add_trace(_bars(mine, group, rows, zero_ns, hover), 1, 1)
            figure.add_trace(_dots(mine, group, rows, hover), 1, 2)
    look.dress(figure, "Reads of one token", _subtitle(subject, reads), look.lanes_px(len(layers)))
    figure.update_layout(shapes=look.bands(len(layers)), barmode="overlay", legend_y=1.0)
    since = "the layer's first read" if origin == "layer" else "the token's first stage"
    figure.update_xaxes(title=f"ms since {since}", rangemode="tozero", row=1, col=1)
    figure.update_xaxes(look.latency_axis([read.duration_ns for read in reads]), row=1, col=2)
    figure.update_yaxes(look.layer_axis(layers), row=1, col=1)
    figure.update_yaxes(look.layer_axis(layers, title=None), showticklabels=False, row=1, col=2)
    return figure


def _zeros(reads: Sequence[ExpertRead], token_ns: int | None) -> dict[int, int]:
    """Time 0 of each layer."""
    first: dict[int, int] = {}
    for read in reads:
        first[read.layer] = (
            token_ns if token_ns is not None else min(first.get(read.layer, read.start_ns), read.start_ns)
        )
    return first


def _rows(reads: Sequence[ExpertRead], layers: Sequence[int]) -> dict[tuple[int, int, int], tuple[float, float]]:
    """Middle and height of each read's row in its layer's lane, in order of start."""
    of_layer: dict[int, list[ExpertRead]] = defaultdict(list)
    for read in reads:
        of_layer[read.layer].append(read)
    return {
        _key(read): (layers.index(layer) - _LANE / 2 + _LANE * (row + 0.5) / len(mine), _LANE / len(mine))
        for layer, mine in of_layer.items()
        for row, read in enumerate(mine)
    }


def _key(read: ExpertRead) -> tuple[int, int, int]:
    return read.layer, read.expert, read.start_ns


def _bars(
    reads: Sequence[ExpertRead],
    group: Residency,
    rows: Mapping[tuple[int, int, int], tuple[float, float]],
    zero_ns: Mapping[int, int],
    hover: list[str],
) -> go.Bar:
    return go.Bar(
        orientation="h",
        base=[(read.start_ns - zero_ns[read.layer]) / 1e6 for read in reads],
        x=[read.duration_ns / 1e6 for read in reads],
        y=[round(rows[_key(read)][0], 4) for read in reads],
        width=[round(rows[_key(read)][1] * 0.9, 4) for read in reads],
        # The outline keeps a read of some microseconds visible.
        marker={"color": group.color, "line": {"color": group.color, "width": 1}},
        name=group.name,
        legendgroup=group.name,
        hovertext=hover,
        hoverinfo="text",
    )


def _dots(
    reads: Sequence[ExpertRead],
    group: Residency,
    rows: Mapping[tuple[int, int, int], tuple[float, float]],
    hover: list[str],
) -> go.Scatter:
    return go.Scatter(
        x=[read.duration_ns / 1e6 for read in reads],
        y=[round(rows[_key(read)][0], 4) for read in reads],
        mode="markers",
        marker={"color": group.color, "symbol": group.symbol, "size": 6},
        name=group.name,
        legendgroup=group.name,
        showlegend=False,
        hovertext=hover,
        hoverinfo="text",
    )


def _hover(read: ExpertRead, group: Residency, token_ns: int) -> str:
    fraction = read.resident_fraction_before
    held = f": {fraction:.0%} of its pages" if group.name.startswith("partly") and fraction is not None else ""
    calls = "1 call" if read.n_calls == 1 else f"{read.n_calls} calls"
    return (
        f"<b>layer {read.layer}, expert {read.expert}</b><br>{look.duration_text(read.duration_ns)}, "
        f"{read.nbytes:,} bytes in {calls}, thread {read.thread}<br>"
        f"began {(read.start_ns - token_ns) / 1e6:.2f} ms into the token<br>{group.name}{held}"
    )


def _subtitle(subject: Subject, reads: Sequence[ExpertRead]) -> str:
    durations = [read.duration_ns for read in reads]
    amount = f"{len(reads)} reads, {sum(read.nbytes for read in reads) / 1e6:,.3g} MB"
    spread = f"median {look.duration_text(median(durations))}, slowest {look.duration_text(max(durations))}"
    return f"{subject.label} · {amount} · {spread}"
