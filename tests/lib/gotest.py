#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a test program of Go's and reports its cases as TAP: gotest.py PROGRAM [ARGUMENT...].

A test with subtests is its subtests, and a case of its own only where it failed by itself. The plan comes last, so a run
that dies on the way has none.
"""
import re
import subprocess
import sys

HEAD = re.compile(r"^=== (?:RUN|NAME|CONT) +(\S+)")
RESULT = re.compile(r"^ *--- (PASS|FAIL|SKIP): (\S+) \(([\d.]+s)\)")
END = re.compile(r"^(PASS|FAIL)$")


class Report:
    """What the program said, by test."""

    def __init__(self):
        self.current, self.ended = None, False
        self.said, self.results = {}, {}

    def take(self, line):
        head, result = HEAD.match(line), RESULT.match(line)
        if head:
            self.current = head[1]
            self.said.setdefault(head[1], [])
        elif result:
            self.results[result[2]] = (result[1], result[3])
        elif END.match(line):
            self.ended = True
        elif self.current and not line.startswith("==="):
            self.said[self.current].append(line.strip())

    def children(self, name):
        return [other for other in self.results if other.startswith(name + "/")]

    def cases(self):
        """(status, name, seconds, details) of each, in the order in which they ended."""
        for name, (status, seconds) in self.results.items():
            children = self.children(name)
            if children and (status != "FAIL" or any(self.results[child][0] == "FAIL" for child in children)):
                continue
            yield status, name, seconds, self.said.get(name, [])


def main():
    if len(sys.argv) < 2:
        print(f"usage: {sys.argv[0]} PROGRAM [ARGUMENT...]", file=sys.stderr)
        return 2
    report = Report()
    with subprocess.Popen([sys.argv[1], "-test.v", "-test.timeout=0", *sys.argv[2:]], stdout=subprocess.PIPE, text=True,
                          errors="replace") as process:
        for line in process.stdout:
            report.take(line.rstrip("\n"))
            sys.stderr.write(line)
    count = 0
    for status, name, seconds, said in report.cases():
        count += 1
        why = f" # SKIP {said[-1].split(': ', 1)[-1] if said else 'no reason given'}" if status == "SKIP" else ""
        print(f"{'not ok' if status == 'FAIL' else 'ok'} {count} - {name} ({seconds}){why}")
        if status != "SKIP":
            print("".join(f"# {line}\n" for line in said), end="")
    if report.ended:
        print(f"1..{count}")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
