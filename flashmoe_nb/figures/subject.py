"""What a picture is of: the facts of a model that every title and colour needs, without the model.

Knows no plotly. A figure takes a `Subject`, so it can be drawn from recorded events with no engine at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from flashmoe_nb.storage import tells_experts_apart

if TYPE_CHECKING:
    from flashmoe_nb.engine import Engine
    from flashmoe_nb.observe import Trace


@dataclass(frozen=True, slots=True)
class Subject:
    """The model behind some events."""

    model: str
    top_k: int
    """Experts a token in force."""
    own_top_k: int
    """The checkpoint's own number."""
    num_experts: int
    residency_per_expert: bool
    """False: one page of memory holds bytes of several experts, so what is resident cannot be told apart by expert."""
    memory_limit: str = ""
    """What the page cache was allowed in a recorded run; empty without a limit."""

    @classmethod
    def of(cls, engine: Engine) -> Self:
        """Read off an engine."""
        moe, store = engine.config.moe, engine.checkpoint.routed
        return cls(
            model=engine.checkpoint.folder.name,
            top_k=engine.top_k,
            own_top_k=moe.top_k if moe else 0,
            num_experts=moe.num_experts if moe else 0,
            residency_per_expert=store is not None and all(tells_experts_apart(store, n) for n in store.layers),
        )

    @classmethod
    def of_trace(cls, trace: Trace) -> Self:
        """Read off a recorded run."""
        facts = trace.facts
        return cls(
            facts.model,
            facts.top_k,
            facts.own_top_k,
            facts.num_experts,
            facts.residency_per_expert,
            facts.memory_limit,
        )

    @property
    def label(self) -> str:
        """For a title: `demo, top_k 4 of 512 experts (the checkpoint's own: 10)`."""
        own = "" if self.top_k == self.own_top_k else f" (the checkpoint's own: {self.own_top_k})"
        return f"{self.model}, top_k {self.top_k} of {self.num_experts} experts{own}"
