"""Describes finished packed experts: our manifest.json, and the original engine's layout.json where it can say as much.

Knows the plan and the checksums; the files themselves are written elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashmoe_nb.storage.atomic import write_json
from flashmoe_nb.storage.manifest import ORIGINAL_NAME, Manifest, PackedLayer, write_manifest
from flashmoe_nb.storage.pack_plan import layer_name

if TYPE_CHECKING:
    from pathlib import Path

    from flashmoe_nb.storage.pack_journal import PackJournal
    from flashmoe_nb.storage.pack_plan import PackPlan


def describe(plan: PackPlan, journal: PackJournal, source: Path) -> None:
    """Write layout.json, then manifest.json: from then on the pack counts as whole."""
    manifest = _manifest(plan, journal, source)
    original = _original_layout(manifest)
    if original is not None:
        write_json(plan.packed / ORIGINAL_NAME, original)
    write_manifest(plan.packed, manifest)


def _manifest(plan: PackPlan, journal: PackJournal, source: Path) -> Manifest:
    layers: dict[int, PackedLayer] = {}
    for layer in plan.layers:
        name, layout = layer_name(layer), plan.experts.layout(layer)
        num_experts = plan.experts.store.num_experts(layer)
        whole = journal.whole[name]
        layers[layer] = PackedLayer(name, num_experts, layout, layout.record_bytes, whole.nbytes, whole.sha256)
    quantization = plan.config.get("quantization") or plan.config.get("quantization_config") or {}
    origin = {"folder": source.resolve().name, "quantized_here": plan.identity["bits"] is not None}
    return Manifest(len(layers), layers, {**origin, "shards": plan.identity["source"]}, quantization)


def _original_layout(manifest: Manifest) -> dict[str, object] | None:
    """layout.json as the original engine reads it; None where it would have no way to say what we wrote."""
    first, *rest = manifest.layers.values()
    layout = first.layout
    uniform = all((other.layout, other.num_experts) == (layout, first.num_experts) for other in rest)
    if not uniform or layout.payload_bytes != first.record_bytes or list(manifest.layers) != [*range(len(rest) + 1)]:
        return None
    return {
        "expert_size": first.record_bytes,
        "num_layers": manifest.num_layers,
        "num_experts": first.num_experts,
        "components": [
            {"name": c.name, "offset": c.offset, "size": c.nbytes, "dtype": c.dtype, "shape": list(c.shape)}
            for c in layout.components
        ],
    }
