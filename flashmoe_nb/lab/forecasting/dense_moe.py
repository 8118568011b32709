"""A dense model streamed against a mixture of experts: bytes and time a token, as memory grows.

A dense model goes through all its weights for every token, in the same order: a cache that keeps what was used last
throws out exactly what comes next, and hits nothing until everything fits. A mixture of experts asks for a few, and for
some of them again. Measured on one synthesised layer of each; the curve adds what the cache would hit.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.config import ModelConfig
from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.lab.bench.machine import about_this_run
from flashmoe_nb.lab.bench.table import Table
from flashmoe_nb.lab.forecasting.demand import Routing, hit_rate, shipped_routing
from flashmoe_nb.lab.forecasting.machines import find_machine
from flashmoe_nb.lab.forecasting.probing import probe
from flashmoe_nb.lab.sizes import load_config, model_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from pathlib import Path
    from typing import Any

    from flashmoe_nb.lab.forecasting.costs import Costs
    from flashmoe_nb.lab.sizes import ModelSizes

CACHE_GB = (0, 1, 2, 4, 5, 6, 8, 16, 32, 64, 128, 256)
FILE = "dense-against-moe.json"
DENSE = "9B dense"
_MOE = "qwen3.5-397b"
_MOE_K = (4, 10)

DENSE_9B: dict[str, Any] = {
    "model_type": "qwen3_5",
    "hidden_size": 4096,
    "intermediate_size": 12_288,
    "num_hidden_layers": 32,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
    "vocab_size": 248_320,
    "max_position_embeddings": 262_144,
    "quantization": {"group_size": 64, "bits": 4},
}
"""Qwen3.5-9B by its config: at 4.5 bits a value about 5 GB."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """One model, streamed with a cache of so many bytes."""

    model: str
    cache_bytes: int
    hit_rate: float
    missed_bytes: int
    """Of a token."""
    token_ns: float

    @property
    def tokens_per_s(self) -> float:
        """Of decoding."""
        return 1e9 / self.token_ns


@dataclass(frozen=True, slots=True, repr=False)
class DenseAgainstMoE:
    """Both over memory; shows itself as a table."""

    points: tuple[Streamed, ...]
    bytes_a_token: dict[str, int]
    """Asked for by a token, by model."""
    machine: str

    def table(self) -> Table:
        """One row a cache size."""
        models = list(self.bytes_a_token)
        columns = ("cache GB", *(f"{model}: {what}" for model in models for what in ("hits", "GB missed", "tok/s")))
        table = Table("dense-against-moe", f"Dense against mixture of experts, streamed, {self.machine}", columns)
        for size in sorted({point.cache_bytes for point in self.points}):
            of_size = {point.model: point for point in self.points if point.cache_bytes == size}
            cells = [
                cell
                for model in models
                for cell in (
                    f"{of_size[model].hit_rate:.0%}",
                    of_size[model].missed_bytes / 1e9,
                    of_size[model].tokens_per_s,
                )
            ]
            table.add(size / 1e9, *cells)
        table.notes += [
            f"{model} asks for {nbytes / 1e9:.2f} GB a token" for model, nbytes in self.bytes_a_token.items()
        ]
        table.notes.append(
            "the dense model's weights come round in order, so least recently used is what is needed next"
        )
        return table

    def write(self, folder: Path) -> Path:
        """As JSON, with machine, date and command."""
        folder.mkdir(parents=True, exist_ok=True)
        points = [asdict(point) | {"tokens_per_s": point.tokens_per_s} for point in self.points]
        held = {
            "about": about_this_run(),
            "machine": self.machine,
            "bytes_a_token": self.bytes_a_token,
            "points": points,
        }
        (folder / FILE).write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
        return folder / FILE

    def __repr__(self) -> str:
        return f"<DenseAgainstMoE: {', '.join(self.bytes_a_token)} over {len(self.points)} points: .table()>"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def read_written(path: Path) -> DenseAgainstMoE:
    """What `DenseAgainstMoE.write` kept.

    Raises:
        CheckpointError: the file is no such thing.
    """
    try:
        held = json.loads(path.read_text("utf-8"))
        points = tuple(Streamed(**{name: point[name] for name in Streamed.__slots__}) for point in held["points"])
        return DenseAgainstMoE(points, held["bytes_a_token"], held["machine"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} holds no comparison ({error!r}): run flashmoe forecast dense") from error


def dense_against_moe(
    *,
    machine: str | None = None,
    cache_gb: Sequence[float] = CACHE_GB,
    folder: str | PathLike[str] | None = None,
) -> DenseAgainstMoE:
    """A 9B dense model, all of it streamed, against the 397B at K=4 and K=10.

    Args:
        machine: a name of `MACHINES`; None probes this one with layers of both, for about 40 seconds.
        cache_gb: sizes of the page cache, 10^9 bytes.
        folder: on the disk to probe; None takes the system's temporary folder.

    Raises:
        OptionError: an unknown machine.
        PackError: too little disk to probe.
    """
    sizes, dense = model_sizes(load_config(_MOE)[1]), model_sizes(ModelConfig.from_dict(DENSE_9B))
    layer = model_sizes(ModelConfig.from_dict(dense_layers_config()))

    def costs_of(of: ModelSizes, top_k: int) -> Costs:
        return find_machine(machine).costs(of, top_k) if machine else probe(of.config, top_k=top_k, folder=folder)

    dense_costs, by_k = costs_of(layer, 1), {k: costs_of(sizes, k) for k in _MOE_K}
    routings, points = shipped_routing(), []
    asked = {DENSE: streamed_bytes(dense)} | {f"397B, K={k}": sizes.read_bytes(k) for k in by_k}
    for size in cache_gb:
        nbytes = int(size * 1e9)
        points.append(_dense(dense, layer, dense_costs, nbytes))
        points += [_moe(sizes, costs, routings, nbytes) for costs in by_k.values()]
    return DenseAgainstMoE(tuple(points), asked, dense_costs.machine)


def dense_layers_config() -> dict[str, Any]:
    """Layers of the dense model for `probe`: its MLP as one of a few experts, of which each token takes one."""
    text = {key: value for key, value in DENSE_9B.items() if key not in ("model_type", "intermediate_size")}
    return text | {
        "model_type": "qwen3_5_moe",
        "num_experts": 4,
        "num_experts_per_tok": 1,
        "moe_intermediate_size": DENSE_9B["intermediate_size"],
        "shared_expert_intermediate_size": 64,
    }


def streamed_bytes(dense: ModelSizes) -> int:
    """What a token goes through: all but the embedding table."""
    return dense.total.nbytes - (dense.embedding.nbytes if dense.head.values else 0)


def cyclic_hit_rate(cache_bytes: int, nbytes: int) -> float:
    """Of an LRU cache over bytes that are read round and round: nothing, until all of them fit."""
    return 1.0 if cache_bytes >= nbytes else 0.0


def _dense(dense: ModelSizes, layer: ModelSizes, costs: Costs, cache_bytes: int) -> Streamed:
    """Computing as probed; mixers and head are read as the MLP is, byte for byte."""
    streamed = streamed_bytes(dense)
    hits = cyclic_hit_rate(cache_bytes, streamed)
    read_ns = costs.full_ns[0 if hits else 1] / layer.expert.nbytes
    computing_ns = costs.head_ns + sum(costs.layer_ns[str(kind)] for kind in dense.config.mixer_kinds)
    return Streamed(DENSE, cache_bytes, hits, round(streamed * (1 - hits)), computing_ns + streamed * read_ns)


def _moe(sizes: ModelSizes, costs: Costs, routings: Sequence[Routing], cache_bytes: int) -> Streamed:
    hits = hit_rate(routings, min(1.0, cache_bytes / sizes.experts.nbytes), costs.top_k)
    missed = round(sizes.read_bytes(costs.top_k) * (1 - hits.mean))
    token_ns = statistics.mean(costs.token_ns(sizes, missing) for missing in hits.missing)
    return Streamed(f"397B, K={costs.top_k}", cache_bytes, hits.mean, missed, token_ns)
