"""The engines that stand beside ours, each doing the same step in its own process."""
