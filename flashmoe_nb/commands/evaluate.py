"""`flashmoe eval`: measure a model again, and say whether it is what its card says."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashmoe_nb.commands import evaluate_tools
from flashmoe_nb.commands.parser import Commands, add_command

if TYPE_CHECKING:
    import argparse


def add(commands: Commands) -> None:  # type: ignore[valid-type]
    """Describe it."""
    command = add_command(
        commands,
        "eval",
        _eval,
        "measure the demo model, and its tool calls at fewer bits",
        "Measure the demo model on its fixed held-out set: loss, bits a byte, tool calls, refusals, later turns, and\n"
        "routing. "
        "Each number is compared, window by window and prompt by prompt, with what the model card was made\n"
        "from; a difference is named and the exit status is 1. Activations are float32.\n"
        "With tools: how often calls parse, are the right ones and exact when the experts have fewer bits.\n\n"
        "  flashmoe eval demo                        the card's own run, below 20 minutes on 2 cores\n"
        "  flashmoe eval demo --quick                a minute or two\n"
        "  flashmoe eval demo --parts tools --out found.json\n" + evaluate_tools.EXAMPLES,
    )
    command.add_argument("model", choices=["demo", "tools"], help="what to measure")
    command.add_argument("--quick", action="store_true", help="only the first few windows and prompts")
    command.add_argument("--parts", help="some of windows,prose,tools,refusals,turns (default: all)")
    command.add_argument("--out", type=Path, help="write the results here as JSON, while they come")
    command.add_argument("--top-k", type=int, help="experts per token (default: the checkpoint's)")
    command.add_argument("--ops", default="auto", help="back end, as for generate")
    evaluate_tools.add_options(command)


def _eval(arguments: argparse.Namespace) -> int:
    return evaluate_tools.run(arguments) if arguments.model == "tools" else _demo(arguments)


def _demo(arguments: argparse.Namespace) -> int:
    import json

    import flashmoe_nb as fm
    from flashmoe_nb.lab.demo import reproduce
    from flashmoe_nb.lab.demo.engine_subject import EngineSubject
    from flashmoe_nb.lab.demo.evalset import EvalSet, shipped
    from flashmoe_nb.lab.demo.evaluate import Sizes

    parts, folder = _parts(arguments.parts), shipped()
    sizes = reproduce.QUICK if arguments.quick else Sizes()
    with fm.open(top_k=arguments.top_k, ops=arguments.ops, dtype="float32") as engine:
        about = {"through": repr(engine), "top_k": engine.top_k, "experts": None}
        progress = _Progress(arguments.out, about)
        results = reproduce.run(EngineSubject(engine), EvalSet.load(folder), sizes, parts, progress)
    for part in parts:
        print(f"{part} ({results['seconds'][part]:.0f} s)")
        for line in reproduce.summary(part, results[part]):
            print(f"  {line}")
    recorded = json.loads((folder / reproduce.RESULTS).read_text("utf8"))
    count, different = reproduce.compare(results, recorded)
    for line in different:
        print(f"differs from the card: {line}")
    print(f"{count} numbers compared with those of the card, {len(different)} differ")
    return int(bool(different))


def _parts(text: str | None) -> list[Any]:
    from flashmoe_nb.errors import OptionError
    from flashmoe_nb.lab.demo.evaluate import PARTS

    asked = set(PARTS) if text is None else set(text.split(","))
    if unknown := asked - set(PARTS):
        raise OptionError(f"--parts names {', '.join(sorted(unknown))}: give some of {','.join(PARTS)}")
    return [part for part in PARTS if part in asked]


class _Progress:
    """Writes the results so far, and says now and then where the run is."""

    def __init__(self, out: Path | None, about: dict[str, object]) -> None:
        self._out, self._about = out, about
        self._said_s = time.monotonic()

    def __call__(self, results: dict[str, Any]) -> None:
        """After every step."""
        from flashmoe_nb.lab.demo import reproduce

        if self._out is not None:
            reproduce.write(self._out, self._about | results)
        if time.monotonic() - self._said_s > 20:  # noqa: PLR2004 - seconds between two signs of life
            self._said_s = time.monotonic()
            done = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in results["seconds"].items())
            print(f"so far: {done}", file=sys.stderr)
