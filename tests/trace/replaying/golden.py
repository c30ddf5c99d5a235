"""The transcripts under sip_traces/replays; run as a program, this writes them anew: look at the diff."""

from __future__ import annotations

from pathlib import Path

from sipclient.trace import TraceError, read, replay
from sipclient.trace.replaying.exact import replay_run
from sipclient.trace.replaying.journal import read_journal

TRACES = Path(__file__).parents[3] / "sip_traces"
GOLDEN = TRACES / "replays"
RUNS = sorted((TRACES / "runs").iterdir())
CAPTURES = sorted(path for vendor in ("asterisk", "freeswitch") for path in (TRACES / vendor).iterdir())


def golden_of(path: Path) -> Path:
    """Where the transcript of a capture is kept."""
    return GOLDEN / f"{path.parent.name}-{path.stem}.txt"


def transcript_of(path: Path) -> str:
    """What a replay of a capture says."""
    return str(replay(read(path)))


def golden_of_run(path: Path) -> Path:
    """Where the transcript of a run is kept."""
    return GOLDEN / f"run-{path.name.removesuffix('-0001.sipjournal')}.txt"


def transcript_of_run(path: Path) -> str:
    """What the replay of a run's journal says."""
    return str(replay_run(read_journal(path)))


if __name__ == "__main__":
    for each in CAPTURES:
        try:
            golden_of(each).write_text(transcript_of(each))
        except TraceError as error:
            print(error)
    for each in RUNS:
        golden_of_run(each).write_text(transcript_of_run(each))
