"""The same chapters as `ops`, in Numba: one pass over memory, shared among the threads."""
