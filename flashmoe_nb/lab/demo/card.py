"""The tables of the demo model's card, generated from what was measured; the words around them are written by hand.

    python -m flashmoe_nb.lab.demo.card      rewrites the tables of data/demo/MODEL_CARD.md in place

Reads data/evaluation/results.json (this engine's own run, `flashmoe eval demo`), recorded.json beside it (longer runs
and other weights), the training record and the corpus manifest.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashmoe_nb.lab.demo.scoring import share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DATA = Path(__file__).resolve().parents[3] / "data"
CARD = DATA / "demo" / "MODEL_CARD.md"
_BLOCK = re.compile(r"(?<=<!-- table: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
_LEVELS = ("parsed", "names", "keys", "exact")
_KNOWN_TO_BOTH = ("Jane Austen's novels", "King James Bible")
"""Prose that the prototype was trained on too."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything a table may draw on."""

    results: dict[str, Any]
    runs: list[dict[str, Any]]
    """The shipped weights first, the prototype last."""
    training: dict[str, Any]
    corpus: dict[str, Any]

    @classmethod
    def load(cls, data: Path) -> Measured:
        """Read the four files."""
        names = (
            "evaluation/results.json",
            "evaluation/recorded.json",
            "demo/training_record.json",
            "training/corpus_manifest.json",
        )
        results, recorded, training, corpus = (json.loads((data / name).read_text("utf8")) for name in names)
        return cls(results, recorded["runs"], training, corpus)


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    heads = list(head)
    lines = [heads, ["---"] * len(heads), *([str(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def tools(measured: Measured) -> str:
    """The whole set as recorded, and the part of it this engine answers in `flashmoe eval demo`."""
    sources = ((measured.runs[0], "recorded"), (measured.results, "`flashmoe eval demo`"))
    return table(
        ("prompts", "run", "n", "parsed", "tool names", "keys", "exact"),
        (
            (name, run, row["n"], *(share(row[level], row["n"]) for level in _LEVELS))
            for source, run in sources
            for name, row in source["tools"]["counts"].items()
        ),
    )


def variants(measured: Measured) -> str:
    """Rows of one format and n are over the same prompts: the first row is the shipped weights on those."""
    rows = []
    shipped, *others = measured.runs
    for tool_format in ("json", "xml"):
        sizes = {len(run["tools"]["outcomes"].get(tool_format, "")) for run in others} - {0}
        for n in sorted(sizes, reverse=True):
            same = [run for run in others if len(run["tools"]["outcomes"].get(tool_format, "")) == n]
            for run in (shipped, *same):
                digits = run["tools"]["outcomes"][tool_format][:n]
                hits = [sum(int(digit) > level for digit in digits) for level in range(len(_LEVELS))]
                rows.append((tool_format, run["weights"], n, *(share(count, n) for count in hits)))
    return table(("format", "weights", "n", "parsed", "tool names", "keys", "exact"), rows)


def turns(measured: Measured) -> str:
    """Refusals, answers and calls in later turns."""
    rows = []
    for source, run in ((measured.runs[0], "recorded"), (measured.results, "`flashmoe eval demo`")):
        for part in ("refusals", "turns"):
            for name, row in source[part]["counts"].items():
                what = f"{name}: no tool fits" if part == "refusals" else name
                cells = (f"{key} {share(hits, row['n'])}" for key, hits in row.items() if key in _LAST)
                rows.append((what, run, row["n"], ", ".join(cells)))
    return table(("prompts", "run", "n", "%"), rows)


_LAST = ("refused", "in words", "all values", "parsed", "exact")


def loss(measured: Measured) -> str:
    """Nats a token: on the training machine, here, and with changes."""
    trained = measured.training["heldout_nats"]
    domains = list(trained["bf16"])
    rows: list[tuple[object, ...]] = [
        (f"{name}, 64 windows, training machine (recorded)", *(f"{row[domain]:.3f}" for domain in domains))
        for name, row in trained.items()
    ]
    here = [("`flashmoe eval demo`", measured.results), *((run["weights"], run) for run in measured.runs)]
    for name, run in here:
        if "windows" in run:
            count = max(run["windows"]["windows"].values())
            nats = (f"{run['windows']['nats'][domain]:.3f}" for domain in domains)
            rows.append((f"{name}, {count} windows", *nats))
    return table(("weights", *domains), rows)


def prose(measured: Measured) -> str:
    """Bits a byte, this model and the prototype, and with changes."""
    runs = [run for run in measured.runs if "prose" in run]
    ours = measured.results["prose"]
    columns = [ours, *(run["prose"] for run in runs)]
    sizes = ours["bytes"]
    rows: list[tuple[object, ...]] = [
        (name if name in _KNOWN_TO_BOTH else f"{name} *", *(f"{run['bits_per_byte'][name]:.3f}" for run in columns))
        for name in sizes
    ]
    known = sum(sizes[name] for name in _KNOWN_TO_BOTH)
    both = (sum(run["bits_per_byte"][name] * sizes[name] for name in _KNOWN_TO_BOTH) / known for run in columns)
    rows.append(("the two that both trained on", *(f"{bits:.3f}" for bits in both)))
    rows.append(("**all**", *(f"**{run['bits_per_byte']['all']:.3f}**" for run in columns)))
    return table(("source", "`flashmoe eval demo`", *(f"recorded: {run['weights']}" for run in runs)), rows)


def routing(measured: Measured) -> str:
    """By layer."""
    rows = []
    for layer, row in enumerate(measured.results["windows"]["layers"]):
        numbers = ("information_bits", "entropy_bits", "dead", "busiest_over_mean", "one_domain_experts")
        rows.append((layer, *(row[key] for key in numbers)))
    heads = "I(domain; expert)", "entropy of usage (of 9)", "dead experts", "busiest / mean", "experts of one domain"
    return table(("layer", *heads), rows)


def guesses(measured: Measured) -> str:
    """The domain from routing alone."""
    rows = []
    for source, run in ((measured.results, "`flashmoe eval demo`"), (measured.runs[0], "recorded")):
        windows = source.get("windows", {"guess": {}})
        for name, row in windows["guess"].items():
            rows.append((name.replace("_", " "), run, max(windows["windows"].values()), *row.values()))
    return table(("guess", "run", "windows", *measured.results["windows"]["guess"]["from_one_token"]), rows)


def specialists(measured: Measured) -> str:
    """An expert of the last layer for every domain."""
    return table(
        ("domain", "expert of layer 7", "its traffic from there", "tokens it is chosen for most"),
        (
            (row["domain"], row["expert"], f"{100 * row['share']:.0f} %", " ".join(map(_shown, row["tokens"])))
            for row in measured.results["windows"]["specialists"]
        ),
    )


def _shown(token: str) -> str:
    return "`" + json.dumps(token, ensure_ascii=False)[1:-1].replace("|", "\\|").replace("`", "'") + "`"


def corpus(measured: Measured) -> str:
    """Sources and packages."""
    sources = table(
        ("source", "characters trained on"),
        ((name, f"{row['train']:,}") for name, row in sorted(measured.corpus["characters"].items())),
    )
    packages = table(("package", "licence of the part used"), measured.corpus["packages"].items())
    return f"{sources}\n{packages}"


TABLES: dict[str, Callable[[Measured], str]] = {
    maker.__name__: maker for maker in (tools, variants, turns, loss, prose, routing, guesses, specialists, corpus)
}


def rewritten(card: str, measured: Measured) -> str:
    """The card with its tables made anew.

    Raises:
        KeyError: a table of the card that nobody makes.
    """
    return _BLOCK.sub(lambda found: f"{found[1]}{found[2]}{TABLES[found[1]](measured)}", card)


if __name__ == "__main__":
    CARD.write_text(rewritten(CARD.read_text("utf8"), Measured.load(DATA)), "utf8")
