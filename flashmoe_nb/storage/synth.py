"""Writes a checkpoint of random weights in a known shape, so that real sizes can be tried without a download.

The folder is an ordinary MLX checkpoint: config, shards, index, tokenizer. Knows nothing of running it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from flashmoe_nb.config import SUPPORTED_BITS, SUPPORTED_GROUP_SIZES, GroupQuantization
from flashmoe_nb.errors import PackError, UnsupportedError
from flashmoe_nb.storage.atomic import (
    disk_errors,
    fsync_folder,
    partial_path,
    remove_partials,
    require_free_space,
    write_json,
    write_whole,
)
from flashmoe_nb.storage.safetensors_index import INDEX_NAME
from flashmoe_nb.storage.safetensors_writer import index_of, plan_shards, write_partial_shard
from flashmoe_nb.storage.synth_random import RandomPools
from flashmoe_nb.storage.synth_shapes import config_of, named_shape
from flashmoe_nb.storage.synth_tensors import SynthModel
from flashmoe_nb.storage.synth_tokenizer import EOS_IDS, PAD_ID, tokenizer_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flashmoe_nb.storage.safetensors_writer import Shard
    from flashmoe_nb.storage.synth_shapes import SynthShape

DTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}


@dataclass(frozen=True, slots=True)
class SynthResult:
    """What was written, and how fast."""

    folder: Path
    nbytes: int
    """Of all safetensors files."""
    duration_ns: int

    @property
    def bytes_per_s(self) -> float:
        """Mean rate of writing, with the final fsync."""
        return self.nbytes / (self.duration_ns / 1e9)


def synthesize(
    shape: str | SynthShape,
    folder: Path,
    *,
    layers: int | None = None,
    experts: int | None = None,
    dtype: str = "bfloat16",
    vocab: int | None = None,
    bits: int | None = 4,
    group_size: int = 64,
    seed: int = 0,
    progress: bool = True,
    router_bits: int = 8,
) -> SynthResult:
    """Write a random checkpoint of a named shape into an empty or new folder.

    Args:
        shape: A name of `synth_shapes.SHAPES`, or a shape of one's own.
        folder: Where it goes; must not hold anything yet.
        layers: How many layers instead of the model's own count.
        experts: How many experts a layer; top-k is cut to it.
        dtype: Of scales, biases, norms and of unquantized weights: bfloat16, float16 or float32.
        vocab: How many tokens instead of the model's own count.
        bits: Of quantized weights; None writes them unquantized.
        group_size: Values that share a scale.
        seed: The same seed gives the same bytes.
        progress: Show a progress bar.
        router_bits: Of `mlp.gate` and `shared_expert_gate`, in groups of 64.

    Raises:
        UnsupportedError: a shape, dtype, width or count that does not exist.
        PackError: the folder is not empty, or the disk is too small.
    """
    _check(dtype, bits, group_size, router_bits)
    chosen = named_shape(shape, layers=layers, experts=experts, vocab=vocab)
    quantization = GroupQuantization(bits, group_size) if bits else None
    model = SynthModel(chosen, DTYPES[dtype], quantization, router_bits)
    files = tokenizer_files(chosen.vocab_size, chosen.max_position_embeddings)
    shards = plan_shards(tensor.spec for tensor in model.tensors())
    nbytes = sum(shard.nbytes for shard in shards)
    _claim(folder, nbytes + sum(len(text) for text in files.values()) + 2**20)
    start_ns = time.perf_counter_ns()
    with disk_errors(folder):
        _write_shards(folder, shards, model, seed, progress=progress)
        for name, text in files.items():
            write_whole(folder / name, text.encode())
        write_json(folder / INDEX_NAME, index_of(shards))
        config = config_of(chosen, dtype=dtype, eos_ids=EOS_IDS, pad_id=PAD_ID)
        write_json(folder / "config.json", config | _quantization_block(model))
    return SynthResult(folder, nbytes, time.perf_counter_ns() - start_ns)


def _check(dtype: str, bits: int | None, group_size: int, router_bits: int) -> None:
    wrong = {
        "dtype": (dtype, tuple(DTYPES)),
        "bits": (bits, (None, *SUPPORTED_BITS)),
        "group_size": (group_size, SUPPORTED_GROUP_SIZES),
        "router_bits": (router_bits, SUPPORTED_BITS),
    }
    for name, (value, allowed) in wrong.items():
        if value not in allowed:
            msg = f"{name} is {value!r}, supported are {', '.join(map(str, allowed))}: give one of these"
            raise UnsupportedError(msg)


def _claim(folder: Path, needed_bytes: int) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder} is not empty: give a new folder, or delete this one first"
        raise PackError(msg)
    require_free_space(folder, needed_bytes)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _write_shards(folder: Path, shards: Sequence[Shard], model: SynthModel, seed: int, *, progress: bool) -> None:
    pools = RandomPools(seed)
    tensors = {tensor.spec.name: tensor for tensor in model.tensors()}
    total_bytes = sum(spec.nbytes for shard in shards for spec in shard.tensors)
    try:
        with tqdm(total=total_bytes, unit="B", unit_scale=True, desc="synth", disable=not progress) as bar:
            for shard in shards:
                write_partial_shard(folder, shard, lambda spec: pools.chunks(tensors[spec.name]), bar.update)
    except BaseException:
        remove_partials(folder)
        raise
    for shard in shards:
        path = folder / shard.file_name
        partial_path(path).replace(path)
    fsync_folder(folder)


def _quantization_block(model: SynthModel) -> dict[str, Any]:
    if model.quantization is None:
        return {}
    block: dict[str, Any] = {
        "group_size": model.quantization.group_size,
        "bits": model.quantization.bits,
        "mode": "affine",
    }
    for path, stored in model.overrides().items():
        block[path] = {"group_size": stored.group_size, "bits": stored.bits}
    return {"quantization": block, "quantization_config": block}
