#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the unittest cases of FILE and reports them as TAP: tap.py FILE [NAME-PART].

The plan comes last, so a run that dies on the way has none. Whatever the tests or their children print goes to standard
error, where it can't be taken for a result.
"""
import importlib.util
import os
import sys
import unittest


class TapResult(unittest.TestResult):
    """Reports each test when it ends; a failing subtest fails its test, once."""

    def __init__(self, out):
        super().__init__()
        self.out = out
        self.count = 0
        self.current = None
        self.details = []
        self.failed = False
        self.skipped_why = None

    def report(self, ok, name, directive=""):
        self.count += 1
        print(f"{'ok' if ok else 'not ok'} {self.count} - {name}{directive}", file=self.out)
        for line in "".join(self.details).splitlines():
            print(f"# {line}", file=self.out)
        self.out.flush()
        self.details = []

    def startTest(self, test):
        super().startTest(test)
        self.current, self.failed, self.skipped_why = test, False, None

    def stopTest(self, test):
        super().stopTest(test)
        why = self.skipped_why
        directive = "" if why is None or self.failed else f" # SKIP {why}"
        self.report(not self.failed, short_name(test), directive)
        self.current = None

    def fail(self, test, err):
        self.details.append(self._exc_info_to_string(err, test))
        self.failed = True
        if self.current is None:  # setUpClass and kin fail outside of any test
            self.report(False, str(test))

    def addError(self, test, err):
        super().addError(test, err)
        self.fail(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.fail(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.details.append(f"{subtest}\n")
            self.fail(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        if self.current is None:
            self.report(True, str(test), f" # SKIP {reason}")
        else:
            self.skipped_why = reason

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.details.append("expected to fail, and passed\n")
        self.failed = True


def short_name(test):
    return test.id().split(".", 1)[-1]


def load(path):
    sys.path[:0] = [os.path.dirname(os.path.abspath(path)), os.path.dirname(os.path.abspath(__file__))]
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def main():
    if len(sys.argv) not in (2, 3):
        print(f"usage: {sys.argv[0]} FILE [NAME-PART]", file=sys.stderr)
        return 2
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    loader = unittest.TestLoader()
    if len(sys.argv) == 3:
        loader.testNamePatterns = [f"*{sys.argv[2]}*"]
    suite = loader.loadTestsFromModule(load(sys.argv[1]))
    result = TapResult(out)
    suite.run(result)
    print(f"1..{result.count}", file=out)
    out.close()
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
