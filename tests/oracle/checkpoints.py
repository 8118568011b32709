"""Checkpoints of tiny models on disk, written by mlx-lm itself: model, quantization, shards, index and config.

Knows mlx-lm, not the engine under test.
"""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm import utils as mlx_lm_utils

from tests.oracle.shapes import ARCHITECTURES, mlx_config, text_part
from tests.oracle.weights import WeightRecipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUANTIZATIONS = ("4bit-g64", "4bit-g32-router8", "2bit-g64", "8bit", "mixed")
DTYPES = ("float32", "bfloat16")
SEED = 20
SHARD_BYTES = 100_000

_DEFAULTS = {"4bit-g64": (4, 64), "4bit-g32-router8": (4, 32), "2bit-g64": (2, 64), "8bit": (8, 64), "mixed": (4, 64)}
_ROUTER_8_BITS = {"4bit-g32-router8", "2bit-g64"}
"""Routers as mlx-lm's own predicate has them; in the others they are quantized like the rest."""
_SHARDED = {"4bit-g32-router8", "mixed"}


@dataclass(frozen=True, slots=True)
class Case:
    """One checkpoint: architecture, quantization and dtype of what is not quantized."""

    architecture: str
    quantization: str
    dtype: str

    def __str__(self) -> str:
        return f"{self.architecture}-{self.quantization}-{self.dtype}"


def all_cases(dtype: str) -> tuple[Case, ...]:
    """Every architecture in every quantization."""
    return tuple(Case(a, q, dtype) for a in ARCHITECTURES for q in QUANTIZATIONS)


def write_mlx_checkpoint(case: Case, folder: Path) -> Path:
    """Write `case` as mlx-lm would, and give the folder back."""
    config = mlx_config(case.architecture, case.quantization, case.dtype)
    model = _random_model(case, config)
    bits, group_size = _DEFAULTS[case.quantization]
    with contextlib.redirect_stdout(io.StringIO()):
        model, config = mlx_lm_utils.quantize_model(
            model, config, group_size, bits, quant_predicate=_predicate(case, model)
        )
    limit = SHARD_BYTES if case.quantization in _SHARDED else 1 << 30
    with mock.patch.object(mlx_lm_utils, "make_shards", partial(_shards_of, limit_bytes=limit)):
        mlx_lm_utils.save_model(folder, model)
    mlx_lm_utils.save_config(config, folder / "config.json")
    return folder


def shard_count(folder: Path) -> int:
    """How many shards the index of `folder` names."""
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    return len(set(index["weight_map"].values()))


def _random_model(case: Case, config: dict[str, Any]) -> Any:
    model_class, args_class = mlx_lm_utils._get_classes(config)
    model = model_class(args_class.from_dict(config))
    text = text_part(config)
    recipe = WeightRecipe(SEED, text["hidden_size"], text.get("num_experts_per_tok", 1))
    named = [(name, mx.array(recipe.tensor(name, old.shape))) for name, old in tree_flatten(model.parameters())]
    keeps_a_log = case.architecture.startswith("qwen3_5")  # its cast_predicate, mlx-lm models/qwen3_5.py
    dtype = getattr(mx, case.dtype)
    named = [(n, w if keeps_a_log and n.endswith("A_log") else w.astype(dtype)) for n, w in named]
    model.update(tree_unflatten(named))
    mx.eval(model.parameters())
    return model


def _predicate(case: Case, model: Any) -> Callable[[str, Any], bool | dict[str, int]]:
    if case.quantization == "mixed":
        return _mixed
    if case.quantization in _ROUTER_8_BITS and case.architecture != "qwen3_5":
        rule: Callable[[str, Any], bool | dict[str, int]] = model.quant_predicate
        return rule
    return lambda _path, _module: True


_MIXED_BY_LEAF: dict[str, dict[str, int]] = {
    "embed_tokens": {"bits": 8, "group_size": 32},
    "lm_head": {"bits": 6, "group_size": 64},
    "gate": {"bits": 8, "group_size": 64},
    "q_proj": {"bits": 6, "group_size": 32},
    "k_proj": {"bits": 5, "group_size": 64},
    "in_proj_qkv": {"bits": 5, "group_size": 32},
    "in_proj_qkvz": {"bits": 6, "group_size": 64},
    "out_proj": {"bits": 3, "group_size": 64},
}
_MIXED_EXPERTS: tuple[dict[str, dict[str, int]], ...] = (
    {"gate_proj": {"bits": 3, "group_size": 64}, "up_proj": {"bits": 5, "group_size": 32}},
    {"up_proj": {"bits": 6, "group_size": 64}, "down_proj": {"bits": 8, "group_size": 32}},
)
_UNQUANTIZED = ("in_proj_a", "in_proj_b", "in_proj_ba", "shared_expert_gate")


def _mixed(path: str, module: Any) -> bool | dict[str, int]:
    """Different bits and groups by projection, experts differing by layer, some modules not quantized at all."""
    leaf = path.rsplit(".", 1)[-1]
    if leaf in _UNQUANTIZED:
        return False
    if "switch_mlp" in path or path.endswith(("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")):
        layer = int(path.split("layers.")[1].split(".", maxsplit=1)[0])
        return _MIXED_EXPERTS[layer % 2].get(leaf, True)
    if leaf == "o_proj" and module.weight.shape[-1] % 128 == 0:
        return {"bits": 4, "group_size": 128}
    return _MIXED_BY_LEAF.get(leaf, True)


def _shards_of(weights: dict[str, mx.array], *, limit_bytes: int) -> list[dict[str, mx.array]]:
    """What `mlx_lm.utils.make_shards` does, with a limit below one gigabyte."""
    shards: list[dict[str, mx.array]] = [{}]
    size = 0
    for name, weight in weights.items():
        if shards[-1] and size + weight.nbytes > limit_bytes:
            shards.append({})
            size = 0
        shards[-1][name] = weight
        size += weight.nbytes
    return shards
