"""`flashmoe eval tools`: how reliable tool calls stay when experts get fewer bits."""

from __future__ import annotations

import sys
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from flashmoe_nb import Engine
    from flashmoe_nb.lab.demo.evalset import EvalSet

    Open = Callable[[], Engine]

EXAMPLES = (
    "  flashmoe eval tools                               4, 3 and 2 bits, a few minutes\n"
    "  flashmoe eval tools --bits 4,2 --prompts 600 --out found.json\n"
    "  flashmoe eval tools --prompts 0 --likelihood 24 --each-layer   which layer carries the damage"
)


def add_options(command: argparse.ArgumentParser) -> None:
    """What only this evaluation takes."""
    tools = command.add_argument_group("eval tools")
    tools.add_argument(
        "--bits",
        default="4,3,2",
        help="of the experts; compared with the first --also, else the first of these",
    )
    tools.add_argument("--prompts", type=int, default=12, help="answered of each format, at most 600 and 300")
    tools.add_argument("--formats", default="json,xml", help="of the calls")
    tools.add_argument("--likelihood", type=int, default=12, help="prompts of each format read with the right answer")
    tools.add_argument("--windows", type=int, default=1, help="of 1,024 tokens of each domain; 0 for none")
    tools.add_argument("--each-layer", action="store_true", help="also the fewest bits in one layer at a time")
    tools.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="another checkpoint of the same model, e.g. bf16=FOLDER; may be repeated",
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure every model in turn, and print the table."""
    import flashmoe_nb as fm
    from flashmoe_nb.lab.demo import reproduce
    from flashmoe_nb.lab.demo.evalset import EvalSet, shipped
    from flashmoe_nb.lab.tool_validity import report

    rows: dict[str, Any] = {}
    formats, evalset = _formats(arguments.formats), EvalSet.load(shipped())
    with fm.open(top_k=arguments.top_k, ops=arguments.ops, dtype="float32") as engine:
        for name, open_model in _models(engine, arguments):
            for row in _measured(open_model, evalset, arguments, formats):
                rows[name] = row
                if arguments.out is not None:
                    about = {"top_k": engine.top_k, "bits": arguments.bits, "prompts": arguments.prompts}
                    reproduce.write(arguments.out, about | {"models": rows})
            print(f"measured: {name}", file=sys.stderr)
    for line in report.lines(rows):
        print(line)
    return 0


def _models(engine: Engine, arguments: argparse.Namespace) -> Iterator[tuple[str, Open]]:
    import flashmoe_nb as fm
    from flashmoe_nb.lab.requantizing import requantize

    options: dict[str, Any] = {"top_k": arguments.top_k, "ops": arguments.ops, "dtype": "float32"}
    bits = _numbers(arguments.bits)
    for also in arguments.also:
        name, equals, folder = also.partition("=")
        if not equals:
            raise OptionError(f'--also "{also}": write NAME=FOLDER')
        yield name, partial(fm.open, folder, **options)
    for width in bits:
        if width == _own_bits(engine):
            yield f"{width} bits", partial(fm.open, engine.checkpoint.folder, **options)
        else:
            yield f"{width} bits", partial(requantize, engine, width)
    if arguments.each_layer:
        fewest = min(bits)
        assert engine.checkpoint.routed is not None
        for layer in engine.checkpoint.routed.layers:
            yield f"{fewest} bits in layer {layer}", partial(requantize, engine, fewest, layers=[layer])


def _measured(
    open_model: Open, evalset: EvalSet, arguments: argparse.Namespace, formats: list[str]
) -> Iterator[dict[str, Any]]:
    """The row of one model, again and again while it grows."""
    from flashmoe_nb.lab.demo.engine_subject import EngineSubject
    from flashmoe_nb.lab.tool_validity import measure

    with closing(open_model()) as engine:
        subject, found = EngineSubject(engine), measure.Found()
        read = measure.chosen_prompts(evalset, arguments.likelihood, formats)
        asked = measure.chosen_prompts(evalset, arguments.prompts, formats)
        yield found.row()
        for part in (
            measure.likelihood(subject, read, found),
            measure.domains(subject, evalset, arguments.windows, found),
            measure.answers(subject, asked, found),
        ):
            for _ in part:
                yield found.row()


def _own_bits(engine: Engine) -> int:
    assert engine.checkpoint.routed is not None
    store = engine.checkpoint.routed
    shapes = {part.name: part.shape for part in store.layout(store.layers[0]).components}
    return 32 * shapes["gate_proj.weight"][1] // engine.config.hidden_size


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise OptionError(f'--bits "{text}": give whole numbers, separated by commas') from None


def _formats(text: str) -> list[str]:
    asked = text.split(",")
    if unknown := set(asked) - {"json", "xml"}:
        raise OptionError(f"--formats names {', '.join(sorted(unknown))}: give json, xml or both")
    return asked
