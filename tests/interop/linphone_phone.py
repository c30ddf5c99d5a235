"""linphone as a phone that answers by itself and calls when told, plays a tone and writes what it hears to a file."""

from __future__ import annotations

import wave
from pathlib import Path

from interop.processes import HOST, Child, answers_options, free_port, need

from tests.media.tone import Humming

CONFIGURATION = """\
[sip]
sip_port={sip}
sip_tcp_port={sip}
sip_tls_port=0
guess_hostname=0
contact="phone" <sip:phone@{host}>
media_encryption={encryption}
media_encryption_mandatory={mandatory}
use_ipv6=0
ipv6_migration_done=1
[rtp]
audio_rtp_port={rtp}
avpf={feedback}
prefer_ipv6=0
[net]
firewall_policy={policy}
"""
_SECONDS = 30  # of sound in the file it plays: longer than any call of the tests


class Linphone:
    """One phone. `heard` is the wav it writes, complete once the call is over."""

    def __init__(
        self,
        directory: Path,
        *,
        encryption: str = "none",
        feedback: bool = False,
        ice: bool = False,
        codec: str = "",
        tone: int = 440,
    ) -> None:
        """`encryption` is `none`, `srtp` (SDES) or `dtls`, and nothing else then; `feedback`: AVPF. It speaks what it
        likes, or one `codec`, and plays `tone` (Hz)."""
        binary = need("linphonec")
        self.port = free_port()
        self.heard = directory / "heard.wav"
        self._say = directory / "said.wav"
        _hum(self._say, tone)
        words = {
            "sip": self.port,
            "host": HOST,
            "rtp": free_port(run=2),
            "encryption": encryption,
            "mandatory": int(encryption != "none"),
            "policy": 3 if ice else 0,
            "feedback": int(feedback),
        }
        (directory / ".local/share/linphone").mkdir(parents=True)  # without it linphone listens to nobody
        (directory / "linphonerc").write_text(CONFIGURATION.format(**words))
        command = [binary, "-c", str(directory / "linphonerc"), "-d", "6", "-l", str(directory / "linphone.debug")]
        log = directory / "linphone.log"
        self._child = Child(command, log, directory=directory, environment={"HOME": str(directory)}, spoken_to=True)
        self._child.wait_ready(lambda: answers_options(self.port, "phone"))
        self.do("soundcard use files", f"play {self._say}", f"record {self.heard}", "autoanswer enable")
        if codec:
            self._only(codec)

    def _only(self, codec: str) -> None:
        """Disable all codecs but one."""
        self.do("codec list")
        self._child.wait_ready(lambda: "18: L16" in self._child.tail())
        for line in self._child.tail().splitlines():
            number, colon, rest = line.strip().removeprefix("linphonec> ").partition(": ")
            if colon and number.isdigit() and rest.endswith("abled"):
                self.do(f"codec {'enable' if rest.split()[0] == codec else 'disable'} {number}")

    def do(self, *commands: str) -> None:
        """Give it commands, as one would type them."""
        self._child.say("".join(f"{command}\n" for command in commands))

    @property
    def said(self) -> str:
        """The end of what it wrote to its screen."""
        return self._child.tail()

    @property
    def running(self) -> bool:
        """Whether it still runs; what it heard is all in its file once it does not."""
        return self._child.running

    def stop(self) -> None:
        """End it."""
        self._child.stop()


def _hum(file: Path, frequency: int, rate: int = 16_000) -> None:
    pcm = Humming(frequency).frame(rate * _SECONDS, rate)
    assert pcm is not None
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(pcm)
