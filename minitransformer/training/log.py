"""`log.jsonl`: one JSON object a line, one line a step."""

import json
from pathlib import Path
from typing import Any


class TrainingLog:
    """Appends to a file; each line is flushed, so that a kill loses at most one.

    Keys: step, loss, lr, grad_norm, tokens_per_second; validation_loss where one was taken.
    """

    def __init__(self, path: Path, keep_until: int | None = None) -> None:
        """Start afresh, or keep the lines up to a step: later ones will be written again."""
        kept = [] if keep_until is None else [x for x in read_log(path) if x["step"] <= keep_until]
        scratch = path.with_suffix(".jsonl.tmp")
        scratch.write_text("".join(json.dumps(entry) + "\n" for entry in kept))
        scratch.replace(path)
        self._file = path.open("a")

    def write(self, **entry: Any) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """The entries of a log; a last line cut off by a kill is left out."""
    if not path.exists():
        return []
    entries = []
    for line in path.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            entries.append(json.loads(line))
    return entries
