"""The original's experiments, rerun on this machine: `run(name, engine)`, and what there is to run."""

from flashmoe_nb.lab.rerun.registry import experiments, run
from flashmoe_nb.lab.rerun.result import Result

__all__ = ["Result", "experiments", "run"]
