"""Recording a run, stopping in the middle of one, and what can be told from either."""

from flashmoe_nb.observe.compare import Comparison, compare
from flashmoe_nb.observe.debugger import Debugger
from flashmoe_nb.observe.hooks import hook_names, run_with_cache
from flashmoe_nb.observe.lenses import attention_pattern, contributions, delta_view, logit_lens, router_view
from flashmoe_nb.observe.patches import Patches
from flashmoe_nb.observe.recorder import record
from flashmoe_nb.observe.trace import Trace, load_trace

__all__ = [
    "Comparison",
    "Debugger",
    "Patches",
    "Trace",
    "attention_pattern",
    "compare",
    "contributions",
    "delta_view",
    "hook_names",
    "load_trace",
    "logit_lens",
    "record",
    "router_view",
    "run_with_cache",
]
