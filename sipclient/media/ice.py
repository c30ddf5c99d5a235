"""Packets over ICE: gathered, checked, restarted, and ended where the peer no longer consents. RFC 8445, RFC 8839."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from sipclient import sdp
from sipclient.errors import MediaError
from sipclient.media.engine import RtpEngine
from sipclient.media.ice_agent import Agent
from sipclient.media.ice_servers import NO_SERVERS, IceServers
from sipclient.media.packets import RTP_BEGINS, Receiver, is_rtcp, nobody
from sipclient.media.ports import EF, PortPair

PATIENCE = 20.0  # seconds the checks have, from when both sides are known
_ICE_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_UFRAG, _PASSWORD = 8, 24  # characters; RFC 8839 §5.4 asks for 24 and 128 bits


class IceTransport:
    """See PacketTransport. `gather` gives our side for a description, `connect` takes the peer's; `flowing` is
    called whenever a way is found. One restart may be under way: the old way serves until the new one is there.

    `hosts` are the local addresses to use, the best first.
    """

    def __init__(
        self,
        engine: RtpEngine,
        hosts: Sequence[str],
        span: tuple[int, int],
        servers: IceServers = NO_SERVERS,
        public_address: str = "",
        flowing: Callable[[], None] | None = None,
        dscp: int = EF,
    ) -> None:
        self.unsent = 0
        self._engine = engine
        self._hosts = tuple(hosts)
        self._span = span
        self._dscp = dscp
        self._servers = servers
        self._public_address = public_address
        self._flowing = flowing
        self._dropped = 0
        self._agent: Agent | None = None  # whose way is used, or will be
        self._next: Agent | None = None  # of a restart that is offered, or being checked
        self._moved = False  # since what there is was gathered
        self._tasks: set[asyncio.Task[None]] = set()
        self._runs: dict[Agent, asyncio.Task[None]] = {}
        self._pairs: dict[Agent, list[PortPair]] = {}
        self._mux = True
        self._closed = False
        self._rtp: Receiver = nobody
        self._rtcp: Receiver = nobody
        self._failed: Callable[[str], None] | None = None

    @property
    def dropped(self) -> int:
        """Packets that came and were not delivered: from where no check succeeded."""
        agents = [each for each in (self._agent, self._next) if each is not None]
        return self._dropped + sum(each.refused + each.malformed for each in agents)

    @property
    def theirs(self) -> sdp.Ice | None:
        """The peer's side, as it was told last."""
        agent = self._next or self._agent
        return None if agent is None else agent.theirs

    @property
    def ours(self) -> sdp.Ice | None:
        """Our side, as the next description tells it."""
        agent = self._next or self._agent
        return None if agent is None else agent.ours

    async def gather(self, controlling: bool, components: int = 1, restart: bool = False) -> sdp.Ice:
        """Our credentials and candidates: those there are, or new ones, for a restart too. Whoever offers is
        `controlling` (RFC 8445 §6.1.1), and must be from here on, for the peer's checks may come at once. Two
        `components` where RTCP needs a port of its own. Raises MediaError where there is no socket, or no
        candidate."""
        agent = self._next or self._agent
        if agent is not None and agent.theirs is None:
            agent.ice_controlling = controlling
        if agent is None or self._moved or (restart and self._next is None):
            hosts = self._hosts
            agent = await self._new_agent(controlling, components)
            self._moved = self._hosts is not hosts
            if self._closed:
                await self._end(agent, self._pairs.pop(agent, []))
                raise MediaError("the call ended while its candidates were gathered")
            if self._agent is None:
                self._agent = agent
            else:
                outdated, self._next = self._next, agent
                await self._end(outdated, self._pairs.pop(outdated, []) if outdated is not None else [])
        return agent.ours

    def move(self, hosts: Sequence[str]) -> None:
        """Our local addresses are these: what is gathered next is a restart from there (RFC 8445 §9)."""
        self._hosts = tuple(hosts)
        self._moved = True

    def would_move(self, theirs: sdp.Ice) -> bool:
        """Whether `connect` with this looks for a new way, rather than adding to the one there is."""
        agent = self._next or self._agent
        return agent is None or agent.theirs is None or theirs.restarts(agent.theirs)

    def connect(self, theirs: sdp.Ice, mux: bool = True) -> None:
        """The peer's side is known, the first time or another: look for a way to it.

        More candidates of the same peer are only added. Other credentials are another peer that answers the
        same offer (the last one counts), or its restart.
        """
        agent = self._next or self._agent
        if agent is None or self._closed:
            return
        self._mux = mux
        if agent.theirs is not None and not self.would_move(theirs):
            agent.learn(theirs)
            return
        if agent.theirs is not None:
            agent = self._replaced(agent)
        self._runs[agent] = self._spawn(self._run(agent, theirs))

    def direct(self, host: str, port: int) -> None:
        """The peer has no ICE: packets go to and come from this address. Raises MediaError where they cannot."""
        agent = self._agent
        if agent is None or self._closed:
            return
        if not agent.use(host, port):
            raise MediaError(f"the peer has no ICE, and no socket here reaches {host}")
        self._mux = True
        if self._flowing is not None:
            self._flowing()

    def start(self, rtp: Receiver, rtcp: Receiver, failed: Callable[[str], None]) -> None:
        """Deliver from now on; see PacketTransport."""
        self._rtp, self._rtcp, self._failed = rtp, rtcp, failed

    def send_rtp(self, data: bytes | bytearray) -> None:
        """See PacketTransport."""
        if self._agent is None or not self._agent.send(bytes(data)):
            self.unsent += 1

    def send_rtcp(self, data: bytes) -> None:
        """See PacketTransport."""
        if self._agent is None or not self._agent.send(data, 1 if self._mux else 2):
            self.unsent += 1

    def close(self) -> None:
        """No more. What that takes of time is waited for by `closed`. Twice is harmless."""
        if not self._closed:
            self._closed = True
            for agent in (self._agent, self._next):
                if agent is not None:
                    self._spawn(self._end(agent, self._pairs.pop(agent, [])))
            self._agent = self._next = None

    async def closed(self) -> None:
        """Return when everything is given back."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    # --- runs ---------------------------------------------------------------------------------------

    async def _new_agent(self, controlling: bool, components: int) -> Agent:
        draw = self._engine.draw
        credentials = (_word(draw, _UFRAG), _word(draw, _PASSWORD))
        pairs: list[PortPair] = []
        agent = None
        try:
            for place, host in enumerate(self._hosts):
                try:
                    pairs.append(self._engine.open_ports(host, self._span, self._dscp))
                except MediaError:
                    if not place:
                        raise  # an address of the other IP version is a gain where it is, and no loss where it is not
            places = [(pair.host, pair) for pair in pairs]
            agent = Agent(places, self._servers, self._public_address, credentials, controlling, components, self._take)
            await agent.gather_candidates()
            if not agent.local_candidates:
                raise MediaError("ICE found no address of ours to offer: is the TURN server there?")
        except BaseException:
            await self._end(agent, pairs)
            raise
        self._pairs[agent] = pairs
        return agent

    def _replaced(self, agent: Agent) -> Agent:
        """Another agent in its place, with its sockets."""
        fresh = agent.again()
        self._pairs[fresh] = self._pairs.pop(agent, [])
        if agent is self._next:
            self._next = fresh
        else:
            self._agent = fresh
        self._spawn(self._end(agent, []))
        return fresh

    async def _run(self, agent: Agent, theirs: sdp.Ice) -> None:
        try:
            await agent.find_way(theirs, PATIENCE)
        except MediaError as error:
            self._gave_up(agent, str(error))
            return
        if agent not in self._runs:  # ended meanwhile, and the cancellation came when the way was found already
            return
        before = None
        if agent is self._next:
            before, self._agent, self._next = self._agent, agent, None
        if self._flowing is not None:
            self._flowing()
        if before is not None:
            await self._end(before, self._pairs.pop(before, []))
        await agent.lost()
        if agent is self._agent and not self._closed:
            self._fail("the peer no longer answers: its consent to media expired")

    def _gave_up(self, agent: Agent, reason: str) -> None:
        if agent is self._next:  # a restart that led nowhere; the way there was may still be good
            self._next = None
            self._spawn(self._end(agent, self._pairs.pop(agent, [])))
        elif agent is self._agent and not self._closed:
            self._fail(reason)

    def _fail(self, reason: str) -> None:
        if self._failed is not None:
            self._failed(reason)

    async def _end(self, agent: Agent | None, pairs: Sequence[PortPair]) -> None:
        if agent is not None:
            run = self._runs.pop(agent, None)
            if run is not None and run is not asyncio.current_task():
                run.cancel()
                await asyncio.wait([run])
            self._dropped += agent.refused + agent.malformed
            await agent.close()
        for pair in pairs:
            pair.close()

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _take(self, data: bytes, component: int) -> bool:
        at = self._engine.loop.time()
        if is_rtcp(data) or (component == 2 and data < RTP_BEGINS):  # the latter is DTLS
            return self._rtcp(data, at)
        return self._rtp(data, at)


def _word(draw: Callable[[int], int], characters: int) -> str:
    bits = draw(6 * characters)
    return "".join(_ICE_CHARACTERS[bits >> 6 * place & 63] for place in range(characters))
