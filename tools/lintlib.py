# SPDX-License-Identifier: Apache-2.0
"""What the lint checks share: TAP output, and the files of the tree."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
C_FOLDERS = ("src", "include", "bench", "tests", "examples")


class Tap:
    """One line a check; what it found follows as comments."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, name, findings):
        self.count += 1
        self.failed += bool(findings)
        print(f"{'not ok' if findings else 'ok'} {self.count} - {name}")
        for finding in findings:
            print(f"# {finding}")
        sys.stdout.flush()

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}")

    def done(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0


def root_argument():
    """The tree to look at: this one, or that of the first argument (for the checks' own test)."""
    return os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ROOT


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def tracked(root):
    """Files that are in the repository or would be: as git sees it, else all but what builds leave behind."""
    done = subprocess.run(["git", "-c", f"safe.directory={root}", "-C", root, "ls-files", "-z", "--cached", "--others",
                           "--exclude-standard"], capture_output=True, text=True)
    if done.returncode == 0 and done.stdout:
        names = sorted(set(done.stdout.rstrip("\0").split("\0")))
        return [name for name in names if os.path.isfile(os.path.join(root, name))]
    names = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [s for s in subfolders if s not in (".git", "__pycache__") and not s.startswith("build")]
        names += [os.path.relpath(os.path.join(folder, file), root) for file in files]
    return sorted(names)


def c_files(root, suffixes=(".c", ".h")):
    return [name for name in tracked(root) if name.startswith(tuple(f + "/" for f in C_FOLDERS))
            and name.endswith(suffixes)]
