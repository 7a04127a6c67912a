"""What a test of the stack says at its end: the checks that passed and failed, and their sum."""
import os
import sys


class Tally:
    """Counts checks as they are told. STACK_MISSING in the environment is what tests/stack/missing found: then this test is
    skipped as a whole, and says why."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        missing = os.environ.get("STACK_MISSING")
        if missing:
            self.skipped = 1
            print(f"skipped: {missing}")
            self.end()

    def check(self, what, why_not=None):
        """One check: it failed if there is a reason."""
        if why_not:
            self.failed += 1
            print(f"FAILED  {what}: {why_not}", flush=True)
        else:
            self.passed += 1
            print(f"passed  {what}", flush=True)

    def skip(self, what, why):
        """A check that cannot be made here and now."""
        self.skipped += 1
        print(f"skipped: {what}: {why}", flush=True)

    def end(self):
        """Prints the sum, as scripts/check reads it, and exits."""
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        if "TALLY" in os.environ:
            with open(os.environ["TALLY"], "a", encoding="utf-8") as f:
                f.write(f"{self.passed} {self.failed} {self.skipped}\n")
        sys.exit(1 if self.failed or not self.passed + self.skipped else 0)
