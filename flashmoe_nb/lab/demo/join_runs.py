"""Several measured runs as the one file the model card's longer tables are made from.

    python -m flashmoe_nb.lab.demo.join_runs OUT "4 bits, as shipped=RUN.json" ... --keep "the prototype, 4 bits"

Each run is what `reproduce` wrote. `--keep` takes a run over from the file that is replaced.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def joined(runs: dict[str, dict[str, Any]], kept: list[dict[str, Any]], date: str) -> dict[str, Any]:
    """The file's content: the runs in the order given, then those kept, each under the name of its weights."""
    rows = []
    for weights, run in runs.items():
        machine = run["machine"]
        about = {"weights": weights, "date": date} | {key: run[key] for key in ("experts", "top_k", "through")}
        about["machine"] = f"{machine['cores']} cores {machine['cpu']}, {machine['system']}"
        rows.append(
            about | {part: run[part] for part in ("windows", "prose", "tools", "refusals", "turns") if part in run}
        )
    return {"runs": rows + kept}


def main() -> None:
    """Join and write."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="+", metavar="WEIGHTS=FILE")
    parser.add_argument("--keep", action="append", default=[], metavar="WEIGHTS")
    given = parser.parse_args()
    pairs = (run.rsplit("=", 1) for run in given.runs)
    runs = {weights: json.loads(Path(path).read_text("utf8")) for weights, path in pairs}
    before = json.loads(given.out.read_text("utf8"))["runs"] if given.out.exists() else []
    kept = [run for name in given.keep for run in before if run["weights"] == name]
    if len(kept) < len(given.keep):
        known = ", ".join(run["weights"] for run in before) or "none"
        parser.error(f"{given.out} does not hold all of {', '.join(given.keep)}: it has {known}")
    content = joined(runs, kept, datetime.now(UTC).date().isoformat())
    given.out.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf8")


if __name__ == "__main__":
    main()
