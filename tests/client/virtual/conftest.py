"""A whole client and the telephones that it reaches, in virtual time: signalling in memory, sound over loopback."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from support.memory_network import MemoryNetwork
from support.virtual_loop import VirtualLoop

from sipclient import Account, BridgeFailed, BridgeProgress, Client
from sipclient.media.tones.detector import tone_level
from sipclient.message import Request
from sipclient.protocol.events import CallEnded, Ring

ROBOT, PHONES = "127.0.0.2", "127.0.0.1"
OVER = 70.0  # seconds after which every transaction has ended: 64·T1, twice, and a little


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """These tests wait for nothing."""
    return {"virtual": VirtualLoop}


class Ear:
    """What a telephone hears: the loudest of some tones, each 20 ms."""

    def __init__(self, call: Any, *frequencies: float) -> None:
        self.heard_at: dict[float, list[float]] = {frequency: [] for frequency in frequencies}
        call.voice.stream.listen(self)

    def heard(self, pcm: bytes, rate: int, at: float) -> None:
        for frequency, times in self.heard_at.items():
            if tone_level(pcm, frequency, rate) > -30:
                times.append(asyncio.get_running_loop().time())


class Scene:
    """`told` is what was told of bridges, with its time; `ended` how often each call ended, on either side."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.network = network
        self.asked = 0
        self.ended: Counter[tuple[str, int]] = Counter()
        self.told: list[tuple[float, BridgeProgress]] = []
        self.client = Client(
            Account(
                "sip:robot@127.0.0.1", local=f"{ROBOT}:0", server=f"udp:{PHONES}:5060", register=False, keepalive=0.0
            ),
            network=network.host(ROBOT),
            clock=asyncio.get_running_loop(),
            on_event=lambda event: self._hear("robot", event),
        )
        self.phones = Client(
            Account("sip:pbx@127.0.0.1", local=f"{PHONES}:0", register=False, keepalive=0.0, peers=("127.0.0.0/8",)),
            network=network.host(PHONES),
            clock=asyncio.get_running_loop(),
            on_event=lambda event: self._hear("phones", event),
        )
        self.calls: Any = None

    def _hear(self, who: str, event: Any) -> None:
        if isinstance(event, CallEnded):
            self.ended[who, event.id] += 1

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def hear(self, progress: BridgeProgress) -> None:
        """What `on_progress` is."""
        self.told.append((self.now, progress))

    def bridge(self, a: str = "1001", b: str = "1002", **more: Any) -> asyncio.Task[Any]:
        """A bridge to its end; the first has the id `x`, further ones have `x2`, `x3` and so on."""
        self.asked += 1
        id = "x" if self.asked == 1 else f"x{self.asked}"

        async def talk() -> None:
            async with self.client.bridge(a, b, id=id, on_progress=self.hear, **more) as joined:
                await joined

        return asyncio.create_task(talk())

    async def next(self) -> Any:
        """The next call that reaches a telephone."""
        return await anext(self.calls)

    async def early(self, incoming: Any) -> Any:
        """Let a telephone be heard before it answers (183 with a description); its call."""
        body = await incoming.call.describe(incoming.request.body)
        self.phones.do(Ring(incoming.call.id, 183, body=body))
        return incoming.call

    def ladder(self, call: str) -> list[str]:
        """The messages of a call of the bridge (`a1`): `>` from us, `<` from the telephone, copies left out."""
        lines: list[str] = []
        known: set[bytes] = set()
        for seen in self.network.of(f"x-{call}-"):
            message, way = seen.message, ">" if seen.source == ROBOT else "<"
            data = bytes(message)
            if data in known:
                continue
            known.add(data)
            name = message.method if isinstance(message, Request) else f"{message.status} {message.cseq.method}"
            lines.append(f"{way} {name}")
        return [line for line in lines if line != "< 100 INVITE"]

    def states(self, leg: str) -> list[str]:
        """What was told of one side, or with "" of the bridge."""
        return [each.state for _, each in self.told if each.leg == leg]

    def last(self, leg: str) -> BridgeProgress:
        """What was told last of one side."""
        return [each for _, each in self.told if each.leg == leg][-1]

    async def fails(self, bridging: asyncio.Task[Any]) -> BridgeFailed:
        """How a bridge failed."""
        with pytest.raises(BridgeFailed) as caught:
            await bridging
        return caught.value

    async def over(self) -> None:
        """Nothing is left over, nothing ended twice, and one end was told."""
        assert self.client.calls == ()
        await asyncio.sleep(OVER)
        assert self.phones.calls == ()
        assert set(self.ended.values()) <= {1}
        for client in (self.client, self.phones):
            assert client.failures == 0
            assert client._closing or client._running().engine.deadline is None  # no transaction waits for anything
        finals = [state for state in self.states("") if state in ("failed", "ended")]
        assert len(finals) == self.asked
        assert self.told == [] or self.told[-1][1].leg == ""
        self._every_answer_was_acknowledged_and_ended()

    def _every_answer_was_acknowledged_and_ended(self) -> None:
        sent: dict[str, Counter[str]] = {}
        for seen in self.network.seen:
            message = seen.message
            call = sent.setdefault(message.call_id, Counter())
            if isinstance(message, Request):
                call[message.method] += 1
            elif message.cseq.method == "INVITE" and 200 <= message.status < 300:
                call["answered"] += 1
        for call in sent.values():
            assert not call["answered"] or (call["ACK"] and call["BYE"])


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene(MemoryNetwork())
    async with scene.phones, scene.client, scene.phones.incoming() as scene.calls:
        yield scene
        await scene.over()
