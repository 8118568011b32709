"""Where a debugger stands, and where it is to stop. Plain data; knows no session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from flashmoe_nb.config import ModelConfig
    from flashmoe_nb.events import StageEvent


@dataclass(frozen=True, slots=True)
class Place:
    """A stage of a token."""

    token: int
    """Its position in the context."""
    text: str
    """What the token says; empty without a tokenizer."""
    layer: int | None
    """None outside the layers."""
    stage: Stage

    def __str__(self) -> str:
        where = "" if self.layer is None else f", layer {self.layer}"
        said = f" {self.text!r}" if self.text else ""
        return f"token {self.token}{said}{where}, {self.stage}"


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """Stops where everything that is given holds."""

    number: int
    token: int | None = None
    layer: int | None = None
    stage: Stage | None = None
    expert: int | None = None
    """Stops at the router of a layer that chose it."""
    when: Callable[[StageEvent], bool] | None = None

    def __str__(self) -> str:
        named = (("token", self.token), ("layer", self.layer), ("stage", self.stage), ("expert", self.expert))
        given = [f"{name} {value}" for name, value in named if value is not None]
        return f"{self.number}: {', '.join(given) or 'every stage'}{' when ...' if self.when else ''}"

    @property
    def needs_values(self) -> bool:
        """Whether a token must be stepped through to know if it stops there; routing alone does not tell."""
        return self.when is not None or (self.token is None and self.expert is None)

    def may_stop(self, token: int, experts: dict[int, set[int]]) -> bool:
        """Whether it stops in a token whose layers chose these experts."""
        if self.token is not None and self.token != token:
            return False
        if self.expert is None:
            return True
        layers = experts if self.layer is None else {self.layer}
        return any(self.expert in experts.get(layer, ()) for layer in layers)

    def stops_at(self, event: StageEvent, chosen: AbstractSet[int]) -> bool:
        """Whether it stops at this stage of a token; `chosen` are the experts where the stage is a router's."""
        if self.token is not None and self.token != event.position:
            return False
        if self.layer is not None and self.layer != event.layer:
            return False
        if self.expert is not None and (event.stage is not Stage.ROUTER or self.expert not in chosen):
            return False
        if self.stage is not None and self.stage is not event.stage:
            return False
        return self.when is None or bool(self.when(event))


def checked_breakpoint(
    config: ModelConfig,
    number: int,
    token: int | None,
    layer: int | None,
    stage: str | None,
    expert: int | None,
    when: Callable[[StageEvent], bool] | None,
) -> Breakpoint:
    """A breakpoint in a model of this configuration.

    Raises:
        OptionError: a stage, layer or expert that does not exist.
    """
    if stage is not None and stage not in set(Stage):
        raise OptionError(f'stage "{stage}" is not known: give one of {", ".join(Stage)}')
    if layer is not None and not 0 <= layer < config.num_layers:
        raise OptionError(f"layer {layer} does not exist: give 0 to {config.num_layers - 1}")
    if expert is not None and (config.moe is None or not 0 <= expert < config.moe.num_experts):
        most = config.moe.num_experts - 1 if config.moe else -1
        raise OptionError(f"expert {expert} does not exist: give 0 to {most}")
    return Breakpoint(number, token, layer, Stage(stage) if stage else None, expert, when)
