"""The command line: `flashmoe generate|info|pack|verify|synth`.

Parses, calls the package, prints. Results go to standard output, everything else to standard error; what a user can
mend ends in one line and exit status 2. Knows no model.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashmoe_nb import __version__
from flashmoe_nb.errors import FlashMoeError, OptionError, PromptError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flashmoe_nb import Engine, Token

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 done, 1 verify found damage, 2 could not be done, 130 interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except FlashMoeError as error:
        print(f"flashmoe: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("flashmoe: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output is gone: nothing is wrong
        return 0
    return status


# -- commands ----------------------------------------------------------------------------------------------------------
def _generate(arguments: argparse.Namespace) -> int:
    with _open(arguments) as engine:
        engine.measure_residency = arguments.json
        if arguments.cold:
            engine.evict()
        tokens: list[Token] = []
        try:
            for token in _tokens(engine, arguments):
                tokens.append(token)
                print(
                    _token_json(token) if arguments.json else token.text, end="\n" if arguments.json else "", flush=True
                )
        finally:
            if tokens:
                _print_summary(engine, tokens, as_json=arguments.json)
    return 0


def _tokens(engine: Engine, arguments: argparse.Namespace) -> Iterator[Token]:
    prompt = _read_input() if arguments.prompt == "-" else arguments.prompt
    return engine.session().generate(
        _prompt(prompt, arguments.ids, chat=arguments.chat),
        max_tokens=arguments.max_tokens,
        temperature=arguments.temperature,
        top_p=arguments.top_p,
        min_p=arguments.min_p,
        seed=arguments.seed,
        stop=arguments.stop,
    )


def _read_input() -> str:
    """Standard input, whole."""
    data = sys.stdin.buffer.read()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        where = f"byte {error.start} is {data[error.start]:#x}"
        raise PromptError(f"the prompt on standard input is not UTF-8 text ({where}): convert it first") from None


def _prompt(text: str, ids: str | None, *, chat: bool) -> str | list[int] | list[dict[str, str]]:
    if ids is not None:
        return _parse_ids(ids)
    return [{"role": "user", "content": text}] if chat else text


def _token_json(token: Token) -> str:
    return json.dumps(
        {
            "id": token.id,
            "text": token.text,
            "logprob": round(token.logprob, 6),
            "position": token.position,
            "ms": round(token.duration_ns / 1e6, 3),
            "bytes_read": token.bytes_read,
            "reads": token.n_reads,
            "finish_reason": token.finish_reason,
        },
        ensure_ascii=False,
    )


def _print_summary(engine: Engine, tokens: list[Token], *, as_json: bool) -> None:
    decode_ns = sum(token.duration_ns for token in tokens[1:])
    summary = {
        "tokens": len(tokens),
        "ttft_ms": round(tokens[0].duration_ns / 1e6, 3),
        "tokens_per_s": round((len(tokens) - 1) / (decode_ns / 1e9), 3) if decode_ns else None,
        "bytes_read": engine.bytes_read,
        "reads": engine.n_reads,
        "resident_fraction": None if (share := engine.resident_fraction) is None else round(share, 4),
        "peak_rss_bytes": peak_rss_bytes(),
        "top_k": engine.top_k,
    }
    if as_json:
        print(json.dumps(summary))
        return
    speed = "" if summary["tokens_per_s"] is None else f", then {summary['tokens_per_s']:.1f} tokens/s"
    text = f"\n[{len(tokens)} tokens, first after {summary['ttft_ms']:.0f} ms{speed}, top_k {engine.top_k}, "
    print(f"{text}{engine.bytes_read / 1e6:,.1f} MB of experts read]", file=sys.stderr)


def _info(arguments: argparse.Namespace) -> int:
    with _open(arguments) as engine:
        facts = engine.facts()
        if arguments.json:
            print(json.dumps({"path": str(engine.checkpoint.folder), **dict(facts), "notes": engine.notes}))
            return 0
        print(f"{engine.checkpoint.folder}: {engine.config.model_type}")
        width = max(len(key) for key, _ in facts)
        for key, value in facts:
            print(f"  {key:<{width}}  {value}")
        for note in engine.notes:
            print(f"  note: {note}")
    return 0


def _pack(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.storage.pack import pack

    result = pack(
        arguments.source,
        arguments.output,
        bits=arguments.bits,
        group_size=arguments.group_size,
        delete_source=arguments.delete_source,
        restart=arguments.restart,
    )
    print(f"{result.folder}: {result.num_experts:,} experts of {result.num_layers} layers, {result.nbytes:,} bytes")
    if result.skipped:
        print(f"left out (vision, drafting): {len(result.skipped)} tensors, e.g. {result.skipped[0]}")
    for path in result.deleted:
        print(f"deleted {path}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from flashmoe_nb.storage.verify import verify

    result = verify(arguments.folder, source=arguments.source, samples=arguments.samples, seed=arguments.seed)
    for problem in result.problems:
        print(problem, file=sys.stderr)
    state = "whole" if result.ok else "DAMAGED"
    print(f"{result.folder}: {state}; {result.hashed_bytes:,} bytes hashed, {result.compared_experts} experts compared")
    return 0 if result.ok else 1


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


def _open(arguments: argparse.Namespace) -> Engine:
    import flashmoe_nb as fm

    return fm.open(
        arguments.path,
        top_k=arguments.top_k,
        experts=arguments.experts,
        slots=arguments.slots,
        read_threads=arguments.read_threads,
        ops=arguments.ops,
        dtype=arguments.dtype,
        memory_budget=None if arguments.memory_budget is None else parse_bytes(arguments.memory_budget),
    )


def peak_rss_bytes() -> int:
    """The most memory this process has had resident."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def parse_bytes(text: str) -> int:
    """Bytes in a size like "6GiB", "48 GB", "500m" or a plain number.

    Raises:
        OptionError: anything else.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]i?)?b?\s*", text.lower())
    if not match:
        raise OptionError(f'"{text}" is no size: write it like 6GiB, 48GB or 6442450944')
    return math.floor(float(match[1]) * _UNITS[match[2] or ""])


def _parse_ids(text: str) -> list[int]:
    try:
        return [int(part) for part in re.split(r"[\s,]+", text.strip()) if part]
    except ValueError:
        raise OptionError(f'--ids "{text}": give whole numbers, separated by spaces or commas') from None


# -- arguments ---------------------------------------------------------------------------------------------------------
class _Parser(argparse.ArgumentParser):
    """Keeps the examples as they are written."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, formatter_class=argparse.RawDescriptionHelpFormatter)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="flashmoe",
        description="Run Mixture-of-Experts models far larger than memory, their experts streamed from disk.",
        epilog="Each command has --help with examples. In Python and notebooks: import flashmoe_nb as fm.",
    )
    parser.add_argument("--version", action="version", version=f"flashmoe_nb {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_generate(commands)
    _add_info(commands)
    _add_pack(commands)
    _add_verify(commands)
    _add_synth(commands)
    return parser


_Commands = "argparse._SubParsersAction[_Parser]"


def _add_command(commands: _Commands, name: str, run: object, summary: str, text: str) -> _Parser:  # type: ignore[valid-type]
    about, _, examples = text.partition("\n\n")
    command: _Parser = commands.add_parser(  # type: ignore[attr-defined]
        name, help=summary, description=about, epilog="examples:\n" + examples
    )
    command.set_defaults(run=run)
    return command


def _add_generate(commands: _Commands) -> None:  # type: ignore[valid-type]
    command = _add_command(
        commands,
        "generate",
        _generate,
        "continue a prompt",
        "Continue a prompt with a checkpoint whose experts stay on disk. Text goes to standard output as it comes;\n"
        "with --json one object a token, then one with the totals (tokens_per_s counts decode alone).\n\n"
        '  flashmoe generate -p "And the LORD said unto" --max-tokens 20        the demo model\n'
        '  flashmoe generate path/to/Qwen3.5-397B-4bit --chat -p "Hello" --top-k 4\n'
        "  flashmoe generate path/to/model --ids 12,7,99 --json --cold",
    )
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("-p", "--prompt", help="text to continue; - reads standard input")
    source.add_argument("--ids", help="raw token ids in place of text, separated by commas or spaces")
    command.add_argument("--chat", action="store_true", help="put the prompt into the checkpoint's chat template")
    command.add_argument("--max-tokens", type=int, default=128, help="stop after this many (default %(default)s)")
    command.add_argument("--temperature", type=float, default=0.0, help="0, the default, takes the likeliest token")
    command.add_argument("--top-p", type=float, default=1.0, help="draw from the likeliest tokens holding this share")
    command.add_argument("--min-p", type=float, default=0.0, help="leave out tokens this far below the likeliest")
    command.add_argument("--seed", type=int, help="of the random numbers")
    command.add_argument("--stop", action="append", default=[], help="text that ends generation; may be repeated")
    command.add_argument("--json", action="store_true", help="one JSON object a token, then the totals")
    command.add_argument("--cold", action="store_true", help="evict the expert files from the page cache first")
    _add_engine_options(command)


def _add_info(commands: _Commands) -> None:  # type: ignore[valid-type]
    command = _add_command(
        commands,
        "info",
        _info,
        "what a checkpoint is, what stays in memory, what streams",
        "Open a checkpoint and print its architecture, sizes, back end and anything worth knowing.\n\n"
        "  flashmoe info                                   the demo model\n"
        "  flashmoe info path/to/model --memory-budget 40GiB",
    )
    command.add_argument("--json", action="store_true", help="as one JSON object")
    _add_engine_options(command)


def _add_engine_options(command: _Parser) -> None:
    command.add_argument("path", nargs="?", type=Path, help="checkpoint folder (default: the demo model)")
    engine = command.add_argument_group("engine")
    engine.add_argument("--top-k", type=int, help="experts per token (default: the checkpoint's)")
    engine.add_argument("--experts", default="auto", help='"auto", "in-place", "packed" or the folder of a pack')
    engine.add_argument("--slots", type=int, help="experts in memory at once")
    engine.add_argument("--read-threads", type=int, help="parallel reads")
    engine.add_argument("--ops", default="auto", help="back end: auto or mlx")
    engine.add_argument("--dtype", help="activations: float32, bfloat16 or float16")
    engine.add_argument("--memory-budget", help="refuse to take more, e.g. 40GiB; the interpreter comes on top")


def _add_pack(commands: _Commands) -> None:  # type: ignore[valid-type]
    command = _add_command(
        commands,
        "pack",
        _pack,
        "one record per expert, for fewer and larger reads",
        "Write the experts as one record each (16 KiB pages, the original engine's packed_experts layout). Without\n"
        "OUTPUT they go to SOURCE/packed_experts; with it, OUTPUT becomes a checkpoint of its own. Unquantized ones\n"
        "are quantized on the way (--bits, --group-size). Killed? Run the same command again: it resumes.\n\n"
        "  flashmoe pack path/to/model-4bit\n"
        "  flashmoe pack path/to/model-bf16 path/to/packed --bits 4 --group-size 64\n"
        "  flashmoe pack path/to/model-4bit path/to/packed --delete-source",
    )
    command.add_argument("source", type=Path, metavar="SOURCE", help="checkpoint folder; only read")
    command.add_argument("output", type=Path, metavar="OUTPUT", nargs="?", help="new checkpoint folder")
    command.add_argument("--bits", type=int, choices=(2, 3, 4, 5, 6, 8), help="for unquantized sources")
    command.add_argument("--group-size", type=int, choices=(32, 64, 128), help="for unquantized sources")
    command.add_argument("--delete-source", action="store_true", help="delete each shard once all of it is verified")
    command.add_argument("--restart", action="store_true", help="drop an interrupted pack of other files")


def _add_verify(commands: _Commands) -> None:  # type: ignore[valid-type]
    command = _add_command(
        commands,
        "verify",
        _verify,
        "checksums of a pack, and experts against the source",
        "Check every packed file against its checksum and, with --source, random experts byte for byte.\n\n"
        "  flashmoe verify path/to/packed\n"
        "  flashmoe verify path/to/model-4bit --source path/to/model-4bit --samples 64",
    )
    command.add_argument("folder", type=Path, metavar="FOLDER", help="packed checkpoint, or its packed_experts")
    command.add_argument("--source", type=Path, help="what it was packed from")
    command.add_argument("--samples", type=int, default=16, help="experts to compare (default %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="which ones")


def _add_synth(commands: _Commands) -> None:  # type: ignore[valid-type]
    command = _add_command(
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


if __name__ == "__main__":
    sys.exit(main())
