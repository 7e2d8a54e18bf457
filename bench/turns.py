"""Engines in processes of their own that take turns, so that a noisy machine is noisy for all.

A worker reads a line of JSON, does what it asks, answers with a line of JSON, and sleeps until
its next turn.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any


class Worker:
    """`python -m MODULE ARGUMENTS` in another process; `variables` are added to its environment."""

    def __init__(self, module: str, *arguments: object, **variables: str) -> None:
        self.command = [sys.executable, "-m", module, *map(str, arguments)]
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | variables,
        )

    def ask(self, request: Any) -> Any:
        """The answer to `request`; both are what JSON can say.

        Raises:
            RuntimeError: the process ended without one.
        """
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"bench: {' '.join(self.command[1:])}: ended without an answer")
        return json.loads(answer)

    def stop(self) -> None:
        self.process.communicate()


def in_turns(workers: dict[str, Worker], request: Any, rounds: int) -> dict[str, list[Any]]:
    """The answers of each worker to the same request, asked one after another, `rounds` times."""
    answers: dict[str, list[Any]] = {engine: [] for engine in workers}
    for _ in range(rounds):
        for engine, worker in workers.items():
            answers[engine].append(worker.ask(request))
    return answers


def serve(answer: Callable[[Any], Any]) -> None:
    """The worker's side: answer every line of standard input."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
