"""Random checkpoints: an ordinary MLX folder, sane numbers, the same bytes for a seed, nothing where it must not be."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import namedtuple
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.utils import load_model
from tokenizers import Tokenizer

from flashmoe_nb.config import GroupQuantization, ModelConfig
from flashmoe_nb.errors import PackError, UnsupportedError
from flashmoe_nb.storage import safetensors_writer, synth
from flashmoe_nb.storage.synth import synthesize
from flashmoe_nb.storage.synth_shapes import SHAPES, named_shape
from flashmoe_nb.storage.synth_tensors import SynthModel

if TYPE_CHECKING:
    from pathlib import Path


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ("tiny", {}),
        ("tiny-next", {}),
        ("tiny", {"layers": 1, "bits": 2}),
        ("tiny", {"layers": 2, "bits": 3, "group_size": 32}),
        ("tiny", {"bits": 6, "group_size": 128, "dtype": "float16"}),
        ("tiny", {"bits": 8, "router_bits": 4, "dtype": "float32"}),
        ("tiny", {"bits": None, "dtype": "float32"}),
    ],
)
def test_synth_loads_strictly_in_mlx_lm(tmp_path: Path, shape: str, options: dict[str, int | str | None]) -> None:
    synthesize(shape, tmp_path / "model", progress=False, **options)  # type: ignore[arg-type]
    model, _ = load_model(tmp_path / "model", strict=True)
    logits = model(mx.array([[72, 101, 108, 108, 111, 0, 1, 2]])).astype(mx.float32)
    values = np.array(logits)[0]
    assert np.isfinite(values).all()
    assert 1.0 < values.std() < 4.0
    assert len(set(values.argmax(-1).tolist())) > 3  # the context matters


def test_synth_routing_is_not_degenerate(tmp_path: Path) -> None:
    synthesize("tiny", tmp_path / "model", progress=False)
    model, _ = load_model(tmp_path / "model")
    gate = model.layers[1].mlp.gate
    hidden = mx.random.normal((512, 128), key=mx.random.key(0))
    chosen = np.array(mx.argmax(gate(hidden), axis=-1))
    assert len(np.unique(chosen)) > 12
    assert np.bincount(chosen).max() < 200


def test_synth_experts_differ(tmp_path: Path) -> None:
    synthesize("tiny", tmp_path / "model", progress=False)
    weights = mx.load(str(tmp_path / "model" / "model.safetensors"))
    key = "language_model.model.layers.{}.mlp.switch_mlp.gate_proj.{}"
    for part in ("weight", "scales", "biases"):
        experts = [np.array(e.view(mx.uint16)).tobytes() for i in range(4) for e in weights[key.format(i, part)]]
        assert len(set(experts)) == 64


def test_synth_is_deterministic_and_seeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        synthesize("tiny", tmp_path / name, seed=seed, progress=False)
    first, second, third = (_digests(tmp_path / name) for name in "abc")
    assert first == second
    assert first["model.safetensors"] != third["model.safetensors"]
    assert first["config.json"] == third["config.json"]

    plan = safetensors_writer.plan_shards
    monkeypatch.setattr(synth, "plan_shards", lambda tensors: plan(tensors, max_bytes=400_000))
    synthesize("tiny", tmp_path / "d", progress=False)
    index = json.loads((tmp_path / "d" / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 3
    whole, shards = mx.load(str(tmp_path / "a" / "model.safetensors")), {}
    for file_name in set(index["weight_map"].values()):
        shards |= mx.load(str(tmp_path / "d" / file_name))
    assert whole.keys() == shards.keys()
    assert all(mx.array_equal(whole[name], shards[name]).item() for name in whole)


@pytest.mark.parametrize("vocab", [265, 512, 2000])
def test_synth_tokenizer_is_real(tmp_path: Path, vocab: int) -> None:
    synthesize("tiny", tmp_path / "model", vocab=vocab, progress=False)
    tokenizer = Tokenizer.from_file(str(tmp_path / "model" / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == vocab
    ids = tokenizer.encode("<|im_start|>user\nGrüße 你好\n<|im_end|>").ids
    assert ids[0] == 257
    assert ids[-1] == 258
    assert tokenizer.decode(ids[1:-1]) == "user\nGrüße 你好\n"
    assert tokenizer.decode(list(range(265, vocab))).count(" ") == vocab - 265


def test_synth_true_sizes_match_the_published_ones() -> None:
    expert_bytes = {"qwen3.5-397b": 7_077_888, "qwen3.5-122b": 5_308_416, "qwen3.5-35b": 1_769_472}
    for name, expected in expert_bytes.items():
        shape = named_shape(name)
        model = SynthModel(shape, "BF16", GroupQuantization(4, 64), 4)
        specs = [tensor.spec for tensor in model.tensors()]
        stacked = sum(spec.nbytes for spec in specs if ".switch_mlp." in spec.name)
        assert stacked == expected * shape.num_experts * shape.num_layers
        if name == "qwen3.5-397b":
            resident = sum(spec.nbytes for spec in specs) - stacked
            assert round(resident / 1e9, 2) == 5.52  # flash-moe's non-expert file, with 4-bit routers
            assert len(specs) - 9 * 60 == 2092  # and its count of tensors


def test_synth_refuses_what_it_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with pytest.raises(PackError, match="not empty"):
        synthesize("tiny", tmp_path / "full", progress=False)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["letter.txt"]
    with pytest.raises(UnsupportedError, match="there are qwen"):
        synthesize("qwen9", tmp_path / "new", progress=False)
    for options in ({"dtype": "int8"}, {"bits": 7}, {"group_size": 16}, {"layers": 0}, {"vocab": 100}):
        with pytest.raises(UnsupportedError):
            synthesize("tiny", tmp_path / "new", progress=False, **options)  # type: ignore[arg-type]

    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - what shutil returns
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2_000_000, 1_999_000, 1000))
    with pytest.raises(PackError, match=r"needs [\d,]+ bytes.* 1,000 free"):
        synthesize("tiny", tmp_path / "new", progress=False)
    assert not (tmp_path / "new").exists()


def test_synth_interrupted_leaves_nothing_that_looks_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(synth.RandomPools, "chunks", interrupt)
    with pytest.raises(KeyboardInterrupt):
        synthesize("tiny", tmp_path / "model", progress=False)
    assert list((tmp_path / "model").iterdir()) == []


def test_every_shape_has_a_config_this_package_reads() -> None:
    for name, shape in SHAPES.items():
        raw = synth.config_of(shape, dtype="bfloat16", eos_ids=(258, 256), pad_id=256)
        config = ModelConfig.from_dict(raw, source=name)
        assert config.moe is not None
        assert (config.num_layers, config.moe.num_experts) == (shape.num_layers, shape.num_experts)
        assert config.num_full_attention == shape.num_layers // 4
