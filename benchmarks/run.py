"""`make bench`: everything in one run, medians of five. `run.py quick` takes a tenth of the counts."""

from __future__ import annotations

import platform
import sys

import main_job
import options
import parse


def main(scale: float = 1.0, rounds: int = 5) -> None:
    """Run all, print the ratios."""
    print(
        f"{platform.python_implementation()} {platform.python_version()} on {platform.machine()}, {platform.system()}"
    )
    parsed = parse.report(int(5000 * scale), rounds)
    answered = options.report(int(5000 * scale), rounds)
    job = main_job.report(int(500 * scale), rounds)
    print(f"\nRatios\n  parse and five typed headers    {parsed:5.2f} × aiosipua's speed")
    tell(max(answered["sipclient"], answered["sipclient-uvloop"]), job["library"], job["robot"])
    if "library-compiled" in job:
        print("With the compiled core")
        tell(answered["sipclient-uvloop-compiled"], job["library-compiled"], job["robot-compiled"])
    else:
        print("The compiled core could not be built here (it takes a C compiler), and was left out.")


def tell(options_answered: float, library: float, robot: float) -> None:
    """The ratios that something is expected of."""
    print(f"  OPTIONS for each CPU-second     {options_answered:5.2f} × aiosipua's   (expected: at least 3)")
    print(f"  CPU for each busy→ready         {library:5.2f} × the floor's  (expected: at most 3)")
    print(f"  the same with rules and store   {robot:5.2f} × the floor's")


if __name__ == "__main__":
    main(0.1 if sys.argv[1:] == ["quick"] else 1.0)
