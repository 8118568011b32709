"""Source checkpoints for the pack tests: the tiny random model, and the same one as Hugging Face would store it."""

import hashlib
import json
from pathlib import Path

import mlx.core as mx

from flashmoe_nb.storage.manifest import read_manifest
from flashmoe_nb.storage.synth import synthesize

NORMS = (".input_layernorm.weight", ".post_attention_layernorm.weight", ".q_norm.weight", ".k_norm.weight")


def hugging_face_twin(folder: Path, shape: str, dtype: str, num_files: int = 3) -> Path:
    """Write `folder/mlx` (unquantized) and `folder/hf`, which holds the same model in the other layout."""
    mlx, hf = folder / "mlx", folder / "hf"
    synthesize(shape, mlx, bits=None, dtype=dtype, layers=4, progress=False)
    stored: dict[str, mx.array] = {}
    for name, array in mx.load(str(mlx / "model.safetensors")).items():
        stored |= _renamed(name, array, separate=shape == "tiny-next")
    if shape == "tiny":
        stored["model.visual.patch_embed.weight"] = mx.ones((4, 4))
    stored["mtp.fc.weight"] = mx.ones((4, 4))
    hf.mkdir()
    names = sorted(stored)
    for number in range(num_files):
        part = {name: stored[name] for name in names[number::num_files]}
        mx.save_safetensors(str(hf / f"model-{number + 1:05d}-of-{num_files:05d}.safetensors"), part)
    for path in mlx.iterdir():
        if path.suffix in (".json", ".jinja") and "index" not in path.name:
            (hf / path.name).write_bytes(path.read_bytes())
    return hf


def _renamed(name: str, array: mx.array, *, separate: bool) -> dict[str, mx.array]:
    if name.endswith(NORMS) or name.endswith("model.norm.weight"):
        array = array - mx.array(1.0, array.dtype) + mx.array(0.125, array.dtype)  # zero-centred, and not all alike
    if name.endswith("conv1d.weight"):
        array = mx.contiguous(array.moveaxis(1, 2))
    name = name.replace("language_model.model.", "model.language_model.").replace("language_model.lm_head", "lm_head")
    if ".switch_mlp." not in name:
        return {name: array}
    base, _, projection = name.removesuffix(".weight").partition(".switch_mlp.")
    if separate:
        return {f"{base}.experts.{i}.{projection}.weight": expert for i, expert in enumerate(array)}
    if projection == "down_proj":
        return {f"{base}.experts.down_proj": array}
    other = _sibling.pop(base, None)
    if other is None:
        _sibling[base] = array
        return {}
    return {f"{base}.experts.gate_up_proj": mx.concatenate([other, array], axis=1)}


_sibling: dict[str, mx.array] = {}


def shard_small(folder: Path, num_files: int) -> None:
    """Split a one-file checkpoint in several with an index, tensors dealt out in turn."""
    whole = folder / "model.safetensors"
    tensors = mx.load(str(whole))
    where: dict[str, str] = {}
    for number in range(num_files):
        part = {name: array for at, (name, array) in enumerate(tensors.items()) if at % num_files == number}
        file_name = f"model-{number + 1:05d}-of-{num_files:05d}.safetensors"
        mx.save_safetensors(str(folder / file_name), part)
        where |= dict.fromkeys(part, file_name)
    whole.unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def records(folder: Path, layer: int) -> list[dict[str, bytes]]:
    of = read_manifest(folder).layers[layer]
    data = (folder / of.file).read_bytes()
    starts = range(0, of.file_bytes, of.record_bytes)
    return [{c.name: data[s + c.offset : s + c.offset + c.nbytes] for c in of.layout.components} for s in starts]
