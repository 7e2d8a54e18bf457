"""The CUDA path, proven without a GPU: a ladder of stand-ins. README.md says what proves what."""
