"""How much of a set the checker catches, and how much it names."""

import sys
from collections.abc import Iterator

import minitransformer as mt
from minitransformer.gradcheck import Report

from .problem import SETS, Problem, Slip


def verdicts(name: str) -> Iterator[tuple[Problem, Slip, Report]]:
    for problem in SETS[name]:
        for slip in problem.slips:
            yield problem, slip, mt.check_backward(problem.forward, slip.backward, *problem.inputs)


def main(name: str) -> None:
    caught = named = count = 0
    for problem, slip, report in verdicts(name):
        slugs = {cause.slug for cause in report.causes}
        count, caught = count + 1, caught + (not report.ok)
        good = bool(slugs & slip.accepted) and not report.ok
        named += good
        print("named " if good else "MISSED", problem.name, "|", slip.what, "|", *sorted(slugs))
    alarms = [p.name for p in SETS[name] if not mt.check_backward(p.forward, p.right, *p.inputs).ok]
    print(f"{count} slips, {len(SETS[name])} ops: caught {caught}, named {named}; alarms {alarms}")


if __name__ == "__main__":
    main(sys.argv[1])
