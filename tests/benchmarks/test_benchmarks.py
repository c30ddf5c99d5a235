"""Every benchmark runs, with counts too small to say anything about speed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the CPU clock of a process is Linux's")


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder on the path, as when a script of it runs; what was imported from it is forgotten again."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(FOLDER)):
            del sys.modules[name]


needs_aiosipua = pytest.mark.skipif(find_spec("aiosipua") is None, reason="aiosipua is not installed")
needs_uvloop = pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed")


@needs_aiosipua
def test_parse(benchmarks: None) -> None:
    import parse

    assert parse.report(count=20, rounds=1) > 0


@needs_aiosipua
def test_negotiate(benchmarks: None) -> None:
    import negotiate

    assert all(cost > 0 for cost in negotiate.report(count=5, rounds=1).values())


@needs_aiosipua
@needs_uvloop
def test_options(benchmarks: None) -> None:
    import options

    ratios = options.report(count=1000, rounds=1)  # enough for a clock of 10 ms to see
    assert set(ratios) == set(options.CONTESTANTS) >= {"sipclient", "sipclient-uvloop", "aiosipua"}
    assert all(ratio > 0 for ratio in ratios.values())


@needs_uvloop
def test_main_job_is_done_by_all_with_one_call_for_each_transition(
    benchmarks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import main_job

    monkeypatch.setattr(main_job, "EXTENSIONS", 3)
    ratios = main_job.report(count=20, rounds=1)  # raises where calls are missing or false
    assert set(ratios) == set(main_job.CONTESTANTS) >= {"floor", "library", "robot"}


@needs_uvloop
def test_ten_thousand_with_fewer(benchmarks: None) -> None:
    import ten_thousand

    found = ten_thousand.report(count=100, expires=4.0, seconds=0.5, settle=0.1)
    assert found["refreshed"] >= 1.0


def test_codecs(benchmarks: None, capsys: pytest.CaptureFixture[str]) -> None:
    import sound

    sound.report(rounds=1, seconds=0.2)
    assert "PCMU" in capsys.readouterr().out


def test_a_wrong_password_is_noticed(benchmarks: None) -> None:
    import pbx

    uri, cnonce = "sip:7000@127.0.0.1", "c"
    second = pbx.digest(f"INVITE:{uri}")
    middle = f"{pbx.NONCE}:00000001:{cnonce}:auth"

    def header(password: str) -> dict[str, str]:
        first = pbx.digest(f"robot:{pbx.REALM}:{password}")
        response = pbx.digest(f"{first}:{middle}:{second}")
        value = f'Digest username="robot", realm="{pbx.REALM}", nonce="{pbx.NONCE}", uri="{uri}", nc=00000001, '
        return {"authorization": f'{value}cnonce="{cnonce}", response="{response}"'}

    assert pbx.authorized("INVITE", header(pbx.PASSWORD))
    assert not pbx.authorized("INVITE", header("wrong"))
    assert not pbx.authorized("INVITE", {})


@needs_uvloop
def test_relay(benchmarks: None) -> None:
    import relay

    found = relay.report(2, 0.2, "floor", "PCMU-PCMU", "srtp:PCMU-PCMU", "PCMU-L16")
    assert set(found) == {f"{name} uvloop" for name in ("floor", "PCMU-PCMU", "srtp:PCMU-PCMU", "PCMU-L16")} | {
        "floor asyncio",
        "PCMU-PCMU asyncio",
    }


def test_encryption(benchmarks: None) -> None:
    import encryption

    found = encryption.report(count=20, rounds=1)
    assert found["handshake"] > 0 and found["set-up"] > 0 and len(found) == 8
