"""What a debugger's panel shows of the place one stands at, as JSON and arrays. Reads a debugger, never moves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import Stage
from flashmoe_nb.observe.router import router_summary
from flashmoe_nb.observe.stage_plan import OUTSIDE, mixer_stages, mlp_stages
from flashmoe_nb.observe.value_summary import summarise
from flashmoe_nb.widgets.debug_difference import difference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.events import StageEvent
    from flashmoe_nb.observe import Debugger

    Json = dict[str, Any]

_TOKENS_SHOWN = 12
"""Each way."""
_READS_SHOWN = 64
_RESIDUALS = (Stage.EMBED, Stage.RESID_MID, Stage.COMBINE)
N_LENS = 8


@dataclass(slots=True)
class Wanted:
    """What the panel is set to show."""

    name: str = ""
    """Of a value; empty follows the stage."""
    first_row: int = 0
    lens: bool = False
    comparing: bool = False


@dataclass(slots=True)
class Report:
    """JSON and the arrays that go with it."""

    facts: Json = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


def report(debugger: Debugger, wanted: Wanted) -> Report:
    """Everything the panel shows.

    Raises:
        OptionError: changes that this model cannot take.
    """
    made = Report()
    event = debugger.event
    values = debugger.values
    made.facts = {
        "place": _place(debugger),
        "tokens": _tokens(debugger),
        "kinds": list(debugger.session.engine.config.mixer_kinds),
        "stages": list(Stage),
        "diagram": _diagram(debugger, event),
        "names": list(values),
        "value": _value(made, debugger, values, wanted),
        "reads": _reads(event),
        "router": _router(made, debugger, event, values),
        "changes": repr(debugger.patches).removeprefix("<Patches: ").removesuffix(">"),
        "lens": _lens(debugger) if wanted.lens else None,
        "difference": _difference(debugger, wanted.name) if wanted.comparing else None,
        "wanted": {"name": wanted.name, "lens": wanted.lens, "comparing": wanted.comparing},
    }
    return made


def _place(debugger: Debugger) -> Json | None:
    where = debugger.where
    if where is None:
        return None
    kind = "" if where.layer is None else debugger.session.engine.config.mixer_kinds[where.layer]
    return {
        "token": where.token,
        "text": where.text,
        "layer": where.layer,
        "stage": where.stage,
        "kind": kind,
        "says": str(where),
    }


def _tokens(debugger: Debugger) -> Json:
    """Those around the place, and how many there are."""
    engine, ids = debugger.session.engine, debugger.token_ids
    now = len(ids) - debugger.tokens_left
    first = max(0, now - _TOKENS_SHOWN)
    shown = ids[first : now + _TOKENS_SHOWN + 1]
    texts = [engine.decode([one]) if engine.tokenizer else f"[{one}]" for one in shown]
    return {"given": len(ids), "left": debugger.tokens_left, "first": first, "now": now, "texts": texts}


def _diagram(debugger: Debugger, event: StageEvent | None) -> list[Json]:
    """Branches of stages; each stage with whether it is done, stood at, or changed."""
    if event is None:
        return []
    seen = {one.stage: one for one in debugger.events if one.layer == event.layer}
    if event.layer is None:
        parts: list[tuple[str, tuple[Stage, ...]]] = [("outside the layers", OUTSIDE)]
    else:
        config = debugger.session.engine.config
        streamed = Stage.EXPERT_READ in seen
        delta = config.mixer_kinds[event.layer] == "linear_attention"
        experts = "experts" if config.sparse_layers[event.layer] else "dense MLP"
        parts = [
            ("gated delta net" if delta else "full attention", mixer_stages(config, event.layer)),
            (experts, mlp_stages(config, event.layer, streamed=streamed)),
        ]
    return [
        {
            "name": name,
            "stages": [
                {
                    "stage": stage,
                    "seen": stage in seen,
                    "current": stage is event.stage,
                    "changed": stage in seen and seen[stage].patched,
                }
                for stage in stages
            ],
        }
        for name, stages in parts
    ]


def value_name(event: StageEvent, values: dict[str, NDArray[Any]], wanted: str) -> str | None:
    """The value to show: the one asked for where there is such, else the stage's first."""
    if wanted in values:
        return wanted
    return next((name for name in values if name.partition(".")[0] == event.stage), None)


def _value(made: Report, debugger: Debugger, values: dict[str, NDArray[Any]], wanted: Wanted) -> Json | None:
    event = debugger.event
    name = None if event is None else value_name(event, values, wanted.name)
    if name is None:
        return None
    found = summarise(name, values[name], first_row=wanted.first_row)
    made.arrays |= {"histogram": found.histogram, "slice": found.slice}
    made.arrays |= {"top_index": found.top_index, "top_value": found.top_value}
    return found.facts()


def _reads(event: StageEvent | None) -> list[Json]:
    if event is None or event.stage is not Stage.EXPERT_READ:
        return []
    return [
        {
            "expert": read.expert,
            "slot": read.slot,
            "nbytes": read.nbytes,
            "ms": read.duration_ns / 1e6,
            "resident": read.resident_fraction_before,
        }
        for read in event.value[:_READS_SHOWN]
    ]


def _router(made: Report, debugger: Debugger, event: StageEvent | None, values: dict[str, NDArray[Any]]) -> Json | None:
    """The layer's router: what it chose or will choose with the changes, and which changes those are."""
    engine = debugger.session.engine
    layer = None if event is None else event.layer
    if event is None or layer is None or engine.config.moe is None or not engine.config.sparse_layers[layer]:
        return None
    patches = debugger.patches
    facts: Json = {
        "layer": layer,
        "num_experts": engine.config.moe.num_experts,
        "top_k": engine.top_k,
        "banned": sorted(patches.banned.get(layer, ())),
        "forced": list(patches.forced.get(layer, ())),
        "k": patches.top_k.get(layer),
        "chosen": [],
    }
    if "router.logits" not in values:
        return facts
    logits = values["router.logits"][0].astype(np.float32)
    ids, weights = values["router.expert_ids"][0], values["router.routing_weights"][0]
    if event.stage is Stage.ROUTER and not event.patched:  # not left yet: what it will go on with
        patches.check(engine)
        patched = patches.route(engine, layer, event.value)
        if patched is not None:
            to_numpy = engine.ops.to_numpy
            ids, weights = engine.owner_call(
                lambda: (to_numpy(patched.expert_ids)[0], to_numpy(patched.routing_weights)[0])
            )
    shares = _softmax(logits)
    summary = router_summary(logits[None], ids[None])
    made.arrays["probabilities"] = shares
    facts["chosen"] = [
        [int(expert), float(weight), float(shares[expert])] for expert, weight in zip(ids, weights, strict=True)
    ]
    facts |= {"kept_mass": float(summary.kept_mass[0]), "margin": _finite(summary.margin[0])}
    facts["entropy_bits"] = float(summary.entropy[0] / np.log(2))
    return facts


def _lens(debugger: Debugger) -> Json | None:
    """What would come next if the model ended here: final norm and head on the residual stream as it stands."""
    stream = next((one for one in reversed(debugger.events) if one.stage in _RESIDUALS), None)
    if stream is None:
        return None
    engine = debugger.session.engine
    shares = _softmax(np.array(engine.unembed(stream.value))[0])
    top = np.argsort(-shares, kind="stable")[:N_LENS]
    tokens = [
        {"id": int(one), "text": engine.decode([int(one)]) if engine.tokenizer else "", "share": float(shares[one])}
        for one in top
    ]
    return {"layer": stream.layer, "stage": stream.stage, "tokens": tokens}


def _difference(debugger: Debugger, name: str) -> Json | None:
    event = debugger.event
    return None if event is None or event.layer is None else difference(event.layer, *debugger.compare_layer(), name)


def _softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    wide = logits.astype(np.float64)
    shares = np.exp(wide - wide.max())
    return np.asarray(shares / shares.sum(), np.float32)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def checked_name(debugger: Debugger, name: str) -> str:
    """A value of this layer.

    Raises:
        OptionError: there is none of that name here.
    """
    if name and name not in debugger.values:
        raise OptionError(f'"{name}" is no value here: give one of {", ".join(debugger.values)}')
    return name
