"""Pictures and tables of what happened: events, traces and lenses in, plotly figures and small HTML tables out."""

from flashmoe_nb.figures.capacity import capacity_figure
from flashmoe_nb.figures.certainty import certainty_figure
from flashmoe_nb.figures.choices import LayerChoice, layer_choices
from flashmoe_nb.figures.curves import bars_figure, lines_figure
from flashmoe_nb.figures.gantt import gantt_figure
from flashmoe_nb.figures.latency import latency_figure
from flashmoe_nb.figures.layer_gantt import layer_gantt_figure
from flashmoe_nb.figures.lens_figures import contributions_figure, decay_figure, logit_lens_figure
from flashmoe_nb.figures.maps import counts_figure, residency_figure
from flashmoe_nb.figures.reads import reads_figure
from flashmoe_nb.figures.routing import routing_figure
from flashmoe_nb.figures.subject import Subject
from flashmoe_nb.figures.tables import LayerTable, layer_table
from flashmoe_nb.figures.traffic import traffic_figure
from flashmoe_nb.figures.usage import usage_figure

__all__ = [
    "LayerChoice",
    "LayerTable",
    "Subject",
    "bars_figure",
    "capacity_figure",
    "certainty_figure",
    "contributions_figure",
    "counts_figure",
    "decay_figure",
    "gantt_figure",
    "latency_figure",
    "layer_choices",
    "layer_gantt_figure",
    "layer_table",
    "lines_figure",
    "logit_lens_figure",
    "reads_figure",
    "residency_figure",
    "routing_figure",
    "traffic_figure",
    "usage_figure",
]
