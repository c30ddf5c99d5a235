"""What is told of recordings."""

from __future__ import annotations

from sipclient.robot.told.base import Told


class RecordingBegan(Told, frozen=True):
    """A recording is made; `recording` is its name. Of `call` and `bridge` one says whose it is."""

    recording: str
    call: str
    bridge: str

    def words(self) -> str:
        return f"recording {self.recording} ({self.bridge or self.call})"


class RecordingComplete(Told, frozen=True):
    """The file is complete. `seconds` is its length, `lost` how much of it a slow disk could not take."""

    recording: str
    call: str
    bridge: str
    seconds: float
    bytes: int
    lost: float = 0.0

    def words(self) -> str:
        lost = f", {self.lost:.1f} s of them lost to a slow disk" if self.lost else ""
        return f"recorded {self.recording}: {self.seconds:.1f} s{lost} ({self.bridge or self.call})"


class RecordingFailed(Told, frozen=True):
    """The disk would not take it; the call goes on. What is in the file by then can be heard."""

    recording: str
    call: str
    bridge: str
    reason: str

    def words(self) -> str:
        return f"recording {self.recording} broke off: {self.reason} ({self.bridge or self.call})"
