"""Where the oracle checkpoints of one test session stand, with what the reference implementations say of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.oracle.checkpoints import Case, write_mlx_checkpoint
from tests.oracle.mlx_reference import MlxReference

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True)
class Shelf:
    """Builds a checkpoint the first time it is asked for."""

    root: Path
    _folders: dict[Case, Path] = field(default_factory=dict)
    _references: dict[tuple[Case, bool], MlxReference] = field(default_factory=dict)

    def folder(self, case: Case) -> Path:
        """The checkpoint of `case`."""
        if case not in self._folders:
            self._folders[case] = write_mlx_checkpoint(case, self.root / str(case))
        return self._folders[case]

    def mlx_lm(self, case: Case, *, upcast: bool = False) -> MlxReference:
        """mlx-lm on the checkpoint of `case`; `upcast` computes in float32."""
        key = (case, upcast)
        if key not in self._references:
            self._references[key] = MlxReference(self.folder(case), upcast)
        return self._references[key]
