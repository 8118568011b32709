"""A limit makes the page cache scarce: hits and misses of a real run, against what the device delivered.

Runs in processes of their own: a memory group is the whole process's, and a wrong limit would kill it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import flashmoe_nb as fm
from flashmoe_nb.engine.memory_limit import limit_in_force
from flashmoe_nb.errors import OptionError, PageCacheError
from flashmoe_nb.figures import traffic_figure
from flashmoe_nb.pagecache import cgroup
from flashmoe_nb.storage.pack import pack
from flashmoe_nb.storage.synth import synthesize

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_BYTES = 100_000_000
SCRIPT = """
import json, sys
import flashmoe_nb as fm
from flashmoe_nb.pagecache import open_probe

folder, kind, limit_bytes, n_tokens = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with fm.open(folder, top_k=4, slots=4, read_threads=2) as engine:
    engine.measure_residency = True
    session = engine.session()
    session.feed([1])
    limit = fm.memory_limit(limit_bytes, engine, kind=kind)
    with limit:
        shown, device = repr(limit), open_probe().device_bytes_read()
        before = engine.bytes_read
        hit_bytes = 0.0
        for token in range(n_tokens):
            reads = []
            with session.observe(lambda e: reads.extend(e.value if e.stage == "expert_read" else ())):
                session.feed([(token * 37) % 1000])
            hit_bytes += sum(read.nbytes * read.resident_fraction_before for read in reads)
        cached = limit.cached_bytes
        resident = float(engine.residency_map().mean()) * engine.checkpoint.expert_bytes
        device = open_probe().device_bytes_read() - device
    print(json.dumps(dict(
        shown=shown, after=repr(limit), read=engine.bytes_read - before, hit=hit_bytes, cached=cached,
        resident=resident, device=device, total=engine.checkpoint.expert_bytes,
    )))
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """230 MB of experts of the true 35B shape, in two layers."""
    folder = tmp_path_factory.mktemp("limit")
    synthesize("qwen3.5-35b", folder / "source", layers=2, experts=64, vocab=1024, progress=False)
    pack(folder / "source", folder / "packed", progress=False)
    return folder / "packed"


def _run(folder: Path, kind: str, limit_bytes: int = LIMIT_BYTES, n_tokens: int = 60) -> dict[str, Any]:
    command = [sys.executable, "-c", SCRIPT, str(folder), kind, str(limit_bytes), str(n_tokens)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    if "cannot be limited here" in done.stderr:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.root
def test_cgroup_settles_between_hits_and_misses(packed: Path) -> None:
    found = _run(packed, "cgroup")
    assert found["shown"].startswith("<MemoryLimit 0.09 GiB, cgroup v")
    assert "not in force" in found["after"]
    assert found["cached"] <= LIMIT_BYTES < found["total"]
    assert found["resident"] <= LIMIT_BYTES
    hit_rate = found["hit"] / found["read"]
    assert 0.05 < hit_rate < 0.95
    missed = found["read"] - found["hit"]
    assert found["device"] == pytest.approx(missed, rel=0.1)  # large records are read without read-ahead


@pytest.mark.root
def test_cgroup_larger_than_the_model_ends_in_hits(packed: Path) -> None:
    """The negative control: with room for all, each expert is read from the device once."""
    found = _run(packed, "cgroup", limit_bytes=2_000_000_000, n_tokens=60)
    assert found["device"] <= found["total"] * 1.1
    assert found["hit"] / found["read"] > 0.5


def test_imposed_eviction_holds_the_files_below_the_limit(packed: Path) -> None:
    found = _run(packed, "imposed")
    assert "imposed eviction" in found["shown"]
    assert found["cached"] is None
    assert found["resident"] < 2 * LIMIT_BYTES  # between two looks it may grow
    assert found["hit"] < found["read"]


def test_small_experts_that_were_read_in_one_piece_can_be_limited_too(tmp_path: Path) -> None:
    """Their pages lie in blocks of the page cache that hold many experts: none of them can go alone."""
    synthesize("tiny", tmp_path / "source", experts=256, progress=False)
    pack(tmp_path / "source", tmp_path / "packed", progress=False)
    with fm.open(tmp_path / "packed") as engine:
        assert engine.checkpoint.expert_bytes > 2**24
        engine.warm()
        with fm.memory_limit(2**24, engine, kind="imposed"):
            assert engine.residency_map().mean() < 0.05
            engine.session().feed([1, 2, 3])
            assert engine.residency_map().mean() > 0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: fm.memory_limit(1000), "1,000 bytes leaves nothing to work with: give 16,777,216"),
        (lambda: fm.memory_limit(1.5e9), "nbytes is 1500000000.0, a float"),
        (lambda: fm.memory_limit(10**9, kind="soft"), "kind is 'soft': give \"auto\""),
    ],
)
def test_wrong_limits_are_refused(call: Any, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        call()


def test_imposed_eviction_needs_an_engine() -> None:
    with pytest.raises(PageCacheError, match="give memory_limit"), fm.memory_limit(10**9, kind="imposed"):
        pass


# -- where groups are looked for, on copied trees ----------------------------------------------------------------------
def _process(folder: Path, groups: str, mounts: str) -> Path:
    process = folder / "self"
    process.mkdir()
    (process / "cgroup").write_text(groups)
    (process / "mountinfo").write_text(mounts)
    return process


def test_version_2_group_is_made_beside_ones_own(tmp_path: Path) -> None:
    """As systemd delegates: the user's slice gives its children memory limits, the slices above belong to root."""
    process = _process(
        tmp_path,
        "0::/user.slice/user@1000.service/app.slice/lab.scope\n",
        "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
    )
    own = tmp_path / "sys/fs/cgroup/user.slice/user@1000.service/app.slice/lab.scope"
    own.mkdir(parents=True)
    for parent, controllers in zip(own.parents, ("cpu memory pids", "memory", ""), strict=False):
        (parent / "cgroup.subtree_control").write_text(controllers + "\n")
    found = cgroup.find_hierarchy(process, tmp_path)
    assert (found.kind, found.own, found.parent) == ("cgroup v2", own, own.parent)
    assert found.limit_file == "memory.high"


def test_version_2_without_delegation_says_what_to_do(tmp_path: Path) -> None:
    process = _process(tmp_path, "0::/docker\n", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    (tmp_path / "sys/fs/cgroup/docker").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cgroup.subtree_control").write_text("cpu\n")
    with pytest.raises(PageCacheError, match="systemd-run --user --scope -p MemoryMax"):
        cgroup.find_hierarchy(process, tmp_path)


def test_version_1_group_of_a_container_is_found_below_its_mount(tmp_path: Path) -> None:
    """Inside a container the mount shows only the container's part of the tree."""
    process = _process(
        tmp_path,
        "4:memory:/docker/abc\n0::/\n",
        "31 24 0:27 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
    )
    found = cgroup.find_hierarchy(process, tmp_path)
    assert (found.kind, found.own) == ("cgroup v1", tmp_path / "sys/fs/cgroup/memory")


def test_group_that_takes_no_limit_is_not_left_behind(tmp_path: Path) -> None:
    hierarchy = cgroup.Hierarchy("cgroup v1", tmp_path, tmp_path, "no/such/file", "cache")
    with pytest.raises(PageCacheError, match="does not take 5"):
        cgroup.enter(5, hierarchy)
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_force_is_known_beside_hit_rates(packed: Path) -> None:
    """Eviction is imposed, which needs no rights; outside the block nothing is left of it."""
    with fm.open(packed, top_k=4, slots=4) as engine:
        assert limit_in_force(engine) == engine.memory_limit == ""
        assert "Page cache" not in dict(engine.facts())
        with fm.memory_limit(LIMIT_BYTES, engine, kind="imposed"):
            assert engine.memory_limit == "0.09 GiB, imposed eviction"
            assert dict(engine.facts())["Page cache"] == "limited: 0.09 GiB, imposed eviction"
            session = engine.session()
            with fm.record(session, measure_residency=True) as trace:
                session.feed([1])
        assert engine.memory_limit == ""
        assert trace.facts.memory_limit == "0.09 GiB, imposed eviction"
        assert "memory limit 0.09 GiB, imposed eviction" in trace._repr_html_()
        assert "memory limit 0.09 GiB" in traffic_figure(trace).layout.title.subtitle.text
        with fm.record(engine.session()) as later:
            assert later.facts.memory_limit == ""


def test_a_group_made_without_an_engine_is_found_by_its_name(tmp_path: Path) -> None:
    for name, expected in (("flashmoe-7-9", 2**30), ("lab.scope", None)):
        groups, mount = f"4:memory:/{name}\n", "31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        own = tmp_path / name / "sys/fs/cgroup/memory" / name
        own.mkdir(parents=True)
        process = _process(tmp_path / name, groups, mount)
        (own / "memory.limit_in_bytes").write_text(f"{2**30}\n")
        found = cgroup.own_group(process, tmp_path / name)
        assert (found and found.nbytes) == expected
    assert cgroup.own_group(tmp_path / "nothing") is None
