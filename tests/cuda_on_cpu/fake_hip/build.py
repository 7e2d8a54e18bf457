"""Builds the libraries that CuPy's ROCm wheel is linked against, out of `runtime.cpp`, `blas.cpp`.

The wheel's own files say which symbols they want and in which library: those that the C++ files
have are served, the others answer "not supported". Needs g++ and binutils (nm, readelf).
"""

import re
from collections import defaultdict
from pathlib import Path

from ..compiler import FLAGS, run

HERE = Path(__file__).parent
RUNTIME = "libamdhip64.so.7"
LINK = ["g++", *FLAGS, "-O2", "-shared"]
OURS = re.compile(r"(__)?(hip|roc|rccl|nccl)")
NOT_SUPPORTED, COMPILATION_FAILED = 801, 6
COMPILER_CALLS = (
    *("CreateProgram", "DestroyProgram", "CompileProgram", "AddNameExpression", "GetLoweredName"),
    *("GetCode", "GetCodeSize", "GetProgramLog", "GetProgramLogSize", "GetCUBIN", "GetCUBINSize"),
    *("GetPTX", "GetPTXSize", "GetNVVM", "GetNVVMSize"),
    *("GetSupportedArchs", "GetNumSupportedArchs"),
)


def build(site_packages: Path, folder: Path) -> None:
    """Put the libraries for the CuPy in `site_packages` into `folder`, if they are not there."""
    done = folder / "done"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    symbols, libraries = wanted(site_packages)
    sources = [str(HERE / name) for name in ("runtime.cpp", "blas.cpp")]
    stubs = write_stubs(folder, symbols, sources)
    versions = folder / "versions.map"
    versions.write_text(version_script(symbols))
    main = str(folder / RUNTIME)
    script = [f"-Wl,--version-script={versions}", f"-Wl,-soname,{RUNTIME}"]
    run([*LINK, *sources, str(stubs), *script, "-o", main, "-ldl"])
    empty = folder / "empty.cpp"
    empty.write_text("int nothing;")
    for name in libraries - {RUNTIME}:  # the others only lead to the first
        leads = ["-Wl,--no-as-needed", main, f"-Wl,-soname,{name}"]
        run([*LINK, str(empty), *leads, "-o", str(folder / name)])
    build_compiler(folder)
    done.touch()


def wanted(site_packages: Path) -> tuple[set[str], set[str]]:
    """The symbols ("name@version") and the libraries that CuPy's files ask for."""
    symbols: set[str] = set()
    libraries: set[str] = set()
    for package in ("cupy", "cupy_backends", "cupyx"):
        for file in (site_packages / package).rglob("*.so"):
            undefined = run(["nm", "-D", "--undefined-only", str(file)]).splitlines()
            symbols |= {word for line in undefined if OURS.match(word := line.split()[-1])}
            needed = run(["readelf", "-d", str(file)])
            libraries |= set(re.findall(r"NEEDED.*\[(lib(?:hip|roc|rccl|amdhip)\S+)\]", needed))
    return symbols, libraries


def write_stubs(folder: Path, symbols: set[str], sources: list[str]) -> Path:
    """A source file with the functions that are wanted and not written."""
    probe = folder / "probe.so"
    run([*LINK, *sources, "-o", str(probe), "-ldl"])
    defined = run(["nm", "-D", "--defined-only", str(probe)]).splitlines()
    have = {line.split()[-1] for line in defined}
    missing = sorted({symbol.partition("@")[0] for symbol in symbols} - have)
    stubs = folder / "stubs.cpp"
    lines = [f'extern "C" int {name}() {{ return {NOT_SUPPORTED}; }}' for name in missing]
    stubs.write_text("\n".join(lines))
    return stubs


def version_script(symbols: set[str]) -> str:
    """The linker's script that gives every symbol the version it is asked for with."""
    by_version = defaultdict(set)
    for symbol in symbols:
        name, _, version = symbol.partition("@")
        by_version[version].add(name)
    text, previous = "", ""
    for version in sorted(by_version):
        names = "; ".join(sorted(by_version[version]))
        chained = version.startswith("hip_")
        text += f"{version or 'BASE'} {{ global: {names}; }} {previous if chained else ''};\n"
        previous = version if chained else previous
    return text


def build_compiler(folder: Path) -> None:
    """hipRTC, which never compiles: `real_cupy` has g++ do it before anyone asks."""
    calls = "".join(
        f"int hiprtc{name}(void) {{ return {COMPILATION_FAILED}; }}\n" for name in COMPILER_CALLS
    )
    source = folder / "compiler.c"
    source.write_text(
        "int hiprtcVersion(int* major, int* minor) { *major = 7; *minor = 0; return 0; }\n"
        'const char* hiprtcGetErrorString(int e) { return "a stand-in"; }\n' + calls
    )
    name = "-Wl,-soname,libhiprtc.so.7"
    run(["gcc", "-w", "-shared", "-fPIC", str(source), name, "-o", str(folder / "libhiprtc.so.7")])
