"""Files that are whole or absent: free space asked first, `.partial` names, fsync, rename, fsync of the folder.

Knows nothing of what the files hold. A kill at any point leaves the finished file, or one that ends in `.partial`.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flashmoe_nb.errors import FlashMoeError, PackError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTIAL = ".partial"
"""Suffix of every file that is not whole yet."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def partial_path(path: Path) -> Path:
    """Where `path` is written until it is whole."""
    return path.with_name(path.name + PARTIAL)


def require_free_space(folder: Path, needed_bytes: int) -> None:
    """Refuse early what could not be finished.

    Raises:
        PackError: the file system of `folder` has fewer than `needed_bytes` free.
    """
    existing = folder
    while not existing.exists():
        existing = existing.parent
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < needed_bytes:
        msg = (
            f"{folder} needs {needed_bytes:,} bytes, its file system has {free_bytes:,} free: "
            "free some space, or give a folder on another disk"
        )
        raise PackError(msg)


def fsync_folder(folder: Path) -> None:
    """Make renames and removals in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(path: Path) -> None:
    """Give the finished (written and fsynced) partial file of `path` its name."""
    partial_path(path).replace(path)
    fsync_folder(path.parent)


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file so that it is never seen half-written."""
    partial = partial_path(path)
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    publish(path)


def write_json(path: Path, value: object) -> None:
    """`write_whole` of indented JSON."""
    write_whole(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn a full disk, or another failure to write, into one `PackError` and drop the partial files of `folder`."""
    try:
        yield
    except FlashMoeError:
        remove_partials(folder)
        raise
    except OSError as error:
        remove_partials(folder)
        if error.errno not in _DISK_FULL:
            raise PackError(
                f"{folder}: writing failed ({error}): check the disk, then run the command again"
            ) from error
        free_bytes = shutil.disk_usage(folder).free if folder.exists() else 0
        raise PackError(
            f"{folder}: the disk is full ({free_bytes:,} bytes free): free some space and run the same command again; "
            "whole files were kept, the half-written one was removed",
        ) from error


def remove_partials(folder: Path) -> None:
    """Delete every file of `folder` that is not whole."""
    for partial in folder.glob("*" + PARTIAL):
        partial.unlink()
