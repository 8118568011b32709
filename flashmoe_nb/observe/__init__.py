"""Recording a run, and what can be told from the record: traces and statistics."""

from flashmoe_nb.observe.recorder import record
from flashmoe_nb.observe.trace import Trace, load_trace

__all__ = ["Trace", "load_trace", "record"]
