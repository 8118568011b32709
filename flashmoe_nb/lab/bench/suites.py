"""The suites of `flashmoe bench` by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashmoe_nb.lab.bench import decode, kernels, layer, live, memory, peers, reads, variants, watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flashmoe_nb.lab.bench.options import Options
    from flashmoe_nb.lab.bench.table import Table


def run_suites(names: Iterable[str], options: Options) -> Iterator[Table]:
    """Run them one after the other; tables come as they are done."""
    suites = {
        "read": reads.run,
        "layer": layer.run,
        "decode": decode.decode,
        "prefill": decode.prefill,
        "kernels": kernels.run,
        "variants": variants.run,
        "watch": watch.run,
        "live": live.run,
        "peers": peers.run,
        "memory": memory.run,
    }
    for name in names:
        yield from suites[name](options)
