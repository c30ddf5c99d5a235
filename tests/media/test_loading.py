"""Libraries that take long to load are loaded beside the loop, by the calls that will need them, and by no other."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sipclient.media.loading import load

SLOW = "import threading\nthread = threading.get_ident()\n"
CALL = """
import asyncio, sys
from sipclient.media import RtpSession

async def main():
    a, b = (RtpSession("127.0.0.1", codecs=("{0}",)) for _ in "ab")
    await a.apply(await b.answer(await a.offer()))
    print(*(name for name in ("av", "aioice", "OpenSSL", "pylibsrtp") if name in sys.modules))
    await a.close(), await b.close()

asyncio.run(main())
"""


async def test_a_thread_loads_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_load.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    await load(("slow_to_load", "there_is_no_such_module"))
    assert sys.modules.pop("slow_to_load").thread != threading.get_ident()


@pytest.mark.parametrize(("codec", "loaded"), [("PCMU", ""), ("G722", "av"), ("opus", "av")])
def test_a_call_has_what_its_codec_needs_before_the_first_packet(codec: str, loaded: str) -> None:
    run = subprocess.run([sys.executable, "-c", CALL.format(codec)], capture_output=True, text=True, timeout=30)
    assert (run.stdout.strip(), run.stderr) == (loaded, "")
