"""What a trace is of: model, settings and machine, as one JSON text. Read off an engine once, when recording starts."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter_ns
from typing import TYPE_CHECKING, Self

from flashmoe_nb.engine.memory_limit import limit_in_force
from flashmoe_nb.errors import TraceError
from flashmoe_nb.events import Stage
from flashmoe_nb.observe.schema import VERSION, Axes
from flashmoe_nb.storage import tells_experts_apart

if TYPE_CHECKING:
    from flashmoe_nb.engine import Engine
    from flashmoe_nb.engine.checkpoint import Checkpoint

_KIND = "flashmoe-trace"


@dataclass(frozen=True, slots=True)
class TraceFacts:
    """Everything about a trace that is no column."""

    model: str
    model_type: str
    fingerprint: str
    """Of the checkpoint: its config, and names, types, places and sizes of all tensors."""
    num_layers: int
    sparse_layers: tuple[int, ...]
    """Number of each row of the L axis."""
    num_experts: int
    top_k: int
    """Experts a token in force."""
    own_top_k: int
    """The checkpoint's own number."""
    expert_bytes: int
    """Of one routed expert of the first sparse layer."""
    experts: str
    """How they lie: "in-place", "packed", or "dense" without any."""
    residency_per_expert: bool
    """False: experts share pages, so a read's resident fraction is partly its neighbours'."""
    policy: str
    back_end: str
    machine: str
    started: str
    """UTC, ISO 8601."""
    started_ns: int
    """`time.perf_counter_ns` at that moment: the zero of all times in the trace."""
    stages: tuple[str, ...]
    """What `patch_stage` counts."""
    software: str
    most_experts: int = 0
    """Room for experts of a token and layer, where it is more than `top_k`; since schema 2."""
    memory_limit: str = ""
    """In force when recording began, e.g. "2.00 GiB, cgroup v1"; empty without any, or in a trace of schema 1."""
    layer_times_synced: bool = False
    """True: the times of layers are compute. False: of a lazy back end, or of schema 1 and unknown."""

    @classmethod
    def of(cls, engine: Engine, most_experts: int | None = None) -> Self:
        """Read off an open engine; room for `most_experts` of a token, or its `top_k`."""
        config, store = engine.config, engine.checkpoint.routed
        moe = config.moe
        return cls(
            model=engine.checkpoint.folder.name,
            model_type=config.model_type,
            fingerprint=fingerprint(engine.checkpoint),
            num_layers=config.num_layers,
            sparse_layers=store.layers if store else (),
            num_experts=moe.num_experts if moe else 0,
            top_k=engine.top_k,
            own_top_k=moe.top_k if moe else 0,
            expert_bytes=store.layout(store.layers[0]).payload_bytes if store else 0,
            experts=store.kind if store else "dense",
            residency_per_expert=store is not None and all(tells_experts_apart(store, n) for n in store.layers),
            policy=engine.policy,
            back_end=f"{engine.ops.name}, {engine.ops.dtype}, {engine.ops.device}",
            machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            started_ns=perf_counter_ns(),
            stages=tuple(Stage),
            software=_software(),
            most_experts=max(engine.top_k, most_experts or 0),
            memory_limit=limit_in_force(engine),
            layer_times_synced=not engine.ops.lazy,
        )

    @property
    def axes(self) -> Axes:
        """Of the columns."""
        return Axes(self.num_layers, len(self.sparse_layers), max(self.top_k, self.most_experts))

    def metadata(self, *, complete: bool) -> dict[str, str]:
        """As the file keeps it."""
        return {
            "kind": _KIND,
            "schema_version": str(VERSION),
            "complete": json.dumps(complete),
            "facts": json.dumps(asdict(self)),
        }

    @classmethod
    def read(cls, metadata: dict[str, str], where: str) -> Self:
        """Back from a file's metadata.

        Raises:
            TraceError: no trace, one of a later schema, or facts that are not these.
        """
        if metadata.get("kind") != _KIND:
            raise TraceError(f"{where} is a safetensors file but no trace: give one that fm.record wrote")
        found = metadata.get("schema_version", "none")
        if found not in map(str, range(1, VERSION + 1)):
            msg = f"{where} has trace schema {found}, this flashmoe_nb reads 1 to {VERSION}: "
            raise TraceError(msg + "open it with the version that wrote it, or a newer one")
        try:
            values = json.loads(metadata["facts"])
            known = {one.name: values[one.name] for one in fields(cls) if one.default is MISSING or one.name in values}
            for name in ("sparse_layers", "stages"):
                known[name] = tuple(known[name])
            return cls(**known)
        except (KeyError, TypeError, ValueError) as error:
            raise TraceError(f"{where} has facts that cannot be read ({error!r}): the file is damaged") from error

    @property
    def label(self) -> str:
        """For a title: `demo, top_k 4 of 512 experts (the checkpoint's own: 10)`."""
        if not self.num_experts:
            return f"{self.model}, dense"
        own = "" if self.top_k == self.own_top_k else f" (the checkpoint's own: {self.own_top_k})"
        return f"{self.model}, top_k {self.top_k} of {self.num_experts} experts{own}"


def _software() -> str:
    try:
        own = version("flashmoe-nb")
    except PackageNotFoundError:
        own = "run from its source"
    return f"flashmoe-nb {own}, MLX {version('mlx')}"


def fingerprint(checkpoint: Checkpoint) -> str:
    """Tells checkpoints apart without reading weights: 16 hex digits of a SHA-256 over config and tensor index."""
    digest = hashlib.sha256((checkpoint.folder / "config.json").read_bytes())
    for name, entry in sorted(checkpoint.index.entries.items()):
        digest.update(f"{name} {entry.dtype} {entry.shape} {entry.file} {entry.offset}\n".encode())
    return digest.hexdigest()[:16]
