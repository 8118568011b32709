"""A model larger than the memory it may use: hit rate and device bytes under a limit.

`python -m flashmoe_nb.lab.bench.scarce`.

Two layers of the true 397B shape (8.5 GB, made by `make bench`), decoded under `fm.memory_limit`. The hit rate is
measured before each read, the device bytes by the system; read-ahead makes the second larger than the misses.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.engine import Engine, memory_limit, open_engine
from flashmoe_nb.lab.bench.options import Options
from flashmoe_nb.pagecache import open_probe

if TYPE_CHECKING:
    from flashmoe_nb.events import ExpertRead


def main() -> None:
    """Decode under the limit and print how the hit rate settles."""
    parser = argparse.ArgumentParser(prog="python -m flashmoe_nb.lab.bench.scarce", description=__doc__)
    parser.add_argument("--model", type=Path, help="default: two layers of the 397B shape")
    parser.add_argument("--limit-gib", type=float, default=2.0)
    parser.add_argument("--tokens", type=int, default=120)
    parser.add_argument("--top-k", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=40, help="different tokens fed, so that experts come back")
    given = parser.parse_args()
    model = Options(given.model).checkpoint("qwen3.5-397b", 2)
    with open_engine(model, top_k=given.top_k) as engine:
        print(json.dumps(decode(engine, int(given.limit_gib * 2**30), given.tokens, given.vocabulary), indent=1))


def decode(engine: Engine, limit_bytes: int, n_tokens: int, vocabulary: int) -> dict[str, object]:
    """Feed tokens of a small vocabulary and count by thirds."""
    engine.measure_residency = True
    session, rng = engine.session(), random.Random(0)
    session.feed([0])
    thirds = []
    with memory_limit(limit_bytes, engine) as limit:
        for _ in range(3):
            device, read, hit = open_probe().device_bytes_read(), 0, 0.0
            for _ in range(n_tokens // 3):
                reads: list[ExpertRead] = []
                with session.observe(lambda e, to=reads: to.extend(e.value if e.stage == "expert_read" else ())):  # type: ignore[misc]
                    session.feed([rng.randrange(vocabulary)])
                read += sum(one.nbytes for one in reads)
                hit += sum(one.nbytes * (one.resident_fraction_before or 0.0) for one in reads)
            thirds.append({
                "read_bytes": read, "hit_rate": round(hit / read, 4), "missed_bytes": round(read - hit),
                "device_bytes": open_probe().device_bytes_read() - device,
            })  # fmt: skip
        return {"limit": repr(limit), "cached_bytes": limit.cached_bytes, "thirds": thirds}


if __name__ == "__main__":
    main()
