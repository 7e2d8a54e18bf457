"""The numbers of a measurement as JSON, beside the machine that they were measured on."""

import json
from pathlib import Path
from typing import Any

from bench import machine


def save(file: Path | None, measurement: str, results: list[dict[str, Any]]) -> None:
    """Write `results` to `file`, unless that is None."""
    if file is not None:
        record = {"measurement": measurement, "machine": machine.facts(), "results": results}
        file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
