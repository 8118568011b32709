"""Pictures and tables of what a token did: plain events in, plotly figures and small HTML tables out."""

from flashmoe_nb.figures.choices import LayerChoice, layer_choices
from flashmoe_nb.figures.latency import latency_figure
from flashmoe_nb.figures.reads import reads_figure
from flashmoe_nb.figures.routing import routing_figure
from flashmoe_nb.figures.subject import Subject
from flashmoe_nb.figures.tables import LayerTable, layer_table

__all__ = [
    "LayerChoice",
    "LayerTable",
    "Subject",
    "latency_figure",
    "layer_choices",
    "layer_table",
    "reads_figure",
    "routing_figure",
]
