"""Importing the package is quick, and loads nothing that is not needed yet."""

import os
import subprocess
import sys

import pytest

HEAVY = ["numba", "scipy", "matplotlib", "cupy", "torch", "rich", "safetensors"]


def python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints; warnings are errors there too."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_loads_no_heavy_library():
    loaded = python("import sys, minitransformer; print(*sys.modules)").split()
    assert not set(HEAVY) & set(loaded)


def test_the_import_time_is_reported(record_property):
    code = "import time; s = time.perf_counter(); import minitransformer; "
    seconds = float(python(code + "print(time.perf_counter() - s)"))
    record_property("import_seconds", seconds)
    print(f"import minitransformer: {seconds:.2f} s (0.3 s on a quiet machine)")


@pytest.mark.parametrize("name", ["gradcheck", "check_backward", "no_grad", "Tensor", "einsum"])
def test_public_names_keep_their_meaning(name):
    code = (
        "import minitransformer as mt; from minitransformer.gradcheck import Report; "
        f"print(callable(mt.{name}), callable(mt.{name}))"
    )
    assert python(code).split() == ["True", "True"]


def test_unknown_names_are_refused():
    import minitransformer as mt

    with pytest.raises(AttributeError, match=r"has no attribute 'nothing'"):
        mt.nothing  # noqa: B018
