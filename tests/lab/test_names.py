"""What a package gives out is the same at every access: no public name is hidden by a module of that name."""

import importlib
import subprocess
import sys

import pytest

_TWICE = """
import importlib, sys, types
package = importlib.import_module(sys.argv[1])
for name in package.__all__:
    first = getattr(package, name)
    assert getattr(package, name) is first, name
    assert isinstance(first, types.ModuleType) == (name in ("errors", "lab")), name
"""


@pytest.mark.parametrize("package", ["flashmoe_nb.lab", "flashmoe_nb"])
def test_names_are_the_same_when_read_again(package: str):
    done = subprocess.run([sys.executable, "-c", _TWICE, package], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_requantize_stays_a_function():
    lab = importlib.import_module("flashmoe_nb.lab")
    assert callable(lab.requantize)
    assert callable(lab.requantize)
