"""How much of a set the checker catches, and how much it names.

PYTHONPATH=tests python -m gradcheck_unseen.measure november
"""

import sys
from collections.abc import Iterator

from minitransformer.gradcheck import Report, check_backward

from .problem import SETS, Problem, Slip

Verdict = tuple[Problem, Slip, Report]


def verdicts(name: str) -> Iterator[Verdict]:
    """The report on every wrong backward pass of a set."""
    for problem in SETS[name]:
        for slip in problem.slips:
            yield problem, slip, check_backward(problem.forward, slip.backward, *problem.inputs)


def slugs(report: Report) -> set[str]:
    return {cause.slug for cause in report.causes}


def main(name: str) -> None:
    caught = named = count = 0
    for problem, slip, report in verdicts(name):
        good = slip.is_named(slugs(report))
        count, caught, named = count + 1, caught + (not report.ok), named + good
        print("named " if good else "MISSED", problem.name, "|", slip.what, "|", *slugs(report))
    print(f"{count} wrong backward passes of {len(SETS[name])} ops: caught {caught}, named {named}")


if __name__ == "__main__":
    main(sys.argv[1])
