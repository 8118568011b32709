"""A JSON file of a checkpoint folder that may be absent but must not be broken. Knows nothing of what is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path


def read_json_object(path: Path) -> dict[str, Any] | None:
    """The object in `path`, or None where there is no such file.

    Raises:
        CheckpointError: the file cannot be read, is not JSON, or holds something other than an object.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}): copy the checkpoint again") from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON ({error}): copy this file again from the checkpoint") from error
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise CheckpointError(f"{path} holds a {kind}, an object is needed: copy this file again from the checkpoint")
    return value
