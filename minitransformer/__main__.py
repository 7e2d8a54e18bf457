"""`python -m minitransformer`."""

from minitransformer.cli import main

main()
