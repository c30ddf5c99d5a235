"""One run of ICE by aioice, on sockets of our choosing, with packets taken only from where a check succeeded.
RFC 8445, RFC 7675."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

from aioice import Candidate, Connection, TransportPolicy
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, StunProtocol, relayed_candidate, server_reflexive_candidate
from aioice.stun import Message

from sipclient import sdp
from sipclient.errors import MediaError
from sipclient.media.ice_servers import IceServers, Place
from sipclient.media.packets import is_record
from sipclient.media.peer import Address, Peer
from sipclient.media.ports import PortPair

log = logging.getLogger(__name__)

GATHERING = 3.0  # seconds a STUN or TURN server has
MOST_CANDIDATES = 64  # of the peer's
_MOST_PAIRS = 256
_HELD = 16  # early DTLS datagrams kept until their sender is known
_FIRST_OF_OTHERS = 20  # STUN begins with 0 to 3; DTLS from 20, RTP from 128 (RFC 7983 §7)
_BUFFER = 1 << 18

Taken: TypeAlias = Callable[[bytes, int], bool]
"""Takes a packet of the peer's, and the component it came on; says whether it was a good one, as a Receiver does."""


class Endpoint(StunProtocol):
    """A socket of ours, or the far end of a relay: checks go to aioice, everything else past it at once."""

    gone = False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed, or the relay is."""
        self.gone = True
        super().connection_lost(exc)

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """A datagram came."""
        if isinstance(data, str) or not data or not isinstance(self.receiver, Agent):
            return
        if data[0] >= _FIRST_OF_OTHERS:
            self.receiver.packet_received(data, (addr[0], addr[1]), self)
            return
        try:
            super().datagram_received(data, addr)
        except Exception:  # a border: whatever a stranger sends must not reach the loop
            self.receiver.malformed += 1


class Agent(Connection):
    """Candidates, checks and consent of one pair of credentials.

    `take` gets the packets of the peer once `open` was called, and none before: what comes earlier is
    nobody's, but for a few DTLS datagrams that wait for their sender's check to succeed.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[str, PortPair]],
        servers: IceServers,
        public_address: str,
        credentials: tuple[str, str],
        controlling: bool,
        components: int,
        take: Taken,
    ) -> None:
        stun = Place.of(servers.stun) if servers.stun else None
        turn = Place.of(servers.turn) if servers.turn else None
        super().__init__(
            controlling,
            components=components,
            stun_server=None if stun is None else (stun.host, stun.port),
            turn_server=None if turn is None else (turn.host, turn.port),
            turn_username=servers.username,
            turn_password=servers.password,
            turn_ssl=turn is not None and turn.secure,
            turn_transport="udp" if turn is None else turn.transport,
            transport_policy=TransportPolicy.RELAY if servers.relay_only else TransportPolicy.ALL,
            local_username=credentials[0],
            local_password=credentials[1],
        )
        self.malformed = 0
        self.refused = 0
        self.theirs: sdp.Ice | None = None
        self._pairs = pairs
        self._servers = servers
        self._plain: tuple[Endpoint, Peer] | None = None
        self._public_address = public_address
        self._take = take
        self._open = False
        self._valid: set[tuple[int, Address]] = set()
        self._early: deque[tuple[bytes, Address, Endpoint]] = deque(maxlen=_HELD)
        self._resolving: set[asyncio.Task[None]] = set()

    @property
    def ours(self) -> sdp.Ice:
        """Our side, for a description. There are no more candidates than these."""
        found = tuple(_described(each) for each in self.local_candidates)
        return sdp.Ice(self.local_username, self.local_password, found, end_of_candidates=True)

    # --- gathering ----------------------------------------------------------------------------------

    async def get_component_candidates(  # the signature is aioice's
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,
    ) -> list[Candidate]:
        """What aioice asks for each component; the addresses it found itself are not looked at."""
        candidates: list[Candidate] = []
        endpoints: list[Endpoint] = []
        relay_only = self._transport_policy is TransportPolicy.RELAY
        for rank, (host, pair) in enumerate(() if relay_only else self._pairs):
            endpoint = await self._bound(pair, component)
            port = pair.port + component - 1
            made = _candidate("host", component, host, port, rank)
            endpoint.local_candidate = made
            endpoints.append(endpoint)
            candidates.append(made)
            if self._public_address and (":" in self._public_address) == (":" in host):
                candidates.append(_candidate("srflx", component, self._public_address, port, rank, made))
        self._protocols += endpoints
        asked: list[Coroutine[Any, Any, tuple[Candidate, StunProtocol | None]]] = []
        if self.stun_server is not None:
            seen = [each for each in endpoints if ":" not in each.local_candidate.host]
            asked += [server_reflexive_candidate(each, self.stun_server) for each in seen]
        if self.turn_server is not None:
            asked.append(self._relayed(component, self.turn_server, hidden=relay_only))
        for candidate, relay in await _all_in_time(asked):
            if relay is not None:
                self._protocols.append(relay)
            if all(candidate.host != each.host or candidate.port != each.port for each in candidates):
                candidates.append(candidate)
        return candidates

    async def _bound(self, pair: PortPair, component: int) -> Endpoint:
        sock = (pair.rtp if component == 1 else pair.rtcp).dup()  # asyncio closes its own, the pair the other
        try:
            _, endpoint = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Endpoint(self), sock=sock)
        except OSError as error:
            sock.close()
            raise MediaError(f"no socket for ICE: {error.strerror}") from error
        return endpoint

    async def _relayed(
        self, component: int, server: tuple[str, int], hidden: bool
    ) -> tuple[Candidate, StunProtocol | None]:
        return await relayed_candidate(
            component=component,
            hide_related_address=hidden,
            protocol_factory=lambda: Endpoint(self),
            turn_server=server,
            turn_username=self.turn_username,
            turn_password=self.turn_password,
            turn_ssl=self.turn_ssl,
            turn_transport=self.turn_transport,
        )

    # --- checks -------------------------------------------------------------------------------------

    async def find_way(self, theirs: sdp.Ice, within: float) -> None:
        """Check the pairs until one works, and the peer agrees. Raises MediaError where none does in so many
        seconds. Then packets flow, and `lost` waits for the end of it."""
        self.theirs = theirs
        named = {each.component for each in theirs.candidates if each.transport == "udp"}
        self._components = self._components & named or {1}  # what the peer has none for is not waited for
        self._plain, self._open = None, False
        self.ice_controlling = self.ice_controlling or theirs.lite  # RFC 8445 §6.1.1
        self.remote_is_lite = theirs.lite
        self.remote_username, self.remote_password = theirs.ufrag, theirs.pwd
        self.learn(theirs)
        try:
            async with asyncio.timeout(within):  # wait_for loses a cancellation that comes with the end (Python < 3.12)
                await self.connect()
        except (ConnectionError, TimeoutError):
            tried = ", ".join(sorted({f"{host} port {port}" for host, port in self._tried()})) or "no address of it"
            raise MediaError(f"ICE found no way to the peer in {within:.0f} seconds; tried {tried}") from None
        self._let_in()

    def _let_in(self) -> None:
        """Packets are taken from now on, those that waited first."""
        self._open = True
        early, self._early = self._early, deque(maxlen=_HELD)
        for held in early:
            self.packet_received(*held)

    def learn(self, theirs: sdp.Ice) -> None:
        """Candidates of the peer, the first time or more of them. One that hides behind multicast DNS is asked
        for in the meantime; where nobody knows it, the peer's own checks show where it is."""
        room = MOST_CANDIDATES - len(self.remote_candidates) - len(self._resolving)
        for each in theirs.candidates[: max(0, room)]:
            if each.transport != "udp" or each.component not in self._components or not each.port:
                continue
            task = asyncio.ensure_future(self._add(_aioice(each)))
            self._resolving.add(task)
            task.add_done_callback(self._resolving.discard)

    async def _add(self, candidate: Candidate) -> None:
        try:
            await self.add_remote_candidate(candidate)
        # No multicast on this machine; no address; or aioice asks already from another loop of this process, and has
        # one lock for all.
        except (OSError, ValueError, RuntimeError):
            self.malformed += 1

    def _tried(self) -> list[Address]:
        return [(each.host, each.port) for each in self.remote_candidates]

    def check_incoming(self, message: Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """A check of the peer's: bounded, for whoever knows the password may send from anywhere."""
        known = protocol.local_candidate.component in self._components
        if known and "PRIORITY" in message.attributes and len(self._check_list) < _MOST_PAIRS:
            super().check_incoming(message, addr, protocol)

    async def lost(self) -> None:
        """Return when the peer no longer consents to what we send. RFC 7675."""
        await self.get_event()

    def use(self, host: str, port: int) -> bool:
        """Do without checks: the peer has no ICE, and is there. False where no socket of ours reaches it."""
        found = next((each for each in self._protocols if _reaches(each, host)), None)
        if found is None or not isinstance(found, Endpoint):
            return False
        before = self._plain[1] if self._plain is not None else None
        self._plain = (found, Peer(host, port, before, _now()))
        self._let_in()
        return True

    def again(self) -> Agent:
        """Another run with our same side, for another peer that answers it: the sockets go over to it."""
        credentials = (self.local_username, self.local_password)
        components = len(self._components)
        fresh = Agent(
            self._pairs, self._servers, self._public_address, credentials, self.ice_controlling, components, self._take
        )
        fresh._protocols, self._protocols = self._protocols, []
        for each in fresh._protocols:
            each.receiver = fresh
        fresh._local_candidates = self.local_candidates
        fresh._local_candidates_start = fresh._local_candidates_end = True
        return fresh

    # --- packets ------------------------------------------------------------------------------------

    def packet_received(self, data: bytes, source: Address, endpoint: Endpoint) -> None:
        """A packet that is no STUN came: taken if a check with its sender succeeded."""
        if self._plain is not None:
            _, peer = self._plain
            record = is_record(data)
            if not (peer.admits_record(source, _now()) if record else peer.admits(source)):
                self.refused += 1
            elif self._take(data, 1):
                peer.heard(source)
        elif self._open and self._consented(source, endpoint):
            self._take(data, endpoint.local_candidate.component)
        elif not self._open and is_record(data):
            self._early.append((data, source, endpoint))
        else:
            self.refused += 1

    def data_received(self, data: bytes, component: int) -> None:
        """What begins as STUN does and is none. aioice keeps it for somebody who reads, and nobody does."""
        self.malformed += 1

    def _consented(self, source: Address, endpoint: Endpoint) -> bool:
        key = (endpoint.id, source)
        if key in self._valid:
            return True
        for pair in self._check_list:
            if pair.state is CandidatePair.State.SUCCEEDED and pair.protocol is endpoint and pair.remote_addr == source:
                self._valid.add(key)
                return True
        return False

    def send(self, data: bytes, component: int = 1) -> bool:  # type: ignore[override]  # at once, and no coroutine
        """Send on the pair in use; False where there is none."""
        if self._plain is not None:
            endpoint, peer = self._plain
            destination = peer.destination if component == 1 else None
        else:
            pair = self._nominated.get(component)
            if pair is None or not isinstance(pair.protocol, Endpoint):
                return False
            endpoint, destination = pair.protocol, pair.remote_addr
        if destination is None or endpoint.gone or self._closing:
            return False
        endpoint.transport.sendto(data, destination)
        return True

    async def close(self) -> None:
        """Stop, and close every socket."""
        for task in tuple(self._resolving):
            task.cancel()
        if self._resolving:
            await asyncio.wait(self._resolving)
        await super().close()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _reaches(protocol: StunProtocol, host: str) -> bool:
    ours = protocol.local_candidate
    return ours.type == "host" and ours.component == 1 and (":" in ours.host) == (":" in host)


async def _all_in_time(
    asked: Sequence[Coroutine[Any, Any, tuple[Candidate, StunProtocol | None]]],
) -> list[tuple[Candidate, StunProtocol | None]]:
    """The answers of the servers that gave one; the others are done without, and named in the log."""
    if not asked:
        return []
    tasks = [asyncio.ensure_future(each) for each in asked]
    done, late = await asyncio.wait(tasks, timeout=GATHERING)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)
        log.warning("no answer from a STUN or TURN server in %d seconds", GATHERING)
    found = []
    for task in tasks:
        if task not in done:
            continue
        error = task.exception()
        if error is None:
            found.append(task.result())
        else:
            log.warning("a STUN or TURN server is of no use: %s", error or type(error).__name__)
    return found


def _candidate(kind: str, component: int, host: str, port: int, rank: int, base: Candidate | None = None) -> Candidate:
    return Candidate(
        foundation=candidate_foundation(kind, "udp", host if base is None else base.host),
        component=component,
        transport="udp",
        priority=candidate_priority(component, kind, 65535 - rank),
        host=host,
        port=port,
        type=kind,
        related_address=None if base is None else base.host,
        related_port=None if base is None else base.port,
    )


def _described(candidate: Candidate) -> sdp.Candidate:
    return sdp.Candidate(
        candidate.foundation,
        candidate.component,
        candidate.transport,
        candidate.priority,
        candidate.host,
        candidate.port,
        candidate.type,
        candidate.related_address or "",
        candidate.related_port or 0,
    )


def _aioice(candidate: sdp.Candidate) -> Candidate:
    return Candidate(
        candidate.foundation,
        candidate.component,
        candidate.transport,
        candidate.priority,
        candidate.host,
        candidate.port,
        "srflx" if candidate.kind == "prflx" else candidate.kind,  # aioice takes none signalled as prflx
    )
