"""A folder of segments that grows while a trace is recorded, so that a kill loses only the last moments.

Each segment is a whole trace file of its own, in a folder named after the trace with `.journal` behind it. Closing
writes them as one file and removes the folder. Knows columns and file names, no engine.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from flashmoe_nb.errors import OptionError, TraceError
from flashmoe_nb.observe.columns import map_columns, write_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.observe.facts import TraceFacts

_SEGMENT = re.compile(r"\d{6,}\.safetensors")


def journal_path(path: Path) -> Path:
    """Where the segments of an unfinished trace lie."""
    return path.with_name(path.name + ".journal")


class Journal:
    """The segments of one trace that is being written."""

    def __init__(self, path: Path, facts: TraceFacts) -> None:
        """Make the folder.

        Raises:
            OptionError: a trace, or an unfinished one, is there already.
        """
        self.path, self._facts, self._count = path, facts, 0
        self._folder = journal_path(path)
        if path.exists():
            raise OptionError(f"{path} exists: give another path, or delete it")
        if self._folder.exists():
            msg = f"{self._folder} holds the journal of an unfinished trace: keep it with "
            raise OptionError(msg + "fm.load_trace(path).save(another_path), or delete it")
        try:
            self._folder.mkdir(parents=True)
        except OSError as error:
            raise TraceError(f"{self._folder} cannot be made ({error}): give another path") from error

    def append(self, pieces: Sequence[Mapping[str, NDArray[np.generic]]]) -> dict[str, NDArray[np.generic]]:
        """Write the next segment; returns its columns, mapped from the file.

        Raises:
            TraceError: it could not be written; what was written before stays readable.
        """
        name = self._folder / f"{self._count:06d}.safetensors"
        try:
            write_columns(name, pieces, self._facts.metadata(complete=False), durable=False)
        except OSError as error:
            msg = f"{name} could not be written ({error}): free some space; what is in the journal stays readable, "
            raise TraceError(msg + "and the token in progress was undone") from error
        self._count += 1
        return map_columns(name)[0]

    def finish(self, pieces: Sequence[Mapping[str, NDArray[np.generic]]]) -> None:
        """Write everything as one file, then remove the folder.

        Raises:
            TraceError: it could not be written; the journal stays.
        """
        try:
            write_columns(self.path, pieces, self._facts.metadata(complete=True), durable=True)
        except OSError as error:
            msg = f"{self.path} could not be written ({error}): the trace is whole in {self._folder}; "
            raise TraceError(msg + "fm.load_trace(path).save(another_path) keeps it elsewhere") from error
        shutil.rmtree(self._folder)


def read_journal(path: Path) -> tuple[list[dict[str, NDArray[np.generic]]], dict[str, str]]:
    """The segments of an unfinished trace in order, and the metadata of the first.

    They end at the first that is missing or torn: after a power failure the last ones may have a name and no bytes.

    Raises:
        TraceError: there is none, or the first is torn.
    """
    folder = journal_path(path)
    names = sorted(name for name in folder.glob("*.safetensors") if _SEGMENT.fullmatch(name.name))
    segments: list[dict[str, NDArray[np.generic]]] = []
    metadata: dict[str, str] = {}
    for number, name in enumerate(names):
        if int(name.stem) != number:
            break
        try:
            columns, found = map_columns(name)
        except TraceError:
            if not segments:
                raise
            break
        segments.append(columns)
        metadata = metadata or found
    if not segments:
        raise TraceError(f"{folder} holds no segment yet: the run ended before the first was written, delete it")
    return segments, metadata
