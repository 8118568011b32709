"""Token streams on the training device: random windows of a weighted mix of domains, and fixed held-out windows.

In the tools domain only what the assistant says is learnt at full weight; prompts and tool results, whose values are
random by design, count little.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from flashmoe_nb.lab.demo.corpus import Domain
from flashmoe_nb.lab.demo.pools import Split
from flashmoe_nb.lab.demo.tokens import IM_END, IM_START

if TYPE_CHECKING:
    from pathlib import Path

PROMPT_WEIGHT = 0.1


def spoken(stream: np.ndarray, assistant: int) -> np.ndarray:
    """True where a token belongs to an assistant's turn, its end marker included.

    Args:
        stream: Token ids [T].
        assistant: The token that follows `<|im_start|>` when the assistant speaks.
    """
    place = np.arange(len(stream))
    opens = np.zeros(len(stream), dtype=bool)
    opens[1:] = (stream[:-1] == IM_START) & (stream[1:] == assistant)
    closes = np.zeros(len(stream), dtype=bool)
    closes[1:] = stream[:-1] == IM_END
    last_open = np.maximum.accumulate(np.where(opens, place, -1))
    last_close = np.maximum.accumulate(np.where(closes, place, -1))
    inside: np.ndarray = last_open > last_close
    return inside


@dataclass(frozen=True, slots=True)
class Streams:
    """Every domain's training tokens in one tensor, with their weights; held-out streams apart."""

    domains: tuple[Domain, ...]
    shares: Tensor
    flat: Tensor
    weights: Tensor
    starts: Tensor
    lengths: Tensor
    held: dict[Domain, Tensor]
    sha256: str

    @classmethod
    def load(cls, folder: Path, mix: dict[Domain, float], device: str) -> Streams:
        """Read the streams that `tokens` wrote."""
        assistant = Tokenizer.from_file(str(folder / "tokenizer.json")).encode("assistant").ids[0]
        digest = hashlib.sha256()
        parts, weights, held = [], [], {}
        for domain in mix:
            stream = np.load(folder / f"{domain}.{Split.TRAIN}.npy")
            digest.update(stream.tobytes())
            parts.append(torch.from_numpy(stream.astype(np.int32)))
            said = spoken(stream, assistant) if domain is Domain.TOOLS else np.ones(len(stream), dtype=bool)
            weights.append(torch.from_numpy(said))
            heldout = np.load(folder / f"{domain}.{Split.HELDOUT}.npy")
            held[domain] = torch.from_numpy(heldout.astype(np.int64)).to(device)
        lengths = torch.tensor([len(part) for part in parts])
        return cls(
            tuple(mix), torch.tensor(list(mix.values())), torch.cat(parts).to(device), torch.cat(weights).to(device),
            lengths.cumsum(0) - lengths, lengths, held, digest.hexdigest(),
        )  # fmt: skip

    def tokens(self) -> int:
        """Training tokens in all."""
        return self.flat.numel()

    def batch(self, rows: int, context: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Random windows. Shapes: tokens [rows, context + 1], weights [rows, context], domain indices [rows]."""
        domains = torch.multinomial(self.shares, rows, replacement=True, generator=generator)
        room = (self.lengths[domains] - context - 1).double()
        first = self.starts[domains] + (torch.rand(rows, generator=generator, dtype=torch.double) * room).long()
        device = self.flat.device
        places = first.to(device)[:, None] + torch.arange(context + 1, device=device)
        weights = torch.where(self.weights[places[:, 1:]], 1.0, PROMPT_WEIGHT)
        return self.flat[places].long(), weights, domains.to(device)

    def heldout(self, domain: Domain, rows: int, context: int) -> Tensor:
        """The first windows of a held-out stream. Shapes: [at most rows, context + 1]."""
        stream = self.held[domain]
        count = min(rows, (len(stream) - 1) // context)
        return torch.stack([stream[i * context : i * context + context + 1] for i in range(count)])
