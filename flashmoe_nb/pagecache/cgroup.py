"""A memory cgroup around this process (Linux): what it reads from now on fits in so many bytes, or goes again.

The kernel charges a page to the group whose process brought it in, and evicts from the group what is beyond its limit:
the page cache becomes really scarce, however much memory the machine has. What the process held before stays charged
to the group it came from, so the limit is for what comes after.

Version 1 gives each controller a tree of its own, and a group may be made under one's own. Version 2 has one tree,
where a group with processes may not have children with a memory limit: the new group is made beside one's own, which a
user may do in a delegated part (systemd gives each user one). There memory.high evicts and slows down where memory.max,
like the limit of version 1, would kill. Version 2 has been tried on a copied tree of files only.
Sources: cgroups(7); kernel documentation admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flashmoe_nb.errors import PageCacheError

_PREFIX = "flashmoe-"
_TRIES = 50
_PAUSE_S = 0.02
"""A group can be removed once the kernel has let go of its pages, a moment after the last process left."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where the memory groups of this system are, and how their files are called."""

    kind: str
    """For a label: "cgroup v1" or "cgroup v2"."""
    own: Path
    """The group this process is in."""
    parent: Path
    """Where a group for it can be made."""
    limit_file: str
    cache_key: str
    """What memory.stat calls page cache."""


class MemoryGroup:
    """A group this process is in until `leave`."""

    def __init__(self, hierarchy: Hierarchy, folder: Path, nbytes: int) -> None:
        self._hierarchy, self.folder, self.nbytes = hierarchy, folder, nbytes

    @property
    def kind(self) -> str:
        """For a label."""
        return self._hierarchy.kind

    @property
    def cached_bytes(self) -> int:
        """Page cache the group holds now."""
        return _statistic(self.folder, self._hierarchy.cache_key)

    def leave(self) -> None:
        """Go back where the process came from, and remove the group; its page cache goes with it."""
        _write(self._hierarchy.own / "cgroup.procs", os.getpid())
        with suppress(PageCacheError):  # version 2 has no such file, and needs none
            _write(self.folder / "memory.force_empty", 1)
        for _ in range(_TRIES):
            try:
                self.folder.rmdir()
            except OSError:
                time.sleep(_PAUSE_S)
            else:
                return


def find_hierarchy(process: Path = Path("/proc/self"), root: Path = Path("/")) -> Hierarchy:
    """Look where this process's memory group is.

    Args:
        process: folder with the process's `cgroup` and `mountinfo`.
        root: what the mount points are below.

    Raises:
        PageCacheError: there is no memory controller, or none that this process may use.
    """
    groups = [line.split(":", 2) for line in _lines(process / "cgroup")]
    mounts = [_mount(line) for line in _lines(process / "mountinfo")]
    for _, controllers, path in groups:
        if "memory" in controllers.split(","):
            own = _place(mounts, "cgroup", "memory", path, root)
            return Hierarchy("cgroup v1", own, own, "memory.limit_in_bytes", "total_cache")
    for _, controllers, path in groups:
        if not controllers:
            own = _place(mounts, "cgroup2", "", path, root)
            return Hierarchy("cgroup v2", own, _parent_with_memory(own), "memory.high", "file")
    raise PageCacheError("this process is in no memory cgroup: the kernel was built or started without them")


def enter(nbytes: int, hierarchy: Hierarchy) -> MemoryGroup:
    """Make a group with this limit and move this process, all its threads, into it.

    Raises:
        PageCacheError: this user may not, or the kernel refused; nothing is left behind.
    """
    folder = hierarchy.parent / f"{_PREFIX}{os.getpid()}-{time.monotonic_ns()}"
    try:
        folder.mkdir()
    except OSError as error:
        raise PageCacheError(f"no memory cgroup can be made in {hierarchy.parent}: {error.strerror}") from error
    try:
        _write(folder / hierarchy.limit_file, nbytes)
        _write(folder / "cgroup.procs", os.getpid())
    except PageCacheError:
        with suppress(OSError):
            folder.rmdir()
        raise
    return MemoryGroup(hierarchy, folder, nbytes)


def own_group(process: Path = Path("/proc/self"), root: Path = Path("/")) -> MemoryGroup | None:
    """The group that `enter` made and this process is in, found by its name; None in any other."""
    try:
        hierarchy = find_hierarchy(process, root)
        if not hierarchy.own.name.startswith(_PREFIX):
            return None
        return MemoryGroup(hierarchy, hierarchy.own, int(_lines(hierarchy.own / hierarchy.limit_file)[0]))
    except PageCacheError:
        return None


def _parent_with_memory(own: Path) -> Path:
    """The nearest group above that gives its children the memory controller and has room for another."""
    for parent in own.parents:
        control = parent / "cgroup.subtree_control"
        if not control.exists():
            break
        if "memory" in control.read_text("ascii").split() and os.access(parent, os.W_OK):
            return parent
    msg = f"no group above {own} lets this user make one with a memory limit: start Jupyter with "
    raise PageCacheError(msg + '"systemd-run --user --scope -p MemoryMax=2G jupyter lab"')


@dataclass(frozen=True, slots=True)
class _Mount:
    root: str
    point: str
    kind: str
    options: frozenset[str]


def _mount(line: str) -> _Mount:
    """One line of /proc/self/mountinfo: proc_pid_mountinfo(5)."""
    before, _, after = line.partition(" - ")
    fields, (kind, _, options) = before.split(), after.split(None, 2)
    return _Mount(fields[3], fields[4], kind, frozenset(options.split(",")))


def _place(mounts: list[_Mount], kind: str, option: str, path: str, root: Path) -> Path:
    for mount in mounts:
        if mount.kind == kind and (not option or option in mount.options):
            inside = path.removeprefix(mount.root) if mount.root != "/" else path
            return root / mount.point.lstrip("/") / inside.lstrip("/")
    raise PageCacheError(f"no {kind} file system is mounted: memory groups cannot be made")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError as error:
        raise PageCacheError(f"{path} cannot be read: {error.strerror}") from error


def _write(path: Path, value: int) -> None:
    try:
        path.write_text(str(value), "ascii")
    except OSError as error:
        raise PageCacheError(f"{path} does not take {value}: {error.strerror}") from error


def _statistic(folder: Path, key: str) -> int:
    for line in _lines(folder / "memory.stat"):
        name, value = line.split()
        if name == key:
            return int(value)
    raise PageCacheError(f"{folder}/memory.stat has no {key}")
