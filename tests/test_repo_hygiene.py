"""What holds for the whole repository: no path of one machine, files of a readable size, the layout, the reasons."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

LAYOUT = (
    ".ci/run",
    ".github/workflows/linux.yml",
    ".github/workflows/macos.yml",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "flashmoe_nb/lab/bench/memory.py",
    "data/demo/MODEL_CARD.md",
    "data/demo/config.json",
    "flashmoe_nb/__init__.py",
    "flashmoe_nb/cli.py",
    "flashmoe_nb/config.py",
    "flashmoe_nb/events.py",
    "notebooks/00_start_here.ipynb",
    "pyproject.toml",
)

MAX_LINES = 400

# Homes and work folders by which one person's machine would show; not preceded by what makes it a part of an address.
_MACHINE_PATH = re.compile(r"(?<![\w.:/~-])(?:/(?:home|Users|root|work|mnt)/\w[\w./-]*|[A-Z]:\\\\?Users\\)")


def machine_paths(text: str) -> list[str]:
    """Every absolute path in `text` that can only mean somebody's own machine."""
    return _MACHINE_PATH.findall(text)


def repository_files() -> list[Path]:
    """Every file that is tracked, or would be with `git add .`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout, so what belongs to it is unknown")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str | None:
    """The text of a file, None when it is binary."""
    content = path.read_bytes()
    return None if b"\0" in content[:8192] else content.decode("utf-8")


def test_no_file_names_a_path_of_one_machine():
    found = {
        str(path.relative_to(ROOT)): paths
        for path in repository_files()
        if path != Path(__file__) and (text := text_of(path)) is not None and (paths := machine_paths(text))
    }
    assert not found


@pytest.mark.parametrize(
    "text", ['open("/home/ann/model")', "see /Users/ann/x", "cd /" + "root/x", r"C:\Users\ann", "=/" + "work/x"]
)
def test_a_path_of_one_machine_is_found(text: str):
    assert machine_paths(text)


@pytest.mark.parametrize(
    "text", ["https://example.org/home/x", "docs/" + "work/x", "~/" + "work/x", "/proc/self/io", "/homes/x"]
)
def test_other_paths_pass(text: str):
    assert not machine_paths(text)


def test_no_module_is_longer_than_a_sitting():
    lines = {
        str(path.relative_to(ROOT)): text.count("\n")
        for path in ROOT.glob("flashmoe_nb/**/*.py")
        if (text := text_of(path))
    }
    assert lines
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}


def test_the_layout_is_as_documented():
    assert [name for name in LAYOUT if not (ROOT / name).is_file()] == []


def test_the_continuous_integration_script_can_be_executed():
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_every_ruff_exception_gives_its_reason():
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    stated = [line for line in lines if re.match(r'\s+"[A-Z]+\d*",? # \S', line)]
    lint = tomllib.loads("\n".join(lines))["tool"]["ruff"]["lint"]
    excepted = [*lint["ignore"], *(rule for rules in lint["per-file-ignores"].values() for rule in rules)]
    assert len(stated) == len(excepted) > 0
