"""Recording a run, stopping in the middle of one, and what can be told from either."""

from flashmoe_nb.observe.debugger import Debugger
from flashmoe_nb.observe.patches import Patches
from flashmoe_nb.observe.recorder import record
from flashmoe_nb.observe.trace import Trace, load_trace

__all__ = ["Debugger", "Patches", "Trace", "load_trace", "record"]
