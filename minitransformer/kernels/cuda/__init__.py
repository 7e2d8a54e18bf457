"""The same chapters as `ops`, in CUDA C++: fused, and shared among thousands of threads.

`<family>.cu` is a chapter's kernels, `<family>.py` their place in the table of accelerated ops,
and `launch.py` the one door between the two. They know float32; the textbook serves the rest.
"""
