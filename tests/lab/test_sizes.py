"""Sizes from a config alone against every tensor of the checkpoint it describes."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from flashmoe_nb.config import GroupQuantization, ModelConfig
from flashmoe_nb.errors import CheckpointError, OptionError
from flashmoe_nb.lab.sizes import load_config, model_sizes, shape_config
from flashmoe_nb.storage.record import DTYPE_BYTES
from flashmoe_nb.storage.synth_shapes import SHAPES, config_of, named_shape
from flashmoe_nb.storage.synth_tensors import SynthModel

if TYPE_CHECKING:
    from pathlib import Path


def _tensors(name: str, router_bits: int) -> SynthModel:
    return SynthModel(named_shape(name), "BF16", GroupQuantization(4, 64), router_bits)


def _nbytes(model: SynthModel, part: str = "") -> int:
    return sum(
        DTYPE_BYTES[one.spec.dtype] * math.prod(one.spec.shape) for one in model.tensors() if part in one.spec.name
    )


def _config(model: SynthModel) -> dict[str, Any]:
    block: dict[str, Any] = {"group_size": 64, "bits": 4}
    block |= {path: {"group_size": of.group_size, "bits": of.bits} for path, of in model.overrides().items()}
    return config_of(model.shape, dtype="bfloat16", eos_ids=(0,), pad_id=0) | {"quantization": block}


@pytest.mark.parametrize("router_bits", [4, 8])
@pytest.mark.parametrize("name", SHAPES)
def test_sizes_are_those_of_the_tensors(name: str, router_bits: int):
    model = _tensors(name, router_bits)
    sizes = model_sizes(ModelConfig.from_dict(_config(model)))
    assert sizes.total.nbytes == _nbytes(model)
    assert sizes.experts.nbytes == _nbytes(model, "switch_mlp")
    assert sizes.embedding.nbytes == _nbytes(model, "embed_tokens")


def test_sizes_notice_another_quantization():
    """Negative control: the tensors of 8-bit routers are not those of 4-bit ones."""
    sizes = model_sizes(ModelConfig.from_dict(_config(_tensors("tiny", 8))))
    assert sizes.total.nbytes != _nbytes(_tensors("tiny", 4))


def test_the_397b_is_what_its_projects_report():
    sizes = model_sizes(load_config("qwen3.5-397b")[1])
    assert sizes.expert.nbytes == sizes.record_bytes == 7_077_888
    assert sizes.experts.nbytes == 217_432_719_360
    assert round(sizes.resident.nbytes / 1e9, 3) == 5.516
    assert sizes.read_bytes(4) == 1_698_693_120


@pytest.mark.parametrize(("name", "gigabytes"), [("qwen3.5-122b", 3.461), ("qwen3.5-35b", 1.379)])
def test_resident_bytes_are_what_other_engines_report(name: str, gigabytes: float):
    assert model_sizes(load_config(name)[1]).resident.nbytes / 1e9 == pytest.approx(gigabytes, abs=5e-4)


def test_a_config_comes_from_a_folder_a_file_or_json(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps(shape_config("tiny")))
    expected = load_config("tiny")[1]
    for given in (tmp_path, str(tmp_path / "config.json"), shape_config("tiny"), expected):
        assert load_config(given)[1] == expected


def test_what_is_no_config_is_refused(tmp_path: Path):
    with pytest.raises(OptionError, match="qwen3"):
        load_config("qwen9")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="not valid JSON"):
        load_config(tmp_path / "config.json")


def test_a_dense_model_streams_nothing():
    raw = {
        "model_type": "qwen3_5", "hidden_size": 128, "num_hidden_layers": 4, "vocab_size": 512,
        "intermediate_size": 256,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "linear_num_key_heads": 2,
        "linear_num_value_heads": 4, "linear_key_head_dim": 32, "linear_value_head_dim": 32,
        "max_position_embeddings": 4096,
    }  # fmt: skip
    sizes = model_sizes(ModelConfig.from_dict(raw))
    assert sizes.experts.nbytes == 0
    assert sizes.dense.values == 3 * 128 * 256
    assert sizes.total.nbytes > 4 * sizes.dense.nbytes
