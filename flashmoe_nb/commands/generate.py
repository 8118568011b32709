"""`flashmoe generate`: continue a prompt."""

from __future__ import annotations

import json
import resource
import sys
from typing import TYPE_CHECKING

from flashmoe_nb.commands.parser import Commands, add_command, add_engine_options, open_engine, parse_ids
from flashmoe_nb.errors import PromptError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from flashmoe_nb import Engine, Token


def add(commands: Commands) -> None:  # type: ignore[valid-type]
    """Describe it."""
    command = add_command(
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
    add_engine_options(command)


def _generate(arguments: argparse.Namespace) -> int:
    with open_engine(arguments) as engine:
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
        return parse_ids(ids)
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


def peak_rss_bytes() -> int:
    """The most memory this process has had resident."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
