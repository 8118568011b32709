"""`flashmoe forecast`: what a model will do on a machine, before it is downloaded."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.commands.parser import Commands, add_command, parse_bytes

if TYPE_CHECKING:
    import argparse

    from flashmoe_nb.lab.forecasting import Costs


def add(commands: Commands) -> None:  # type: ignore[valid-type]
    """Describe it."""
    command = add_command(
        commands,
        "forecast",
        _forecast,
        "tokens a second before anything is downloaded",
        "Foretell speed, hits, memory and disk of a model from its config alone. Without --machine this one is probed\n"
        "for about 15 seconds, with two synthesised layers of the true shape.\n\n"
        "  flashmoe forecast qwen3.5-35b\n"
        "  flashmoe forecast qwen3.5-397b --machine m3-max-48 --top-k 4\n"
        "  flashmoe forecast path/to/config.json --ram 64GB --ssd 6.5 --trace run.safetensors\n"
        "  flashmoe forecast check --out data/experiments   forecasts against measurements, here\n"
        "  flashmoe forecast dense --out data/experiments   a streamed dense model against experts, over memory",
    )
    command.add_argument("model", help='a shape, a config.json or its folder; "check" or "dense"')
    command.add_argument("--ram", help="memory, e.g. 48GB (default: what is free here)")
    command.add_argument("--ssd", type=float, help="GB/s of cold reads of whole experts (default: the machine's)")
    command.add_argument("--machine", help="m3-max-48, m5-max-128 or phone-8 (default: probe this one)")
    command.add_argument("--top-k", type=int, help="experts per token (default: the trained number)")
    command.add_argument("--trace", type=Path, help="routing to go by (default: the demo model's traces)")
    command.add_argument("--prompt-tokens", type=int, default=512, help="of the prompt (default %(default)s)")
    command.add_argument("--folder", type=Path, help="on the disk to probe (default: the temporary folder)")
    command.add_argument("--costs", type=Path, help="keep what the probe measured here, and use it again")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--out", type=Path, help='of "check" and "dense": folder for the JSON')
    command.add_argument("--shapes", nargs="+", help='of "check": some of the four')
    command.add_argument("--tokens", type=int, default=64, help='of "check": in each measurement (default %(default)s)')


def _forecast(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.lab.forecasting import forecast

    if arguments.model in ("check", "dense"):
        return _check(arguments) if arguments.model == "check" else _dense(arguments)
    found = forecast(
        arguments.model,
        ram=None if arguments.ram is None else parse_bytes(arguments.ram),
        ssd=None if arguments.ssd is None else arguments.ssd * 1e9,
        machine=arguments.machine,
        top_k=arguments.top_k,
        trace=arguments.trace,
        costs=_costs(arguments),
        prompt_tokens=arguments.prompt_tokens,
        folder=arguments.folder,
    )
    print(json.dumps(found.record(), indent=1) if arguments.json else found.table().text())
    return 0


def _costs(arguments: argparse.Namespace) -> Costs | None:
    """From the file given, measured now where it does not exist yet."""
    from flashmoe_nb.errors import OptionError
    from flashmoe_nb.lab.forecasting import Costs, probe
    from flashmoe_nb.lab.sizes import load_config

    path: Path | None = arguments.costs
    if path is None:
        return None
    if arguments.machine is not None:
        raise OptionError(f"--costs {path} and --machine {arguments.machine} contradict each other: give one of them")
    if path.exists():
        return Costs.load(path)
    measured = probe(load_config(arguments.model)[1], top_k=arguments.top_k, folder=arguments.folder)
    measured.save(path)
    return measured


def _check(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.lab.forecasting.check import SHAPES, check, table, write_checked

    found = []
    for one in check(arguments.shapes or SHAPES, tokens=arguments.tokens, top_k=arguments.top_k or 4):
        found.append(one)
        print(f"{one.shape}, {one.held:.0%}, {one.start}: {one.error:+.0%}", file=sys.stderr, flush=True)
    print(table(found).text())
    if arguments.out is not None:
        print(f"written to {write_checked(found, arguments.out)}", file=sys.stderr)
    return 0


def _dense(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.lab.forecasting import dense_against_moe

    found = dense_against_moe(machine=arguments.machine, folder=arguments.folder)
    print(found.table().text())
    if arguments.out is not None:
        print(f"written to {found.write(arguments.out)}", file=sys.stderr)
    return 0
