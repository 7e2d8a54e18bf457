"""Measurements: run from the clone's root, `python -m bench train`."""
