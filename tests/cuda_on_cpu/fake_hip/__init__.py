"""HIP, AMD's runtime, on the CPU: what lets CuPy's ROCm wheel run without a GPU."""
