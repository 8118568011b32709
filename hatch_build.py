"""What a built wheel carries beside the package: the demo model."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CARRIED = ("demo", "evaluation", "prompts")
"""Folders of data/ that `fm.open()`, `flashmoe eval demo` and the examples need."""


class DataInWheel(BuildHookInterface):
    """Puts folders of data/ inside the package; an editable install reads them where they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatch before a build; `version` is "standard" or "editable"."""
        if version == "standard":
            root = Path(self.root) / "data"
            build_data["force_include"] |= {str(root / name): f"flashmoe_nb/data/{name}" for name in CARRIED}
