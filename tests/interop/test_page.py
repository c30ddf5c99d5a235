"""The page in Chromium, on a robot that watches a lab: what an administrator sees, and where he looks for why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from interop.lab_office import LabOffice
from interop.page_in_chromium import NARROW, PATIENCE, WIDE, axe, objections, opened, press, rule, says, tile, up

TRACE = Path(__file__).parents[2] / "sip_traces" / "damaged" / "forum-thread.txt"


def rules() -> str:
    """A rule that acts, and one for each reason not to."""
    closed = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
    call = """call = { to = "7000", caller_id = '"Ext {extension} is free" <{extension}>' }"""
    each = {
        "acts": call,
        "closed": f'hours = {{ days = "{closed}", from = "08:00", to = "18:00", timezone = "UTC" }}\n{call}',
        "limited": f'limit = "1 per hour"\n{call}',
        "settles": f'settle = "1h"\n{call}',
        "asked": """when = { extensions = ["1005"] }
armed = "on-request"
call = { to = "{variables.number}" }""",
        "on-request": f'armed = "on-request"\n{call}',
        "forbidden": 'call = { to = "{extension}" }',
        "other-edge": f'when = {{ from = "ringing", to = "offline" }}\n{call}',
        # These and "asked" are about 1005 alone.
        "talks": f'when = {{ extensions = ["1005"], from = ["ready", "on-hold"], to = "on-the-phone" }}\n{call}',
        "tries-twice": """when = { extensions = ["1005"] }
call = { to = "486", retry = { on = ["USER_BUSY"], times = 1, wait = "1s" } }""",
    }
    return "\n".join(f'[[rules]]\nname = "{name}"\n{text}\n' for name, text in each.items())


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabOffice]:
    """A lab, and a robot with a rule for each reason."""
    office = LabOffice(tmp_path_factory.mktemp("office"), rules())
    try:
        office.open()
        office.start()
        yield office
    finally:
        office.close()


@pytest.fixture
def page(browser: Any, office: LabOffice) -> Iterator[Any]:
    """The page as it comes."""
    with opened(browser, office.url) as page:
        yield page


# --- board and rules ------------------------------------------------------------------------------------


def test_the_board_shows_a_change_within_a_second_of_its_notify(page: Any, office: LabOffice) -> None:
    states = {"ringing": "Ringing", "on-the-phone": "On the phone", "on-hold": "On hold", "offline": "Offline"}
    for state, words in {**states, "ready": "Ready"}.items():
        office.tell(f"state 1004 {state}")
        says(tile(page, "1004"), words, within=1000)
        assert tile(page, "1004").locator(f'[data-icon="state-{state}"]').count() == 1  # a shape of its own


def test_each_rule_says_why_it_did_not_call(page: Any, office: LabOffice) -> None:
    office.busy_and_ready("1001")
    says(rule(page, "acts"), "It acted", "1001 went from on-the-phone to ready")
    office.busy_and_ready("1001")
    says(rule(page, "closed"), "Outside its hours", "is outside")
    says(rule(page, "limited"), "Its limit is used up", "1 per hour is used up", "lets it act again")
    says(rule(page, "on-request"), "Nobody camps on it", "nobody camps on 1001")
    says(rule(page, "forbidden"), "The number is not allowed", '[dial] allow does not name "1001"')
    says(rule(page, "other-edge"), "The change was not its own", "on-the-phone to ready is not ringing to offline")
    says(rule(page, "settles"), "It waits", "it must stay ready for 3600 s")
    office.tell("state 1001 ringing")
    says(rule(page, "settles"), "It has not settled", "it was ready for less than 3600 s")
    office.tell("state 1001 ready")


def test_a_rule_says_that_it_has_acted_already_or_tried_often_enough_or_was_given_nothing(
    page: Any, office: LabOffice
) -> None:
    office.tell("state 1005 ready")
    says(tile(page, "1005"), "Ready")
    office.tell("state 1005 on-the-phone")
    says(rule(page, "talks"), "It acted", "on 1005")
    office.tell("state 1005 on-hold")
    says(tile(page, "1005"), "On hold")
    office.tell("state 1005 on-the-phone")
    says(rule(page, "talks"), "It has acted on this already", "was acted on already")
    tile(page, "1005").click()
    press(page.get_by_role("dialog", name="Extension 1005"), "Wait for it")
    says(tile(page, "1005"), "1 waiting")
    office.tell("state 1005 ready")
    says(rule(page, "asked"), "Its template gives nothing to send", "variables.number")
    says(rule(page, "tries-twice"), "No further attempt", "USER_BUSY after 2 attempts")


def test_an_extension_tells_what_was_seen_of_it_and_what_the_rules_made_of_it(page: Any, office: LabOffice) -> None:
    office.busy_and_ready("1002")
    says(tile(page, "1002"), "Ready")
    tile(page, "1002").click()
    dialog = page.get_by_role("dialog", name="Extension 1002")
    says(dialog, "1002: On the phone → Ready", "presence active, dialog active", "Outside its hours")
    says(dialog, '[dial] allow does not name "1002"', "If it became free now: It would wait 1 h 00, then call 7000")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert "1002" in page.evaluate("document.activeElement.textContent")  # where it was opened from


def test_somebody_camps_on_an_extension_and_then_no_longer(page: Any, office: LabOffice) -> None:
    office.tell("state 1004 on-the-phone")
    says(tile(page, "1004"), "On the phone")
    tile(page, "1004").click()
    dialog = page.get_by_role("dialog", name="Extension 1004")
    says(dialog, "Nobody waits for it.")
    press(dialog, "Wait for it")
    says(tile(page, "1004"), "1 waiting")
    says(page.locator("#toasts"), "A callback waits")
    tile(page, "1004").click()
    dialog.get_by_role("button", name="Cancel the callback").click()
    dialog.wait_for(state="detached")
    tile(page, "1004").get_by_text("1 waiting").wait_for(state="detached")
    office.tell("state 1004 ready")


def test_a_simulation_says_what_would_be_sent_or_which_condition_fails(page: Any) -> None:
    press(rule(page, "acts"), "Simulate acts")
    dialog = page.get_by_role("dialog", name="Simulate acts")
    dialog.get_by_label("Extension").fill("1002")
    press(dialog, "Simulate")
    says(dialog, "It would act", "It would call 7000", "What would be sent", '"Ext 1002 is free" <1002>')
    press(dialog, "Close")
    press(rule(page, "closed"), "Simulate closed")
    dialog = page.get_by_role("dialog", name="Simulate closed")
    press(dialog, "Simulate")
    says(dialog, "It would not act", "Outside its hours")
    dialog.get_by_label("At").fill((datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT12:00"))
    press(dialog, "Simulate")
    says(dialog, "It would act")


def test_the_board_is_filtered_by_text_and_by_state(page: Any, office: LabOffice) -> None:
    office.tell("state 1003 on-hold")
    says(tile(page, "1003"), "On hold")
    page.keyboard.press("/")
    page.keyboard.type("100")
    page.locator("#board .pill.on-hold").click()
    says(page.locator("#board"), "1 of 5 shown")
    assert page.locator("#board .tile:visible").all_inner_texts()[0].startswith("1003")
    office.tell("state 1003 ready")  # it no longer fits, and leaves
    tile(page, "1003").wait_for(state="hidden")


def test_ten_thousand_extensions_are_filtered_without_a_wait(page: Any) -> None:
    """A second is ten times what it takes on an idle machine."""
    many = """async () => {
        const {model, changed} = await import("/model.js");
        const one = model.extensions.values().next().value;
        const make = (at) => [`pbx/${at}`, {...one, extension: String(at)}];
        model.extensions = new Map(Array.from({length: 10000}, (_, at) => make(10000 + at)));
        changed("extensions");
        const box = document.getElementById("board-filter");
        const list = document.querySelector("#board .tiles");
        const filter = (text) => {
            const began = performance.now();
            box.value = text;
            box.dispatchEvent(new Event("input"));
            document.body.offsetHeight;
            const shown = [...list.children].filter((each) => each.offsetParent).length;
            return [performance.now() - began < 1000, shown, list.nextElementSibling.textContent];
        };
        return [filter("395"), filter("")];
    }"""
    found = sum("395" in str(each) for each in range(10000, 20000))
    assert page.evaluate(many) == [
        [True, found, f"{found} of 10000 shown"],
        [True, 600, "600 of 10000 shown: the filter finds the others. Show all"],
    ]


def test_the_log_tells_everything_and_finds_it_again(page: Any, office: LabOffice) -> None:
    office.busy_and_ready("1001")
    page.keyboard.press("5")
    log = page.locator("#view-log")
    says(log, "Started: 1 account, 5 watched extensions", "Rule closed does not act on 1001: outside its hours")
    page.get_by_role("searchbox", name="Filter the log").fill("rule closed")
    lines = log.locator("li").all_inner_texts()
    assert lines and all("Rule closed" in line for line in lines)
    office.busy_and_ready("1002")
    says(log.locator("li").first, "Rule closed does not act on 1002")


# --- calls ------------------------------------------------------------------------------------------------


def test_a_call_is_placed_from_the_dial_box_seen_through_its_states_and_hung_up(page: Any) -> None:
    dial, live = page.locator("#dial"), page.locator("#live")
    dial.get_by_label("Number").fill("9196")  # answers, and stays
    dial.get_by_label("Caller ID").fill('"<img src=x onerror=document.title=1>" <1001>')
    press(dial, "Show the plan")
    says(dial, "Would be called", "INVITE sip:9196@")
    press(dial, "Call")
    says(up(page, "9196"), "Answered", "<img src=x onerror=document.title=1>")
    assert up(page, "9196").locator("bdi").all_inner_texts() == ["<img src=x onerror=document.title=1>", "1001"]
    press(live, "Hold 9196")
    says(up(page, "9196"), "On hold")
    press(live, "Resume 9196")
    says(up(page, "9196"), "Answered")
    live.get_by_role("link", name="9196").click()
    one = page.locator("#view-calls")
    says(one, "answered")
    for message in ("INVITE", "200 OK", "ACK"):
        one.locator(".ladder .label", has_text=message).first.wait_for()
    press(one, "Hang up 9196")
    says(one, "NORMAL_CLEARING")
    page.keyboard.press("1")
    up(page, "9196").wait_for(state="detached")
    assert page.title() == "Board · sipclient"


def test_a_call_that_rings_is_seen_ringing_and_cancelled(page: Any) -> None:
    dial, live = page.locator("#dial"), page.locator("#live")
    dial.get_by_label("Number").fill("9198")
    page.keyboard.press("Enter")
    says(up(page, "9198"), "Ringing")
    press(live, "Cancel the call to 9198")
    up(page, "9198").wait_for(state="detached")
    page.get_by_role("link", name="Calls", exact=True).click()
    says(page.locator("#view-calls tr", has_text="9198").first, "ORIGINATOR_CANCEL")


def test_what_may_not_be_called_is_refused_in_words(page: Any) -> None:
    dial = page.locator("#dial")
    dial.get_by_label("Number").fill("0900123456")
    press(dial, "Show the plan")
    says(dial, "Would not be called", "[dial] allow")
    press(dial, "Call")
    says(dial.locator(".empty.bad"), "This may not be called", "[dial] allow")


def test_a_bridge_shows_both_legs_and_is_hung_up_whole(page: Any) -> None:
    dial, live = page.locator("#dial"), page.locator("#live")
    dial.get_by_label("Bridge A and B").check()
    dial.get_by_label("A", exact=True).fill("9196")
    dial.get_by_label("B", exact=True).fill("9196")
    press(dial, "Bridge")
    says(live, "9196 ↔ 9196", "Talking")
    assert live.locator(".leg").all_inner_texts() == ["A", "B"]
    press(live, "Details of the bridge to 9196")
    says(page.get_by_role("dialog", name="Bridge"), "Joined", "bridged")
    page.keyboard.press("Escape")
    press(live, "Hang up both")
    live.locator(".bridge").wait_for(state="detached")


def test_a_call_that_is_recorded_can_be_heard_and_seen(page: Any) -> None:
    dial, live = page.locator("#dial"), page.locator("#live")
    dial.get_by_label("Number").fill("9196")
    dial.get_by_text("More").click()
    dial.get_by_label("Record it").check()
    press(dial, "Call")
    says(up(page, "9196"), "Answered")
    page.wait_for_timeout(500)  # something to hear
    press(live, "Hang up 9196")
    up(page, "9196").wait_for(state="detached")
    page.keyboard.press("3")
    view = page.locator("#view-recordings")
    view.get_by_role("button", name="Listen").first.click()
    says(view.locator(".player"), "left (A) above, right (B) below")
    player = view.locator("audio")
    assert player.evaluate("audio => new Promise(done => audio.readyState ? done(audio.duration) : "
                           "audio.onloadedmetadata = () => done(audio.duration))") > 0.3  # fmt: skip
    drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(each => each)"
    assert view.locator("canvas").evaluate(drawn)


# --- traces -----------------------------------------------------------------------------------------------


def test_a_trace_that_is_dropped_on_the_page_is_explained(page: Any) -> None:
    page.keyboard.press("4")
    page.locator(".drop").evaluate(
        """(zone, text) => {
            const dragged = new DataTransfer();
            dragged.items.add(new File([text], "thread.log"));
            zone.dispatchEvent(new DragEvent("drop", {dataTransfer: dragged, bubbles: true, cancelable: true}));
        }""",
        TRACE.read_text(),
    )
    answer = page.locator(".trace")
    says(answer, "thread.log", "What is wrong", "Not so if", "confidence")
    assert answer.locator(".ladder svg .arrow").count() == 2
    page.get_by_label("Or paste it").fill("nothing of SIP")
    press(page, "Explain it")
    says(answer, "This trace cannot be read", "holds no SIP message")


# --- for everybody ----------------------------------------------------------------------------------------


def test_axe_finds_nothing_to_object_to(browser: Any, office: LabOffice) -> None:
    """Nothing of any impact, not only of the serious."""
    with opened(browser, office.url, reduced_motion="reduce") as page:
        page.evaluate(axe())
        assert {where: found for where in everywhere(page) if (found := objections(page))} == {}


def test_axe_can_read_it_in_the_dark(browser: Any, office: LabOffice) -> None:
    with opened(browser, office.url, reduced_motion="reduce", color_scheme="dark") as page:
        page.evaluate(axe())
        only = '{runOnly: ["color-contrast"]}'
        assert {where: found for where in everywhere(page) if (found := objections(page, only))} == {}


def test_a_telephone_has_room_for_it(browser: Any, office: LabOffice) -> None:
    """360 pixels: nothing is wider, nothing is too small to touch."""
    with opened(browser, office.url, reduced_motion="reduce", viewport=NARROW, has_touch=True) as page:
        page.evaluate(axe())
        only = '{runOnly: ["target-size", "scrollable-region-focusable", "meta-viewport"]}'
        wide = "document.documentElement.scrollWidth - innerWidth"
        found = {where: (objections(page, only), page.evaluate(wide)) for where in everywhere(page)}
        page.keyboard.press("Escape")
        page.evaluate("location.hash = 'calls'")
        line = page.locator("#view-calls tbody a").first.bounding_box()
        assert line["height"] < 30 < line["width"]  # a number stands in one line
    assert {where: each for where, each in found.items() if each != ([], 0)} == {}


def everywhere(page: Any) -> Iterator[str]:
    """Each view and dialog in turn, by its name, while it is shown."""
    for view in ("calls", "recordings", "traces", "log", "board"):
        page.evaluate("view => { location.hash = view; }", view)
        page.locator(f"#view-{view} h1").wait_for(state="attached")
        yield view
    tile(page, "1001").click()
    page.get_by_role("dialog").locator(".verdicts strong").first.wait_for()
    yield "extension"
    page.keyboard.press("Escape")
    press(rule(page, "closed"), "Simulate closed")
    yield "simulation"
    page.keyboard.press("Escape")
    dial, live = page.locator("#dial"), page.locator("#live")
    dial.get_by_label("Number").fill("9196")
    press(dial, "Call")
    says(up(page, "9196"), "Answered")
    for action in ("Play to 9196", "Transfer 9196", "Send digits to 9196"):
        press(live, action)
        page.get_by_role("dialog").wait_for()
        yield action
        page.keyboard.press("Escape")
    press(live, "Hang up 9196")
    up(page, "9196").wait_for(state="detached")


def test_the_keyboard_reaches_everything_and_is_trapped_nowhere(page: Any) -> None:
    says(rule(page, "other-edge"), "other-edge")
    reached: list[str] = []
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.innerText"))
        if len(reached) > 1 and reached[-1] == reached[0]:
            break  # once around
    else:
        pytest.fail(f"it never came around: {reached}")
    assert reached[0] == "Skip to the content"
    for wanted in ("Board", "Log", "board-filter", "1001", "Simulate…", "dial-a", "Show the plan"):
        assert any(each.startswith(wanted) for each in reached), (wanted, reached)
    assert not any(each.startswith("1002") for each in reached)  # the board is one stop, however many it holds
    tile(page, "1001").focus()
    for key, extension in (("ArrowRight", "1002"), ("End", "1005"), ("ArrowLeft", "1004"), ("Home", "1001")):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.innerText").startswith(extension)
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="Extension 1001").wait_for()


def test_a_token_is_asked_for_and_kept_for_this_tab_alone(browser: Any, office: LabOffice) -> None:
    context = browser.new_context(viewport=WIDE)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    wrong: list[str] = []
    page.on("request", lambda asked: wrong.append(asked.url) if "wrong" in str(asked.headers) else None)
    page.route("**/v1/**", only_with_a_token)
    page.goto(office.url)
    page.get_by_role("dialog", name="Token").get_by_label("Token").fill("a wrong one")
    press(page, "Use it")
    dialog = page.get_by_role("dialog", name="This token is not good")
    dialog.wait_for()
    assert len(wrong) == 1  # it was tried, and not again
    dialog.get_by_label("Token").fill("the right one")
    page.keyboard.press("Enter")
    says(page.locator("#strip"), "live")
    tile(page, "1001").wait_for()
    assert page.evaluate("[sessionStorage.length, Object.values(localStorage).join()]") == [1, ""]
    page.locator("#dial").get_by_label("Number").fill("7000")
    press(page.locator("#dial"), "Call")
    says(page.locator("#dial"), "This token may not do that", "sipclient token NAME --scope call")
    context.close()


def only_with_a_token(route: Any) -> None:
    """A server that knows one token, with scope read."""
    if route.request.headers.get("authorization") != "Bearer the right one":
        refuse(route, 401, "token", "A token is needed")
    elif route.request.method == "POST":
        refuse(route, 403, "scope", "This needs scope call")
    else:
        route.continue_()


def refuse(route: Any, status: int, code: str, title: str) -> None:
    """An answer of problem+json."""
    body = json.dumps({"type": "about:blank", "status": status, "title": title, "code": code})
    route.fulfill(status=status, content_type="application/problem+json", body=body)


def test_events_are_read_wherever_the_network_cuts_them(page: Any) -> None:
    """Each place is tried, with each way to end a line."""
    read = """async (text) => {
        const {Reader} = await import("/stream.js");
        const whole = [...new Reader().feed(text)];
        for (let cut = 0; cut <= text.length; cut++) {
            const reader = new Reader();
            const parts = [...reader.feed(text.slice(0, cut)), ...reader.feed(text.slice(cut))];
            if (JSON.stringify(parts) !== JSON.stringify(whole)) return `cut at ${cut}: ${JSON.stringify(parts)}`;
        }
        return whole;
    }"""
    text = "retry: 2000\n\nid: 7\nevent: call-over\ndata: {\ndata: }\n\n: here\n\ndata:x\n\n"
    expected = [{"id": "7", "event": "call-over", "data": "{\n}"}, {"id": "7", "event": "message", "data": "x"}]
    for end in ("\n", "\r\n", "\r"):
        assert page.evaluate(read, text.replace("\n", end) + ("" if end != "\r" else ":\n")) == expected


def test_a_robot_that_was_away_is_told_of_and_found_again(page: Any, office: LabOffice) -> None:
    """The page comes back by itself; what passed meanwhile is named as missed; a dry run says so."""
    office.tell("state 1005 on-the-phone")
    says(tile(page, "1005"), "On the phone")
    page.wait_for_timeout(500)  # what it writes down is a moment behind what it shows
    office.kill()
    says(page.locator("#strip"), "offline, again in")
    says(page.locator("#board"), "The robot does not answer: this is how it was at")
    office.tell("state 1005 ready")
    office.start(dry_run=True)
    says(page.locator("#strip"), "live", "Dry run")
    page.locator("#board .stale").first.wait_for(state="hidden")
    says(tile(page, "1005"), "Ready")
    says(rule(page, "acts"), "The change passed unseen", "the watch says to tell, not to act")
    office.busy_and_ready("1005")
    says(rule(page, "acts"), "Dry run", "7000 would have been next")
