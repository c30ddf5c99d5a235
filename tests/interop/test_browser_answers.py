"""Chromium takes our answers to its own offers, and to the offer that got 488; and we take its answer. RFC 8829."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from interop.browser_phone import ARGUMENTS
from interop.processes import lacking, need

from sipclient.sdp import Accepted, Answer, Direction, accept, make_offer, negotiate, parse
from tests.sdp.able import WEBRTC
from tests.sdp.legal import assert_legal
from tests.sdp.rows import rows

_PAGE = """
const gathered = pc => new Promise(done => {
  const look = () => pc.iceGatheringState === "complete" && done();
  pc.onicegatheringstatechange = look; look(); setTimeout(done, 3000);
});
var pc;
async function offer(kinds, policy, trickle) {
  pc = new RTCPeerConnection({bundlePolicy: policy});
  for (const kind of kinds) kind === "data" ? pc.createDataChannel("x") : pc.addTransceiver(kind);
  await pc.setLocalDescription();
  if (!trickle) await gathered(pc);
  return pc.localDescription.sdp;
}
async function again(direction, restart) {
  if (restart) pc.restartIce();
  pc.getTransceivers()[0].direction = direction;
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
}
async function take(sdp) {
  await pc.setRemoteDescription({type: "answer", sdp});
  return pc.getTransceivers().map(each => each.currentDirection);
}
async function answer(sdp) {
  pc = new RTCPeerConnection();
  return answer_again(sdp);
}
async function answer_again(sdp) {
  await pc.setRemoteDescription({type: "offer", sdp});
  await pc.setLocalDescription();
  await gathered(pc);
  return pc.localDescription.sdp;
}
"""


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Any]:
    chromium = need("chromium")
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        lacking("playwright is not installed here")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        try:
            page = await browser.new_page()
            await page.add_script_tag(content=_PAGE)
            yield page
        finally:
            await browser.close()


async def run(page: Any, function: str, *arguments: Any) -> Any:
    """What a function of the page gives."""
    return await page.evaluate(f"(given) => {function}(...given)", list(arguments))


def answered(sdp: str) -> str:
    offer = parse(sdp)
    result = negotiate(offer, WEBRTC)
    assert isinstance(result, Answer), result
    assert_legal(offer, result.description)
    return str(result.description)


@pytest.mark.parametrize("trickle", [False, True], ids=["gathered", "trickle"])
@pytest.mark.parametrize("policy", ["balanced", "max-bundle", "max-compat"])
@pytest.mark.parametrize(
    "kinds", [["audio"], ["audio", "video"], ["video", "audio"], ["data", "audio"], ["audio", "audio"]], ids="+".join
)
async def test_chromium_takes_our_answer(page: Any, kinds: list[str], policy: str, trickle: bool) -> None:
    sdp = await run(page, "offer", kinds, policy, trickle)
    directions = await run(page, "take", answered(sdp))
    assert directions.count("sendrecv") == 1
    # It takes no answer that refuses what carries the rest: that is taken, and nothing travels on it. Before any
    # candidate all looks like one transport.
    assert directions.count("inactive") == (kinds[0] == "video" and (policy == "max-bundle" or trickle))


@pytest.mark.parametrize("direction", ["sendonly", "inactive", "sendrecv"])
async def test_chromium_takes_our_offer_over_the_transport_of_its_video(page: Any, direction: str) -> None:
    """Who called with video first is offered the same m-lines when we hold the call: RFC 9143 §7.4."""
    first = parse(answered(await run(page, "offer", ["video", "audio"], "max-bundle", False)))
    await run(page, "take", str(first))
    hold = msgspec.structs.replace(WEBRTC, direction=Direction[direction.upper()])
    again = make_offer(hold, first)
    result = accept(again, parse(await run(page, "answer_again", str(again))))
    assert isinstance(result, Accepted), result
    assert (result.stream.codec.name, result.stream.mid) == ("opus", "1")
    assert result.stream.ice is not None and result.stream.ice.candidates


async def test_chromium_takes_our_answers_to_hold_resume_and_restart(page: Any) -> None:
    """RFC 3264 §8.4, RFC 8839 §4.4.1.1.1."""
    await run(page, "take", answered(await run(page, "offer", ["audio"], "balanced", False)))
    for direction in ("sendonly", "inactive", "sendrecv"):
        assert await run(page, "take", answered(await run(page, "again", direction, False))) == [direction]
    restarted = parse(await run(page, "again", "sendrecv", True))
    assert isinstance(negotiate(restarted, WEBRTC), Answer)


async def test_chromium_takes_our_answer_to_the_offer_that_got_488(page: Any) -> None:
    """The thread's offer is one of Chromium's: with its lost lines it gets an answer that fits Chromium's own."""
    (whole,) = [row for row in rows() if row.name == "thread: completed with the lines its paste lost"]
    own = parse(await run(page, "offer", ["audio"], "balanced", False))
    theirs = parse(whole.offer)
    assert own.media[0].formats == theirs.media[0].formats and own.bundles == theirs.bundles
    assert await run(page, "take", answered(whole.offer)) == ["sendrecv"]


async def test_we_take_the_answer_of_chromium(page: Any) -> None:
    offer = make_offer(WEBRTC)
    result = accept(offer, parse(await run(page, "answer", str(offer))))
    assert isinstance(result, Accepted), result
    stream = result.stream
    assert (stream.codec.name, stream.event_type, stream.rtcp_mux, stream.mid) == ("opus", 110, True, "0")
    assert stream.ice is not None and stream.ice.candidates
