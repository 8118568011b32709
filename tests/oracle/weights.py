"""Seeded random weights whose routing and logits are far from degenerate.

Plain Gaussian weights give a router whose K-th and (K+1)-th choice are almost tied at every fifth token, so that a
comparison in bfloat16 would compare luck. Here tokens belong to clusters; each cluster prefers K experts of each layer
and three tokens to follow, as in a trained model. All else is Gaussian, with norms and decays off their initial values.
Numpy only; knows the names of tensors, not models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

N_CLUSTERS = 20
_BRANCH_GAIN = 0.4
_ROUTER_GAIN = 5.0
_ROUTER_NOISE = 0.25
_HEAD_GAINS = (11.0, 7.0, 5.0)
"""How likely a cluster makes the tokens that may follow it; the context chooses among them."""
_HEAD_CONTEXT = 2.0
_HEAD_NOISE = 0.7


@dataclass(frozen=True, slots=True)
class WeightRecipe:
    """Makes the tensor of any name; the same seed gives the same tensor, whatever the order they are asked in."""

    seed: int
    hidden_size: int
    top_k: int
    zero_centred_norms: bool = False
    """True: RMSNorm weights lie around 0, as the Hugging Face layout of Qwen3-Next stores them."""

    def tensor(self, name: str, shape: tuple[int, ...]) -> Floats:
        """Weights for the parameter called `name` (any prefix)."""
        rng = self._rng(name)
        path = name.removesuffix(".weight")
        leaf = path.rsplit(".", 1)[-1]
        if leaf in ("A_log", "dt_bias"):
            made = rng.uniform(-2.5, 1.0, shape)
        elif leaf == "conv1d":
            made = 0.6 * rng.standard_normal(shape)
        elif leaf == "embed_tokens":
            made = self._embedding(rng, shape)
        elif leaf == "lm_head":
            made = self._head(rng, shape)
        elif len(shape) == 1:
            made = self._norm(rng, path, shape)
        elif path.endswith("mlp.gate"):
            made = self._router(rng, shape)
        else:
            gain = _BRANCH_GAIN if leaf in ("o_proj", "out_proj", "down_proj") else 1.0
            made = gain / np.sqrt(shape[-1]) * rng.standard_normal(shape)
        return made.astype(np.float32)

    def _rng(self, name: str) -> np.random.Generator:
        canonical = name[name.find("layers.") :] if "layers." in name else name.rsplit("model.", 1)[-1]
        return np.random.default_rng([self.seed, *canonical.encode()])

    def _centres(self) -> Doubles:
        rng = np.random.default_rng([self.seed, 1])
        orthonormal, _ = np.linalg.qr(rng.standard_normal((self.hidden_size, N_CLUSTERS)))
        return np.sqrt(self.hidden_size) * orthonormal.T

    def _embedding(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Doubles:
        cluster = rng.integers(0, N_CLUSTERS, shape[0])
        noise = rng.standard_normal(shape)
        return 0.9 * self._centres()[cluster] + 0.45 * noise

    def _router(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Doubles:
        num_experts, hidden_size = shape
        centres = self._centres()
        rows = _ROUTER_NOISE / np.sqrt(hidden_size) * rng.standard_normal(shape)
        for centre in centres:
            for expert in rng.choice(num_experts, self.top_k, replace=False):
                rows[expert] += _ROUTER_GAIN / hidden_size * centre
        return rows

    def _head(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Doubles:
        vocab_size, hidden_size = shape
        final_norm = self.tensor("model.norm.weight", (hidden_size,)) + (1.0 if self.zero_centred_norms else 0.0)
        likely = rng.integers(0, vocab_size, (N_CLUSTERS, len(_HEAD_GAINS)))
        noise = np.where(np.isin(np.arange(vocab_size), likely), _HEAD_CONTEXT, _HEAD_NOISE)
        rows = noise[:, None] / np.sqrt(hidden_size) * rng.standard_normal(shape)
        for centre, tokens in zip(self._centres(), likely, strict=True):
            for gain, token in zip(_HEAD_GAINS, tokens, strict=True):
                rows[token] += gain / hidden_size * centre * final_norm
        return rows

    def _norm(self, rng: np.random.Generator, path: str, shape: tuple[int, ...]) -> Doubles:
        weight = rng.uniform(0.6, 1.4, shape)
        if ".layers." not in f".{path}":
            weight *= rng.choice([-1.0, 1.0], shape)  # a tied head would otherwise repeat the last token for ever
        shifted = self.zero_centred_norms and not path.endswith("linear_attn.norm")
        return weight - 1.0 if shifted else weight
