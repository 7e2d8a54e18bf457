"""What to feed each op: Hypothesis strategies, keyed by the op's name in `function.OPS`.

`examples(name, dtype)` draws `(inputs, options)`: arrays of several layouts (contiguous,
Fortran, strided, reversed), shapes that broadcast, axes of size 1 and batches of size 0.
Values keep away from kinks and poles, so that a finite difference may be taken anywhere.
"""

from . import convolution, elementwise, layers, recurrent, reductions, sequences, shapes, updates
from .maker import STRATEGIES, Maker, examples, of
