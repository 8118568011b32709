"""From training parameters to checkpoint tensors in MLX's layout, quantised or not, in shards of bounded size.

Names and shapes are those `mlx_lm` loads without changing them: norms as they multiply, the convolution as [C, k, 1],
experts stacked with gate and up apart.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.lab.demo import quantise
from flashmoe_nb.lab.demo.experts import Experts
from flashmoe_nb.lab.demo.linear import Linear
from flashmoe_nb.lab.demo.network import Attention, GatedDelta, Layer, Network
from flashmoe_nb.lab.demo.shape import config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flashmoe_nb.lab.demo.kinds import Schema

SHARD_BYTES = 14_500_000
_PREFIX = "language_model."


def _halves(name: str, weight: Tensor) -> Iterator[tuple[str, Tensor]]:
    half = weight.shape[-2] // 2
    yield f"{name}gate_proj.weight", weight[..., :half, :]
    yield f"{name}up_proj.weight", weight[..., half:, :]


def _experts(name: str, mlp: Experts) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}gate.weight", mlp.gate.weight
    yield from _halves(f"{name}switch_mlp.", mlp.gate_up_proj)
    yield f"{name}switch_mlp.down_proj.weight", mlp.down_proj
    yield from _halves(f"{name}shared_expert.", mlp.shared_gate_up.weight)
    yield f"{name}shared_expert.down_proj.weight", mlp.shared_down.weight
    yield f"{name}shared_expert_gate.weight", mlp.shared_expert_gate.weight


def _mixer(name: str, mixer: Attention | GatedDelta) -> Iterator[tuple[str, Tensor]]:
    for key, child in mixer.named_children():
        assert isinstance(child.weight, Tensor)
        yield f"{name}{key}.weight", child.weight
    if isinstance(mixer, GatedDelta):
        yield f"{name}conv1d.weight", mixer.conv1d[:, :, None]
        yield f"{name}A_log", mixer.A_log
        yield f"{name}dt_bias", mixer.dt_bias


def tensors(network: Network) -> Iterator[tuple[str, Tensor]]:
    """Every parameter under its checkpoint name: bfloat16, but float32 for `A_log` and `dt_bias`."""
    for name, weight in _masters(network):
        keep = name.endswith(("A_log", "dt_bias"))
        yield name, weight.detach().to(torch.float32 if keep else torch.bfloat16).contiguous()


def _masters(network: Network) -> Iterator[tuple[str, Tensor]]:
    yield f"{_PREFIX}model.embed_tokens.weight", network.embed_tokens.weight
    for i, layer in enumerate(network.layers):
        assert isinstance(layer, Layer)
        name = f"{_PREFIX}model.layers.{i}."
        yield f"{name}input_layernorm.weight", layer.input_layernorm.weight
        yield f"{name}post_attention_layernorm.weight", layer.post_attention_layernorm.weight
        mixer = layer.mixer
        yield from _mixer(f"{name}{'self_attn' if isinstance(mixer, Attention) else 'linear_attn'}.", mixer)
        yield from _experts(f"{name}mlp.", layer.mlp)
    yield f"{_PREFIX}model.norm.weight", network.norm.weight
    yield f"{_PREFIX}lm_head.weight", network.lm_head.weight


def precision_of(name: str) -> quantise.Precision | None:
    """How a tensor is quantised; None for norms, convolutions and decay parameters."""
    if "norm" in name or "conv1d" in name or not name.endswith(".weight"):
        return None
    if name.endswith(("mlp.gate.weight", "shared_expert_gate.weight")):
        return quantise.ROUTER
    return quantise.EXPERTS if "switch_mlp" in name else quantise.DENSE


def quantised(named: Iterator[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Replace every quantised weight by its packed words, scales and biases."""
    for name, weight in named:
        precision = precision_of(name)
        if precision is None:
            yield name, weight
            continue
        codes, scales, biases = quantise.affine(weight, precision)
        stem = name.removesuffix(".weight")
        yield name, quantise.pack(codes, precision.bits).view(torch.uint32)
        yield f"{stem}.scales", scales
        yield f"{stem}.biases", biases


def quantization_config(network: Network) -> Schema:
    """The `quantization` entry of `config.json`: 4 bits in groups of 32, 8 in 64 for routers and shared gates."""
    found: Schema = {"group_size": quantise.DENSE.group_size, "bits": quantise.DENSE.bits, "mode": "affine"}
    for name, _ in _masters(network):
        precision = precision_of(name)
        if precision and precision != quantise.DENSE:
            entry = {"group_size": precision.group_size, "bits": precision.bits}
            found[name.removesuffix(".weight")] = entry
    return found


def save_shards(named: Iterator[tuple[str, Tensor]], folder: Path, shard_bytes: int = SHARD_BYTES) -> dict[str, str]:
    """Write `model-0000i-of-0000n.safetensors` and the index; large tensors are never split.

    Returns:
        SHA-256 by file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in named:
        nbytes = tensor.numel() * tensor.element_size()
        if shards[-1] and size + nbytes > shard_bytes:
            shards.append({})
            size = 0
        shards[-1][name] = tensor.contiguous().cpu()
        size += nbytes
    weight_map, digests = {}, {}
    for i, shard in enumerate(shards, 1):
        file = f"model-{i:05d}-of-{len(shards):05d}.safetensors"
        save_file(shard, folder / file, metadata={"format": "mlx"})
        digests[file] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        weight_map.update(dict.fromkeys(shard, file))
    index = {"metadata": {"format": "mlx"}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf8")
    return digests


def save_quantised(network: Network, folder: Path) -> dict[str, str]:
    """The 4-bit checkpoint with its config."""
    digests = save_shards(quantised(tensors(network)), folder)
    whole = config(network.shape, quantization_config(network))
    (folder / "config.json").write_text(json.dumps(whole, indent=1) + "\n", "utf8")
    return digests


def save_unquantised(network: Network, folder: Path) -> dict[str, str]:
    """The bfloat16 checkpoint with its config."""
    digests = save_shards(tensors(network), folder, 15_900_000)
    (folder / "config.json").write_text(json.dumps(config(network.shape), indent=1) + "\n", "utf8")
    return digests


def load(network: Network, folder: Path) -> dict[str, str]:
    """Take the weights of a checkpoint that `save_quantised` or `save_unquantised` wrote.

    Returns:
        SHA-256 by file name.

    Raises:
        CheckpointError: a tensor is missing, or has another shape than the network's.
    """
    paths = sorted(folder.glob("*.safetensors"))
    found = {name: tensor for path in paths for name, tensor in load_file(path).items()}
    for name, master in _masters(network):
        if name not in found:
            raise CheckpointError(f"{folder} has no {name}: give a checkpoint that a run of this shape wrote")
        weight, stem, precision = found[name], name.removesuffix(".weight"), precision_of(name)
        if precision and f"{stem}.scales" in found:
            codes = quantise.unpack(weight, precision.bits)
            weight = quantise.values(codes, found[f"{stem}.scales"], found[f"{stem}.biases"])
        if weight.shape != master.shape:
            sizes = f"{list(weight.shape)} in {folder}, {list(master.shape)} in the network"
            raise CheckpointError(f"{name} is {sizes}: give a checkpoint of the network's shape")
        with torch.no_grad():
            master.copy_(weight)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def set_linear_parameters(network: Network) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters with and without weight decay: matrices, and norms, convolutions and decay parameters."""
    decayed: list[Tensor] = []
    for module in network.modules():
        if isinstance(module, Linear):
            decayed.append(module.weight)
        elif isinstance(module, Experts):
            decayed += [module.gate_up_proj, module.down_proj]
    identities = {id(parameter) for parameter in decayed}
    return decayed, [parameter for parameter in network.parameters() if id(parameter) not in identities]
