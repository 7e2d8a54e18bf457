"""What CuPy's CUDA build offers: its names and their keywords, as `cupy_api.json` keeps them.

Run it with the Python of an environment that has the wheel; no GPU and no driver are needed.

    python -m tests.cuda_on_cpu.cupy_api     write cupy_api.json
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "cupy_api.json"
NAMESPACES = ("", "linalg.")


def stored() -> dict[str, Any]:
    """The file: {"cupy": version, "names": [...], "functions": {...}, "methods": {...}}."""
    return json.loads(FILE.read_text())


def of_the_wheel() -> dict[str, Any]:
    """The same, read from the CuPy that is installed here.

    A ufunc is "ufunc", a function the list of its parameters ("**" ends it if any keyword will
    do), or None where CuPy does not tell.
    """
    import cupy

    functions = {}
    for prefix in NAMESPACES:
        namespace = getattr(cupy, prefix.rstrip("."), cupy)
        for name, function in public(namespace):
            if callable(function) and not isinstance(function, type):
                is_ufunc = isinstance(function, cupy.ufunc)
                functions[prefix + name] = "ufunc" if is_ufunc else parameters(function)
    return {
        "cupy": cupy.__version__,
        "names": [name for name, _ in public(cupy)],
        "functions": functions,
        "methods": {name: parameters(method) for name, method in public(cupy.ndarray)},
    }


def public(namespace: Any) -> list[tuple[str, Any]]:
    names = sorted(name for name in dir(namespace) if not name.startswith("_"))
    return [(name, getattr(namespace, name)) for name in names]


def parameters(function: Any) -> list[str] | None:
    """The names of a function's parameters, None where they cannot be found out."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return documented(function.__doc__ or "")
    return ["**" if p.kind == p.VAR_KEYWORD else p.name for p in found]


def documented(text: str) -> list[str] | None:
    """The parameters in the first line of a compiled method's docstring, as Cython writes it."""
    signature = re.match(r"[\w.]+\((.*)\)", text)
    if not signature:
        return None
    words = re.findall(r"(?:^|, )(\*{0,2}[^,=]+)", re.sub(r"\([^)]*\)", "", signature[1]))
    return ["**" if word.startswith("**") else word.split()[-1].strip("*") for word in words]


def as_text(api: dict[str, Any]) -> str:
    """JSON with a line for every name, so that a new version of CuPy shows what changed."""
    sections = []
    for key, value in api.items():
        if isinstance(value, dict):
            lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()]
            text = "{\n" + ",\n".join(lines) + "\n }"
        elif isinstance(value, list):
            text = "[\n" + ",\n".join(f"  {json.dumps(v)}" for v in value) + "\n ]"
        else:
            text = json.dumps(value)
        sections.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(as_text(of_the_wheel()))
    print(f"{len(stored()['functions'])} functions of CuPy {stored()['cupy']} in {FILE.name}")
