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
    best = max(answered["sipclient"], answered["sipclient-uvloop"])
    print("\nRatios")
    print(f"  parse and five typed headers    {parsed:5.2f} × aiosipua's speed")
    print(f"  OPTIONS for each CPU-second     {best:5.2f} × aiosipua's   (expected: at least 3)")
    print(f"  CPU for each busy→ready         {job['library']:5.2f} × the floor's  (expected: at most 3)")
    print(f"  the same with rules and store   {job['robot']:5.2f} × the floor's")
    if "library-compiled" in job:
        print("With the compiled core")
        print(f"  OPTIONS for each CPU-second     {answered['sipclient-uvloop-compiled']:5.2f} × aiosipua's")
        print(f"  CPU for each busy→ready         {job['library-compiled']:5.2f} × the floor's")
        print(f"  the same with rules and store   {job['robot-compiled']:5.2f} × the floor's")
    else:
        print("The compiled core could not be built here (it takes a C compiler), and was left out.")


if __name__ == "__main__":
    main(0.1 if sys.argv[1:] == ["quick"] else 1.0)
