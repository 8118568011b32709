"""Results as JSON files in a folder, and the page of what was found. Knows no engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.lab.bench.machine import about_this_run
from flashmoe_nb.lab.rerun.result import Result, read_result

if TYPE_CHECKING:
    from pathlib import Path


def write_result(result: Result, folder: Path, label: str) -> Path:
    """Keep it with machine, versions, date and command; replaces what an earlier run of the same label left."""
    result.about = about_this_run()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.{label}.json"
    path.write_text(json.dumps(result.record(), indent=1) + "\n", encoding="utf-8")
    return path


def read_results(folder: Path) -> list[Result]:
    """All of a folder, by name; a result's file is called NAME.MODEL.START.json.

    Raises:
        CheckpointError: a file that is no result.
    """
    return [_read(path) for path in sorted(folder.glob("*.*.json"))]


def markdown(results: list[Result]) -> str:
    """A table each, with where it was measured."""
    return "\n\n".join(_section(result) for result in results)


def _section(result: Result) -> str:
    machine = result.about.get("machine", {})
    place = f"{machine.get('cores', '?')} cores {machine.get('cpu', '')}, {machine.get('system', '')}"
    command, date = result.about.get("command", "unknown"), str(result.about.get("date", "unknown"))[:10]
    return f"## {result.name}\n\n{result.table().text()}\n\n`{command}`, {date}, {place}"


def _read(path: Path) -> Result:
    try:
        return read_result(json.loads(path.read_text("utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} is no result of an experiment ({error!r}): delete it, or run it again"
        ) from error
