"""The table of checkpoints that cannot be opened: how each is damaged, and what the error must say.

Shared by the tests of `fm.open` and of the command line.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import BudgetError, CheckpointError, FlashMoeError, OptionError, UnsupportedError
from flashmoe_nb.storage.pack import pack
from tests.engine.damage import Raw, Tensors, edit_json, edit_tensors, key_ending, split_shards

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One way to open a model wrongly."""

    name: str
    damage: Callable[[Path], object]
    error: type[FlashMoeError]
    says: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


def nothing(_: Path) -> None:
    """The folder is fine."""


def _config(edit: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda folder: edit_json(folder / "config.json", edit)


def text_fields(**fields: object) -> Callable[[Path], None]:
    return _config(lambda config: config["text_config"].update(fields))


def _without(key: str) -> Callable[[Path], None]:
    return _config(lambda config: config["text_config"].pop(key))


def _quantization(**fields: object) -> Callable[[Path], None]:
    def edit(config: dict[str, Any]) -> None:
        config.pop("quantization_config", None)
        config["quantization"].update(fields)

    return _config(edit)


def _quantized_by(method: str) -> Callable[[Path], None]:
    def edit(config: dict[str, Any]) -> None:
        config.pop("quantization")
        config["quantization_config"] = {"quant_method": method, "bits": 4, "group_size": 128}

    return _config(edit)


def replaced(suffix: str, change: Callable[[Raw], Raw]) -> Callable[[Path], None]:
    def edit(tensors: Tensors) -> None:
        key = key_ending(tensors, suffix)
        tensors[key] = change(tensors[key])

    return lambda folder: edit_tensors(folder, edit)


def _dropped(suffix: str) -> Callable[[Path], None]:
    return lambda folder: edit_tensors(folder, lambda tensors: tensors.pop(key_ending(tensors, suffix)))


def _added(name: str) -> Callable[[Path], None]:
    def edit(tensors: Tensors) -> None:
        tensors[name] = Raw("F32", (1,), b"\0\0\0\0")

    return lambda folder: edit_tensors(folder, edit)


def _as(dtype: str) -> Callable[[Raw], Raw]:
    """Other dtype of the same size in bytes."""
    return lambda raw: Raw(dtype, raw.shape, raw.data)


def _one_row_less(raw: Raw) -> Raw:
    row = len(raw.data) // raw.shape[0]
    return Raw(raw.dtype, (raw.shape[0] - 1, *raw.shape[1:]), raw.data[:-row])


def _one_row_less_each(raw: Raw) -> Raw:
    """Of every expert."""
    experts, rows, columns = raw.shape
    step, row = len(raw.data) // experts, len(raw.data) // experts // rows
    kept = b"".join(raw.data[at * step : (at + 1) * step - row] for at in range(experts))
    return Raw(raw.dtype, (experts, rows - 1, columns), kept)


def _as_fp8(raw: Raw) -> Raw:
    return Raw("F8_E4M3", (*raw.shape[:-1], raw.shape[-1] * 4), raw.data)


def shard_of(folder: Path) -> Path:
    (shard,) = folder.glob("*.safetensors")
    return shard


def _truncate(folder: Path) -> None:
    shard = shard_of(folder)
    os.truncate(shard, shard.stat().st_size - 1000)


def _long_header(folder: Path) -> None:
    shard = shard_of(folder)
    shard.write_bytes((10**9).to_bytes(8, "little") + shard.read_bytes()[8:])


def _without_shards(folder: Path) -> None:
    shard_of(folder).unlink()
    (folder / "model.safetensors.index.json").unlink()


def _without_a_shard(folder: Path) -> None:
    split_shards(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


def _absent_tensor(folder: Path) -> None:
    split_shards(folder)
    index = folder / "model.safetensors.index.json"
    edit_json(index, lambda value: value["weight_map"].update(ghost="model-00001-of-00002.safetensors"))


def _half_packed(folder: Path) -> None:
    pack(folder, progress=False)
    (folder / "packed_experts" / "layer_03.bin.partial").write_bytes(b"half")


def _pack_cut_short(folder: Path) -> None:
    pack(folder, progress=False)
    packed = folder / "packed_experts" / "layer_03.bin"
    os.truncate(packed, packed.stat().st_size - 1)


def _pack_of_other_shape(folder: Path) -> None:
    pack(folder, progress=False)
    edit_json(folder / "packed_experts" / "manifest.json", lambda value: value["layers"].pop("3"))
    edit_json(folder / "packed_experts" / "manifest.json", lambda value: value.update(num_layers=3))


def _write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def unlinked(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def nan_in(suffix: str, at: int = 0) -> Callable[[Path], None]:
    return replaced(suffix, lambda raw: raw.with_nan(at))


QUANTIZED_PATH = "language_model.model.layers.0.linear_attn.in_proj_qkv"
DIFFERENT = "belong to different models"
TABLE = [
    Row("no-config", unlinked("config.json"), CheckpointError, ("config.json does not exist", "safetensors files")),
    Row(
        "config-not-json",
        _write("config.json", "{"),
        CheckpointError,
        ("config.json is not valid JSON", "line 1", "download it again"),
    ),
    Row(
        "config-a-list",
        _write("config.json", "[]"),
        CheckpointError,
        ("config.json", "JSON list, not an object", "download it again"),
    ),
    Row(
        "no-shards",
        _without_shards,
        CheckpointError,
        ("no .safetensors file", "is the download complete?"),
    ),
    Row(
        "missing-shard",
        _without_a_shard,
        CheckpointError,
        ("model-00002-of-00002.safetensors is missing", "download it again"),
    ),
    Row(
        "truncated-shard",
        _truncate,
        CheckpointError,
        ("model.safetensors is {size_less:,} bytes", "describes {size:,}", "download it again"),
    ),
    Row(
        "header-longer-than-file",
        _long_header,
        CheckpointError,
        ("model.safetensors is {size:,} bytes", "1,000,000,000", "download it again"),
    ),
    Row(
        "index-names-absent-tensor",
        _absent_tensor,
        CheckpointError,
        ("tensor ghost", "model-00001-of-00002", "no shard holds it", "download the folder again"),
    ),
    Row(
        "norm-i32",
        replaced("0.input_layernorm.weight", _as("I32")),
        CheckpointError,
        ("0.input_layernorm.weight is I32", "F32, BF16, F16", "convert"),
    ),
    Row(
        "scales-i32",
        replaced("in_proj_qkv.scales", _as("I32")),
        CheckpointError,
        ("in_proj_qkv.scales is I32", "F32, BF16, F16", "convert"),
    ),
    Row(
        "weight-fp8",
        replaced("in_proj_qkv.weight", _as_fp8),
        CheckpointError,
        ("in_proj_qkv.weight is F8_E4M3", "F32, BF16, F16", "convert"),
    ),
    Row(
        "router-i32",
        replaced("mlp.gate.weight", _as("I32")),
        CheckpointError,
        ("mlp.gate.weight is I32", "F32, BF16, F16", "convert"),
    ),
    Row(
        "expert-i32",
        replaced("switch_mlp.up_proj.weight", _as("I32")),
        UnsupportedError,
        ("switch_mlp.up_proj.weight has dtype I32", "U32, F32, BF16, F16"),
    ),
    Row(
        "expert-scales-i32",
        replaced("switch_mlp.up_proj.scales", _as("I32")),
        UnsupportedError,
        ("switch_mlp.up_proj.scales has dtype I32", "U32, F32, BF16, F16"),
    ),
    Row(
        "expert-fp8",
        replaced("switch_mlp.up_proj.weight", _as_fp8),
        UnsupportedError,
        ("switch_mlp.up_proj.weight has dtype F8_E4M3", "U32, F32, BF16, F16"),
    ),
    Row(
        "norm-shape",
        replaced("0.input_layernorm.weight", _one_row_less),
        CheckpointError,
        ("0.input_layernorm.weight is [127]", "[128]", DIFFERENT),
    ),
    Row(
        "linear-shape",
        replaced("in_proj_qkv.weight", _one_row_less),
        CheckpointError,
        ("in_proj_qkv.weight is [255, 16]", "[256, 128]", DIFFERENT),
    ),
    Row(
        "biases-shape",
        replaced("in_proj_qkv.biases", _one_row_less),
        CheckpointError,
        ("in_proj_qkv.biases is [255, 2]", "[256, 2]", DIFFERENT),
    ),
    Row(
        "vocab-shape",
        text_fields(vocab_size=500),
        CheckpointError,
        ("embed_tokens.weight is [512, 16]", "[500, 128]", DIFFERENT),
    ),
    Row(
        "conv-shape",
        replaced("conv1d.weight", _one_row_less),
        CheckpointError,
        ("conv1d.weight is [255, 4, 1]", "[256, 4]", DIFFERENT),
    ),
    Row(
        "one-expert-less",
        replaced("switch_mlp.up_proj.weight", _one_row_less),
        CheckpointError,
        ("switch_mlp.up_proj.weight holds 15 experts", "gate_proj.weight holds 16", "belong to different models"),
    ),
    Row(
        "expert-shape",
        replaced("switch_mlp.up_proj.weight", _one_row_less_each),
        CheckpointError,
        (
            "switch_mlp.up_proj.weight is U32 [127, 16]",
            "gate_proj.weight is U32 [128, 16]",
            "belong to different models",
        ),
    ),
    Row(
        "experts-unlike-config",
        text_fields(num_experts=12),
        CheckpointError,
        ("switch_mlp.gate_proj.weight holds 16 experts", "config.json says 12", DIFFERENT),
    ),
    Row(
        "expert-width-unlike-config",
        text_fields(moe_intermediate_size=64),
        CheckpointError,
        ("layer 0", "(16, 128, 128)", "config.json says (16, 64, 128)", DIFFERENT),
    ),
    Row(
        "missing-resident",
        _dropped("1.post_attention_layernorm.weight"),
        CheckpointError,
        ("no tensor layers.1.post_attention_layernorm.weight", "the download is incomplete"),
    ),
    Row(
        "missing-final-norm",
        _dropped("model.norm.weight"),
        CheckpointError,
        ("model.norm.weight", "the download is incomplete"),
    ),
    Row(
        "missing-scales",
        _dropped("in_proj_qkv.scales"),
        CheckpointError,
        ("no tensor layers.0.linear_attn.in_proj_qkv.scales", "the download is incomplete"),
    ),
    Row(
        "missing-expert-scales",
        _dropped("switch_mlp.up_proj.scales"),
        CheckpointError,
        ("layer 0", "no up_proj.scales", "not whole"),
    ),
    Row(
        "missing-expert-projection",
        _dropped("switch_mlp.up_proj.weight"),
        CheckpointError,
        ("layer 0", "no up_proj.weight", "not whole"),
    ),
    Row(
        "unknown-tensor",
        _added("language_model.model.layers.0.mlp.surprise.weight"),
        UnsupportedError,
        ("layers.0.mlp.surprise.weight", "no place for", "is model_type in config.json right?"),
    ),
    Row(
        "one-layer-too-many",
        text_fields(num_hidden_layers=5, layer_types=["linear_attention"] * 5),
        CheckpointError,
        ("experts are there for 4 layers", "has 5", "is incomplete"),
    ),
    Row(
        "architecture",
        _config(lambda c: c.update(model_type="llama")),
        UnsupportedError,
        ('model_type is "llama"', "qwen3_5_moe, qwen3_next, qwen3_moe, qwen3_5", "open a checkpoint of one"),
    ),
    Row(
        "no-architecture",
        _config(lambda c: c.pop("model_type")),
        UnsupportedError,
        ('model_type is "None"', "qwen3_5_moe, qwen3_next, qwen3_moe, qwen3_5", "open a checkpoint of one"),
    ),
    Row(
        "mxfp4",
        _quantization(mode="mxfp4"),
        UnsupportedError,
        ('quantization "mxfp4"', "only MLX affine", "convert the original weights"),
    ),
    Row(
        "fp8",
        _quantized_by("fp8"),
        UnsupportedError,
        ('quantization "fp8"', "only MLX affine", "convert the original weights"),
    ),
    Row(
        "gptq",
        _quantized_by("gptq"),
        UnsupportedError,
        ('quantization "gptq"', "only MLX affine", "convert the original weights"),
    ),
    Row(
        "7-bit",
        _quantization(bits=7),
        UnsupportedError,
        ("bits 7", "(2, 3, 4, 5, 6, 8)", "convert the original weights"),
    ),
    Row(
        "group-16",
        _quantization(group_size=16),
        UnsupportedError,
        ("group_size 16", "(32, 64, 128)", "convert the original weights"),
    ),
    Row(
        "override-mxfp4",
        _quantization(**{QUANTIZED_PATH: {"mode": "mxfp4"}}),
        UnsupportedError,
        ("in_proj_qkv says", "mode mxfp4", "supported are affine", "convert the original weights"),
    ),
    Row(
        "quantization-text",
        _config(lambda c: c.update(quantization="4bit")),
        CheckpointError,
        ("quantization is '4bit'", "expected an object", "download it again"),
    ),
    Row(
        "override-contradicts",
        _quantization(**{QUANTIZED_PATH: {"bits": 8, "group_size": 64}}),
        CheckpointError,
        ("in_proj_qkv.weight is 4-bit in groups of 64", "says 8-bit in groups of 64", DIFFERENT),
    ),
    Row(
        "override-says-plain",
        _quantization(**{QUANTIZED_PATH: False}),
        CheckpointError,
        ("in_proj_qkv.weight is 4-bit in groups of 64", "says not quantized", DIFFERENT),
    ),
    Row(
        "layer-types-short",
        text_fields(layer_types=["full_attention"]),
        CheckpointError,
        ("layer_types has 1 entries", "expected 4", "belongs to another model"),
    ),
    Row(
        "layer-types-unknown",
        text_fields(layer_types=["sliding_attention"] * 4),
        CheckpointError,
        ("['sliding_attention']", '"linear_attention" or "full_attention"', "belongs to another model"),
    ),
    Row(
        "layer-types-mixed",
        text_fields(layer_types=["full_attention", 1, None, []]),
        CheckpointError,
        ("layer_types has 4 entries of ['1', 'None'", '"linear_attention"', "belongs to another model"),
    ),
    Row(
        "layer-types-number",
        text_fields(layer_types=4),
        CheckpointError,
        ("layer_types is 4", "expected a list", "download it again"),
    ),
    Row(
        "layer-types-wrong-kind",
        text_fields(layer_types=["full_attention"] * 4),
        CheckpointError,
        ("no tensor layers.0.self_attn.q_proj.weight", "belongs to another model"),
    ),
    Row(
        "config-top-k-0",
        text_fields(num_experts_per_tok=0),
        CheckpointError,
        ("num_experts_per_tok is 0", "above 0", "the config is incomplete"),
    ),
    Row(
        "config-top-k-above",
        text_fields(num_experts_per_tok=17),
        CheckpointError,
        ("num_experts_per_tok is 17", "num_experts 16", "belongs to another model"),
    ),
    Row(
        "config-no-hidden-size",
        _without("hidden_size"),
        CheckpointError,
        ("hidden_size is None", "above 0", "the config is incomplete"),
    ),
    Row(
        "config-eps-text",
        text_fields(rms_norm_eps="small"),
        CheckpointError,
        ("rms_norm_eps is 'small'", "expected a number", "download it again"),
    ),
    Row(
        "config-mlp-only-number",
        text_fields(mlp_only_layers=3),
        CheckpointError,
        ("mlp_only_layers is 3", "expected a list", "download it again"),
    ),
    Row(
        "config-heads",
        text_fields(num_key_value_heads=3),
        CheckpointError,
        ("num_attention_heads 4", "num_key_value_heads 3", "belongs to another model"),
    ),
    Row(
        "config-delta-heads",
        text_fields(linear_num_value_heads=3),
        CheckpointError,
        ("linear_num_value_heads 3", "linear_num_key_heads 2", "belongs to another model"),
    ),
    Row(
        "config-shared-text",
        text_fields(shared_expert_intermediate_size="x"),
        CheckpointError,
        ("shared_expert_intermediate_size is 'x'", "expected a number", "download it again"),
    ),
    Row(
        "rope-yarn",
        text_fields(rope_parameters={"rope_type": "yarn", "factor": 4}),
        UnsupportedError,
        ('RoPE type "yarn"', '"default" and "linear"', "use the checkpoint's original"),
    ),
    Row(
        "rope-linear-no-factor",
        text_fields(rope_parameters={"rope_type": "linear"}),
        CheckpointError,
        ("factor of RoPE scaling is None", "expected a number", "download it again"),
    ),
    Row(
        "rope-odd",
        text_fields(rope_parameters={"partial_rotary_factor": 0.3}),
        CheckpointError,
        ("0.3 of head_dim 64 turns 19", "2 to 64", "the config is damaged"),
    ),
    Row(
        "rope-wide",
        text_fields(rope_parameters={"partial_rotary_factor": 2}),
        CheckpointError,
        ("2 of head_dim 64 turns 128", "2 to 64", "the config is damaged"),
    ),
    Row("top-k-0", nothing, OptionError, ("top_k is 0", "has 16 experts", "give 1 to 16"), {"top_k": 0}),
    Row("top-k-negative", nothing, OptionError, ("top_k is -1", "has 16 experts", "give 1 to 16"), {"top_k": -1}),
    Row("top-k-above", nothing, OptionError, ("top_k is 17", "has 16 experts", "give 1 to 16"), {"top_k": 17}),
    Row("top-k-half", nothing, OptionError, ("top_k is 2.5", "give a whole number"), {"top_k": 2.5}),
    Row(
        "slots-below-top-k",
        nothing,
        OptionError,
        ("slots is 3", "4 (top_k)", "give", "16 (experts a layer)"),
        {"slots": 3},
    ),
    Row("slots-below-given-top-k", nothing, OptionError, ("slots is 7", "give 8 (top_k)"), {"slots": 7, "top_k": 8}),
    Row("slots-above-experts", nothing, OptionError, ("slots is 17", "give 4", "16 (experts a layer)"), {"slots": 17}),
    Row("read-threads-0", nothing, OptionError, ("read_threads is 0", "give 1 to 64"), {"read_threads": 0}),
    Row(
        "read-threads-text",
        nothing,
        OptionError,
        ("read_threads is 'all'", "give a whole number"),
        {"read_threads": "all"},
    ),
    Row("ops", nothing, UnsupportedError, ('ops="torch"', "give one of auto, mlx"), {"ops": "torch"}),
    Row(
        "dtype",
        nothing,
        UnsupportedError,
        ('dtype="int8"', "give one of float32, bfloat16, float16"),
        {"dtype": "int8"},
    ),
    Row("policy", nothing, OptionError, ('policy="lru"', 'give "trust-os"'), {"policy": "lru"}),
    Row("experts-nowhere", nothing, OptionError, ('experts="nowhere"', 'give "auto"'), {"experts": "nowhere"}),
    Row("experts-none", nothing, OptionError, ("experts is None", 'give "auto"'), {"experts": None}),
    Row(
        "packed-without-pack",
        nothing,
        CheckpointError,
        ("packed_experts is no folder", 'run "flashmoe pack"'),
        {"experts": "packed"},
    ),
    Row(
        "budget-small",
        nothing,
        BudgetError,
        (
            "memory_budget is 100,000,000 bytes",
            "needs 1",
            "resident weights",
            "expert slots",
            "keys and values",
            "give more, or fewer slots",
        ),
        {"memory_budget": 100_000_000},
    ),
    Row(
        "budget-negative",
        nothing,
        BudgetError,
        ("memory_budget is -1 bytes", "needs 1", "give more"),
        {"memory_budget": -1},
    ),
    Row(
        "budget-text",
        nothing,
        OptionError,
        ("memory_budget is '6GiB'", "give a whole number"),
        {"memory_budget": "6GiB"},
    ),
    Row(
        "half-written-pack",
        _half_packed,
        CheckpointError,
        ("layer_03.bin.partial is half-written", 'run "flashmoe pack"'),
    ),
    Row(
        "pack-cut-short",
        _pack_cut_short,
        CheckpointError,
        ("layer_03.bin is 524,287 bytes", "524,288", 'run "flashmoe pack"'),
    ),
    Row(
        "pack-of-fewer-layers",
        _pack_of_other_shape,
        CheckpointError,
        ("packed experts are there for 3 layers", "has 4", "is incomplete"),
    ),
    Row(
        "broken-tokenizer",
        _write("tokenizer.json", "{}"),
        CheckpointError,
        ("tokenizer.json is not a tokenizer", "copy it again"),
    ),
    Row(
        "broken-generation-config",
        _write("generation_config.json", "["),
        CheckpointError,
        ("generation_config.json is not JSON", "copy this file again"),
    ),
    Row(
        "broken-eos",
        _write("generation_config.json", '{"eos_token_id": "x"}'),
        CheckpointError,
        ("eos_token_id", "'x'", "give a token id"),
    ),
]
