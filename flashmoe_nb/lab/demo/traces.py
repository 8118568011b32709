"""Record a trace of the demo model for each example prompt: `python -m flashmoe_nb.lab.demo.traces OUT`.

The page cache is emptied before each, and what it holds is asked before every read, so that misses turn into hits
within a trace. Sampling is seeded: tokens and routing are the same on every run, times are those of the machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from flashmoe_nb.engine import Engine, open_engine
from flashmoe_nb.lab.demo import examples
from flashmoe_nb.observe import record

NAMES = ("prose", "code", "multi", "reference", "json", "maths", "tool_chat")
"""One for each domain, and a conversation that calls a tool."""
_TOKENS = 160
_MOST_BYTES = 2_000_000


def record_example(engine: Engine, name: str, out: Path, *, n_tokens: int = _TOKENS) -> Path:
    """Record one example from a cold start; chats end where the model ends them."""
    example = examples.load(name)
    engine.evict()
    path = out / f"{name}.safetensors"
    session = engine.session()
    with record(session, path, measure_residency=True):
        is_chat = not isinstance(example.prompt, str)
        options = {"max_tokens": example.max_tokens} if is_chat else {"max_tokens": n_tokens, "temperature": 0.7}
        for _ in session.generate(example.prompt, tools=example.tools, seed=1, **options):
            pass
    return path


def main() -> None:
    """Record all of them."""
    parser = argparse.ArgumentParser(prog="python -m flashmoe_nb.lab.demo.traces", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the traces")
    parser.add_argument("--ops", default="cpu", help="back end (default %(default)s)")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with open_engine(ops=given.ops) as engine:
        for name in NAMES:
            path = record_example(engine, name, given.out)
            size = path.stat().st_size
            assert size <= _MOST_BYTES, f"{path} is {size:,} bytes, more than a repository should hold"
            print(f"{path.name}: {size:,} bytes")  # noqa: T201 - says what it made


if __name__ == "__main__":
    main()
