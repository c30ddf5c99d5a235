"""From a change of state to a call, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipclient.presence import State
from sipclient.protocol.events import ExtensionChanged
from sipclient.rules import (
    CONDITIONS,
    CallFinished,
    Memory,
    PlaceCall,
    Requested,
    RequestExpired,
    RequestWaits,
    RunHook,
    Suppressed,
    Tick,
    Wait,
    Withdrawn,
    simulate,
)

Make = Callable[..., Any]
MISSED_ACTS = '[[watch]]\nextensions = ["1001", "1002"]\nmissed = "act"\n'

QUEUE = """
[[rules]]
name = "queue"
call = { to = "7000", caller_id = '"Ext {extension} is free" <{extension}>', headers = { X-Extension = "{extension}" } }
"""


def rule(text: str, call: str = 'to = "7000"') -> str:
    return f'[[rules]]\nname = "queue"\n{text}\ncall = {{ {call} }}\n'


def told(actions: list[Any]) -> list[str]:
    """Each action in a word."""
    words = []
    for action in actions:
        match action:
            case PlaceCall():
                words.append(f"call {action.job.id}")
            case RunHook():
                words.append(f"run {action.id}")
            case Suppressed():
                words.append(f"not: {action.condition}")
            case Wait():
                words.append(f"wait: {action.condition}")
            case RequestWaits():
                words.append(f"{'renewed' if action.renewed else 'waits'} {action.request.id}")
            case RequestExpired():
                words.append(f"expired {action.request.id}")
    return words


# --- the edge ---------------------------------------------------------------------------------------

EDGES = [
    # from, to, states gone through from unknown, the calls
    ("on-the-phone", "ready", ["ready"], 0),
    ("on-the-phone", "ready", ["on-the-phone", "ready"], 1),
    ("on-the-phone", "ready", ["ready", "ringing", "ready"], 0),
    ("on-the-phone", "ready", ["ready", "on-the-phone", "offline", "ready"], 0),
    ("on-the-phone", "ready", ["on-the-phone", "on-hold", "ready"], 1),
    ("on-the-phone", "ready", ["on-the-phone", "ringing", "on-hold", "ringing", "ready"], 1),
    ("on-the-phone", "ready", ["on-the-phone", "ready", "on-the-phone", "ready"], 2),
    ("on-the-phone", "ready", ["on-the-phone", "unknown"], 0),
    ("on-the-phone", "offline", ["on-the-phone", "ready"], 0),
    ("on-the-phone", "offline", ["on-the-phone", "ringing", "offline"], 1),
    ("on-the-phone", "on-hold", ["on-the-phone", "on-hold"], 1),
    ("on-the-phone", "on-hold", ["on-the-phone", "on-hold", "on-the-phone", "on-hold"], 1),
    ("ready", "ringing", ["ready", "ringing", "ready", "ringing"], 2),
    ("ready", "on-the-phone", ["ready", "on-the-phone"], 1),
    ("ringing", "ready", ["ringing", "ready"], 1),
    ("ringing", "ready", ["on-the-phone", "ringing", "ready"], 1),
    ("ringing", "ready", ["on-the-phone", "ready"], 0),
    ("ready", "offline", ["unknown", "offline"], 0),
    ('["on-the-phone", "on-hold"]', '["ready", "offline"]', ["on-the-phone", "ready", "on-the-phone", "offline"], 2),
]


@pytest.mark.parametrize(("before", "after", "states", "calls"), EDGES)
def test_edges(stage: Make, before: str, after: str, states: list[str], calls: int) -> None:
    before, after = (text if text.startswith("[") else f'"{text}"' for text in (before, after))
    bench = stage(rule(f"when = {{ from = {before}, to = {after} }}"))
    placed = []
    for state in states:
        placed += [action for action in bench.go(state) if isinstance(action, PlaceCall)]
        bench.now += 1
    assert len(placed) == calls
    assert len({call.job.id for call in placed}) == calls


def test_a_busy_extension_that_is_not_seen_to_close_is_no_edge(stage: Make) -> None:
    """The engine alone says what an episode is."""
    bench = stage(QUEUE)
    odd = ExtensionChanged(1, "pbx", "1001", State.ON_THE_PHONE, State.READY)
    assert bench.tell(odd) == []
    assert bench.memory.last("queue").condition == "edge"


def test_the_call(stage: Make) -> None:
    bench = stage(QUEUE)
    (action,) = bench.go("on-the-phone", "ready")
    job = action.job
    assert (job.id, job.rule, job.account, job.watched) == ("queue/pbx/1001/1", "queue", "pbx", "pbx")
    assert (job.to, job.caller_id, job.timeout) == ("7000", '"Ext 1001 is free" <1001>', 45.0)
    assert (job.headers, job.episode, job.state, job.attempt) == ((("X-Extension", "1001"),), 1, "ready", 1)
    assert action.because == "1001 went from on-the-phone to ready, closing episode 1"
    last = bench.memory.last("queue")
    assert last == bench.memory.last_firing("queue") == bench.memory.last("queue", "pbx", "1001")
    assert (last.fired, last.condition, last.at) == (True, "", bench.at)


def test_every_name_of_a_template(stage: Make) -> None:
    names = ("extension", "before", "after", "account", "note", "episode", "rule", "at")
    bench = stage(rule("", 'to = "7000", headers = { X-All = "' + "|".join(f"{{{name}}}" for name in names) + '" }'))
    bench.go("on-the-phone")
    (action,) = bench.tell(bench.change("ready", note="Ready"))
    expected = "1001|on-the-phone|ready|pbx|Ready|1|queue|2026-03-02T12:00:00+00:00"
    assert action.job.headers == (("X-All", expected),)


def test_a_call_can_go_out_by_another_account(stage: Make) -> None:
    head = '[accounts.pbx]\naddress = "sip:r@pbx.example.com"\n[accounts.trunk]\naddress = "sip:r@trunk.example.com"\n'
    head += '[dial]\nallow = ["sip:0049*@trunk.example.com"]\n'
    watch = '[[watch]]\naccount = "pbx"\nextensions = ["1001"]\n'
    bench = stage(rule("", 'to = "00491234", account = "trunk"'), watch, head)
    (action,) = bench.go("on-the-phone", "ready")
    assert (action.job.account, action.job.watched, action.job.id) == ("trunk", "pbx", "queue/pbx/1001/1")


def test_an_edge_outside_any_episode_is_known_by_its_time(stage: Make) -> None:
    bench = stage(rule('when = { from = "ready", to = "ringing" }'))
    (action,) = bench.go("ready", "ringing")
    assert action.job.id == "queue/pbx/1001/at-2026-03-02T12:00:00+00:00"


def test_what_is_not_watched_or_not_meant_costs_nothing(stage: Make) -> None:
    bench = stage(rule('when = { extensions = ["1001"] }'))
    assert bench.go("on-the-phone", "ready", extension="9999") == []
    assert bench.go("on-the-phone", "ready", extension="1002") == []
    assert bench.memory.last("queue") is None
    assert bench.memory.state("pbx", "9999") == "" and bench.memory.state("pbx", "1002") == "ready"


def test_a_hook_in_place_of_a_call(stage: Make) -> None:
    bench = stage('[[rules]]\nname = "hook"\nrun = "hooks.py:on_ready"\n')
    (action,) = bench.go("on-the-phone", "ready")
    assert (action.id, action.rule, action.file, action.function) == (
        "hook/pbx/1001/1",
        "hook",
        "hooks.py",
        "on_ready",
    )
    assert action.change.after is State.READY


# --- a gap ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("missed", "expected"), [("tell", ["not: missed"]), ("act", ["call queue/pbx/1001/1"])])
def test_an_edge_that_passed_unseen(stage: Make, missed: str, expected: list[str]) -> None:
    bench = stage(QUEUE, f'[[watch]]\nextensions = ["1001"]\nmissed = "{missed}"\n')
    bench.go("on-the-phone", "unknown")
    assert told(bench.tell(bench.change("ready", gap=True))) == expected


def test_a_gap_without_an_edge_is_nothing(stage: Make) -> None:
    bench = stage(QUEUE)
    assert bench.tell(bench.change("ready", gap=True)) == []


# --- once -------------------------------------------------------------------------------------------


def test_a_repeated_change_calls_once(stage: Make) -> None:
    bench = stage(QUEUE)
    bench.go("on-the-phone")
    change = bench.change("ready")
    assert told(bench.tell(change)) == ["call queue/pbx/1001/1"]
    assert told(bench.tell(change)) == ["not: once"]


def test_a_repeated_change_while_it_settles_does_not_begin_anew(stage: Make) -> None:
    bench = stage(rule('settle = "2s"'))
    bench.go("on-the-phone")
    change = bench.change("ready")
    assert told(bench.tell(change)) == ["wait: settle"]
    bench.now += 1.5
    assert told(bench.tell(change)) == ["not: once"]
    assert told(bench.wait(0.5)) == ["call queue/pbx/1001/1"]


def test_a_repeated_change_outside_any_episode(stage: Make) -> None:
    bench = stage(rule('when = { from = "ready", to = "ringing" }'))
    bench.go("ready")
    change = bench.change("ringing")
    assert told(bench.tell(change)) == ["call queue/pbx/1001/at-2026-03-02T12:00:00+00:00"]
    (action,) = bench.tell(change)
    assert (action.condition, action.detail) == ("once", "1001 was ringing already")


def test_what_the_store_knows_is_not_called_again(stage: Make) -> None:
    bench = stage(QUEUE)
    bench.memory.remember(["queue/pbx/1001/1", "queue/pbx/1002/at-2026", "nonsense", "queue/pbx/1001/0"])
    assert told(bench.go("on-the-phone", "ready")) == ["not: once"]
    assert told(bench.go("on-the-phone", "ready")) == ["call queue/pbx/1001/2"]
    assert told(bench.go("on-the-phone", "ready", extension="1002")) == ["call queue/pbx/1002/1"]


# --- settle -----------------------------------------------------------------------------------------


def test_settle(stage: Make) -> None:
    bench = stage(rule('settle = "2s"'))
    (wait,) = bench.go("on-the-phone", "ready")
    assert (wait.until, wait.condition) == (bench.now + 2.0, "settle") == (bench.memory.deadline, "settle")
    assert bench.memory.last("queue").condition == "settle"
    assert bench.wait(1.999) == []
    (action,) = bench.wait(0.001)
    assert action.because.endswith("and stayed so for 2 s")
    assert bench.memory.deadline is None


@pytest.mark.parametrize("leaves", ["ringing", "on-the-phone", "offline", "unknown", "on-hold"])
def test_leaving_ends_the_settling(stage: Make, leaves: str) -> None:
    bench = stage(rule('settle = "2s"'))
    bench.go("on-the-phone", "ready")
    bench.wait(1.0)
    (action,) = bench.go(leaves)
    assert (action.condition, action.episode) == ("settle", 1)
    assert action.detail == f"it was ready for less than 2 s, then {leaves}"
    assert bench.memory.deadline is None and bench.wait(10) == []


def test_a_flapping_lamp_calls_once_it_is_quiet(stage: Make) -> None:
    bench = stage(rule('settle = "2s"'))
    for _ in range(200):
        bench.go("on-the-phone", "ready")
        bench.wait(0.5)
    assert len(bench.memory.agenda) < 200
    assert told(bench.wait(2)) == ["call queue/pbx/1001/200"]


def test_a_late_tick_changes_nothing(stage: Make) -> None:
    """The extension leaves after the settle time, but before anybody ticked."""
    bench = stage(rule('settle = "2s"'))
    bench.go("on-the-phone", "ready")
    bench.now += 2.1
    assert told(bench.go("ringing")) == ["call queue/pbx/1001/1"]


# --- hours, limit, template, allow, dry run -----------------------------------------------------------


def test_hours(stage: Make) -> None:
    bench = stage(rule('hours = { days = "mon", from = "12:00", to = "12:01", timezone = "UTC" }'))
    assert told(bench.go("on-the-phone", "ready")) == ["call queue/pbx/1001/1"]
    bench.wait(60)
    (action,) = bench.go("on-the-phone", "ready")
    assert (action.condition, action.detail) == ("hours", "mon 2026-03-02 12:01 is outside mon 12:00-12:01 UTC")


def test_hours_are_asked_when_the_change_has_settled(stage: Make) -> None:
    bench = stage(rule('settle = "10s"\nhours = { from = "12:01", timezone = "UTC" }'))
    bench.wait(55)
    assert told(bench.go("on-the-phone", "ready") + bench.wait(10)) == ["wait: settle", "call queue/pbx/1001/1"]


def test_limit(stage: Make) -> None:
    bench = stage(rule('limit = "2 per minute"'))
    at = []
    for number in range(10):
        at += [number * 15 for each in bench.go("on-the-phone", "ready") if isinstance(each, PlaceCall)]
        bench.wait(15)
    assert at == [0, 15, 60, 75, 120, 135]
    bench.wait(1)
    bench.go("on-the-phone", "ready")
    bench.go("on-the-phone", "ready")
    assert bench.memory.last("queue").detail == "2 per minute is used up for 29 s more"


def test_a_note_cannot_reach_the_wire_as_a_header(stage: Make) -> None:
    bench = stage(rule("", 'to = "7000", headers = { X-Note = "{note}" }'))
    bench.go("on-the-phone")
    (action,) = bench.tell(bench.change("ready", note="x\r\nX-Evil: 1"))
    assert action.condition == "template" and "control character" in action.detail


@pytest.mark.parametrize(
    ("to", "condition"),
    [("7{extension}", "allow"), ("7{episode}00", ""), ("sip:7000@{note}", "allow")],
)
def test_the_target_of_a_template(stage: Make, to: str, condition: str) -> None:
    bench = stage(rule("", f'to = "{to}"'))
    bench.go("on-the-phone")
    (action,) = bench.tell(bench.change("ready", note="evil.example.com"))
    assert getattr(action, "condition", "") == condition


def test_a_dry_run_tells_what_would_have_been(stage: Make) -> None:
    head = 'dry_run = true\n[accounts.pbx]\naddress = "sip:robot@pbx.example.com"\n[dial]\nallow = ["7???"]\n'
    bench = stage(rule('limit = "1 per hour"') + '[[rules]]\nname = "hook"\nrun = "h.py:f"\n', head=head)
    first = bench.go("on-the-phone", "ready")
    assert [each.detail for each in first] == [
        "dry run: 7000 would have been next",
        "dry run: h.py:f would have been next",
    ]
    assert told(bench.go("on-the-phone", "ready")) == ["not: limit", "not: dry-run"]


# --- armed on request ---------------------------------------------------------------------------------

ON_REQUEST = rule(
    'armed = "on-request"',
    'to = "7000", caller_id = \'"{caller_name}" <{caller}>\', headers = { X-Ticket = "{variables.ticket}" }',
)


def ask(id: str, extension: str = "1001", caller: str = "", **values: Any) -> Requested:
    """Of a caller of his own, unless one is named."""
    caller = caller or {"a": "555"}.get(id, f"55{id}")
    return Requested(id=id, account="pbx", extension=extension, caller=caller, **values)


def test_on_request_first_come_first_served(stage: Make) -> None:
    bench = stage(ON_REQUEST)
    assert told(bench.go("on-the-phone", "ready", "on-the-phone")) == ["not: armed"]
    for request in (ask("a", caller_name="Ann", variables=(("ticket", "17"),)), ask("b"), ask("a"), ask("c", "1002")):
        bench.tell(request)
    assert len(bench.memory.requests) == 3
    (action,) = bench.go("ready")
    assert action.because == "1001 went from on-the-phone to ready, closing episode 2, and 555 camps on it"
    assert (action.job.request, action.job.caller_id) == ("a", '"Ann" <555>')
    assert (action.job.headers, action.job.variables) == ((("X-Ticket", "17"),), (("ticket", "17"),))
    (action,) = bench.go("on-the-phone", "ready")
    assert (action.job.request, action.job.id) == ("b", "queue/pbx/1001/b")
    assert told(bench.go("on-the-phone", "ready")) == ["not: armed"]
    assert "c" in bench.memory.requests and "a" not in bench.memory.requests


def test_a_request_expires_or_is_withdrawn(stage: Make) -> None:
    bench = stage(ON_REQUEST)
    bench.tell(ask("a", expires=10.0))
    bench.tell(ask("b", expires=20.0))
    bench.tell(Withdrawn("b"))
    bench.tell(Withdrawn("nobody"))
    assert told(bench.wait(9.9)) == []
    assert told(bench.wait(30)) == ["expired a"]
    assert told(bench.go("on-the-phone", "ready")) == ["not: armed"]


def test_a_request_that_comes_while_it_settles_counts(stage: Make) -> None:
    bench = stage(ON_REQUEST.replace("call =", 'settle = "2s"\ncall ='))
    bench.go("on-the-phone", "ready")
    bench.tell(ask("a"))
    assert told(bench.wait(2)) == ["call queue/pbx/1001/a"]


def test_a_request_that_no_rule_serves(stage: Make) -> None:
    bench = stage(QUEUE)
    for extension in ("1001", "9999"):
        (action,) = bench.tell(ask("a", extension))
        assert (action.condition, action.rule) == ("request", "")
    bench = stage(rule('armed = "on-request"\nwhen = { extensions = ["1002"] }'))
    assert told(bench.tell(ask("a"))) == ["not: request"]


def test_requests_are_bounded(stage: Make) -> None:
    bench = stage(ON_REQUEST)
    for number in range(150):
        bench.tell(ask(f"n{number}"))
    assert len(bench.memory.requests) == 100
    assert told(bench.tell(ask("one more"))) == ["not: request"]


def test_the_same_caller_renews_and_keeps_his_place(stage: Make) -> None:
    bench = stage(ON_REQUEST)
    bench.go("on-the-phone")
    assert told(bench.tell(ask("a", expires=10.0))) == ["waits a"]
    assert told(bench.tell(ask("b", expires=60.0))) == ["waits b"]
    assert (bench.memory.requests.count("pbx", "1001"), bench.memory.requests.count("pbx", "1002")) == (2, 0)
    bench.wait(9)
    again = ask("c", caller="555", caller_name="Ann", expires=60.0)
    assert told(bench.tell(again)) == ["renewed a"]
    assert len(bench.memory.requests) == 2
    assert told(bench.wait(30)) == []
    (call,) = bench.go("ready")
    assert (call.job.request, call.job.caller_id) == ("a", '"Ann" <555>')
    assert told(bench.wait(60)) == ["expired b"]


def test_nobody_knows_whether_two_without_a_number_are_one(stage: Make) -> None:
    bench = stage(ON_REQUEST)
    bench.go("on-the-phone")
    for number, caller in enumerate(("anonymous", "anonymous")):
        bench.tell(ask(f"n{number}", caller=caller))
    bench.tell(Requested(id="x", account="pbx", extension="1001"))
    bench.tell(Requested(id="y", account="pbx", extension="1001"))
    assert len(bench.memory.requests) == 4


def test_one_is_served_each_time_it_becomes_ready(stage: Make) -> None:
    bench = stage(ON_REQUEST + ON_REQUEST.replace('"queue"', '"two"'))
    bench.go("on-the-phone")
    for id in ("a", "b", "c"):
        bench.tell(ask(id))
    assert told(bench.go("ready")) == ["call queue/pbx/1001/a", "not: armed"]
    assert bench.memory.last("two").detail == "one request was served; the next is when 1001 becomes ready again"
    assert told(bench.tell(ask("d"))) == ["waits d"]  # others wait before him
    assert told(bench.go("ringing", "ready")) == []
    assert told(bench.go("on-the-phone", "ready")) == ["call queue/pbx/1001/b", "not: armed"]


def test_who_asks_while_it_is_ready_is_served_at_once(stage: Make) -> None:
    bench = stage(QUEUE.replace('"queue"', '"always"') + ON_REQUEST)
    bench.go("ready")
    assert told(bench.tell(ask("a"))) == ["waits a", "call queue/pbx/1001/a"]
    actions = bench.tell(ask("b"))
    assert told(actions) == ["waits b", "call queue/pbx/1001/b"]
    assert actions[1].because == "1001 is ready, and 55b camps on it"
    bench.go("ringing")
    assert told(bench.tell(ask("c"))) == ["waits c"]
    assert bench.memory.requests.first("pbx", "1001") is not None


def test_at_once_is_after_the_settle_time_and_within_the_limit(stage: Make) -> None:
    bench = stage(ON_REQUEST.replace("call =", 'settle = "2s"\nlimit = "1 per hour"\ncall ='))
    bench.go("ready")
    assert told(bench.tell(ask("a"))) == ["waits a", "wait: settle"]
    assert told(bench.tell(ask("a2", caller="555"))) == ["renewed a"]  # it settles already
    assert told(bench.wait(2)) == ["call queue/pbx/1001/a"]
    assert told(bench.tell(ask("b"))) == ["waits b", "wait: settle"]
    assert told(bench.wait(2)) == ["not: limit"]
    assert "b" in bench.memory.requests


def test_who_waits_when_its_state_is_heard_of_again_is_served(stage: Make) -> None:
    """Nobody saw it become ready: we were down, or the PBX was."""
    bench = stage(ON_REQUEST)
    assert bench.rules.accounts == ("pbx",)
    bench.memory.observe("pbx", "1001", "ready")  # of an earlier run: it may be so no longer
    assert told(bench.tell(ask("a"))) == ["waits a"]
    assert bench.memory.restore(ask("b"), bench.now + 60)
    assert told(bench.go("ready")) == ["call queue/pbx/1001/a"]
    assert told(bench.go("unknown", "ready")) == ["call queue/pbx/1001/b"]
    bench.go("on-the-phone")
    bench.tell(ask("c"))
    bench.states["1001"] = State.UNKNOWN
    assert told(bench.tell(bench.change("ready", gap=True))) == ["not: missed", "call queue/pbx/1001/c"]
    assert told(bench.go("unknown", "on-the-phone")) == []


def test_who_camped_before_a_restart_expires_in_time(stage: Make) -> None:
    bench = stage(ON_REQUEST)
    assert bench.memory.restore(ask("a"), bench.now + 5)
    assert told(bench.wait(5)) == ["expired a"]
    for number in range(100):
        assert bench.memory.restore(ask(f"n{number}"), bench.now + 5)
    assert not bench.memory.restore(ask("one more"), bench.now + 5)


def test_a_hook_is_given_the_request(stage: Make) -> None:
    bench = stage('[[rules]]\nname = "h"\narmed = "on-request"\nrun = "hooks.py:f"\n')
    bench.go("ready")
    (_, run) = bench.tell(ask("a"))
    assert (run.id, run.request) == ("h/pbx/1001/a", ask("a"))


@pytest.mark.parametrize("expires", [float("nan"), -1.0])
def test_a_senseless_expiry_is_at_once(stage: Make, expires: float) -> None:
    bench = stage(ON_REQUEST)
    bench.tell(ask("a", expires=expires))
    assert told(bench.tell(Tick())) == ["expired a"]


# --- retry --------------------------------------------------------------------------------------------

RETRY = rule("", 'to = "7000", retry = { on = ["USER_BUSY", "5xx"], times = 2, wait = "10s", backoff = 3 }')


def failed(action: PlaceCall, cause: str = "USER_BUSY", status: int = 486, answered: bool = False) -> CallFinished:
    return CallFinished(job=action.job, cause=cause, status=status, answered=answered)


def test_retry_waits_longer_each_time_and_ends(stage: Make) -> None:
    bench = stage(RETRY)
    (call,) = bench.go("on-the-phone", "ready")
    assert told(bench.tell(failed(call))) == ["wait: retry"]
    assert bench.wait(9.9) == []
    (second,) = bench.wait(0.1)
    assert (second.job.attempt, second.job.id, second.because) == (2, call.job.id, "attempt 2 for 1001")
    bench.tell(failed(second, "NORMAL_TEMPORARY_FAILURE", 503))
    assert bench.wait(29.9) == []
    (third,) = bench.wait(0.1)
    (end,) = bench.tell(failed(third))
    assert (end.condition, end.detail) == ("retry", "USER_BUSY after 3 attempts")
    assert bench.memory.deadline is None


@pytest.mark.parametrize(
    ("cause", "status", "answered"),
    [("NO_ANSWER", 0, False), ("CALL_REJECTED", 603, False), ("NORMAL_CLEARING", 200, True), ("USER_BUSY", 486, True)],
)
def test_what_is_not_tried_again(stage: Make, cause: str, status: int, answered: bool) -> None:
    bench = stage(RETRY)
    (call,) = bench.go("on-the-phone", "ready")
    assert bench.tell(failed(call, cause, status, answered)) == []
    assert bench.memory.deadline is None


@pytest.mark.parametrize("text", [QUEUE, '[[rules]]\nname = "other"\nrun = "h.py:f"\n'])
def test_a_rule_without_retry_or_gone(stage: Make, text: str) -> None:
    (call,) = stage(RETRY).go("on-the-phone", "ready")
    assert stage(text).tell(failed(call)) == []


def test_a_second_attempt_must_still_be_true(stage: Make) -> None:
    bench = stage(RETRY)
    (call,) = bench.go("on-the-phone", "ready")
    bench.tell(failed(call))
    bench.go("ringing")
    (action,) = bench.wait(10)
    assert (action.condition, action.detail) == ("retry", "1001 is ringing, no longer ready")


def test_a_second_attempt_keeps_the_hours(stage: Make) -> None:
    bench = stage(RETRY.replace("call", 'hours = { to = "12:01", timezone = "UTC" }\ncall', 1))
    bench.wait(55)
    (call,) = bench.go("on-the-phone", "ready")
    bench.tell(failed(call))
    (action,) = bench.wait(10)
    assert action.condition == "retry" and "is outside" in action.detail


def test_a_second_attempt_after_a_restart(stage: Make) -> None:
    (call,) = stage(RETRY).go("on-the-phone", "ready")
    bench = stage(RETRY)
    bench.memory.resume(call.job, bench.now + 5)
    (action,) = bench.wait(5)
    assert action.detail == "1001 is unknown, no longer ready"
    bench.memory.resume(call.job, bench.now + 5)
    bench.memory.observe("pbx", "1001", "ready")
    assert told(bench.wait(5)) == ["call queue/pbx/1001/1"]


def test_a_second_attempt_after_the_allow_list_changed(stage: Make) -> None:
    bench = stage(RETRY)
    (call,) = bench.go("on-the-phone", "ready")
    bench.tell(failed(call))
    other = stage(
        RETRY.replace("7000", "8000"), head='[accounts.pbx]\naddress = "sip:r@x.org"\n[dial]\nallow = ["8*"]\n'
    )
    bench.rules = other.rules
    (action,) = bench.wait(10)
    assert action.detail == '[dial] allow does not name "7000"'


# --- reload -------------------------------------------------------------------------------------------


def test_a_reload_keeps_requests_for_what_is_still_watched(stage: Make) -> None:
    bench = stage(ON_REQUEST)
    bench.tell(ask("a"))
    bench.memory.adopt(bench.rules)
    assert "a" in bench.memory.requests


def test_a_reload_keeps_what_is_still_there(stage: Make) -> None:
    bench = stage(
        rule('settle = "2s"\nlimit = "5 per hour"')
        + RETRY.replace('"queue"', '"gone"')
        + ON_REQUEST.replace('"queue"', '"asked"')
    )
    bench.tell(ask("a"))
    bench.tell(ask("b", "1002"))
    calls = [each for each in bench.go("on-the-phone", "ready") if isinstance(each, PlaceCall)]
    for call in calls:
        bench.tell(failed(call))
    assert {call.job.rule for call in calls} == {"gone", "asked"}
    new = stage(rule('settle = "2s"\nlimit = "1 per hour"'), watch='[[watch]]\nextensions = ["1001"]\n')
    bench.rules = new.rules
    bench.memory.adopt(new.rules)
    assert len(bench.memory.requests) == 0
    assert bench.memory.last("gone") is None and bench.memory.last_firing("asked") is None
    assert told(bench.wait(60)) == ["call queue/pbx/1001/1"]
    assert told(bench.go("on-the-phone", "ready") + bench.wait(2)) == ["wait: settle", "not: limit"]


def test_a_reload_without_adopt_harms_nothing(stage: Make) -> None:
    bench = stage(rule('settle = "2s"') + RETRY.replace('"queue"', '"gone"'))
    for action in bench.go("on-the-phone", "ready"):
        if isinstance(action, PlaceCall):
            bench.tell(failed(action))
    bench.rules = stage('[[rules]]\nname = "new"\nrun = "h.py:f"\n').rules
    assert bench.wait(60) == []


# --- why not --------------------------------------------------------------------------------------------


def test_the_order_of_the_conditions() -> None:
    assert CONDITIONS == (
        "edge", "missed", "once", "settle", "armed", "hours", "limit", "template", "allow", "dry-run",
    )  # fmt: skip


def test_simulate_tells_every_condition_and_changes_nothing(stage: Make) -> None:
    bench = stage(rule('armed = "on-request"\nlimit = "1 per hour"\nhours = { days = "tue" }'))
    change = ExtensionChanged(1, "pbx", "1001", State.RINGING, State.READY, 7, gap=True)
    for _ in range(2):
        verdicts = simulate(bench.rules, bench.memory, "queue", change, bench.now, bench.at)
        assert [(each.condition, each.holds) for each in verdicts] == [
            ("edge", False), ("missed", False), ("once", True), ("armed", False), ("hours", False),
            ("limit", True), ("template", True), ("allow", True), ("dry-run", True),
        ]  # fmt: skip
    assert verdicts[0].detail == "ringing to ready is not on-the-phone to ready"
    assert bench.memory.last("queue") is None and bench.memory.deadline is None


def test_simulate_stops_at_a_template_that_cannot_be_filled(stage: Make) -> None:
    bench = stage(rule("", 'to = "{note}"'))
    change = ExtensionChanged(1, "pbx", "1001", State.ON_THE_PHONE, State.READY, 7, closed=True)
    verdicts = simulate(bench.rules, bench.memory, "queue", change, bench.now, bench.at)
    assert (verdicts[-1].condition, verdicts[-1].holds) == ("template", False)


def test_every_value_can_be_written_and_read_again(stage: Make) -> None:
    """The store keeps jobs, the event stream tells actions: nothing in them is of a type of ours alone."""
    bench = stage(ON_REQUEST.replace("call =", 'settle = "1s"\ncall =') + RETRY.replace('"queue"', '"two"'))
    bench.go("on-the-phone")
    actions = bench.tell(ask("a", variables=(("ticket", "17"),)))
    actions += bench.tell(ask("b", expires=1.0))
    actions += bench.go("on-the-phone", "ready") + bench.wait(1) + bench.go("on-the-phone", "ready", "ringing")
    actions += bench.tell(failed(next(each for each in actions if isinstance(each, PlaceCall))))
    actions += [bench.memory.last("queue")]
    assert {type(each).__name__ for each in actions} == {
        "Wait", "PlaceCall", "Suppressed", "RequestWaits", "RequestExpired", "Evaluation",
    }  # fmt: skip
    for value in actions:
        assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value


# --- properties -----------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from([str(state) for state in State]), st.sampled_from(["1001", "1002"]), st.booleans(),
              st.sampled_from([0.0, 0.5, 2.0, 30.0]), st.booleans()),
    max_size=60,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sampled_from(['settle = "2s"', "", 'when = { from = ["ringing", "on-the-phone"] }']))
def test_never_two_calls_for_one_rule_and_episode(
    stage: Make, steps: list[tuple[str, str, bool, float, bool]], text: str
) -> None:
    """Whatever states come, repeated or not, with gaps, waits, failures, and restarts that remember the jobs."""
    bench = stage(RETRY.replace("call", f"{text}\ncall", 1) + QUEUE.replace('"queue"', '"two"'), MISSED_ACTS)
    placed: list[tuple[str, int]] = []
    for state, extension, repeated, seconds, restarted in steps:
        bench.now += 0.001
        change = bench.change(state, extension, gap=bench.states.get(extension) is State.UNKNOWN)
        actions = bench.tell(change)
        if repeated:
            actions += bench.tell(change)
        actions += bench.wait(seconds)
        calls = [each for each in actions if isinstance(each, PlaceCall)]
        placed += [(call.job.id, call.job.attempt) for call in calls]
        for call in calls:
            bench.tell(failed(call))
        if restarted:
            bench.memory = Memory()
            bench.memory.remember(id for id, _ in placed)
    assert len(set(placed)) == len(placed)
    assert len([id for id, attempt in placed if attempt == 1]) == len({id for id, attempt in placed if attempt == 1})
