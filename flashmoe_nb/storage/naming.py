"""One name for every tensor, whichever tool wrote the checkpoint, and what has to be done to its values.

MLX and Hugging Face store the same weights under other prefixes, with other axes and with other norm conventions. This
maps both to canonical names ("layers.0.linear_attn.in_proj_qkv.weight", "embed_tokens.weight", "lm_head.scales") and
sorts the experts out by layer. Reads headers only; knows no values, and not how many layers or experts there should be.
Source: `sanitize` of mlx-lm models/qwen3_next.py, qwen3_5.py, qwen3_5_moe.py and qwen3_moe.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from flashmoe_nb.config import strip_prefix
from flashmoe_nb.errors import CheckpointError, UnsupportedError

if TYPE_CHECKING:
    from flashmoe_nb.storage.safetensors_index import CheckpointIndex, TensorEntry


class Layout(StrEnum):
    """Who wrote the checkpoint."""

    MLX = "mlx"
    HF = "hf"


class Transform(StrEnum):
    """What turns the stored values into those the model computes with."""

    NONE = "none"
    SHIFT_NORM = "shift_norm"  # add 1.0: Hugging Face stores these RMSNorm weights zero-centred
    MOVE_CONV_AXIS = "move_conv_axis"  # [C, 1, k] -> [C, k, 1]


class ExpertForm(StrEnum):
    """How the experts of one layer are stored."""

    STACKED = "stacked"  # switch_mlp.gate_proj.weight [E, I, ...]
    FUSED = "fused"  # experts.gate_up_proj [E, 2I, D], gate rows first, and experts.down_proj [E, D, I]
    SEPARATE = "separate"  # experts.N.gate_proj.weight [I, D]
    DENSE = "dense"  # mlp.gate_proj.weight [I, ...]: no router, one "expert"


@dataclass(frozen=True, slots=True)
class NamedTensor:
    """A resident tensor: its canonical name, its key in the checkpoint, and the transform between the two."""

    canonical: str
    key: str
    transform: Transform


@dataclass(frozen=True, slots=True)
class LayerExperts:
    """The expert tensors of one layer."""

    layer: int
    form: ExpertForm
    keys: dict[str, str] = field(repr=False)
    """Part -> key; "gate_proj.weight" (STACKED, DENSE), "gate_up_proj" (FUSED) or "7.gate_proj.weight" (SEPARATE)."""


@dataclass(frozen=True, slots=True)
class NameMap:
    """Every tensor of a checkpoint, sorted by what it is for."""

    layout: Layout
    resident: dict[str, NamedTensor] = field(repr=False)
    """Canonical name -> where. Holds dense MLP tensors too, so that they can stream or stay."""
    experts: dict[int, LayerExperts] = field(repr=False)
    """Layer -> routed experts."""
    dense: dict[int, LayerExperts] = field(repr=False)
    """Layer -> dense MLP, offered as one expert."""
    skipped: tuple[str, ...] = field(repr=False)
    """Keys with no part in the text model's decoding: vision tower, multi-token prediction."""

    @property
    def experts_present(self) -> tuple[int, ...]:
        """Layers with routed experts, in order."""
        return tuple(self.experts)


_SKIPPED = re.compile(r"^(vision_tower|model\.vision_tower|model\.visual|visual)\.|(^|\.)mtp\.|\.rotary_emb\.inv_freq$")
_ROUTED = re.compile(r"^layers\.(\d+)\.mlp\.(switch_mlp|experts)\.(.+)$")
_DENSE = re.compile(r"^layers\.(\d+)\.mlp\.((?:gate|up|down)_proj\.(?:weight|scales|biases))$")
_PARTS = {
    ExpertForm.STACKED: re.compile(r"(gate|up|down)_proj\.(weight|scales|biases)"),
    ExpertForm.FUSED: re.compile(r"(gate_up|down)_proj"),
    ExpertForm.SEPARATE: re.compile(r"\d+\.(gate|up|down)_proj\.weight"),
}
_ZERO_CENTRED_MODELS = frozenset({"qwen3_next", "qwen3_5", "qwen3_5_moe"})
_ZERO_CENTRED_SUFFIXES = (
    ".input_layernorm.weight",
    ".post_attention_layernorm.weight",
    ".q_norm.weight",
    ".k_norm.weight",
)
_CONV_SUFFIX = ".conv1d.weight"


def canonical_path(path: str) -> str:
    """The canonical name of a module path, as quantization overrides in config.json name them."""
    return strip_prefix(path)


def canonical_names(index: CheckpointIndex, model_type: str) -> NameMap:
    """Sort the tensors of a checkpoint.

    Args:
        index: of the checkpoint folder.
        model_type: of the text model, e.g. "qwen3_next"; decides whether Hugging Face norms are zero-centred.

    Raises:
        UnsupportedError: experts stored in a form not known here.
        CheckpointError: two keys for one tensor, or a layer with experts in two forms.
    """
    skipped = tuple(key for key in index.entries if _SKIPPED.search(key))
    skip = frozenset(skipped)
    kept = {key: entry for key, entry in index.entries.items() if key not in skip}
    layout = _find_layout(kept)
    shift_norms = layout is Layout.HF and model_type in _ZERO_CENTRED_MODELS
    resident: dict[str, NamedTensor] = {}
    experts: dict[int, LayerExperts] = {}
    dense: dict[int, LayerExperts] = {}
    for key, entry in kept.items():
        name = strip_prefix(key)
        routed = _ROUTED.match(name)
        if routed:
            form = _find_form(key, routed[2], routed[3])
            _add_expert(experts, int(routed[1]), form, routed[3], key)
            continue
        if name in resident:
            raise CheckpointError(f"tensors {resident[name].key} and {key} are both {name}: keep one of them")
        resident[name] = NamedTensor(name, key, _find_transform(name, entry, shift_norms=shift_norms))
        part = _DENSE.match(name)
        if part:
            _add_expert(dense, int(part[1]), ExpertForm.DENSE, part[2], key)
    return NameMap(layout, resident, dict(sorted(experts.items())), dict(sorted(dense.items())), skipped)


def _find_layout(entries: dict[str, TensorEntry]) -> Layout:
    for key, entry in entries.items():
        if key.endswith(_CONV_SUFFIX) and entry.shape[-1] != 1:
            return Layout.HF
        if ".mlp.experts." in key or key.startswith("model.language_model."):
            return Layout.HF
    return Layout.MLX


def _find_form(key: str, parent: str, part: str) -> ExpertForm:
    forms = (ExpertForm.STACKED,) if parent == "switch_mlp" else (ExpertForm.FUSED, ExpertForm.SEPARATE)
    for form in forms:
        if _PARTS[form].fullmatch(part):
            return form
    raise UnsupportedError(
        f"expert tensor {key} is of no supported form: supported are switch_mlp.gate_proj.weight (with scales "
        "and biases, or alone), experts.gate_up_proj with experts.down_proj, and experts.N.gate_proj.weight",
    )


def _add_expert(layers: dict[int, LayerExperts], layer: int, form: ExpertForm, part: str, key: str) -> None:
    found = layers.setdefault(layer, LayerExperts(layer, form, {}))
    if found.form is not form:
        other = next(iter(found.keys.values()))
        raise CheckpointError(f"layer {layer} holds its experts both as {other} and as {key}: keep one of the forms")
    if part in found.keys:
        raise CheckpointError(f"tensors {found.keys[part]} and {key} are the same expert tensor: keep one of them")
    found.keys[part] = key


def _find_transform(name: str, entry: TensorEntry, *, shift_norms: bool) -> Transform:
    if name.endswith(_CONV_SUFFIX) and entry.shape[-1] != 1:
        return Transform.MOVE_CONV_AXIS
    is_norm = name.endswith(_ZERO_CENTRED_SUFFIXES) or name == "norm.weight"
    if shift_norms and is_norm and len(entry.shape) == 1:
        return Transform.SHIFT_NORM
    return Transform.NONE
