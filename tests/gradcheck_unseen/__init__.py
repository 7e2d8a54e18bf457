"""Sets of wrong backward passes that the checker had not seen when it was first run on them.

A set is written and committed first; then the checker is run once, and how much it caught and
named at first sight is written down; only then may the set make it better.
"""

from . import (
    first,
    first_elementwise,
    november_layers,
    november_models,
    november_sums,
    second,
    third,
)
