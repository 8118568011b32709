"""What an experiment found: each way's times, its effect on the first one, and the original's verdict beside ours."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from flashmoe_nb.lab.audit import ledger
from flashmoe_nb.lab.bench.table import Table
from flashmoe_nb.lab.rerun.effect import Effect, Verdict, effect

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Arm:
    """One way of doing it."""

    times_ns: list[float] = field(default_factory=list)
    """Of a token, or of a call; one for each repetition."""
    facts: dict[str, float] = field(default_factory=dict)
    """What else was counted, by name with its unit."""

    @property
    def median_ms(self) -> float:
        """Over the repetitions."""
        return statistics.median(self.times_ns) / 1e6


@dataclass(slots=True, repr=False)
class Result:
    """Of one experiment on one engine."""

    name: str
    title: str
    setting: str
    """Model, limit, start and counts, in one line."""
    per: str
    """What the times are of: "token" or "call"."""
    arms: dict[str, Arm]
    """By name; the first is the baseline."""
    same_tokens: bool | None
    """Whether every arm gave the baseline's tokens; None where there are none to compare."""
    original: str
    """What the original found."""
    original_verdict: Verdict | None
    judged: tuple[str, ...] = ()
    """Arms the verdict is about, controls left out; empty: all but the baseline."""
    why: str = ""
    """Where ours differs: why."""
    notes: list[str] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    """Machine, versions, date and command, when it was run by `flashmoe lab run`."""

    @property
    def baseline(self) -> str:
        """Name of the arm the others are held against."""
        return next(iter(self.arms))

    @property
    def effects(self) -> dict[str, Effect]:
        """Of every other arm."""
        base = self.arms[self.baseline].times_ns
        return {name: effect(base, arm.times_ns) for name, arm in self.arms.items() if name != self.baseline}

    @property
    def verdict(self) -> Verdict:
        """Of the best of the arms judged: what the way can do here at most."""
        return self.best[1].verdict

    @property
    def best(self) -> tuple[str, Effect]:
        """The quickest of the arms judged, and its effect."""
        effects = self.effects
        return max(((name, effects[name]) for name in self.judged or effects), key=lambda found: found[1].gain)

    @property
    def agrees(self) -> bool | None:
        """With the original; None where it gave no verdict, or ours is unclear."""
        if self.original_verdict is None or self.verdict is Verdict.UNCLEAR:
            return None
        return self.verdict == self.original_verdict

    def table(self) -> Table:
        """For people."""
        facts = list(dict.fromkeys(name for arm in self.arms.values() for name in arm.facts))
        columns = ("way", f"ms a {self.per}, median", "speed against the first [95 %]", "verdict", *facts)
        table = Table(self.name, f"{self.title}: {self.setting}", columns)
        effects = self.effects
        for name, arm in self.arms.items():
            found = effects.get(name)
            shown = (str(found), str(found.verdict)) if found else ("the baseline", "-")
            table.add(name, arm.median_ms, *shown, *(arm.facts.get(fact) for fact in facts))
        table.notes += [*self._said(), *self.notes]
        return table

    def _said(self) -> list[str]:
        said = [f"the original: {self.original}"]
        if self.original_verdict is not None:
            here = "the same here" if self.agrees else f"here {self.best[0]}: {self.verdict}"
            said[0] += f" ({self.original_verdict}; {here})"
        if self.why and self.agrees is False:
            said.append(f"why ours differs: {self.why}")
        if self.same_tokens is not None:
            said.append("tokens: the same in every way" if self.same_tokens else "tokens: NOT the same in every way")
        rows = ledger().where(experiment=self.name)
        places = ", ".join(f"{row.log} {row.row}" for row in rows)
        return [*said, f"its log: {places}"]

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "setting": self.setting,
            "per": self.per,
            "arms": {name: asdict(arm) for name, arm in self.arms.items()},
            "effects": {name: asdict(one) | {"verdict": str(one.verdict)} for name, one in self.effects.items()},
            "judged": list(self.judged),
            "verdict": str(self.verdict),
            "same_tokens": self.same_tokens,
            "original": self.original,
            "original_verdict": self.original_verdict and str(self.original_verdict),
            "agrees": self.agrees,
            "why": self.why,
            "notes": self.notes,
            "about": self.about,
        }

    def __repr__(self) -> str:
        name, found = self.best
        return f"<Result of {self.name}: {len(self.arms)} ways, {name} {found}, {self.verdict}>"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def read_result(recorded: Mapping[str, Any]) -> Result:
    """A result as JSON kept it."""
    verdict = recorded["original_verdict"]
    return Result(
        recorded["name"],
        recorded["title"],
        recorded["setting"],
        recorded["per"],
        {name: Arm(arm["times_ns"], arm["facts"]) for name, arm in recorded["arms"].items()},
        recorded["same_tokens"],
        recorded["original"],
        None if verdict is None else Verdict(verdict),
        tuple(recorded["judged"]),
        recorded["why"],
        recorded["notes"],
        recorded["about"],
    )
