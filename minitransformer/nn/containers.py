"""Modules in a row."""

from collections.abc import Iterable, Iterator
from typing import Any

from minitransformer.nn.module import Module


class ModuleList(Module):
    """A list of modules whose parameters are found; their paths are "0", "1", ..."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> "ModuleList":
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}: expected a Module, got {module!r:.60}")
        setattr(self, str(len(self)), module)
        return self

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: Any) -> Any:
        """A module, or for a slice a list of them."""
        return list(self.children())[index]


class Sequential(ModuleList):
    """Each module takes what the one before it gives."""

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x
