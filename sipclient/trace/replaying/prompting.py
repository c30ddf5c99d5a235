"""What the user of the trace's client did, told from what it sent: the commands of a bare capture.

Whatever a user agent does by itself (answers, acknowledgements, refreshes, credentials) is left to the engine; what
somebody decided (a call, a hang-up, an answer) is found where the trace shows it for the first time.
"""

from __future__ import annotations

from itertools import count

from sipclient.config import Config
from sipclient.errors import MalformedMessage
from sipclient.message import Request, Response
from sipclient.protocol import commands as do
from sipclient.rules import Job
from sipclient.trace.replaying.casting import Cast, Casting, ends
from sipclient.trace.replaying.given import addressee, caller_id, given, is_identity, served, user_of
from sipclient.trace.replaying.rehearsal import Rehearsal
from sipclient.trace.replaying.sides import Seen

STATES = ("presence", "dialog")  # the packages that tell an extension's state
TOGETHER = 5.0  # seconds between two SUBSCRIBEs that are one watch


class Prompter:
    """Commands for one address of ours. `calls`, `requests` and `subscribers` are the engine's ids by Call-ID."""

    def __init__(self, casting: Casting, sent: list[Seen], config: Config | None, rehearsal: Rehearsal) -> None:
        self.calls: dict[str, int] = {}
        self.requests: dict[tuple[str, int], int] = {}  # by Call-ID and CSeq: what we were asked
        self.transfers: dict[str, int] = {}
        self.subscribers: dict[str, int] = {}
        self.jobs: dict[int, Job] = {}
        self.targets: dict[int, str] = {}
        self.ends: dict[int, str] = {}
        self.inferred: list[str] = []
        self._casting = casting
        self._config = config
        self._rehearsal = rehearsal
        self._sent = sent
        self._ids = count(1)
        self._added: set[str] = set()
        self._watches: dict[str, int] = {}  # by Call-ID
        self._plain: dict[str, int] = {}
        self._live: set[int] = set()  # watches and subscriptions that nobody ended
        self._known: set[str] = set()  # Call-IDs that are registered, or answered

    @property
    def casts_ready(self) -> bool:
        """Whether every account is there that is there without a REGISTER."""
        return all(each.account.register or each.account.key in self._added for each in self._casting.casts)

    def told(self) -> list[str]:
        """What became of each call that was placed."""
        return [f"to {to}: {self.ends.get(id, 'under way at the end')}" for id, to in self.targets.items()]

    def account(self, cast: Cast) -> list[do.Command]:
        """The command that brings an account, where it is not there yet."""
        if cast.account.key in self._added:
            return []
        self._added.add(cast.account.key)
        return [do.AddAccount(cast.account)]

    def commands(self, seen: Seen) -> list[do.Command]:
        """What somebody did who made a client send this; nothing where nobody did."""
        message = seen.message
        try:
            if isinstance(message, Request):
                return self._inside(seen, message) if message.to_tag else self._outside(seen, message)
            return self._answers(seen, message) if message is not None else []
        except MalformedMessage:
            return []

    # --- what begins --------------------------------------------------------------------------------

    def _outside(self, seen: Seen, request: Request) -> list[do.Command]:
        if request.method == "REGISTER":
            return self._register(seen, request)
        cast = self._casting.account_for(user_of(request.from_))
        if request.method in ("ACK", "PRACK"):
            return []
        if request.method == "CANCEL":
            return self._hang_up(seen, request)
        first = self.account(cast)
        key = cast.account.key
        if request.method == "SUBSCRIBE":
            return first + self._subscribe(seen, request, cast)
        if request.method == "INVITE":
            return first + self._invite(seen, request, cast)
        if request.method in ("BYE", "NOTIFY", "UPDATE", "REFER"):
            return first
        body_type = request.headers.get("Content-Type") or ""
        more = given(request, but=frozenset({"expires", "event", "accept", "allow-events"}))
        to = request.uri_text
        return [*first, do.SendRequest(next(self._ids), key, request.method, to, more, request.body, body_type)]

    def _register(self, seen: Seen, request: Request) -> list[do.Command]:
        cast = next((each for each in self._casting.casts if each.call == seen.call), None)
        if cast is None:
            return []
        if seen.call in self._known and ends(request):
            if self._live:  # the trace's client goes on without its registration, which ours never does
                return []
            self._known.discard(seen.call)
            self._added.discard(cast.account.key)
            return [do.RemoveAccount(cast.account.key)]
        self._known.add(seen.call)
        return self.account(cast)

    def _subscribe(self, seen: Seen, request: Request, cast: Cast) -> list[do.Command]:
        if seen.call in self._watches or seen.call in self._plain:
            return []
        package, extension, key = request.event[0], addressee(request), cast.account.key
        if package not in STATES:
            id = self._plain[seen.call] = next(self._ids)
            self._live.add(id)
            accept = request.headers.get("Accept") or ""
            return [do.Subscribe(id, key, request.uri_text, package, accept, float(request.expires or 0))]
        packages, calls = [package], [seen.call]
        for each in self._sent:
            other = each.message
            if each.at > seen.at + TOGETHER or len(packages) == len(STATES):
                break
            if each.at < seen.at or not isinstance(other, Request) or other.method != "SUBSCRIBE" or other.to_tag:
                continue
            name = other.event[0]
            alike = addressee(other) == extension and name in STATES and name not in packages
            if alike and each.call not in self._watches:
                packages.append(name)
                calls.append(each.call)
        id = next(self._ids)
        self._watches |= dict.fromkeys(calls, id)
        self._live.add(id)
        self.inferred.append(f"{extension} is watched by {key} ({', '.join(packages)})")
        whole = extension if extension and "@" not in extension else request.uri_text
        return [do.Watch(id, key, whole, tuple(packages))]

    def watch_earlier(self, cast: Cast, extension: str, packages: tuple[str, ...]) -> do.Command:
        """Watch what was watched before the trace began."""
        self.inferred.append(f"{extension} was watched before the trace began ({', '.join(packages)})")
        return do.Watch(next(self._ids), cast.account.key, extension, packages)

    def _invite(self, seen: Seen, request: Request, cast: Cast) -> list[do.Command]:
        known = self.calls.get(seen.call)
        to = request.uri_text
        if known is not None:
            return [do.Follow(known, to)]
        id = self.calls[seen.call] = next(self._ids)
        self._known.add(seen.call)
        self.targets[id] = addressee(request)
        job = self._rehearsal.job_for(self.targets[id])
        seconds = float(request.session_expires[0]) if request.headers.get("Session-Expires") else 0.0
        kind = request.headers.get("Content-Type") or "application/sdp"
        body, key = request.body, cast.account.key
        if job is not None:
            self.jobs[id] = job
            shown, more = job.caller_id, job.headers
            return [do.Invite(id, key, job.to, shown, more, body, kind, job.timeout, session_expires=1800.0)]
        self.inferred.append(f"{key} calls {self.targets[id] or to}")
        caller = caller_id(request, cast)
        more = tuple(each for each in given(request) if not (caller and is_identity(each[0], cast)))
        return [do.Invite(id, key, to, caller, more, body, kind, session_expires=seconds)]

    # --- within a dialog ----------------------------------------------------------------------------

    def _inside(self, seen: Seen, request: Request) -> list[do.Command]:
        method, id = request.method, self.calls.get(seen.call)
        if method == "SUBSCRIBE" and request.expires == 0:
            return self._unsubscribe(seen.call)
        if method == "NOTIFY" and seen.call in self.subscribers:
            state, params = request.subscription_state
            kind = request.headers.get("Content-Type") or ""
            return [do.Notify(self.subscribers[seen.call], request.body, kind, state, params.get("reason", ""))]
        if id is None:
            return []
        if method == "NOTIFY":
            return self._tell(seen, request)
        if method in ("BYE", "CANCEL"):
            return self._hang_up(seen, request)
        if method in ("INVITE", "UPDATE") and (request.body or method == "INVITE"):
            kind = request.headers.get("Content-Type") or "application/sdp"
            return [do.Offer(id, request.body, kind, method)]
        if method == "ACK":
            return [do.AnswerOffer(id, request.body)] if request.body else []
        if method == "REFER":
            to = str(request.refer_to.uri) if request.refer_to is not None else ""
            return [do.Transfer(id, next(self._ids), to)]
        if method in ("PRACK", "SUBSCRIBE"):
            return []
        kind = request.headers.get("Content-Type") or ""
        return [do.SendInCall(id, next(self._ids), method, given(request), request.body, kind)]

    def _unsubscribe(self, call: str) -> list[do.Command]:
        self._live -= {self._watches.get(call, 0), self._plain.get(call, 0)}
        if call in self._watches:
            return [do.Unwatch(self._watches[call])]
        return [do.Unsubscribe(self._plain[call])] if call in self._plain else []

    def _hang_up(self, seen: Seen, request: Request) -> list[do.Command]:
        id = self.calls.get(seen.call)
        return [do.Hangup(id, request.headers.get("Reason") or "")] if id is not None else []

    def _tell(self, seen: Seen, request: Request) -> list[do.Command]:
        asked = self.transfers.get(seen.call)
        words = request.body.decode("utf-8", "replace").split(None, 2)
        if asked is None or len(words) < 2 or not words[1].isdecimal():
            return []
        return [do.TellTransfer(asked, int(words[1]), words[2].strip() if len(words) > 2 else "")]

    # --- answers ------------------------------------------------------------------------------------

    def _answers(self, seen: Seen, response: Response) -> list[do.Command]:
        status, method, id = response.status, seen.method, self.calls.get(seen.call)
        asked = self.requests.get((seen.call, response.cseq.number))
        if method == "SUBSCRIBE" and seen.call in self.subscribers:
            subscriber = self.subscribers[seen.call]
            if status < 300:
                return [do.AcceptSubscription(subscriber, float(response.expires or 0))]
            return [do.Reject(subscriber, status, response.reason)]
        if asked is not None and method == "REFER":
            return [do.AnswerTransfer(asked, status, response.reason)]
        if asked is not None:
            kind = response.headers.get("Content-Type") or ""
            more = served(response)
            return [do.Respond(asked, status, response.reason, more, response.body, kind)] if status >= 200 else []
        if id is None or method not in ("INVITE", "UPDATE"):
            return []
        if seen.call in self._known or method == "UPDATE":
            return [do.AnswerOffer(id, response.body, status=status)] if status >= 200 else []
        return self._answer(seen, response, id)

    def _answer(self, seen: Seen, response: Response, id: int) -> list[do.Command]:
        status, more = response.status, given(response)
        kind = response.headers.get("Content-Type") or "application/sdp"
        if status <= 100:
            return []
        if status < 200:
            return [do.Ring(id, status, response.reason, more, response.body, kind, response.rseq is not None)]
        self._known.add(seen.call)
        if status < 300:
            return [do.Answer(id, more, response.body, kind)]
        if status < 400:
            return [do.Redirect(id, tuple(str(each.uri) for each in response.contacts))]
        return [do.Reject(id, status, response.reason, more)]
