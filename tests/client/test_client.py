"""The client with a scripted engine: coming and going, accounts, dispatch."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

import pytest

from sipclient import Account, Client, InvalidValue, RegistrationFailed, SipError, State, Unreachable
from sipclient.message import Response
from sipclient.presence import MessageWaiting
from sipclient.protocol.events import (
    AccountRemoved,
    AddAccount,
    Answered,
    CallEnded,
    ExtensionChanged,
    Hangup,
    Invite,
    MessagesWaiting,
    Registered,
    RegistrationLost,
    RemoveAccount,
    Responded,
    SendRequest,
    ServerChanged,
    Target,
    Traced,
    Unwatch,
    Watch,
)

PBX = Account("sip:robot@pbx.example.com", name="pbx", media="none")
OTHER = Account("sip:robot@other.example.com", media="none")


def lost(status: int, reason: str, retry_in: float = -1.0) -> Any:
    return lambda command: [RegistrationLost(command.account.key, status, reason, retry_in)]


# --- coming and going ------------------------------------------------------------------------------------


async def test_entering_registers_every_account_that_registers(bench: Any, registering: Any, settle: Any) -> None:
    direct = Account("sip:direct@example.com", register=False)
    client = Client(PBX, OTHER, direct, **bench.parts())
    entering = asyncio.create_task(client.__aenter__())
    await settle()
    assert bench.engine.told == [AddAccount(PBX), AddAccount(OTHER), AddAccount(direct)]
    bench.say(Registered("pbx", 300.0, "sip:x"))
    await settle()
    assert not entering.done()
    bench.say(RegistrationLost(OTHER.address, 503, "Service Unavailable", 5.0))
    await settle()
    assert not entering.done()
    bench.say(Registered(OTHER.address, 300.0, "sip:x"))
    assert await entering is client
    assert client.is_registered("pbx") and not client.is_registered(direct)
    await client.aclose()


@pytest.mark.parametrize("status", [401, 403, 404, 407, 603])
async def test_a_refusal_is_raised_and_everything_is_closed(bench: Any, status: int) -> None:
    bench.engine.script[AddAccount] = lost(status, "Forbidden")
    with pytest.raises(RegistrationFailed) as failed:
        async with Client(PBX, **bench.parts()):
            pytest.fail("entered without a registration")
    assert failed.value.status == status
    assert "account pbx" in failed.value.reason
    assert bench.wires.closed


@pytest.mark.parametrize(("status", "reason"), [(0, "no route to host"), (503, "Service Unavailable")])
async def test_a_server_that_does_not_register_us_in_time_is_unreachable(bench: Any, status: int, reason: str) -> None:
    bench.engine.script[AddAccount] = lost(status, reason, 2.0)
    with pytest.raises(Unreachable, match=rf"not registered after 0.01 s: pbx: .*{reason}"):
        async with Client(PBX, start_timeout=0.01, **bench.parts()):
            pytest.fail("entered without a registration")
    assert bench.wires.closed


async def test_silence_is_named(bench: Any) -> None:
    with pytest.raises(Unreachable, match="pbx: no answer"):
        async with Client(PBX, start_timeout=0.0, **bench.parts()):
            pytest.fail("entered without a registration")


async def test_without_waiting_entering_is_done_at_once(bench: Any) -> None:
    bench.engine.script[AddAccount] = lost(403, "Forbidden")
    async with Client(PBX, wait=False, **bench.parts()) as client:
        assert not client.is_registered()
        with pytest.raises(RegistrationFailed):
            await client.registered("pbx")


async def test_an_account_the_engine_refuses_is_raised_and_everything_is_closed(bench: Any) -> None:
    def refuse(_: Any) -> list[Any]:
        raise InvalidValue("no SIP address")

    bench.engine.script[AddAccount] = refuse
    with pytest.raises(InvalidValue, match="no SIP address"):
        async with Client(PBX, **bench.parts()):
            pytest.fail("entered")
    assert bench.wires.closed
    assert bench.engine.of(RemoveAccount) == []


async def test_cancelling_the_entry_closes_everything(bench: Any, settle: Any) -> None:
    entering = asyncio.create_task(Client(PBX, **bench.parts()).__aenter__())
    await settle()
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert bench.engine.of(RemoveAccount) == [RemoveAccount("pbx")]
    assert bench.wires.closed


async def test_leaving_unregisters_and_ends_every_iterator(bench: Any, registering: Any) -> None:
    bench.engine.script[AddAccount] = registering
    async with Client(PBX, **bench.parts()) as client:
        changes, calls, news = client.watch("1001"), client.incoming(), client.events()
    assert bench.engine.of(RemoveAccount) == [RemoveAccount("pbx")]
    assert [change async for change in changes] == []
    assert [call async for call in calls] == []
    assert [event async for event in news] == [AccountRemoved("pbx")]
    assert bench.wires.closed
    await client.aclose()
    with pytest.raises(SipError, match="closed"):
        client.dial("7000")


async def test_leaving_is_bounded_and_ends_what_the_pbx_does_not(bench: Any, registering: Any, settle: Any) -> None:
    bench.engine.script[AddAccount] = registering
    bench.engine.script[RemoveAccount] = lambda _: []
    async with Client(PBX, stop_timeout=0.0, **bench.parts()) as client:
        call = client.dial("7000")
        question = asyncio.create_task(client.request("OPTIONS", "7000"))
        with_media = client.dial("7001", media="rtp")
        await settle()
        bench.say(Answered(call.id), Answered(with_media.id))
    end = await call.ended()
    assert (end.by, end.answered, end.reason) == ("local", True, "the client was closed")
    with pytest.raises(Unreachable, match="closed"):
        await question
    assert client.calls == ()
    assert bench.media.closed == 1
    assert bench.wires.closed


async def test_a_client_tells_its_state(bench: Any, registering: Any) -> None:
    assert repr(Client()) == "<Client not entered: no account; 0 calls>"
    bench.engine.script[AddAccount] = registering
    direct = Account("sip:d@x", name="direct", register=False)
    async with Client(PBX, **bench.parts()) as client:
        bench.engine.script[AddAccount] = lambda _: []
        client.add(direct)
        client.dial("7000")
        assert repr(client) == "<Client running: pbx registered, direct not registered; 1 calls>"
    assert repr(client) == "<Client closed: pbx not registered, direct not registered; 0 calls>"


async def test_a_client_is_entered_once(bench: Any, registering: Any) -> None:
    bench.engine.script[AddAccount] = registering
    client = Client(PBX, **bench.parts())
    with pytest.raises(SipError, match="not running"):
        client.watch("1001")
    await client.aclose()
    async with client:
        pass
    with pytest.raises(SipError, match="once"):
        async with client:
            pass


# --- accounts ----------------------------------------------------------------------------------------------


@pytest.fixture(name="client")
async def client_fixture(bench: Any, registering: Any) -> Any:
    bench.engine.script[AddAccount] = registering
    async with Client(PBX, OTHER, **bench.parts()) as client:
        yield client
    assert client.failures == 0


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (None, PBX), ("pbx", PBX), (PBX.address, PBX), (PBX, PBX), (OTHER, OTHER), (OTHER.address, OTHER),
    ],
)  # fmt: skip
async def test_an_account_is_named_in_many_ways(client: Client, bench: Any, which: Any, found: Account) -> None:
    client.dial("7000", account=which)
    assert bench.engine.invite.account == found.key


async def test_an_account_there_is_not(client: Client) -> None:
    with pytest.raises(InvalidValue, match="no such account: 'pbxx'; there are: pbx, sip:robot@other"):
        client.dial("7000", account="pbxx")
    with pytest.raises(InvalidValue, match="there are: none"):
        Client().account()


def test_two_accounts_of_one_name() -> None:
    with pytest.raises(InvalidValue, match="two accounts are called 'pbx'"):
        Client(PBX, Account("sip:x@y", name="pbx"))


async def test_accounts_come_and_go_while_running(client: Client, bench: Any) -> None:
    third = Account("sip:third@example.com", name="third")
    client.add(third)
    assert client.is_registered("third")
    changes = client.watch("1001", account="third")
    await client.remove("third")
    assert bench.engine.of(RemoveAccount) == [RemoveAccount("third")]
    assert [change async for change in changes] == []
    assert client.accounts == (PBX, OTHER)


async def test_an_account_that_cannot_be_added_leaves_no_trace(client: Client, bench: Any) -> None:
    def refuse(_: Any) -> list[Any]:
        raise InvalidValue("no SIP address")

    bench.engine.script[AddAccount] = refuse
    with pytest.raises(InvalidValue):
        client.add(Account("mailto:x", name="third"))
    assert client.accounts == (PBX, OTHER)


# --- what goes in ------------------------------------------------------------------------------------------


async def test_what_a_call_is_given_reaches_the_engine(client: Client, bench: Any) -> None:
    call = client.dial("7000", '"Ext 1001 is free" <1001>', {"X-Extension": "1001"}, 45, private=True)
    assert bench.engine.told[-1] == Invite(
        call.id, "pbx", "7000", '"Ext 1001 is free" <1001>', (("X-Extension", "1001"),), timeout=45, private=True
    )
    assert client.calls == (call,)


@pytest.mark.parametrize(
    "values",
    [
        {"to": "7000\r\nX: 1"},
        {"to": "7000", "caller_id": "a\nb"},
        {"to": "7000", "headers": {"X-A": "1\r\nX-B: 2"}},
        {"to": "7000", "headers": [("X-A\r\nX-B", "2")]},
        {"to": "7000", "headers": {"X-A": "\0"}},
    ],
)
@pytest.mark.parametrize("media", ["none", "rtp"])
async def test_no_line_end_of_the_users_reaches_the_wire(
    client: Client, bench: Any, values: dict[str, Any], media: str
) -> None:
    with pytest.raises(InvalidValue):
        client.dial(**values, media=media)
    with pytest.raises(InvalidValue):
        await client.call(**values, media=media)
    assert bench.engine.of(Invite) == []
    assert client.calls == ()


async def test_a_call_takes_attributes_and_weak_references(client: Client) -> None:
    call: Any = client.dial("7000")
    call.mark = "mine"
    assert vars(call)["mark"] == "mine"
    assert weakref.ref(call)() is call


async def test_a_call_the_engine_refuses_is_forgotten(client: Client, bench: Any) -> None:
    def refuse(_: Any) -> list[Any]:
        raise InvalidValue("no address")

    bench.engine.script[Invite] = refuse
    with pytest.raises(InvalidValue):
        client.dial("@@")
    assert client.calls == ()


async def test_a_call_without_answer_raises_its_status(client: Client, bench: Any, settle: Any) -> None:
    async def call() -> None:
        async with client.call("7000"):
            pytest.fail("entered")

    calling = asyncio.create_task(call())
    await settle()
    bench.say(CallEnded(bench.engine.invite.id, 486, "USER_BUSY", 17, "Busy Here", "remote", False))
    with pytest.raises(SipError, match="486 USER_BUSY"):
        await calling
    assert client.calls == ()
    assert bench.engine.of(Hangup) == []


async def test_the_media_of_a_call_leave_from_where_its_server_is(client: Client, bench: Any, settle: Any) -> None:
    asked: list[Any] = []

    async def session(*values: Any) -> Any:
        asked.append(values)
        return bench.media

    client._switchboard._session = session
    client.dial("7000", media="rtp")
    bench.say(ServerChanged("pbx", bench.flow, Target("udp", "127.0.0.1", 5060)))
    client.dial("7000", media="rtp")
    await settle()
    assert asked == [(PBX, "rtp", ""), (PBX, "rtp", "127.0.0.1")]


async def test_a_request_gives_its_response(client: Client, bench: Any, settle: Any) -> None:
    asking = asyncio.create_task(client.request("OPTIONS", "7000", headers={"Accept": "*/*"}, account=OTHER))
    await settle()
    command = bench.engine.told[-1]
    assert command == SendRequest(command.request, OTHER.key, "OPTIONS", "7000", (("Accept", "*/*"),))
    response = Response(200)
    bench.say(Responded(command.request, response))
    assert await asking is response
    bench.say(Responded(command.request, "again"))


async def test_a_request_without_answer_raises(client: Client, bench: Any, settle: Any) -> None:
    asking = asyncio.create_task(client.request("OPTIONS", "7000"))
    await settle()
    bench.say(Responded(bench.engine.told[-1].request, None, "no answer in 32 s"))
    with pytest.raises(Unreachable, match="no answer in 32 s"):
        await asking


# --- what comes out ----------------------------------------------------------------------------------------


async def test_changes_reach_the_watch_the_snapshot_and_every_listener(bench: Any, registering: Any) -> None:
    bench.engine.script[AddAccount] = registering
    heard: list[Any] = []
    async with Client(PBX, on_event=heard.append, **bench.parts()) as client:
        news = client.events()
        async with client.watch("1001", events=("dialog",)) as changes:
            watch = bench.engine.told[-1]
            assert watch == Watch(watch.id, "pbx", "1001", ("dialog",))
            change = ExtensionChanged(watch.id, "pbx", "1001", State.UNKNOWN, State.READY)
            bench.say(change, Traced("something"))
            assert await anext(changes) == change
            assert client.extensions == client.states("pbx") == {"1001": "ready"}
        assert bench.engine.told[-1] == Unwatch(watch.id)
        assert [await anext(news), await anext(news)] == [change, Traced("something")]
        assert heard[-2:] == [change, Traced("something")]
        await news.aclose()
        bench.say(Traced("unheard"))


async def test_waiting_messages_are_kept_by_account(client: Client, bench: Any) -> None:
    summary = MessageWaiting("sip:robot@pbx.example.com", True, 3, 1)
    bench.say(MessagesWaiting("pbx", summary))
    assert client.messages_waiting == {"pbx": summary}
    await client.remove("pbx")
    assert client.messages_waiting == {}


async def test_listening_gives_the_address(client: Client) -> None:
    assert await client.listen("udp", "127.0.0.1") == ("127.0.0.1", 5060)


async def test_news_of_calls_and_requests_nobody_has_is_no_trouble(client: Client, bench: Any) -> None:
    bench.say(Answered(99), CallEnded(99, 200, "NORMAL_CLEARING", 16, "", "remote", True), Responded(99, None))
    assert client.failures == 0


# --- what a careless program asks for ---------------------------------------------------------------


@pytest.mark.parametrize("timeout", ["45s", 0, -1, float("nan"), float("inf")])
async def test_a_timeout_that_is_none(bench: Any, timeout: Any) -> None:
    async with Client(Account("sip:robot@pbx.test", register=False), **bench.parts()) as client:
        with pytest.raises(InvalidValue, match="a number of seconds above 0"):
            client.dial("7000", timeout=timeout)
        with pytest.raises(InvalidValue, match="a number of seconds above 0"):
            await client.call("7000", timeout=timeout)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"to": 7000}, "the target of a call is text, not 7000"),
        ({"to": "7000", "headers": {"X-A": 5}}, "the header X-A is text, not 5"),
        ({"to": "7000", "headers": [(5, "x")]}, "the name of a header is text, not 5"),
        ({"to": "7000", "caller_id": 1001}, "the caller ID is text, not 1001"),
        ({"to": "70\n00"}, "the target of a call holds the control character"),
        ({"to": "7000", "headers": {"X-A": "a\nb"}}, "the header X-A holds the control character"),
    ],
)
async def test_values_of_another_kind(bench: Any, arguments: Any, words: str) -> None:
    async with Client(Account("sip:robot@pbx.test", register=False), **bench.parts()) as client:
        with pytest.raises(InvalidValue, match=words):
            client.dial(**arguments)


async def test_a_call_carries_the_id_and_the_variables_of_whoever_placed_it(bench: Any) -> None:
    silent = Account("sip:robot@pbx.test", register=False, media="none")
    async with Client(silent, **bench.parts()) as client:
        call = client.dial("7000", headers={"X-Order": "16"}, id="order-17", variables={"order": "17", "who": "me"})
        assert (call.name, call.variables) == ("order-17", {"order": "17", "who": "me"})
        assert bench.engine.invite.call_id == "order-17"
        assert bench.engine.invite.headers == (("X-Order", "16"), ("X-who", "me"))
        with pytest.raises(InvalidValue, match="no id"):
            client.dial("7000", id="order 17")
        with pytest.raises(InvalidValue, match="control character"):
            client.dial("7000", variables={"order": "1\n2"})


async def test_a_client_that_was_not_entered_places_no_call(bench: Any) -> None:
    client = Client(Account("sip:robot@pbx.test", register=False), **bench.parts())
    with pytest.raises(SipError, match="async with"):
        client.dial("7000")


async def test_a_watch_of_nothing(bench: Any) -> None:
    async with Client(Account("sip:robot@pbx.test", register=False), **bench.parts()) as client:
        for wrong in ((), (["1001"],), (1001,)):
            with pytest.raises(InvalidValue, match="name the extensions"):
                client.watch(*wrong)  # type: ignore[arg-type]
        for events in ("presence", ()):
            with pytest.raises(InvalidValue, match="a tuple of packages"):
                client.watch("1001", events=events)  # type: ignore[arg-type]
