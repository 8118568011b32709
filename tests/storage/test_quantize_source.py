"""Quantizing while packing: the bytes mlx-lm's convert would give, in bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model, quantize_model

from flashmoe_nb.storage.pack import pack
from flashmoe_nb.storage.safetensors_index import CheckpointIndex
from flashmoe_nb.storage.synth import synthesize
from tests.storage.source_folders import digests, hugging_face_twin, records


def raw(array: mx.array) -> bytes:
    return np.array(mx.contiguous(array).view(mx.uint8)).tobytes()


@pytest.mark.parametrize(
    ("shape", "dtype", "bits", "group_size"),
    [
        ("tiny", "bfloat16", 4, 64),
        ("tiny-next", "bfloat16", 4, 32),
        ("tiny", "float32", 2, 128),
        ("tiny-next", "float16", 6, 64),
        ("tiny", "bfloat16", 3, 64),
    ],
)
def test_pack_quantizes_as_mlx_lm_does(tmp_path: Path, shape: str, dtype: str, bits: int, group_size: int) -> None:
    hf = hugging_face_twin(tmp_path, shape, dtype)
    before = digests(hf)
    result = pack(hf, tmp_path / "out", bits=bits, group_size=group_size, progress=False)
    assert digests(hf) == before
    assert "mtp.fc.weight" in result.skipped

    model, config = load_model(hf)
    model, expected_config = quantize_model(model, config, group_size, bits)
    written_config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert written_config["quantization"] == expected_config["quantization"]
    expected = dict(tree_flatten(model.parameters()))
    written = CheckpointIndex.open(tmp_path / "out")
    assert set(written.entries) == {name for name in expected if ".switch_mlp." not in name}
    for name, entry in written.entries.items():
        assert entry.shape == expected[name].shape, name
        assert written.read(name).tobytes() == raw(expected[name]), name
    prefix = "model." if shape == "tiny-next" else "language_model.model."
    for layer in range(4):
        for expert, record in enumerate(records(result.folder, layer)):
            for name, data in record.items():
                key = f"{prefix}layers.{layer}.mlp.switch_mlp.{name}"
                assert data == raw(expected[key][expert]), (layer, expert, name)


def test_pack_quantizes_large_tensors_in_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hf = hugging_face_twin(tmp_path, "tiny", "bfloat16")
    pack(hf, tmp_path / "whole", bits=4, group_size=64, progress=False)
    monkeypatch.setattr("flashmoe_nb.storage.quantize_source._TILE_VALUES", 1000)
    pack(hf, tmp_path / "tiles", bits=4, group_size=64, progress=False)
    assert digests(tmp_path / "whole") == digests(tmp_path / "tiles")


def test_pack_of_unquantized_mlx_layout(tmp_path: Path) -> None:
    hugging_face_twin(tmp_path, "tiny", "float32")
    pack(tmp_path / "mlx", tmp_path / "out", bits=4, group_size=64, progress=False)
    written, original = CheckpointIndex.open(tmp_path / "out"), CheckpointIndex.open(tmp_path / "mlx")
    for suffix in ("layers.0.input_layernorm.weight", "norm.weight", "layers.0.linear_attn.conv1d.weight"):
        name = "language_model.model." + suffix  # negative control: MLX norms are not shifted a second time
        assert written.read(name).tobytes() == original.read(name).tobytes()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc, which exec resets")
def test_pack_memory_is_bounded(tmp_path: Path) -> None:
    synthesize("tiny", tmp_path / "m", bits=None, dtype="float32", layers=1, experts=64, vocab=200_000, progress=False)
    script = (
        "import sys; from pathlib import Path; from flashmoe_nb.storage.pack import pack\n"
        "peak = lambda: int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
        "before = peak()\n"
        "pack(Path(sys.argv[1]), Path(sys.argv[2]), bits=4, group_size=64, progress=False)\n"
        "print(peak() - before)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "m"), str(tmp_path / "out")]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=120)
    assert 0 < int(done.stdout) * 1024 < 80_000_000  # the embedding alone is 102 MB, and lm_head as much again
