"""One address of ours in a replay: an engine of its own, and the trace as its network and its user."""

from __future__ import annotations

from collections.abc import Callable

from sipclient import __version__
from sipclient.config import Config
from sipclient.errors import InvalidValue, MalformedMessage
from sipclient.message import Request, Response, parse
from sipclient.protocol.agent import UserAgent
from sipclient.protocol.digest import Secret, verify
from sipclient.protocol.events import (
    CallEnded,
    CloseFlow,
    Command,
    Connect,
    ConnectFailed,
    Effect,
    Event,
    ExtensionChanged,
    Flow,
    FlowClosed,
    FlowOpened,
    IncomingCall,
    Input,
    Packet,
    RequestReceived,
    Resolve,
    Resolved,
    Send,
    SubscribeReceived,
    Target,
    TransferAsked,
)
from sipclient.trace.record import Address
from sipclient.trace.replaying.casting import Cast, Casting
from sipclient.trace.replaying.compare import LATE, judge, masked
from sipclient.trace.replaying.earlier import Earlier, accepted
from sipclient.trace.replaying.expected import Expected
from sipclient.trace.replaying.identifiers import Tokens, Translation
from sipclient.trace.replaying.outcome import Difference, Line, Verdict
from sipclient.trace.replaying.prompting import Prompter
from sipclient.trace.replaying.rehearsal import Rehearsal
from sipclient.trace.replaying.sides import Seen
from sipclient.trace.replaying.words import words_of

NEVER = 1e12  # seconds


class Part:
    """`tell(now, line)` hears what happens. Times are those of the replay's clock; `zero` is its first moment."""

    def __init__(
        self,
        address: Address,
        seen: list[Seen],
        config: Config | None,
        rehearsal: Rehearsal,
        tell: Callable[[Line], None],
        zero: float,
    ) -> None:
        self.address = address
        self.sent = [each for each in seen if each.source == address]
        self.casting = Casting(address, seen, config)
        self.prompter = Prompter(self.casting, self.sent, config, rehearsal)
        self.states: dict[str, str] = {}
        self._agent = UserAgent(Tokens(self._steer, self.casting.instance), user_agent=f"sipclient/{__version__}")
        self._translation = Translation()
        self._expected = Expected(self.sent)
        self._rehearsal = rehearsal
        self._tell = tell
        self._zero = zero
        self._now = zero
        self._context = ""  # the trace's Call-ID of what is being handled
        self._prompts: list[Seen] = []
        self._went: dict[bytes, Seen | None] = {}  # what we sent, and what it stands for
        self._steered: dict[int, str] = {}  # requests that our own timer would have sent at another time
        self._earlier = Earlier([each for each in seen if each.destination == address], self.sent)
        self._unseen: list[Request] | None = None  # what is sent while nobody looks

    @property
    def deadline(self) -> float | None:
        """When the engine must be asked next."""
        return self._agent.deadline

    def tick(self, now: float) -> None:
        """A deadline of the engine."""
        self._now, self._context, self._prompts = now, "", []
        self._run(self._agent.tick(now))

    def receive(self, seen: Seen, now: float) -> None:
        """The trace shows a message that reached us."""
        self._now, self._context, self._prompts = now, seen.call, []
        if not self.prompter.casts_ready:
            self._begin()
        self._subscribe_earlier(seen)
        self._tell(Line(now - self._zero, "received", seen.text, str(seen.source), seen.record.line))
        flow = self._flow(seen.transport, seen.source)
        data = self._translation.inward(seen.record.data, seen.call, response=not seen.is_request)
        self._run(self._agent.receive(Packet(flow, data), now))

    def expect(self, seen: Seen, now: float) -> None:
        """The trace shows a message that we sent: if ours has not left yet, somebody must have asked for it."""
        self._now, self._context = now, seen.call
        if self._expected.claimed(seen):
            return
        if self.casting.is_ping(seen):
            return  # which is nobody's doing
        self._prompts = [seen]
        for command in self.prompter.commands(seen):
            self._do(command)

    def unsent(self) -> list[Seen]:
        """What the trace has of ours and we did not send."""
        return [each for each in self.sent if not self._expected.claimed(each)]

    # --- the engine ---------------------------------------------------------------------------------

    def _begin(self) -> None:
        """An account that was there before the trace began: it must be known to be reached."""
        for cast in self.casting.casts:
            for command in self.prompter.account(cast):
                self._do(command)

    def _subscribe_earlier(self, seen: Seen) -> None:
        """A subscription that was there before the trace began is made unseen, with the identifiers of its NOTIFY."""
        extension, first = self._earlier.of(seen)
        cast = self.casting.account_for("") if first else None
        if cast is None or cast.account.register:  # one that registers subscribes after that, so the trace shows it
            return
        self._unseen = []
        self._do(self.prompter.watch_earlier(cast, extension, tuple(first)))
        asked, self._unseen = self._unseen, None
        for subscribe in asked:
            notify = first[subscribe.event[0]].message
            if isinstance(notify, Request):
                self._translation.bind_earlier(subscribe, notify)
                flow = self._flow(seen.transport, seen.source)
                self._answer(Packet(flow, accepted(subscribe, notify)))

    def _do(self, command: Command) -> None:
        try:
            effects = self._agent.do(command, self._now)
        except InvalidValue as error:
            self._tell(Line(self._now - self._zero, "state", f"this is not sent: {error}"))
            return
        self._run(effects)

    def _run(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._send(effect)
            elif isinstance(effect, Resolve):
                targets = (self._target(effect.account),)
                self._answer(Resolved(effect.request, targets))
            elif isinstance(effect, Connect):
                self._connect(effect)
            elif isinstance(effect, CloseFlow):
                self._answer(FlowClosed(effect.flow, "closed"))
            else:
                self._hear(effect)

    def _answer(self, input: Input) -> None:
        self._run(self._agent.receive(input, self._now))

    def _connect(self, effect: Connect) -> None:
        target = effect.target
        if target.transport != self._target(effect.account).transport:
            self._answer(ConnectFailed(effect.request, f"the trace has no {target.transport} connection"))
            return
        self._answer(FlowOpened(effect.request, self._flow(target.transport, Address(target.host, target.port))))

    def _target(self, account: str) -> Target:
        cast = next((each for each in self.casting.casts if each.account.key == account), self.casting.casts[0])
        return cast.target

    def _flow(self, transport: str, remote: Address) -> Flow:
        serial = 0 if transport == "udp" else 1
        return Flow(transport, self.address.host, self.address.port, remote.host, remote.port, serial)

    def _steer(self, role: str, low: float, high: float) -> float:
        """What a wait must have been, going by when the trace has what came after it."""
        call, last = self._context, high - (high - low) * 1e-6
        if role == "refresh":
            for method in ("REGISTER", "SUBSCRIBE"):
                following = self._expected.next_request(call, method, self._now + 0.05)
                if following is not None and following.message is not None and not _ending(following):
                    wait = following.at - self._now
                    if not low - LATE <= wait <= high + LATE:
                        self._steered[id(following)] = f"{low:.1f} to {high:.1f} s after what was granted"
                    return wait
            return last
        if role == "keepalive":
            ahead = next((each.at for each in self.casting.pings if each.at > self._now + 0.01), NEVER)
            return (ahead - self._now) / (self.casting.interval or 1.0)
        if role == "rseq" and (number := self._expected.next_response(call, "RSeq")).isdecimal():
            return min(max(low, int(number) - 0.5), last)
        if role == "retry-after" and (seconds := self._expected.next_response(call, "Retry-After")).isdecimal():
            return min(max(low, float(seconds)), last)
        if role == "register" and (again := self._expected.next_request(call, "REGISTER", self._now)) is not None:
            return min(max(low, again.at - self._now), last)
        return last

    # --- what it sends ------------------------------------------------------------------------------

    def _send(self, send: Send) -> None:
        if not send.data.strip():
            return  # a keep-alive of streams, which no reader of traces shows
        if self._unseen is not None:
            self._unseen += [each for each in (parse(send.data),) if isinstance(each, Request)]
            return
        if send.data in self._went:
            original = self._went[send.data]
            again = self._expected.repeat_of(original) if original is not None else None
            self._sent(send, again or original, repeated=again is None)
            return
        try:
            seen = self._claimed(parse(send.data))
        except MalformedMessage:
            seen = None  # an answer repeats what was asked, and that can be anything
        self._went[send.data] = seen
        self._sent(send, seen, repeated=False)

    def _claimed(self, ours: Request | Response) -> Seen | None:
        """What of the trace this stands for."""
        call = self._translation.call_id(ours.call_id)
        seen: Seen | None
        if isinstance(ours, Request):
            branch = self._translation.known(ours.hop.branch)
            seen = self._expected.request(ours, call, self._prompts, branch)
        else:
            seen = self._expected.response(ours, call, ours.hop.branch)
        if seen is not None and seen.message is not None:
            self._translation.bind(ours, seen.message)
        return seen

    def _sent(self, send: Send, seen: Seen | None, *, repeated: bool) -> None:
        request = not send.data.startswith(b"SIP/2.0 ")
        call = seen.call if seen is not None else ""
        data = self._translation.outward(send.data, call, request=request)
        text = data.split(b"\r\n", 1)[0].decode("utf-8", "backslashreplace")
        peer = str(Address(send.flow.remote_host, send.flow.remote_port))
        at = self._now - self._zero
        if seen is None or seen.message is None or repeated:
            more = " (again)" if repeated else ""
            self._tell(Line(at, "sent", f"{text}{more}", peer, 0, "only ours"))
            return
        verdict, found = self._judged(seen, data)
        self._tell(Line(at, "sent", text, peer, seen.record.line, verdict, found))

    def _judged(self, seen: Seen, data: bytes) -> tuple[Verdict, tuple[Difference, ...]]:
        """How ours compares with the trace's, its time included."""
        try:
            theirs = seen.record.data
            verdict, found = judge(parse(theirs), masked(theirs), parse(data), masked(data))
        except MalformedMessage:  # pragma: no cover - both were read before
            return "differs", (Difference("message", "start-line", seen.text, data.decode("utf-8", "replace")),)
        found += self._password(seen)
        wait = id(seen)
        late = self._now - seen.at
        if wait in self._steered:
            found += (Difference("timing", "seconds", f"{seen.at - self._zero:.3f}", self._steered[wait]),)
        elif abs(late) > LATE:
            ours = f"{self._now - self._zero:.3f}"
            found += (Difference("timing", "seconds", f"{seen.at - self._zero:.3f}", ours),)
        return ("differs" if found else verdict), found

    def _password(self, seen: Seen) -> tuple[Difference, ...]:
        """Whether a digest of the trace was made with the password we know."""
        message = seen.message
        cast = next((each for each in self.casting.casts if each.known_password), None)
        if cast is None or not isinstance(message, Request):
            return ()
        secret = Secret(cast.account.username or cast.user, cast.account.password)
        wrong = [
            each for each in message.authorizations if not verify(each.params, secret, message.method, message.body)
        ]
        name = "Authorization"
        return (Difference("header", name, "another password or user", f"that of {cast.rules}"),) if wrong else ()

    # --- what it tells ------------------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        prompter, now = self.prompter, self._now
        if text := words_of(event):
            self._tell(Line(now - self._zero, "state", text))
        if isinstance(event, ExtensionChanged):
            self.states[event.extension] = str(event.after)
            self._rehearsal.changed(event, self._name_of(event.account), now)
        elif isinstance(event, CallEnded):
            job = prompter.jobs.pop(event.id, None)
            prompter.ends[event.id] = f"{event.cause}{', answered' if event.answered else ''}"
            if job is not None:
                self._rehearsal.ended(job, event, now)
        elif isinstance(event, IncomingCall):
            prompter.calls[self._context] = event.id
        elif isinstance(event, SubscribeReceived):
            prompter.subscribers[self._context] = event.id
        elif isinstance(event, TransferAsked):
            prompter.requests[self._context, event.message.cseq.number] = event.request
            prompter.transfers[self._context] = event.request
        elif isinstance(event, RequestReceived):
            prompter.requests[self._context, event.message.cseq.number] = event.request

    def _name_of(self, account: str) -> str:
        found: Cast | None = next((each for each in self.casting.casts if each.account.key == account), None)
        return found.rules if found is not None else account


def _ending(seen: Seen) -> bool:
    message = seen.message
    return isinstance(message, Request) and message.expires == 0
