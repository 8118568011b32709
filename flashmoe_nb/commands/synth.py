"""`flashmoe synth`: random weights in a real shape."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.commands.parser import Commands, add_command

if TYPE_CHECKING:
    import argparse


def add(commands: Commands) -> None:  # type: ignore[valid-type]
    """Describe it."""
    command = add_command(
        commands,
        "synth",
        _synth,
        "random weights in a real shape, to try real sizes without a download",
        "Write a checkpoint with random weights: the tensor names, shapes and quantization of the real one.\n\n"
        "  flashmoe synth qwen3.5-397b path/to/new --layers 2          8 GB\n"
        "  flashmoe synth tiny path/to/new --seed 7",
    )
    command.add_argument(
        "shape", metavar="SHAPE", help="qwen3.5-397b, qwen3.5-122b, qwen3.5-35b, qwen3-next-80b or tiny"
    )
    command.add_argument("output", type=Path, metavar="OUTPUT", help="new, or empty, folder")
    command.add_argument("--layers", type=int, help="fewer layers than the real one")
    command.add_argument("--experts", type=int, help="fewer experts than the real one")
    command.add_argument("--vocab", type=int, help="a smaller vocabulary")
    command.add_argument("--dtype", default="bfloat16", choices=("bfloat16", "float32", "float16"), help="of scales")
    command.add_argument("--bits", type=int, default=4, choices=(0, 2, 3, 4, 5, 6, 8), help="0: not quantized")
    command.add_argument("--group-size", type=int, default=64, choices=(32, 64, 128), help="of the quantization")
    command.add_argument("--seed", type=int, default=0, help="of the random weights")


def _synth(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.storage.synth import synthesize

    result = synthesize(
        arguments.shape,
        arguments.output,
        layers=arguments.layers,
        experts=arguments.experts,
        dtype=arguments.dtype,
        vocab=arguments.vocab,
        bits=arguments.bits or None,
        group_size=arguments.group_size,
        seed=arguments.seed,
    )
    print(f"{result.folder}: {result.nbytes:,} bytes of random weights at {result.bytes_per_s / 1e6:,.0f} MB/s")
    return 0
