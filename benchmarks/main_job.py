"""The main job: CPU time of the robot's process for each busy→ready, against the floor.

One PBX process drives all contestants in turns, with the same messages: NOTIFY (on the phone), NOTIFY (ready),
then INVITE, 100, 180, 200, ACK, and BYE from the queue. Arguments: transitions a round, rounds.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from procs import SUFFIX, Process, contestants, module, script, spread

EXTENSIONS = 20
AT_ONCE = 10  # extensions that change at the same time
CONTESTANTS = contestants("floor", "library", "library-compiled", "robot", "robot-compiled")
WHAT = {
    "floor": "a bare socket, no stack, no store",
    "library": "sipclient.Client, no store",
    "robot": "sipclient run, each job on the disk before its INVITE",
}
ROBOT = """
[accounts.pbx]
address   = "sip:{name}@127.0.0.1"
password  = "secret"
server    = "udp:127.0.0.1:{port}"
media     = "none"
keepalive = "0s"

[[watch]]
account    = "pbx"
extensions = ["{first}-{last}"]
events     = ["presence"]

[[rules]]
name = "ready-calls-queue"
when = {{ extensions = ["*"], from = "on-the-phone", to = "ready" }}
call = {{ account = "pbx", to = "7000", caller_id = '"Ext {{extension}} is free" <{{extension}}>', \
headers = {{ X-Extension = "{{extension}}" }}, timeout = "45s" }}

[store]
url = "sqlite:{name}.db"

[dial]
allow            = ["7000"]
calls_per_second = 1000
calls_at_once    = 1000
"""


def start(name: str, port: str, folder: Path) -> Process:
    """One contestant, which registers and subscribes by itself."""
    what, compiled = name.removesuffix(SUFFIX), name.endswith(SUFFIX)
    if what != "robot":
        return script(f"{what}.py", port, EXTENSIONS, name, compiled=compiled)
    file = folder / f"{name}.toml"
    file.write_text(ROBOT.format(name=name, port=port, first=10000, last=10000 + EXTENSIONS - 1))
    return module("sipclient", "run", str(file), quiet=True, compiled=compiled)


def round_of(pbx: Process, robot: Process, name: str, count: int) -> float:
    """CPU µs of the robot's process for each of `count` transitions. Raises RuntimeError for a wrong call."""
    before = robot.cpu()
    pbx.ask(f"go {name} {count} {AT_ONCE}", "done")
    used = robot.cpu() - before
    counted = json.loads(pbx.ask("stats", "stats"))
    if counted.get("200 BYE") != count or counted.get("false calls"):
        raise RuntimeError(f"{name}: {count} transitions made {counted}")
    return used / count * 1e6


def measure(count: int, rounds: int) -> dict[str, list[float]]:
    """CPU µs of each contestant, in turns."""
    found: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    with ExitStack() as stack, TemporaryDirectory() as folder:
        pbx = stack.enter_context(script("pbx.py"))
        port = pbx.hear("port")
        robots: dict[str, Process] = {}
        for name in CONTESTANTS:
            robots[name] = stack.enter_context(start(name, port, Path(folder)))
            pbx.ask(f"subscribed {name} {EXTENSIONS}", "subscribed")
        pbx.ask("stats", "stats")
        for name, robot in robots.items():
            round_of(pbx, robot, name, count // 5 + 1)
        for _ in range(rounds):
            for name, robot in robots.items():
                found[name].append(round_of(pbx, robot, name, count))
    return found


def report(count: int = 500, rounds: int = 5) -> dict[str, float]:
    """Measure, print, and give the ratios."""
    found = measure(count, rounds)
    print(f"\nThe main job, CPU µs of the robot's process for each busy→ready ({rounds} rounds of {count})")
    floor = median(found["floor"])
    ratios = {}
    for name, values in found.items():
        ratios[name] = median(values) / floor
        what = WHAT[name.removesuffix(SUFFIX)]
        print(f"  {name:<18} {median(values):8.1f}   ({spread(values)})   {ratios[name]:5.2f} × floor   {what}")
    return ratios


if __name__ == "__main__":
    report(*map(int, sys.argv[1:]))
