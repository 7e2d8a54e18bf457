"""Rung 2: NVIDIA's compiler takes every kernel, as CuPy would call it, for every architecture."""

import pytest
from devices import needs

from . import registers
from .families import OPTIONS, families, kernel_names, source
from .nvrtc import ARCHITECTURES, compile_for, why_no_nvrtc
from .raw_module import WITHOUT_ASKING


@needs(why_no_nvrtc())
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("family", families())
def test_compiles(family, architecture):
    machine_code = compile_for(architecture, source(family), OPTIONS)
    assert machine_code.startswith(b"\x7fELF")
    for name in kernel_names(family):
        assert name.encode() in machine_code


@needs(why_no_nvrtc())
def test_a_mistake_is_refused_with_its_line():
    with pytest.raises(ValueError, match=r'kernel.cu\(2\): error: identifier "y" is undefined'):
        compile_for("sm_80", 'extern "C" __global__ void f(float* x) {\n  *x = y; }')


@needs(why_no_nvrtc())
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("family", families())
def test_nothing_spills(family, architecture):
    for use in registers.measured(family, architecture):
        assert use.spilled == 0, use
        assert use.shared <= WITHOUT_ASKING, use
