"""What a folder of packed experts says about itself: `manifest.json`, or the original engine's `layout.json`.

Reads and writes the description only; the record files are opened elsewhere. A manifest is written last, so a folder
that has one was packed to the end.
Source of layout.json: danveloper/flash-moe repack_experts.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flashmoe_nb.errors import CheckpointError, UnsupportedError
from flashmoe_nb.storage.atomic import write_json
from flashmoe_nb.storage.record import DTYPE_BYTES, RecordLayout

MANIFEST_NAME = "manifest.json"
ORIGINAL_NAME = "layout.json"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """One layer file: `num_experts` records of `record_bytes`, one after the other, without a header."""

    file: str
    num_experts: int
    layout: RecordLayout
    record_bytes: int
    """From one record to the next."""
    file_bytes: int
    sha256: str | None
    """Hexadecimal, of the whole file; None when the folder's maker recorded none."""

    def to_json(self) -> dict[str, Any]:
        """As manifest.json holds it."""
        return {
            "file": self.file,
            "num_experts": self.num_experts,
            "components": [
                {"name": part.name, "dtype": part.dtype, "shape": list(part.shape), "offset": part.offset}
                for part in self.layout.components
            ],
            "payload_bytes": self.layout.payload_bytes,
            "record_bytes": self.record_bytes,
            "file_bytes": self.file_bytes,
            "sha256": self.sha256,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], where: str) -> PackedLayer:
        """Check one layer's entry; `where` names it in errors."""
        try:
            layout = _parse_layout(data["components"], where)
            layer = cls(
                file=str(data["file"]),
                num_experts=int(data["num_experts"]),
                layout=layout,
                record_bytes=int(data["record_bytes"]),
                file_bytes=int(data["file_bytes"]),
                sha256=data.get("sha256"),
            )
            payload_bytes = int(data["payload_bytes"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(f"{where} is malformed ({error!r}): pack the source again") from error
        if not layer.file or Path(layer.file).name != layer.file:
            raise CheckpointError(f"{where}: {layer.file!r} is no file name of the folder: pack the source again")
        if payload_bytes != layout.payload_bytes or layer.record_bytes < payload_bytes:
            raise CheckpointError(
                f"{where}: components of {layout.payload_bytes:,} bytes do not fit payload_bytes {payload_bytes:,} "
                f"and record_bytes {layer.record_bytes:,}: pack the source again",
            )
        if layer.num_experts < 1 or layer.file_bytes != layer.num_experts * layer.record_bytes:
            raise CheckpointError(
                f"{where}: file_bytes {layer.file_bytes:,} is not {layer.num_experts} records of "
                f"{layer.record_bytes:,} bytes: pack the source again",
            )
        return layer


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole folder of packed experts."""

    num_layers: int
    """Layer files of the whole pack."""
    layers: dict[int, PackedLayer] = field(repr=False)
    """By the model's layer number, in order."""
    source: dict[str, Any] = field(default_factory=dict, repr=False)
    """Where the bytes came from, free-form: folder, revision, fingerprint."""
    quantization: dict[str, Any] = field(default_factory=dict, repr=False)
    """As config.json writes it; what counts are the components' shapes."""
    format_version: int = FORMAT_VERSION

    def to_json(self) -> dict[str, Any]:
        """As manifest.json holds it."""
        return {
            "format_version": self.format_version,
            "source": self.source,
            "quantization": self.quantization,
            "num_layers": self.num_layers,
            "layers": {str(number): layer.to_json() for number, layer in sorted(self.layers.items())},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], where: str) -> Manifest:
        """Check a parsed manifest.json; `where` names it in errors."""
        try:
            version = int(data["format_version"])
            if version > FORMAT_VERSION:
                raise UnsupportedError(
                    f"{where} has format_version {version}, this flashmoe_nb reads up to {FORMAT_VERSION}: "
                    "upgrade it, or pack the source again",
                )
            layers = {
                int(number): PackedLayer.from_json(entry, f"{where}, layer {number}")
                for number, entry in data["layers"].items()
            }
            num_layers = int(data["num_layers"])
            source, quantization = dict(data["source"]), dict(data["quantization"] or {})
            manifest = cls(num_layers, dict(sorted(layers.items())), source, quantization)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(f"{where} is malformed ({error!r}): pack the source again") from error
        if len(layers) != num_layers:
            raise CheckpointError(
                f"{where} describes {len(layers)} layers, its num_layers is {num_layers}: packing stopped early; "
                'run "flashmoe pack" on the source again',
            )
        return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read manifest.json, or the original engine's layout.json where there is none.

    Raises:
        CheckpointError: neither is there, or what is there is malformed.
        UnsupportedError: written by a newer version.
    """
    path = folder / MANIFEST_NAME
    if path.exists():
        return Manifest.from_json(_read_object(path), str(path))
    path = folder / ORIGINAL_NAME
    if path.exists():
        return _from_original(_read_object(path), str(path))
    raise CheckpointError(
        f"{folder} has neither {MANIFEST_NAME} nor {ORIGINAL_NAME}: it is no folder of packed experts, or packing "
        'stopped early; run "flashmoe pack" on the source again',
    )


def _read_object(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON ({error}): pack the source again") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path} holds a JSON {type(data).__name__}, not an object: pack the source again")
    return data


def _from_original(data: dict[str, Any], where: str) -> Manifest:
    """Every layer of an original pack has the same layout, and its file is `layer_NN.bin`."""
    try:
        layout = _parse_layout(data["components"], where)
        num_experts, num_layers = int(data["num_experts"]), int(data["num_layers"])
        sizes = [int(part["size"]) for part in data["components"]]
        expert_bytes = int(data["expert_size"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{where} is malformed ({error!r}): repack with the tool that wrote it") from error
    for part, size in zip(layout.components, sizes, strict=True):
        if part.nbytes != size:
            raise CheckpointError(
                f"{where}: {part.name} is {part.dtype} {list(part.shape)}, {part.nbytes:,} bytes, "
                f"but its size is {size:,}: repack with the tool that wrote it",
            )
    if expert_bytes < layout.payload_bytes or num_experts < 1 or num_layers < 1:
        raise CheckpointError(
            f"{where}: expert_size {expert_bytes:,} with components of {layout.payload_bytes:,} bytes, "
            f"{num_experts} experts, {num_layers} layers cannot be: repack with the tool that wrote it",
        )
    file_bytes = num_experts * expert_bytes
    layers = {
        number: PackedLayer(f"layer_{number:02d}.bin", num_experts, layout, expert_bytes, file_bytes, None)
        for number in range(num_layers)
    }
    return Manifest(num_layers, layers, {"format": f"original engine's {ORIGINAL_NAME}"})


def _parse_layout(components: list[dict[str, Any]], where: str) -> RecordLayout:
    for part in components:
        if part["dtype"] not in DTYPE_BYTES:
            known = ", ".join(DTYPE_BYTES)
            raise UnsupportedError(f"{where}: {part['name']} has dtype {part['dtype']}, supported are {known}")
    layout = RecordLayout.of(
        (str(part["name"]), part["dtype"], tuple(int(size) for size in part["shape"])) for part in components
    )
    if not layout.components:
        raise CheckpointError(f"{where} lists no components: pack the source again")
    offsets = [int(part["offset"]) for part in components]
    for component, offset in zip(layout.components, offsets, strict=True):
        if component.offset != offset:
            raise CheckpointError(
                f"{where}: {component.name} is at offset {offset:,}, expected {component.offset:,} "
                "(components follow one another without gaps): pack the source again",
            )
    return layout


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json, whole or not at all; call it when every layer file is in place."""
    write_json(folder / MANIFEST_NAME, manifest.to_json())
