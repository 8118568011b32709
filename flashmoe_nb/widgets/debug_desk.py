"""The buttons of a debugger's panel, without a panel: commands as JSON in, reports as JSON and arrays out.

A plain class over `fm.Debugger`; commands run where they are called, one at a time. Knows no widgets.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.errors import FlashMoeError, OptionError
from flashmoe_nb.events import Stage
from flashmoe_nb.observe import Debugger
from flashmoe_nb.observe.patches import Patches
from flashmoe_nb.observe.place import Breakpoint
from flashmoe_nb.observe.stage_plan import OUTSIDE, mixer_stages, mlp_stages
from flashmoe_nb.observe.values import named_values
from flashmoe_nb.widgets.debug_report import Report, Wanted, checked_name, report, value_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.events import StageEvent

    Args = Mapping[str, Any]

MEASURES: dict[str, Callable[[NDArray[Any]], float]] = {
    "largest magnitude": lambda values: float(np.abs(values).max(initial=0)),
    "rms": lambda values: float(np.sqrt((values.astype(np.float64) ** 2).mean())),
    "mean": lambda values: float(values.astype(np.float64).mean()),
}
"""What a breakpoint's condition can compare."""

EDITS: dict[str, Callable[[NDArray[Any], float], NDArray[Any]]] = {
    "zero": lambda values, _: np.zeros_like(values),
    "scale": lambda values, factor: values * factor,
    "shuffle": lambda values, seed: np.random.default_rng(int(seed)).permuted(values, axis=-1),
}
"""What can be done to a value with a button."""


@dataclass(frozen=True, slots=True)
class _Halt(Breakpoint):
    """Stops at the next chance once it was asked to, or once the main thread has ended."""

    asked: threading.Event | None = None

    @property
    def needs_values(self) -> bool:
        return False

    def may_stop(self, token: int, experts: dict[int, set[int]]) -> bool:  # noqa: ARG002 - whatever the token
        return (self.asked is not None and self.asked.is_set()) or not threading.main_thread().is_alive()

    def stops_at(self, event: StageEvent, chosen: object) -> bool:  # noqa: ARG002 - as above
        return self.may_stop(0, {})


class DebugDesk:
    """Answers commands about one debugger."""

    def __init__(self, debugger: Debugger) -> None:
        self.debugger = debugger
        self.wanted = Wanted()
        self._halt_asked = threading.Event()
        self._conditions: dict[int, str] = {}
        self._commands: dict[str, Callable[[Args], object]] = {
            "show": lambda _: None,
            "prompt": self._prompt,
            "grow": lambda _: self._grow(),
            "step": lambda _: self.debugger.step(),
            "layer": lambda _: self.debugger.step_layer(),
            "token": lambda _: self.debugger.step_token(),
            "back": lambda _: self.debugger.back(),
            "back_layer": lambda _: self._back_layer(),
            "run": lambda _: self._run(),
            "goto": self._goto,
            "break": self._break,
            "clear": lambda args: self.debugger.clear(args.get("number")),
            "look": self._look,
            "lens": lambda args: setattr(self.wanted, "lens", bool(args["on"])),
            "compare": lambda args: setattr(self.wanted, "comparing", bool(args["on"])),
            "edit": self._edit,
            "ban": self._ban,
            "force": self._force,
            "top_k": self._top_k,
            "unpatch": self._unpatch,
        }

    def answer(self, args: Args) -> Report:
        """Do what `args["do"]` says, and tell how things stand then; an error of ours is told, not raised.

        Raises:
            OptionError: there is no such command.
        """
        command = self._commands.get(args.get("do", ""))
        if command is None:
            raise OptionError(f"command {args.get('do')!r} is not known: give one of {', '.join(self._commands)}")
        error = ""
        self._halt_asked.clear()
        try:
            command(args)
        except FlashMoeError as caught:
            error = str(caught)
        made, trouble = self._report()
        made.facts |= {
            "measures": list(MEASURES),
            "done": args["do"],
            "error": error or trouble,
            "breakpoints": self._breakpoints(),
        }
        return made

    def halt(self) -> None:
        """Have a run in progress stop at the end of the token at hand; from any thread."""
        self._halt_asked.set()

    # -- moving ------------------------------------------------------------------------------------------------------
    def _prompt(self, args: Args) -> None:
        """Begin again with another text, where the session stood."""
        session, text = self.debugger.session, str(args["text"])
        session.engine.encode(text)  # refused before anything is given up
        self.debugger.abort()
        breakpoints = self.debugger.breakpoints
        self.debugger = Debugger(session, text)
        self.debugger.breakpoints = breakpoints

    def _grow(self) -> None:
        """The rest of the tokens, then the likeliest next one, and into it."""
        while self.debugger.tokens_left:
            self._run()
            if self.debugger.where is not None:
                return
        self.debugger.add_likeliest()
        self.debugger.step()

    def _back_layer(self) -> None:
        """To the first stage of this layer, or from there of the one before."""
        debugger, where = self.debugger, self.debugger.where
        if where is None or where.layer is None:
            debugger.back()
            return
        debugger.back(stage=Stage.INPUT_NORM)

    def _run(self) -> None:
        debugger = self.debugger
        debugger.breakpoints = [*debugger.breakpoints, _Halt(0, asked=self._halt_asked)]
        try:
            debugger.run()
        finally:
            debugger.breakpoints = [one for one in debugger.breakpoints if not isinstance(one, _Halt)]

    def _goto(self, args: Args) -> None:
        """To a stage of this layer and token, or to a layer's first stage: forward or back."""
        debugger, where = self.debugger, self.debugger.where
        if where is None:
            debugger.step()
            where = debugger.where
        if where is None:
            raise OptionError("all tokens are whole: add one with grow, or give another prompt")
        stage, layer = args.get("stage"), args.get("layer", where.layer)
        seen = {(event.layer, event.stage) for event in debugger.events}
        if stage is None:
            stage = Stage.INPUT_NORM if layer is not None else Stage.EMBED
        config = debugger.session.engine.config
        plan = mixer_stages(config, layer) + mlp_stages(config, layer, streamed=True) if layer is not None else OUTSIDE
        if stage not in plan:
            raise OptionError(f'layer {layer} has no stage "{stage}": give one of {", ".join(plan)}')
        if (where.layer, where.stage) == (layer, stage):
            return
        if (layer, stage) in seen:
            while debugger.where is not None and (debugger.where.layer, debugger.where.stage) != (layer, stage):
                debugger.back()
        else:
            debugger.run_until(token=where.token, layer=layer, stage=stage)

    # -- breakpoints -------------------------------------------------------------------------------------------------
    def _break(self, args: Args) -> None:
        engine, measure, above = self.debugger.session.engine, args.get("measure"), args.get("above")
        when = None
        if measure is not None:
            if measure not in MEASURES or above is None:
                raise OptionError(
                    f'condition "{measure}" above {above}: give one of {", ".join(MEASURES)}, and a number'
                )
            when = _condition(engine, str(measure), float(above))
        made = self.debugger.break_at(
            token=args.get("token"),
            layer=args.get("layer"),
            stage=args.get("stage"),
            expert=args.get("expert"),
            when=when,
        )
        if when is not None:
            self._conditions[made.number] = f"{measure} > {float(above or 0):g}"

    def _breakpoints(self) -> list[dict[str, Any]]:
        return [
            {"number": one.number, "text": str(one).replace("when ...", f"when {self._conditions[one.number]}")}
            if one.number in self._conditions
            else {"number": one.number, "text": str(one)}
            for one in self.debugger.breakpoints
        ]

    # -- looking and changing ----------------------------------------------------------------------------------------
    def _look(self, args: Args) -> None:
        self.wanted.name = checked_name(self.debugger, str(args.get("name", self.wanted.name)))
        self.wanted.first_row = int(args.get("first_row", 0))

    def _edit(self, args: Args) -> None:
        """Change the value that is shown."""
        debugger, event, how = self.debugger, self.debugger.event, args.get("how")
        values = debugger.values
        name = None if event is None else value_name(event, values, self.wanted.name)
        if name is None:
            raise OptionError("there is no value to change here: step to a stage that has one")
        if how not in EDITS or values[name].dtype.kind != "f":
            raise OptionError(f'"{how}" cannot be done to {name}: give one of {", ".join(EDITS)}, and a value of reals')
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite shows, and stops at the layer's end
            changed = EDITS[str(how)](values[name], float(args.get("factor", 0.0)))
        debugger.set(name, changed)

    def _layer(self) -> int:
        where = self.debugger.where
        if where is None or where.layer is None:
            raise OptionError("there is no router here: step into a layer first")
        return where.layer

    def _ban(self, args: Args) -> None:
        """Add to the banned of this layer, or with `on` false take from them."""
        layer, patches = self._layer(), self.debugger.patches.copy()
        experts = [int(one) for one in args["experts"]]
        if args.get("on", True):
            patches.ban_experts(layer, experts)
        else:
            patches.banned[layer] = patches.banned.get(layer, set()) - set(experts)
            if not patches.banned[layer]:
                del patches.banned[layer]
        self._take(patches)

    def _force(self, args: Args) -> None:
        """Force exactly these; none ends it."""
        layer, patches = self._layer(), self.debugger.patches.copy()
        patches.force_experts(layer, [int(one) for one in args["experts"]])
        if not patches.forced[layer]:
            del patches.forced[layer]
        self._take(patches)

    def _top_k(self, args: Args) -> None:
        """K of this layer; None is the model's own."""
        layer, patches = self._layer(), self.debugger.patches.copy()
        if args.get("k") is None:
            patches.top_k.pop(layer, None)
        else:
            patches.set_top_k(layer, int(args["k"]))
        self._take(patches)

    def _unpatch(self, args: Args) -> None:
        """Take all changes of routers back, or those of this layer."""
        if args.get("everywhere", False):
            self._take(Patches())
            return
        layer, patches = self._layer(), self.debugger.patches.copy()
        for changes in (patches.banned, patches.forced, patches.top_k):
            changes.pop(layer, None)
        self._take(patches)

    def _take(self, patches: Patches) -> None:
        """Patches the model can take. Where this layer's router has chosen, it chooses again, and one stands there."""
        debugger, where = self.debugger, self.debugger.where
        patches.check(debugger.session.engine)
        debugger.patches = patches
        if where is None or where.layer is None:
            return
        if any(event.stage is Stage.ROUTER for event in debugger.events if event.layer == where.layer):
            while debugger.event is not None and debugger.event.stage is not Stage.ROUTER:
                debugger.back()
            debugger.step()
            debugger.back()

    def _report(self) -> tuple[Report, str]:
        """With the patches taken off for it where they cannot be shown."""
        try:
            return report(self.debugger, self.wanted), ""
        except FlashMoeError as error:
            kept, self.debugger.patches = self.debugger.patches, type(self.debugger.patches)()
            try:
                return report(self.debugger, Wanted(self.wanted.name, self.wanted.first_row)), str(error)
            finally:
                self.debugger.patches = kept


def _condition(engine: Engine, measure: str, above: float) -> Callable[[StageEvent], bool]:
    measured = MEASURES[measure]
    return lambda event: any(measured(values) > above for values in named_values(engine, [event]).values())
