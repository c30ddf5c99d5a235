"""Each fuzz target holds for a bounded number of mutated inputs, atheris or not; soaking runs atheris itself."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from robustness.mutations import mutate, torture

HERE = Path(__file__).parent
SOAK = os.environ.get("SIPCLIENT_SOAK") == "1"
ATHERIS = importlib.util.find_spec("atheris") is not None
SECONDS = 60  # of atheris for each target, when soaking
TARGETS = sorted(path.stem for path in HERE.glob("fuzz_*.py"))
OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n"
OFFER += b"a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\na=ptime:20\r\nm=video 0 RTP/AVP 96\r\n"
WEBRTC = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0 110\r\n"
)
WEBRTC += (
    b"c=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=setup:actpass\r\na=ice-ufrag:abcd\r\na=rtpmap:111 opus/48000/2\r\n"
)
WEBRTC += b"a=ice-pwd:0123456789012345678901\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=fmtp:111 x=1;y\r\n"
WEBRTC += b"a=fingerprint:sha-256 " + b":".join([b"AB"] * 32) + b"\r\na=rtpmap:110 telephone-event/48000\r\n"
SECURE = OFFER.replace(b"a=sendrecv", b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"|2^31")
CHALLENGES = [
    b'\0Digest realm="pbx", nonce="abc", algorithm=SHA-256, qop="auth"\0',
    b'\1Digest realm="pbx", nonce="a\\"bc", opaque="x", algorithm=MD5-sess, qop="auth,auth-int"\0Basic realm="x"',
    b'\2Digest realm="pbx", nonce="n"\0Digest realm="\xc3\xa9", nonce="\xff", algorithm=SHA-512-256, qop="auth-int"',
]
DOCUMENTS = [
    b'\0<presence xmlns="urn:ietf:params:xml:ns:pidf"><note>Ready</note><tuple id="1"><status><basic>open</basic>'
    b"</status></tuple></presence>",
    b'\3<dialog-info version="1" state="partial" entity="sip:a@b"><dialog id="1"><state>early</state></dialog>'
    b"</dialog-info>",
    b"\5Messages-Waiting: yes\r\nVoice-Message: 2/1 (0/0)\r\n",
]


def corpus(target: str) -> list[bytes]:
    """What the mutations of a target start from."""
    if target == "fuzz_config":
        return [(HERE.parent / "config" / "contract.toml").read_bytes()]
    if target == "fuzz_agent":
        return [bytes(range(start, start + 120)) for start in (0, 60, 120)]
    small = {
        "fuzz_sdp": [OFFER, WEBRTC, SECURE],
        "fuzz_digest": CHALLENGES,
        "fuzz_presence": DOCUMENTS,
        "fuzz_rtp": [
            bytes.fromhex("8000000100000002000000030102"),
            bytes.fromhex("b165000100000002000000030000000100010001aabb"),
        ],
    }
    return small.get(target) or torture()


@pytest.fixture
def one(request: pytest.FixtureRequest) -> Iterator[Callable[[bytes], None]]:
    """The target's function, its module loaded without instrumentation."""
    path = HERE / f"{request.param}.py"
    stub = ModuleType("atheris")
    stub.instrument_imports = lambda *_, **__: contextlib.nullcontext()  # type: ignore[attr-defined]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get("atheris")
    sys.modules["atheris"] = stub
    try:
        spec.loader.exec_module(module)
        yield getattr(module, "one", None) or module.one_input
    finally:
        del sys.modules["atheris"]
        if before is not None:
            sys.modules["atheris"] = before


@pytest.mark.parametrize(("one", "target"), [(name, name) for name in TARGETS], indirect=["one"], ids=TARGETS)
def test_mutated_inputs(one: Callable[[bytes], None], target: str) -> None:
    rng, seeds = random.Random(target), corpus(target)
    counts = {"fuzz_agent": (100, 20_000), "fuzz_config": (60, 5_000)}
    for seed in seeds:
        one(seed)
    for _ in range(counts.get(target, (400, 100_000))[SOAK]):
        data = mutate(rng, seeds)
        try:
            one(data)
        except Exception as error:
            raise AssertionError(f"{target} breaks on {data!r}") from error


if SOAK and ATHERIS:

    @pytest.mark.parametrize("target", TARGETS)
    def test_atheris(target: str, tmp_path: Path) -> None:
        found, start = tmp_path / "found", tmp_path / "start"
        found.mkdir()
        start.mkdir()
        for number, seed in enumerate(corpus(target)):
            (start / str(number)).write_bytes(seed)
        command = [sys.executable, str(HERE / f"{target}.py"), f"-max_total_time={SECONDS}", str(found), str(start)]
        root = str(HERE.parent.parent)
        environ = {**os.environ, "PYTHONPATH": root}
        run = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr[-4000:]
