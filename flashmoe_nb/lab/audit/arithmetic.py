"""What follows from the claims' own numbers. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flashmoe_nb.lab.audit.ledger import ledger

if TYPE_CHECKING:
    from flashmoe_nb.lab.sizes import ModelSizes


class ActiveShare(NamedTuple):
    """Parameters a token goes through."""

    values: int
    """Without the embedding table, of which a token takes one row."""
    with_table: int
    total: int

    @property
    def text(self) -> str:
        """Both ways of counting."""
        return (
            f"{self.values / 1e9:.1f}B, {self.values / self.total:.1%} ({self.with_table / 1e9:.1f}B, "
            f"{self.with_table / self.total:.1%}, with the embedding table)"
        )


def active_share(sizes: ModelSizes, top_k: int | None = None) -> ActiveShare:
    """At K experts a token; None takes the trained number."""
    active = sizes.active(top_k).values
    return ActiveShare(active, active - sizes.config.hidden_size + sizes.embedding.values, sizes.total.values)


def tokens_per_s(layer_ms: float, num_layers: int) -> float:
    """Of a layer's time."""
    return 1000 / (layer_ms * num_layers)


def inferred_hit_rate(warm_ms: float, cold_ms: float, mixed_ms: float) -> float:
    """How a mixed time lies between the two pure ones."""
    return (cold_ms - mixed_ms) / (cold_ms - warm_ms)


def hours_for(n_tokens: int, rate_per_s: float) -> float:
    """At a rate."""
    return n_tokens / rate_per_s / 3600


def kilowatt_hours(hours: float, watts: float) -> float:
    """Energy."""
    return hours * watts / 1000


def ledger_counts() -> str:
    """How many experiments the logs hold, and how many of them were thrown away."""
    rows = ledger()
    early, final, extra = (rows.where(log=log) for log in ("early", "final", "metal_infer"))
    repeated = sum(row.repeats is not None for row in final)
    logged = [row for log in (early, final) for row in log]
    discarded = sum(row.status == "discard" for row in logged)
    return (
        f"results.tsv has {len(final)} rows and metal_infer/results.tsv {repeated + len(extra)}: "
        f"{len(final) + repeated + len(extra)} together, {repeated} of them twice, so {len(final) + len(extra)} "
        f"different ones. With the {len(early)} of the older log, {discarded} of {len(logged)} were discarded "
        f"({discarded / len(logged):.0%}), most often for silently wrong output or no gain."
    )
