"""The numbers of a measurement as JSON, beside the machine that they were measured on.

`results` is a list, one entry a case. Its "seconds" hold, for each engine, one number a round,
and its "best" the least of all repetitions; `compare` needs no more than "case" and these two.
"""

import json
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

from typer import BadParameter

from bench import machine


def save(file: Path | None, measurement: str, results: list[dict[str, Any]], **more: Any) -> None:
    """Write `results` to `file`, unless that is None, and draw a picture beside it."""
    if file is None:
        return
    record = {"measurement": measurement, "made": date.today().isoformat(), "commit": commit()}
    record |= {"machine": machine.facts(), **more, "results": results}
    file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    from bench.pictures import draw

    draw(record, file.with_suffix(".png"))


def load(file: Path) -> dict[str, Any]:
    """What `save` wrote.

    Raises:
        BadParameter: there is no such file, or it is none of ours.
    """
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadParameter(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:
        raise BadParameter(f"{file} is not JSON: {error}") from None
    if not isinstance(record, dict) or not {"measurement", "machine", "results"} <= record.keys():
        raise BadParameter(f"{file} was not written by `python -m bench … --json`")
    if any("case" not in result for result in record["results"]):
        raise BadParameter(f"{file} was written by an older version; measure again")
    return record


def commit() -> str:
    """The commit that was measured, "+" if files had changed since; "" outside a clone."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
