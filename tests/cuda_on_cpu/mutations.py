"""Mistakes planted into the CUDA kernels, one at a time: is each caught, and by what?

    python -m tests.cuda_on_cpu.mutations [attention ...]      prints the table

The kernels run on the CPU first on fibers (wrong values, a dependence on the order of threads,
a missed barrier, a refused argument), then, if nothing was seen, under AddressSanitizer and
ThreadSanitizer.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import minitransformer

from .check import sanitized

TESTS = Path(__file__).parents[1]
PACKAGE = Path(minitransformer.__file__).parent
ATTENTION = ("scaled_dot_product_attention",)


class Mutation(NamedTuple):
    """In `file` of kernels/cuda, the one `text` becomes `replacement`; `ops` should notice."""

    mistake: str
    file: str
    text: str
    replacement: str
    ops: tuple[str, ...]


MUTATIONS = [
    Mutation(
        "barrier removed before a warp's sum is written",
        "warps.cu",
        "    __syncthreads();  // an earlier call's numbers may still be being read\n",
        "",
        ("layer_norm",),
    ),
    Mutation(
        "barrier removed after the warps' sums are written",
        "warps.cu",
        "= x;\n    __syncthreads();\n    float total = 0;",
        "= x;\n    float total = 0;",
        ("softmax",),
    ),
    Mutation(
        "barrier removed after the warps' maxima are written",
        "warps.cu",
        "= x;\n    __syncthreads();\n    float top",
        "= x;\n    float top",
        ("softmax",),
    ),
    Mutation(
        "reduction of a warp starts at 8",
        "warps.cu",
        "step = 16; step > 0; step /= 2) x +=",
        "step = 8; step > 0; step /= 2) x +=",
        ("softmax",),
    ),
    Mutation(
        "reduction of a warp stops at 2",
        "warps.cu",
        "step = 16; step > 0; step /= 2) x = fmaxf",
        "step = 16; step > 1; step /= 2) x = fmaxf",
        (*ATTENTION, "softmax"),
    ),
    Mutation(
        "half a warp in the mask",
        "warps.cu",
        "x += __shfl_xor_sync(0xffffffff",
        "x += __shfl_xor_sync(0x0000ffff",
        ("softmax",),
    ),
    Mutation(
        "last warp left out of a sum",
        "warps.cu",
        "w < blockDim.x / 32; w++) total",
        "w < blockDim.x / 32 - 1; w++) total",
        ("log_softmax",),
    ),
    Mutation(
        "one number too many read from shared memory",
        "warps.cu",
        "w < blockDim.x / 32; w++) top",
        "w <= blockDim.x / 32; w++) top",
        ("softmax",),
    ),
    Mutation(
        "room for too few warps",
        "warps.cu",
        "    __shared__ float of_warp[32];\n    x = warp_sum(x);",
        "    __shared__ float of_warp[4];\n    x = warp_sum(x);",
        ("softmax",),
    ),
    Mutation(
        "softmax: row bound one too far",
        "softmax.cu",
        "j < columns; j += blockDim.x) out[j] *= scale;",
        "j <= columns; j += blockDim.x) out[j] *= scale;",
        ("softmax",),
    ),
    Mutation(
        "softmax: read one past the row",
        "softmax.cu",
        "mean += row[j] * g[j];",
        "mean += row[j] * g[j] + 0 * g[j + 1];",
        ("softmax",),
    ),
    Mutation(
        "softmax: stride of the loop is a warp",
        "softmax.cu",
        "j < columns; j += blockDim.x) mean +=",
        "j < columns; j += 32) mean +=",
        ("softmax",),
    ),
    Mutation(
        "log_softmax: gradient without the sum",
        "softmax.cu",
        "    total = block_sum(total);\n    for (int j = threadIdx.x; j < columns; j += "
        "blockDim.x) out[j] = g[j]",
        "    for (int j = threadIdx.x; j < columns; j += blockDim.x) out[j] = g[j]",
        ("log_softmax",),
    ),
    Mutation(
        "layer_norm: last column's thread kept",
        "normalization.cu",
        "    if (column >= columns) return;\n"
        "    int first = blockIdx.x * chunk, last = min(first + chunk, rows);\n"
        "    float weight_sum",
        "    if (column > columns) return;\n"
        "    int first = blockIdx.x * chunk, last = min(first + chunk, rows);\n"
        "    float weight_sum",
        ("layer_norm",),
    ),
    Mutation(
        "layer_norm: chunk not cut at the last row",
        "normalization.cu",
        "last = min(first + chunk, rows);\n    float weight_sum",
        "last = first + chunk;\n    float weight_sum",
        ("layer_norm",),
    ),
    Mutation(
        "rms_norm: every thread, not one, writes another's value",
        "normalization.cu",
        "if (threadIdx.x == 0) rstd[blockIdx.x] = scale;",
        "rstd[blockIdx.x] = scale + threadIdx.x;",
        ("rms_norm",),
    ),
    Mutation(
        "layer_norm: mean and rstd swapped in the call",
        "normalization.py",
        "arrays = x, mean, rstd, dy, dweight, dbias",
        "arrays = x, rstd, mean, dy, dweight, dbias",
        ("layer_norm",),
    ),
    Mutation(
        "layer_norm: int and float swapped in the call",
        "normalization.py",
        "*arrays, columns, eps)\n        ctx.save(x, weight, mean",
        "*arrays, eps, columns)\n        ctx.save(x, weight, mean",
        ("layer_norm",),
    ),
    Mutation(
        "gelu: bound one too far",
        "activations.cu",
        "    if (i < size) y[i] = x[i] * normal(x[i]);",
        "    if (i <= size) y[i] = x[i] * normal(x[i]);",
        ("gelu",),
    ),
    Mutation(
        "gelu: no bound",
        "activations.cu",
        "    if (i < size) y[i] = x[i] * gate(x[i]);",
        "    y[i] = x[i] * gate(x[i]);",
        ("gelu",),
    ),
    Mutation(
        "gelu: an array too few in the call",
        "activations.py",
        "kernel(blocks_for(out.size), MOST_THREADS, *map(contiguous, arrays), out, out.size)",
        "kernel(blocks_for(out.size), MOST_THREADS, *map(contiguous, arrays), out.size)",
        ("gelu",),
    ),
    Mutation(
        "dropout: index shared by all blocks",
        "dropout.cu",
        "long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
        "long long i = threadIdx.x;",
        ("dropout",),
    ),
    Mutation(
        "dropout: seed left out",
        "random.cu",
        "0x9E3779B97F4A7C15ULL + seed;",
        "0x9E3779B97F4A7C15ULL;",
        ("dropout",),
    ),
    Mutation(
        "embedding: barrier removed after the votes are read",
        "embedding.cu",
        "        __syncthreads();  // the votes have been read\n",
        "",
        ("embedding",),
    ),
    Mutation(
        "embedding: barrier removed before the votes are read",
        "embedding.cu",
        "= answers;\n        __syncthreads();",
        "= answers;",
        ("embedding",),
    ),
    Mutation(
        "embedding: index read past the end",
        "embedding.cu",
        "i < count && indices[i] == blockIdx.x",
        "indices[i] == blockIdx.x && i < count",
        ("embedding",),
    ),
    Mutation(
        "embedding: a barrier that only some threads reach",
        "embedding.cu",
        "    float sum = 0;\n",
        "    float sum = 0;\n    if (column < columns) __syncthreads();\n",
        ("embedding",),
    ),
    Mutation(
        "cross_entropy: a thread returns before the barrier",
        "losses.cu",
        "    above = block_sum(above);\n    if (threadIdx.x != 0) return;\n",
        "    if (threadIdx.x != 0) return;\n    above = block_sum(above);\n",
        ("cross_entropy",),
    ),
    Mutation(
        "cross_entropy: the ignored class not asked for",
        "losses.cu",
        "class_ == ignore_index ? 0 :",
        "class_ == ignore_index + 1 ? 0 :",
        ("cross_entropy",),
    ),
    Mutation(
        "cross_entropy: all rows share one gradient",
        "losses.cu",
        "dy[one_a_row ? blockIdx.x : 0]",
        "dy[0]",
        ("cross_entropy",),
    ),
    Mutation(
        "attention: causal mask one too wide",
        "attention.cu",
        "(causal && j > i)",
        "(causal && j > i + 1)",
        ATTENTION,
    ),
    Mutation(
        "attention: keys past the end not masked",
        "attention.cu",
        "i >= queries || j >= keys ||",
        "i >= queries ||",
        ATTENTION,
    ),
    Mutation(
        "attention: rows of a tile past the end read",
        "attention.cu",
        "bool inside = first + row < rows && column < columns;",
        "bool inside = column < columns;",
        ATTENTION,
    ),
    Mutation(
        "attention: tile one column too narrow",
        "attention.cu",
        "typedef float Square[TILE][TILE + 1];",
        "typedef float Square[TILE][TILE - 1];",
        ATTENTION,
    ),
    Mutation(
        "attention: wrong stride of a row",
        "attention.cu",
        "tile[row][column] = inside ? x[(long long)(first + row) * columns + column] : 0;",
        "tile[row][column] = inside ? x[(long long)(first + row) * WIDEST + column] : 0;",
        ATTENTION,
    ),
    Mutation(
        "attention: barrier removed after the tiles are loaded",
        "attention.cu",
        "load(v_tile, head_v, start, keys, value_dim);\n        __syncthreads();\n"
        "        products(dot, q_tile, k_tile[lane], dim);\n        for (int r",
        "load(v_tile, head_v, start, keys, value_dim);\n"
        "        products(dot, q_tile, k_tile[lane], dim);\n        for (int r",
        ATTENTION,
    ),
    Mutation(
        "attention: barrier removed before the next tiles are loaded",
        "attention.cu",
        "    int seen = causal ? min(first + TILE, keys) : keys;\n"
        "    for (int start = 0; start < seen; start += TILE) {\n"
        "        __syncthreads();  // all warps are done with the last tiles\n"
        "        load(k_tile, head_k, start, keys, dim);\n"
        "        load(v_tile, head_v, start, keys, value_dim);\n        __syncthreads();\n"
        "        products(dot, q_tile, k_tile[lane], dim);\n        for",
        "    int seen = causal ? min(first + TILE, keys) : keys;\n"
        "    for (int start = 0; start < seen; start += TILE) {\n"
        "        load(k_tile, head_k, start, keys, dim);\n"
        "        load(v_tile, head_v, start, keys, value_dim);\n        __syncthreads();\n"
        "        products(dot, q_tile, k_tile[lane], dim);\n        for",
        ATTENTION,
    ),
    Mutation(
        "attention: warp barrier removed before the weights are read",
        "attention.cu",
        "        __syncwarp();\n        accumulate(sum, weights, v_tile);",
        "        accumulate(sum, weights, v_tile);",
        ATTENTION,
    ),
    Mutation(
        "attention: the sum so far does not shrink",
        "attention.cu",
        "total[r] = shrink * total[r] +",
        "total[r] = total[r] +",
        ATTENTION,
    ),
    Mutation(
        "attention: dk and dv swapped in the call",
        "attention.py",
        "lse, delta, dk, dv, *options)",
        "lse, delta, dv, dk, *options)",
        ATTENTION,
    ),
    Mutation(
        "adam: update before the mean",
        "updates.cu",
        "    square[i] = beta2 * square[i] + rest2 * grad * grad;\n",
        "",
        ("adam_update",),
    ),
    Mutation(
        "adam: bound one too far",
        "updates.cu",
        "    if (i >= size) return;",
        "    if (i > size) return;",
        ("adam_update",),
    ),
]

CAUGHT_BY = {
    "ValueDiffers": "values",
    "OrderError": "order",
    "BarrierError": "barrier",
    "TypeError": "argument check",
}


def caught_by(mutation: Mutation) -> str | None:
    """What notices the mistake; None if nothing does."""
    with tempfile.TemporaryDirectory() as folder:
        plant(mutation, Path(folder))
        path = os.pathsep.join([folder, str(TESTS)])
        command = [sys.executable, "-m", "cuda_on_cpu.check", *mutation.ops]
        environment = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode > 0:
            return CAUGHT_BY[error_in(done.stderr)]
        for sanitizer, name in (("address", "AddressSanitizer"), ("thread", "ThreadSanitizer")):
            if name in sanitized(sanitizer, list(mutation.ops), folder).stderr:
                return name
    return "crash" if done.returncode else None


def plant(mutation: Mutation, folder: Path) -> None:
    """A copy of the package in `folder`, with the mistake in it."""
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / PACKAGE.name / "kernels" / "cuda" / mutation.file
    text = file.read_text()
    if text.count(mutation.text) != 1:
        raise ValueError(f"{mutation.file} has not one {mutation.text!r}")
    file.write_text(text.replace(mutation.text, mutation.replacement))


def error_in(stderr: str) -> str:
    """The class of the error that ended a process."""
    last = [line for line in stderr.splitlines() if line and line[0] != " "][-1]
    return last.partition(":")[0].rpartition(".")[2]


def main(files: list[str]) -> None:
    chosen = [m for m in MUTATIONS if not files or m.file.partition(".")[0] in files]
    missed = 0
    for mutation in chosen:
        how = caught_by(mutation)
        missed += how is None
        print(f"{mutation.file:18} {mutation.mistake:60} {how or 'NOT CAUGHT'}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} caught")


if __name__ == "__main__":
    main(sys.argv[1:])
