"""What a training run depends on besides its data and its clock, and one line of its log."""

from __future__ import annotations

from dataclasses import dataclass, field

from flashmoe_nb.lab.demo.corpus import Domain

MIX: dict[Domain, float] = {
    Domain.PROSE: 0.19, Domain.CODE: 0.13, Domain.MULTI: 0.05, Domain.REFERENCE: 0.12, Domain.JSON: 0.05,
    Domain.MATHS: 0.05, Domain.TOOLS: 0.41,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything a run depends on besides its data and its clock."""

    seed: int = 2026
    tokens_per_step: int = 65_536
    context: int = 1024
    long_context: int = 4096
    long_from: float = 0.85
    fake_quantised_from: float = 0.75
    peak_rate: float = 2.5e-3
    warmup_steps: int = 300
    decay_from: float = 0.5
    final_share: float = 0.02
    weight_decay: float = 0.1
    clip: float = 1.0
    few_experts: int = 4
    few_experts_share: float = 0.3
    mix: dict[Domain, float] = field(default_factory=lambda: MIX)

    def rate(self, progress: float, step: int) -> float:
        """Learning rate: linear warm-up by steps, constant, then linear down by the clock."""
        down = max(self.final_share, 1 - (1 - self.final_share) * (progress - self.decay_from) / (1 - self.decay_from))
        return self.peak_rate * min(1.0, (step + 1) / self.warmup_steps) * min(1.0, down)

    def balance(self, progress: float) -> float:
        """Weight of the balance loss: over the whole mixed batch, so that experts may take sides."""
        return 0.01 if progress < 0.3 else 0.005  # noqa: PLR2004


# A second run from trained weights: lower, falling for longer, and mostly dialogues, the one domain without repeats.
CONTINUED = Recipe(
    seed=2027, peak_rate=1.5e-3, warmup_steps=200, decay_from=0.3, fake_quantised_from=0.6,
    mix={Domain.PROSE: 0.12, Domain.CODE: 0.08, Domain.MULTI: 0.03, Domain.REFERENCE: 0.08, Domain.JSON: 0.05,
         Domain.MATHS: 0.04, Domain.TOOLS: 0.60},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """One line of the log."""

    step: int
    seconds: float
    loss: float
    balance: float
    gradient_norm: float
    rate: float
    tokens_per_s: float
    by_domain: dict[str, float]
