"""The command line: `flashmoe generate|chat|serve|info|pack|verify|synth|bench|compare|eval|forecast|lab`.

Parses, calls the package, prints. Results go to standard output, everything else to standard error; what a user can
mend ends in one line and exit status 2. Knows no model.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flashmoe_nb import __version__
from flashmoe_nb.commands import (
    bench,
    chat,
    compare,
    evaluate,
    forecast,
    generate,
    info,
    lab,
    pack,
    serve,
    synth,
    verify,
)
from flashmoe_nb.commands.parser import Parser
from flashmoe_nb.errors import FlashMoeError

if TYPE_CHECKING:
    from collections.abc import Sequence


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


def _parser() -> Parser:
    parser = Parser(
        prog="flashmoe",
        description="Run Mixture-of-Experts models far larger than memory, their experts streamed from disk.",
        epilog="Each command has --help with examples. In Python and notebooks: import flashmoe_nb as fm.",
    )
    parser.add_argument("--version", action="version", version=f"flashmoe_nb {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (generate, chat, serve, info, pack, verify, synth, bench, compare, evaluate, forecast, lab):
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
