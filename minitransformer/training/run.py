"""A run's folder: its checkpoints, its log, its picture, and how it was started.

run.json            the settings, and where the text is
last.safetensors    checkpoint of the last evaluation
best.safetensors    checkpoint of the lowest validation loss
log.jsonl           one line a step
loss.png            the loss curve
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from minitransformer.models.checkpoint import BEST, LAST


class Run:
    """The files of one training run in `folder`."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.last = self.folder / LAST
        self.best = self.folder / BEST
        self.log = self.folder / "log.jsonl"
        self.picture = self.folder / "loss.png"
        self._start = self.folder / "run.json"

    def create(self, settings: dict[str, Any], text: str | None) -> None:
        """Make the folder, and note how the run was started.

        Raises:
            FileExistsError: there is a checkpoint in it already.
            OSError: the folder cannot be made or written.
        """
        if self.last.exists():
            raise FileExistsError(
                f"run: {self.folder} has a checkpoint already: go on with --resume {self.folder}, "
                "or give another --out"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self.best.unlink(missing_ok=True)
        scratch = self._start.with_suffix(".json.tmp")
        scratch.write_text(json.dumps({"settings": settings, "text": text}, indent=1) + "\n")
        scratch.replace(self._start)

    def clean(self) -> None:
        """Remove what a kill left half-written."""
        for scratch in self.folder.glob("*.tmp"):
            scratch.unlink()

    def started_with(self) -> dict[str, Any] | None:
        """The settings and the text's path as `create` noted them; None where it did not."""
        return json.loads(self._start.read_text()) if self._start.exists() else None

    def copy_to(self, folder: Path) -> "Run":
        """The same run in another folder, to go on there and leave this one as it is."""
        other = Run(folder)
        if other.folder.resolve() == self.folder.resolve():
            return self
        if other.last.exists():
            raise FileExistsError(f"run: {folder} has a checkpoint already: give another --out")
        other.folder.mkdir(parents=True, exist_ok=True)
        for file in (self._start, self.log, self.best, self.last):
            if file.exists():
                scratch = other.folder / (file.name + ".tmp")
                shutil.copyfile(file, scratch)
                scratch.replace(other.folder / file.name)
        return other


def next_folder(parent: Path = Path("runs")) -> Path:
    """The first of runs/1, runs/2, … that is not there yet."""
    number = 1
    while (parent / str(number)).exists():
        number += 1
    return parent / str(number)
