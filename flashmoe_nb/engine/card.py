"""How an engine shows itself: one line in a console, a card in a notebook. Plain HTML, no arrays, no scripts."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flashmoe_nb.engine.engine import Engine

_STYLE = (
    "border:1px solid var(--jp-border-color2,#ccc);border-radius:6px;padding:10px 14px;max-width:46em;line-height:1.5"
)


def gigabytes(nbytes: float) -> str:
    """Decimal units, three digits."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if nbytes >= size:
            return f"{nbytes / size:.3g} {unit}" if nbytes < 999.5 * size else f"{nbytes / size:,.0f} {unit}"
    return f"{nbytes:.0f} B"


def one_line(engine: Engine) -> str:
    """For `repr`."""
    config, name = engine.config, engine.checkpoint.folder.name
    if engine.closed:
        return f"<Engine {name}: closed>"
    experts = f", top-{engine.top_k} of {config.moe.num_experts} experts {_kind(engine)}" if config.moe else ", dense"
    where = f"{engine.ops.dtype} on {engine.ops.device}"
    return f"<Engine {name}: {config.model_type}, {config.num_layers} layers{experts}, {where}>"


def html(engine: Engine) -> str:
    """For a notebook."""
    rows = "".join(
        f'<tr><td style="text-align:left;padding-right:1.2em;opacity:.7">{escape(key)}</td>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for key, value in facts(engine)
    )
    notes = "".join(f'<div style="opacity:.8">Note: {escape(note)}</div>' for note in engine.notes[:5])
    title = f"{engine.checkpoint.folder.name}: {engine.config.model_type}"
    return f'<div style="{_STYLE}"><b>{escape(title)}</b><table>{rows}</table>{notes}</div>'


def facts(engine: Engine) -> list[tuple[str, str]]:
    """What the card says, as (name, value)."""
    config, memory = engine.config, engine.memory
    linear = config.mixer_kinds.count("linear_attention")
    rows = [
        ("Layers", f"{config.num_layers}: {linear} gated delta net, {config.num_full_attention} full attention"),
        ("Shape", f"hidden {config.hidden_size}, vocabulary {config.vocab_size:,}, context {engine.max_context:,}"),
    ]
    if config.moe and engine.checkpoint.routed:
        moe, store = config.moe, engine.checkpoint.routed
        each = store.layout(store.layers[0]).payload_bytes
        own = "" if engine.top_k == moe.top_k else f" (the checkpoint's own: {moe.top_k})"
        per_token = each * engine.top_k * len(store.layers)
        rows += [
            ("Experts", f"{moe.num_experts} a layer, top_k {engine.top_k}{own}, {gigabytes(each)} each"),
            ("Streams", f"{gigabytes(engine.checkpoint.expert_bytes)} {_kind(engine)}, {gigabytes(per_token)} a token"),
            ("Policy", engine.policy),
        ]
    rows += [
        ("Resident", f"{gigabytes(memory.resident_bytes)} weights, {gigabytes(memory.slot_bytes)} expert slots"),
        (
            "A session",
            f"{gigabytes(memory.state_bytes)} delta-net state, {gigabytes(memory.kv_bytes_per_token)} a token",
        ),
        ("Back end", f"{engine.ops.name}, {engine.ops.dtype}, {engine.ops.device}"),
    ]
    if engine.memory_limit:
        rows.append(("Page cache", f"limited: {engine.memory_limit}"))
    if engine.closed:
        rows.append(("State", "closed"))
    return rows


def _kind(engine: Engine) -> str:
    store = engine.checkpoint.routed
    return {"in-place": "in place", "packed": "packed"}.get(store.kind, store.kind) if store else "resident"
