"""What a pack has finished, one JSON line a file, so that a killed pack goes on where it was.

The first line says what is packed from what; a resumed pack must agree with it. Each further line is written after its
file was fsynced and named. Knows names and checksums, not what files hold.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import PackError
from flashmoe_nb.storage.atomic import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

JOURNAL_NAME = "pack.jsonl"


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A finished file of the output."""

    nbytes: int
    sha256: str


@dataclass(slots=True)
class PackJournal:
    """The journal of one pack; `whole` is by file name."""

    path: Path
    plan: dict[str, Any] = field(repr=False)
    whole: dict[str, WholeFile] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> PackJournal | None:
        """Read what an earlier run left, if anything; a last line that was cut short is dropped."""
        if not path.exists():
            return None
        lines: list[dict[str, Any]] = []
        for line in path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            try:
                lines.append(json.loads(line))
            except ValueError:
                break
        if not lines:
            return None
        whole = {line["file"]: WholeFile(int(line["nbytes"]), str(line["sha256"])) for line in lines[1:]}
        return cls(path, lines[0], whole)

    @classmethod
    def begin(cls, path: Path, plan: dict[str, Any]) -> PackJournal:
        """Start a journal; the folder must exist."""
        journal = cls(path, plan, {})
        journal.rewrite()
        return journal

    def rewrite(self) -> None:
        """Write the whole journal anew, so that no cut line is left in it."""
        lines: list[dict[str, Any]] = [self.plan]
        lines += [{"file": n, "nbytes": f.nbytes, "sha256": f.sha256} for n, f in self.whole.items()]
        write_whole(self.path, b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def add(self, name: str, file: WholeFile) -> None:
        """Record a finished file, durably."""
        self.whole[name] = file
        with self.path.open("ab") as journal:
            line = {"file": name, "nbytes": file.nbytes, "sha256": file.sha256}
            journal.write(json.dumps(line).encode() + b"\n")
            journal.flush()
            os.fsync(journal.fileno())

    def require_same_plan(self, plan: dict[str, Any], source: Path) -> None:
        """Check that an interrupted pack can go on.

        Raises:
            PackError: the source, or what was asked for, is not what it was.
        """
        if self.plan == plan:
            return
        folder = self.path.parent
        differ = [key for key in plan if plan[key] != self.plan.get(key)]
        if differ == ["source"]:
            names = sorted(set(plan["source"].items()) ^ set(self.plan["source"].items()))
            raise PackError(
                f"{source} changed since {folder} was begun ({names[0][0]} differs): "
                f"run the same command with --restart, or delete {folder}",
            )
        was, now = ({key: p.get(key) for key in differ if key != "source"} for p in (self.plan, plan))
        raise PackError(
            f"{folder} was begun with {was}, now asked for is {now}: "
            f"ask for the same, or run with --restart, or delete {folder}",
        )


def fingerprint(files: Sequence[Path]) -> dict[str, str]:
    """By shard name: size, time of last change, and a checksum of the header, as one string."""
    return {path.name: file_fingerprint(path) for path in files}


def file_fingerprint(path: Path) -> str:
    """What tells one version of a shard from another without reading it whole."""
    status = path.stat()
    with path.open("rb") as file:
        header = file.read(int.from_bytes(file.read(8), "little"))
    return f"{status.st_size} {status.st_mtime_ns} {hashlib.sha256(header).hexdigest()[:32]}"
