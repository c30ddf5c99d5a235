"""Whose requests are turned away before anything is asked. docs/http.md."""

from __future__ import annotations

from typing import Any

import pytest

from sipclient.web.guard import SMALL


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost", "LOCALHOST:8080", "[::1]:8080", "[::1]", "192.0.2.7", "localhost."]
)
async def test_names_that_no_website_can_have(stage: Any, host: str) -> None:
    await stage.start()
    assert (await stage.client.get("/v1/status", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example.com", "127.0.0.1.evil.example", "", "localhost.evil.example:8080", "a@b"],
)
async def test_other_names_are_refused(stage: Any, host: str) -> None:
    await stage.start()
    response = await stage.client.get("/v1/status", headers={"Host": host})
    assert (response.status_code, response.json()["code"]) == (403, "host")
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://127.0.0.1:8080"}, 200),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
async def test_pages_of_other_sites_may_not_ask(stage: Any, headers: dict[str, str], status: int) -> None:
    await stage.start()
    response = await stage.client.get("/v1/status", headers=headers)
    assert response.status_code == status
    assert "access-control-allow-origin" not in response.headers


async def test_a_form_of_another_site_sends_nothing(stage: Any) -> None:
    await stage.start()
    for media in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""):
        headers = {"Content-Type": media} if media else {}
        response = await stage.client.post("/v1/status", content=b"a=1", headers=headers)
        assert (response.status_code, response.json()["code"]) == (415, "media-type"), media
    navigated = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (await stage.client.post("/v1/status", headers=navigated)).json()["code"] == "origin"


async def test_bodies_are_bounded_whatever_they_say(stage: Any) -> None:
    await stage.start()
    headers = {"Content-Type": "application/json"}
    response = await stage.client.post("/v1/status", content=b" " * (SMALL + 1), headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "too-large")


async def test_every_answer_keeps_the_page_to_itself(stage: Any) -> None:
    await stage.start()
    for path, status in (("/", 200), ("/v1/status", 200), ("/v1/nothing", 404)):
        response = await stage.client.get(path)
        assert response.status_code == status
        assert response.headers["x-content-type-options"] == "nosniff"
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy


@pytest.mark.parametrize("path", ["/../app.py", "/%2e%2e/app.py", "/app.py", "/page", "/index.htm", "/..%2fapp.py"])
async def test_the_page_is_its_own_files_and_no_others(stage: Any, path: str) -> None:
    await stage.start()
    response = await stage.client.get(path)
    assert (response.status_code, response.json()["code"]) == (404, "not-found")


async def test_a_bug_is_told_in_the_log_and_not_to_who_asked(
    stage: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.start()
    monkeypatch.setattr(stage.views, "status", lambda: 1 / 0)
    response = await stage.client.get("/v1/status")
    assert (response.status_code, response.json()["code"]) == (500, "bug")
    assert "division" not in response.text and "division by zero" in caplog.text


async def test_a_chunked_body_is_counted_as_it_comes(stage: Any) -> None:
    from sipclient.web.guard import Bounded
    from sipclient.web.problems import Refused

    parts = iter([b" " * SMALL, b" "])

    async def receive() -> Any:
        return {"type": "http.request", "body": next(parts), "more_body": True}

    body = Bounded({}, receive, SMALL)
    await body.receive()
    with pytest.raises(Refused) as refusal:
        await body.receive()
    assert refusal.value.status == 413
