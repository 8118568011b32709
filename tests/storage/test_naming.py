from pathlib import Path

import pytest

from flashmoe_nb.errors import CheckpointError, UnsupportedError
from flashmoe_nb.storage.naming import ExpertForm, Layout, NameMap, Transform, canonical_names, canonical_path
from flashmoe_nb.storage.safetensors_index import CheckpointIndex
from tests.storage.shards import Tensors, quantized_experts, write_shard

HF_COMMON: Tensors = {
    "model.language_model.embed_tokens.weight": ("BF16", (8, 4)),
    "model.language_model.norm.weight": ("BF16", (4,)),
    "model.language_model.layers.0.input_layernorm.weight": ("BF16", (4,)),
    "model.language_model.layers.0.post_attention_layernorm.weight": ("BF16", (4,)),
    "model.language_model.layers.0.linear_attn.norm.weight": ("BF16", (4,)),
    "model.language_model.layers.0.linear_attn.conv1d.weight": ("BF16", (6, 1, 4)),
    "model.language_model.layers.3.self_attn.q_norm.weight": ("BF16", (4,)),
    "model.language_model.layers.3.self_attn.k_norm.weight": ("BF16", (4,)),
    "lm_head.weight": ("BF16", (8, 4)),
    "model.visual.blocks.0.norm1.weight": ("BF16", (4,)),
    "mtp.layers.0.input_layernorm.weight": ("BF16", (4,)),
    "mtp.layers.0.mlp.experts.gate_up_proj": ("BF16", (2, 4, 4)),
}
SHIFTED = {
    "norm.weight",
    "layers.0.input_layernorm.weight",
    "layers.0.post_attention_layernorm.weight",
    "layers.3.self_attn.q_norm.weight",
    "layers.3.self_attn.k_norm.weight",
}


def name_all(folder: Path, tensors: Tensors, model_type: str = "qwen3_5_moe") -> NameMap:
    write_shard(folder / "model.safetensors", tensors)
    return canonical_names(CheckpointIndex.open(folder), model_type)


def transformed(names: NameMap, transform: Transform) -> set[str]:
    return {name for name, found in names.resident.items() if found.transform is transform}


def test_hugging_face_layout_is_found_and_transformed(tmp_path: Path):
    names = name_all(tmp_path, HF_COMMON)
    assert names.layout is Layout.HF
    assert transformed(names, Transform.SHIFT_NORM) == SHIFTED
    assert transformed(names, Transform.MOVE_CONV_AXIS) == {"layers.0.linear_attn.conv1d.weight"}
    assert names.resident["embed_tokens.weight"].key == "model.language_model.embed_tokens.weight"
    assert names.resident["lm_head.weight"].key == "lm_head.weight"


def test_vision_and_mtp_are_reported_as_skipped(tmp_path: Path):
    names = name_all(tmp_path, HF_COMMON)
    assert len(names.skipped) == 3
    assert not any("mtp" in name or "visual" in name for name in names.resident)
    assert names.experts_present == ()


def test_mlx_layout_is_left_as_it_is(tmp_path: Path):
    mlx = {
        key.replace("model.language_model.", "language_model.model."): spec
        for key, spec in HF_COMMON.items()
        if "conv1d" not in key
    }
    mlx["language_model.model.layers.0.linear_attn.conv1d.weight"] = ("BF16", (6, 4, 1))
    mlx["language_model.lm_head.scales"] = ("BF16", (8, 1))
    mlx["vision_tower.blocks.0.norm1.weight"] = ("BF16", (4,))
    del mlx["mtp.layers.0.mlp.experts.gate_up_proj"]
    names = name_all(tmp_path, mlx | quantized_experts(0, 2, 32, 32))
    assert names.layout is Layout.MLX
    assert transformed(names, Transform.NONE) == set(names.resident)
    assert "lm_head.scales" in names.resident
    assert names.experts[0].form is ExpertForm.STACKED
    assert len(names.experts[0].keys) == 9


@pytest.mark.parametrize(("model_type", "shifts"), [("qwen3_next", True), ("qwen3_5", True), ("qwen3_moe", False)])
def test_norms_are_shifted_by_architecture(tmp_path: Path, model_type: str, shifts: bool):
    names = name_all(tmp_path, HF_COMMON, model_type)
    assert transformed(names, Transform.SHIFT_NORM) == (SHIFTED if shifts else set())


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ("model.layers.0.mlp.experts.gate_up_proj", (2, 4, 4)),
        ("model.layers.0.mlp.experts.0.gate_proj.weight", (4, 4)),
        ("model.layers.0.linear_attn.conv1d.weight", (6, 1, 4)),
        ("model.language_model.layers.0.linear_attn.A_log", (2,)),
    ],
)
def test_one_sign_is_enough_for_hugging_face(tmp_path: Path, key: str, shape: tuple[int, ...]):
    plain: Tensors = {"model.norm.weight": ("BF16", (4,))}
    assert name_all(tmp_path, {**plain, key: ("BF16", shape)}).layout is Layout.HF
    assert name_all(tmp_path, plain).layout is Layout.MLX


def test_expert_forms_are_told_apart(tmp_path: Path):
    prefix = "model.layers"
    tensors: Tensors = {
        f"{prefix}.0.mlp.experts.gate_up_proj": ("BF16", (2, 8, 4)),
        f"{prefix}.0.mlp.experts.down_proj": ("BF16", (2, 4, 4)),
        f"{prefix}.0.mlp.gate.weight": ("BF16", (2, 4)),
        f"{prefix}.0.mlp.shared_expert.gate_proj.weight": ("BF16", (4, 4)),
        f"{prefix}.10.mlp.experts.1.up_proj.weight": ("BF16", (4, 4)),
        f"{prefix}.2.mlp.gate_proj.weight": ("BF16", (4, 4)),
    }
    names = name_all(tmp_path, tensors)
    assert {layer: found.form for layer, found in names.experts.items()} == {
        0: ExpertForm.FUSED,
        10: ExpertForm.SEPARATE,
    }
    assert names.dense[2].keys == {"gate_proj.weight": f"{prefix}.2.mlp.gate_proj.weight"}
    assert set(names.resident) == {
        "layers.0.mlp.gate.weight",
        "layers.0.mlp.shared_expert.gate_proj.weight",
        "layers.2.mlp.gate_proj.weight",
    }


@pytest.mark.parametrize(
    "key",
    [
        "model.layers.0.mlp.experts.gate_up_proj_scale_inv",
        "model.layers.0.mlp.experts.3.gate_proj.weight_packed",
        "model.layers.0.mlp.switch_mlp.gate_up_proj.weight",
    ],
)
def test_unknown_expert_tensor_is_unsupported(tmp_path: Path, key: str):
    with pytest.raises(UnsupportedError, match=key):
        name_all(tmp_path, {key: ("BF16", (2, 2))})


def test_two_keys_for_one_tensor_are_an_error(tmp_path: Path):
    spec = ("BF16", (4,))
    with pytest.raises(CheckpointError, match=r"are both norm\.weight"):
        name_all(tmp_path, {"model.norm.weight": spec, "language_model.model.norm.weight": spec})


def test_two_forms_in_one_layer_are_an_error(tmp_path: Path):
    tensors: Tensors = {
        "model.layers.0.mlp.experts.gate_up_proj": ("BF16", (2, 8, 4)),
        "model.layers.0.mlp.experts.0.up_proj.weight": ("BF16", (4, 4)),
    }
    with pytest.raises(CheckpointError, match="keep one of the forms"):
        name_all(tmp_path, tensors)


def test_the_same_expert_tensor_twice_is_an_error(tmp_path: Path):
    tensors = quantized_experts(0, 2, 32, 32)
    tensors["model.layers.0.mlp.switch_mlp.gate_proj.weight"] = ("U32", (2, 32, 4))
    with pytest.raises(CheckpointError, match="same expert tensor"):
        name_all(tmp_path, tensors)


def test_canonical_path_is_the_same_for_both_tools():
    mlx, hf = "language_model.model.layers.1.mlp.gate", "model.language_model.layers.1.mlp.gate"
    assert canonical_path(mlx) == canonical_path(hf) == "layers.1.mlp.gate"
