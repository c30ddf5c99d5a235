"""Ten thousand watched extensions in one process: memory of each, CPU between refreshes, spread of the refreshes.

Arguments: how many, seconds a subscription lasts, quiet seconds, seconds before those. The PBX is another process.
"""

from __future__ import annotations

import json
import sys
import time

from procs import Process, script

KIB = 1024


def quiet(watcher: Process, seconds: float) -> float:
    """The share of a core that the watcher used while this time passed."""
    before = watcher.cpu()
    time.sleep(seconds)
    return (watcher.cpu() - before) / seconds


def report(
    count: int = 10_000, expires: float = 200.0, seconds: float = 60.0, settle: float = 35.0
) -> dict[str, float]:
    """Measure, print, and give the numbers. `settle` is until the last transaction of the beginning is gone."""
    with script("pbx.py", int(expires)) as pbx:
        server = f"udp:127.0.0.1:{pbx.hear('port')}"
        with script("watcher.py", server, count, expires) as watcher:
            watcher.hear("registered")
            time.sleep(0.5)
            empty, begun = watcher.memory(), time.monotonic()
            watcher.tell("watch")
            pbx.ask(f"subscribed watcher {count}", "subscribed")
            found = {"subscribed in": time.monotonic() - begun, "CPU s to subscribe": watcher.cpu()}
            time.sleep(settle)
            found["KiB each"] = (watcher.memory() - empty) / count / KIB
            pbx.ask("stats", "stats")
            found["share of a core"] = quiet(watcher, seconds)
            early = json.loads(pbx.ask("stats", "stats"))
            used = watcher.cpu()
            time.sleep(max(begun + expires + 1.0 - time.monotonic(), 0.0))
            counted = json.loads(pbx.ask("stats", "stats"))
            refreshed = early.get("SUBSCRIBE", 0) + counted.get("SUBSCRIBE", 0)
            found["refreshed"] = refreshed / count
            found["CPU µs a refresh"] = (watcher.cpu() - used) / max(counted.get("SUBSCRIBE", 0), 1) * 1e6
            found["most in a second"] = counted.get("most SUBSCRIBEs in a second", 0) / count
    print(f"\n{count} watched extensions in one process, subscriptions of {expires:.0f} s")
    print(
        f"  all subscribed in              {found['subscribed in']:8.2f} s, {found['CPU s to subscribe']:.2f} s of CPU"
    )
    print(f"  memory of each (RSS)           {found['KiB each']:8.2f} KiB   (expected: at most 8)")
    share = f"{found['share of a core']:8.2%}"
    print(f"  quiet for {seconds:3.0f} s                {share} of a core   (expected: at most 1 %)")
    print(f"  refreshed within their time    {found['refreshed']:8.2%}, {found['CPU µs a refresh']:.0f} µs of CPU each")
    print(f"  most of them in one second     {found['most in a second']:8.2%}")
    return found


if __name__ == "__main__":
    report(*(kind(value) for kind, value in zip((int, float, float, float), sys.argv[1:], strict=False)))
