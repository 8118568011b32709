"""Made-up choices of experts, and how Hypothesis makes more."""

import numpy as np
from hypothesis import strategies as st


@st.composite
def choices(draw: st.DrawFn, most_tokens: int = 24) -> tuple[np.ndarray, int]:
    """(expert_ids [N, L, K], E): each token's experts are distinct, some experts far busier than others."""
    num_experts = draw(st.integers(2, 9))
    top_k = draw(st.integers(1, num_experts))
    tokens, layers = draw(st.integers(2, most_tokens)), draw(st.integers(1, 3))
    seed, skew = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0.0, 1.0, 3.0]))
    return made_choices(tokens, layers, num_experts, top_k, seed=seed, skew=skew), num_experts


def made_choices(
    tokens: int, layers: int, num_experts: int, top_k: int, *, seed: int = 0, skew: float = 1.0
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scores = rng.gumbel(size=(tokens, layers, num_experts)) + skew * rng.normal(size=(layers, num_experts))
    return np.argsort(-scores, axis=-1)[..., :top_k].astype(np.uint16)


def sticky_choices(tokens: int, layers: int, num_experts: int, top_k: int, *, seed: int = 0) -> np.ndarray:
    """As `made_choices`, but taste drifts slowly: neighbours choose alike."""
    rng = np.random.default_rng(seed)
    drift = np.cumsum(rng.normal(size=(tokens, layers, num_experts)), axis=0)
    return np.argsort(-drift, axis=-1)[..., :top_k].astype(np.uint16)
