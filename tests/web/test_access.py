"""Tokens, scopes and rates: who is let in, over HTTP. docs/http.md."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sipclient.cli.app import run
from sipclient.config import HostPort, WebConfig
from sipclient.config.model import Text
from sipclient.errors import ConfigError, InvalidValue, ListenFailed
from sipclient.robot import check_file
from sipclient.robot.metrics import Metrics
from sipclient.robot.tokens import PREFIX, Keys, hashed, make_token, read_tokens, revoke_token
from sipclient.web.access import READS, WRITES, WRONG, Access
from sipclient.web.app import build
from sipclient.web.front import Front
from sipclient.web.problems import Refused

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Time:
    def __init__(self) -> None:
        self.seconds = 0.0

    def clock(self) -> float:
        return self.seconds

    def wall(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "tokens.toml")


def entering(access: Access, method: str, path: str, token: str = "", address: str = "192.0.2.1") -> Any:
    """Who it is, or the status and code of the refusal."""
    try:
        return access.enter(method, path, f"Bearer {token}" if token else "", address)
    except Refused as refusal:
        return refusal.status, refusal.code


def test_only_hashes_are_kept_and_nobody_else_reads_them(file: str) -> None:
    text = make_token(file, "postman", "call", NOW, NOW + timedelta(days=90))
    assert text.startswith(PREFIX) and len(text) > 40
    assert text not in Path(file).read_text() and hashed(text) in Path(file).read_text()
    assert Path(file).stat().st_mode & 0o077 == 0
    (token,) = read_tokens(file)
    assert (token.name, token.scope, token.expires) == ("postman", "call", NOW + timedelta(days=90))
    with pytest.raises(ConfigError, match="there is a token postman already"):
        make_token(file, "postman", "read", NOW, None)
    make_token(file, "wallboard", "read", NOW, None)
    revoke_token(file, "postman")
    assert [each.name for each in read_tokens(file)] == ["wallboard"]
    with pytest.raises(ConfigError, match="there is no token postman"):
        revoke_token(file, "postman")


def test_scopes(file: str) -> None:
    tokens = {scope: make_token(file, scope, scope, NOW, None) for scope in ("read", "call", "admin")}  # type: ignore[arg-type]
    time = Time()
    access = Access(Keys(file, time.wall, time.clock), time.clock)
    for path in ("/v1/status", "/metrics", "/v1/events", "/v1/recordings/x.wav", "/nonsense", "//v1/status", "/v1"):
        assert entering(access, "GET", path) == (401, "token")
        assert entering(access, "GET", path, "wrong") == (401, "token")
        time.seconds += 10
        assert {entering(access, "GET", path, token) for token in tokens.values()} == {
            f"token {name}" for name in tokens
        }
    for method, path in (("POST", "/v1/calls"), ("DELETE", "/v1/calls/x"), ("POST", "/v1/bridges"), ("PUT", "/x")):
        assert entering(access, method, path, tokens["read"]) == (403, "scope")
        assert entering(access, method, path, tokens["call"]) == "token call"
        assert entering(access, method, path, tokens["admin"]) == "token admin"
    for path in ("/v1/traces", "/v1/rules/queue/simulate"):
        assert entering(access, "POST", path, tokens["read"]) == "token read"
    for path in ("/", "/healthz", "/openapi.json", "/main.js", "/palette.css", "/icon.svg"):
        assert entering(access, "GET", path) == ""
    for path in ("/x.json", "/v1/main.js", "/../main.js", "/a/b.css", "/openapi.json/openapi.json", "/main.js\n"):
        assert entering(access, "GET", path) == (401, "token")


@pytest.mark.parametrize("text", ["", "Bearer", "Bearer ", "Basic x", "Token x", "bearer"])
def test_what_is_no_bearer_token_is_none(file: str, text: str) -> None:
    make_token(file, "a", "read", NOW, None)
    time = Time()
    with pytest.raises(Refused) as refusal:
        Access(Keys(file, time.wall, time.clock), time.clock).enter("GET", "/v1/status", text, "192.0.2.1")
    assert (refusal.value.status, refusal.value.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_token_ends_when_it_expires_or_is_revoked_while_the_robot_runs(file: str) -> None:
    short = make_token(file, "short", "read", NOW, NOW + timedelta(hours=1))
    gone = make_token(file, "gone", "read", NOW, None)
    time = Time()
    keys = Keys(file, time.wall, time.clock)
    assert keys.find(short) and keys.find(gone)
    time.seconds = 3600
    assert keys.find(short) is None and keys.find(gone)
    revoke_token(file, "gone")
    later = make_token(file, "later", "read", NOW, None)
    time.seconds += 2
    assert keys.find(gone) is None and keys.find(later)
    Path(file).write_text("nonsense = 1")
    time.seconds += 2
    assert keys.find(later) is None
    Path(file).unlink()
    time.seconds += 2
    assert keys.find(later) is None and len(keys) == 0


def test_every_hash_is_compared_whichever_is_given(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [make_token(file, name, "read", NOW, None) for name in ("a", "b", "c")]
    time = Time()
    keys = Keys(file, time.wall, time.clock)
    compared: list[bytes] = []
    whole = __import__("hmac").compare_digest
    monkeypatch.setattr("sipclient.robot.tokens.hmac.compare_digest", lambda a, b: compared.append(a) or whole(a, b))
    for text in (*texts, "wrong"):
        compared.clear()
        keys.find(text)
        assert len(compared) == 3


def test_requests_have_a_rate_for_each_who_asks(file: str) -> None:
    time = Time()
    access = Access(None, time.clock)
    for _ in range(WRITES[1]):
        assert entering(access, "POST", "/v1/calls") == ""
    with pytest.raises(Refused) as refusal:
        access.enter("POST", "/v1/calls", "", "192.0.2.1")
    assert (refusal.value.status, refusal.value.headers) == (429, {"Retry-After": "1"})
    assert entering(access, "POST", "/v1/calls", address="192.0.2.2") == ""
    assert entering(access, "GET", "/v1/calls") == ""
    time.seconds += 1
    assert [entering(access, "POST", "/v1/calls") for _ in range(int(WRITES[0]) + 1)][-2:] == ["", (429, "rate")]
    for _ in range(READS[1]):
        entering(access, "GET", "/v1/calls")
    assert entering(access, "GET", "/v1/calls") == (429, "rate")
    for number in range(5000):
        entering(access, "GET", "/v1/calls", address=str(number))
    assert len(access._reads._levels) <= 2000


def test_guessing_tokens_is_slow_and_costs_nobody_else(file: str) -> None:
    good = make_token(file, "a", "read", NOW, None)
    time = Time()
    access = Access(Keys(file, time.wall, time.clock), time.clock)
    for _ in range(WRONG[1]):
        assert entering(access, "GET", "/v1/status", "wrong") == (401, "token")
    assert entering(access, "GET", "/v1/status", "wrong") == (429, "rate")
    assert entering(access, "GET", "/v1/status", good, "192.0.2.2") == "token a"
    time.seconds += 2
    assert entering(access, "GET", "/v1/status", "wrong") == (401, "token")


async def test_tokens_over_http(stage: Any, file: str) -> None:
    robot = await stage.start()
    text = make_token(file, "reader", "read", NOW, None)
    time = Time()
    app = build(robot, Metrics(), access=Access(Keys(file, time.wall, time.clock), time.clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        refused = await client.get("/v1/status")
        assert (refused.status_code, refused.json()["code"]) == (401, "token")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.headers["content-type"] == "application/problem+json"
        for path in ("/", "/healthz", "/openapi.json", "/main.js"):
            assert (await client.get(path)).status_code == 200
        client.headers["Authorization"] = f"Bearer {text}"
        assert (await client.get("/v1/status")).status_code == 200
        refused = await client.post("/v1/calls", json={"to": "7000"})
        assert (refused.status_code, refused.json()["code"]) == (403, "scope")
        assert not stage.world.invites


def test_any_other_address_needs_a_file_with_tokens(file: str, tmp_path: Path) -> None:
    listen = HostPort("0.0.0.0:0")
    with pytest.raises(ListenFailed, match="needs tokens"):
        Front(WebConfig(listen=listen), "")
    with pytest.raises(ConfigError, match="there is no such file"):
        Front(WebConfig(listen=listen, tokens=Text("tokens.toml")), str(tmp_path))
    Path(file).write_text("")
    with pytest.raises(ListenFailed, match="needs tokens"):
        Front(WebConfig(listen=listen, tokens=Text("tokens.toml")), str(tmp_path))
    make_token(file, "a", "read", NOW, None)
    front = Front(WebConfig(listen=listen, tokens=Text("tokens.toml")), str(tmp_path))
    front._server._sock.close()


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[[tokens]]",
        'tokens = "x"',
        '[[tokens]]\nname = "a"\nscope = "root"\nsha256 = ""\ncreated = 2026-01-01',
    ],
)
def test_what_is_no_file_of_tokens_is_one_sentence(file: str, text: str) -> None:
    Path(file).write_text(text)
    with pytest.raises(ConfigError, match="this is no file of tokens: "):
        read_tokens(file)


def test_check_says_what_is_wrong_with_the_tokens(file: str, tmp_path: Path) -> None:
    robot = tmp_path / "robot.toml"
    robot.write_text('[accounts.a]\naddress = "sip:a@b.example"\n[web]\nlisten = "0.0.0.0:1"\ntokens = "tokens.toml"\n')
    (finding,) = check_file(str(robot))
    assert str(finding).startswith(f"{robot}:5: error")
    assert "tokens.toml: there is no such file: make one with `sipclient token" in str(finding)
    Path(file).write_text("")
    (finding,) = check_file(str(robot))
    assert "has no token: make one by sipclient token NAME --file tokens.toml" in finding.message
    make_token(file, "a", "read", NOW, None)
    assert check_file(str(robot)) == []


def test_the_command(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["token", "postman", "--scope", "call", "--file", file, "--expires", "90d"]) == 0
    (text,) = capsys.readouterr().out.splitlines()
    (token,) = read_tokens(file)
    assert (token.name, token.scope, token.sha256) == ("postman", "call", hashed(text))
    assert token.expires is not None and (token.expires - token.created).days == 90
    for wrong in (["a/b"], ["x", "--scope", "root"], ["x", "--expires", "0s"], ["x", "--expires", "soon"]):
        with pytest.raises(InvalidValue):
            run(["token", *wrong, "--file", file])
    assert run(["token", "postman", "--file", file, "--revoke"]) == 0
    assert read_tokens(file) == []
