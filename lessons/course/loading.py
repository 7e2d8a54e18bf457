"""Loading a file whose name begins with a number, which no import statement can."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load_file(file: Path) -> ModuleType:
    """The module in `file`; raises whatever its code raises."""
    name = f"{file.parent.name}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look their own module up
    spec.loader.exec_module(module)
    return module
