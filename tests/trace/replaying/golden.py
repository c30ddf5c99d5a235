"""The transcripts under sip_traces/replays; run as a program, this writes them anew: look at the diff."""

from __future__ import annotations

from pathlib import Path

from sipclient.trace import TraceError, read, replay

TRACES = Path(__file__).parents[3] / "sip_traces"
GOLDEN = TRACES / "replays"
CAPTURES = sorted(path for vendor in ("asterisk", "freeswitch") for path in (TRACES / vendor).iterdir())


def golden_of(path: Path) -> Path:
    """Where the transcript of a capture is kept."""
    return GOLDEN / f"{path.parent.name}-{path.stem}.txt"


def transcript_of(path: Path) -> str:
    """What a replay of a capture says."""
    return str(replay(read(path)))


if __name__ == "__main__":
    for each in CAPTURES:
        try:
            golden_of(each).write_text(transcript_of(each))
        except TraceError as error:
            print(error)
