"""The same chapters as `ops`, in CUDA C++: fused, and shared among thousands of threads."""
