"""Rung 1: every function and keyword of CuPy that the engine uses is in the real CUDA build."""

import warnings

from devices import needs
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import examples
from test_ops import everything

import minitransformer as mt
from minitransformer.function import OPS

from . import cupy_api, strict_cupy
from .check import strict_device
from .compiler import why_no_compiler
from .strict_rules import UFUNC_KEYWORDS
from .test_training_step import Training


def wheel() -> str | None:
    """Why the CUDA build cannot be asked, None where it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no CUDA toolkit
            import cupy
    except ImportError:
        return f"no CUDA build of CuPy here (pip install cupy-cuda13x=={stored['cupy']})"
    return "this CuPy was built for AMD" if cupy.cuda.runtime.is_hip else None


stored = cupy_api.stored()


@needs(wheel())
def test_the_stored_names_are_the_wheel_s():
    assert cupy_api.of_the_wheel() == stored


@needs(why_no_compiler())
@settings(max_examples=3)
@given(data=st.data())
def test_everything_used_is_there(data):
    """The strict module refuses the rest at once; this looks again, at all that it noted."""
    strict_cupy.USED.clear()
    with strict_device():
        Training("cuda").step(0)
        for name in OPS:
            for kernels in ("reference", "auto"):
                with mt.use_kernels(kernels):
                    everything(name, data.draw(examples(name, "float32")), "cuda")
    assert {
        ("einsum", ()),
        ("add.at", ()),
        ("ndarray.sum", ("axis", "keepdims")),
    } < strict_cupy.USED
    for name, keywords in strict_cupy.USED:
        assert set(keywords) <= set(allowed(name)), name


def allowed(name: str) -> list[str] | tuple[str, ...]:
    """The keywords of a function, of a method ("ndarray.sum"), or of a ufunc's ("add.at")."""
    owner, _, method = name.rpartition(".")
    if owner == "ndarray":
        return stored["methods"][method]
    if stored["functions"].get(owner) == "ufunc":
        return ("axis", "out", "dtype", "keepdims") if method == "reduce" else ()
    known = stored["functions"][name]
    return UFUNC_KEYWORDS if known == "ufunc" else known
