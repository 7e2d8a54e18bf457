"""The ladder notices: each mistake planted into the kernels is caught."""

import pytest
from devices import needs

from .compiler import why_no_compiler
from .mutations import MUTATIONS, caught_by


@needs(why_no_compiler())
@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.mistake)
def test_is_caught(mutation):
    assert caught_by(mutation)
