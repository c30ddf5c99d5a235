"""Robustness 23, truth of presence.

After 10,000 random sequences with loss, reordering, duplicates, version gaps, every reason of termination: our state
equals the PBX's within 2 s; nothing stale after expiry.

An engine robot watches an engine PBX. What the RFCs make wait is waited for, and nothing else: a NOTIFY that was lost
comes again after 4 s at most (Timer E); a subscription the PBX ended comes back when its reason allows; one that it
dropped without our hearing of it is found out when it runs out.
"""

from __future__ import annotations

import random

import pytest
from robustness.common import ROBOT, SERVER, share
from robustness.notifying import REASONS, TruthfulPbx
from support.wire import Node, Wire

from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.events import AddAccount, ExtensionChanged, Watch, WatchProblem

EXPIRES = 120.0
RESENT, WITHIN = 4.0, 2.0  # seconds
PASSING = tuple(each for each in REASONS if each not in ("rejected", "noresource", "invariant"))
PACKAGES = [("presence",), ("dialog",), ("presence", "dialog")]


class Sequence:
    """One robot, one PBX, a bad network."""

    def __init__(self, seed: int, packages: tuple[str, ...]) -> None:
        self.rng = random.Random(seed)
        self.wire = Wire(seed, loss=0.3, duplicate=0.2, latency=(0.005, 1.5))
        self.packages = packages
        self.starts = 0
        self.pbx = TruthfulPbx(self.wire, self.rng, 1000)
        self.robot: Node = self.wire.node(ROBOT, seed=seed)
        self.state = State.UNKNOWN
        self.retry_at = 0.0
        self.robot.on_event = self._event
        server = f"udp:{SERVER}:5060"
        account = Account("sip:robot@pbx.test", name="pbx", server=server, expires=EXPIRES, keepalive=20.0)
        self.robot.do(AddAccount(account))
        self.robot.do(Watch(1, "pbx", "1001", packages))

    def _event(self, event: object) -> None:
        if isinstance(event, ExtensionChanged):
            self.state = event.after
        elif isinstance(event, WatchProblem):
            self.retry_at = self.wire.now + event.retry_in

    @property
    def truth(self) -> State:
        """The PBX's, as far as the package watched has words for it: dialog alone cannot tell offline."""
        truth = self.pbx.truth
        return State.READY if truth is State.OFFLINE and self.packages == ("dialog",) else truth

    @property
    def agreed(self) -> bool:
        """Whether both sides hold the same subscriptions."""
        ours = [each.dialog for each in self.robot.agent._stations["pbx"].watches[1].subscriptions]
        theirs = {
            (notifier.dialog.call_id, notifier.dialog.remote_tag, notifier.dialog.local_tag)
            for notifier in self.pbx.node.agent._stations["pbx"].notifiers.values()
        }
        return all(dialog is not None and dialog.key in theirs for dialog in ours)

    # --- the network ------------------------------------------------------------------------------------

    def heal(self) -> None:
        self.wire.loss = self.wire.duplicate = 0.0
        self.wire.latency = (0.01, 0.01)

    def trouble(self) -> None:
        """One thing that happens."""
        rng, pbx = self.rng, self.pbx
        what = rng.random()
        if what < 0.55:
            for _ in range(rng.choice((1, 1, 1, 2, 4))):
                pbx.change()
        elif what < 0.70:
            pbx.gap()
        elif what < 0.78:
            pbx.again()
        elif what < 0.90:
            pbx.terminate(rng.choice(PASSING))
        elif what < 0.96:
            pbx.refuse.append(rng.choice((481, 503, 500, 408, 480)))
            pbx.terminate("deactivated")
        else:
            self.restart()
        self.wire.run(rng.choice((0.0, 0.3, 2.0, 6.0, 20.0)) * rng.random())

    def restart(self) -> None:
        """A new process, which remembers the phones and no subscription."""
        self.starts += 1
        old, self.pbx = self.pbx, TruthfulPbx(self.wire, self.rng, 1000 + self.starts)
        self.pbx.online, self.pbx.dialogs = old.online, old.dialogs
        old.node.up = False


def check(seed: int, packages: tuple[str, ...]) -> bool:
    """Whether both sides held the same subscriptions soon after the network was sound again."""
    sequence = Sequence(seed, packages)
    sequence.wire.run(20)
    for _ in range(sequence.rng.randint(3, 15)):
        sequence.trouble()
    sequence.heal()
    sequence.pbx.refuse.clear()
    sequence.wire.run(RESENT + WITHIN)
    agreed = sequence.agreed
    if agreed:
        assert sequence.state is sequence.truth, "both hold the subscription, and our state is not the PBX's"
    sequence.wire.run(EXPIRES + 64.0)  # whatever ran out or was put off has come back
    assert sequence.agreed, "the subscription did not come back"
    assert sequence.state is sequence.truth, "our state is not the PBX's after expiry"
    for _ in range(3):
        sequence.pbx.change()
        sequence.wire.run(WITHIN)
        assert sequence.state is sequence.truth, "a change on a sound network did not arrive within 2 s"
    return agreed or sequence.starts > 0  # a silent restart is found out by the next refresh


@pytest.mark.parametrize("packages", PACKAGES, ids="+".join)
def test_after_any_sequence_our_state_is_the_pbxs(packages: tuple[str, ...]) -> None:
    rounds, agreed = share(120, 10_000), 0
    for seed in range(rounds):
        try:
            agreed += check(seed, packages)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    assert agreed > 0.9 * rounds  # or subscriptions get lost without our knowing


# --- what ends a subscription, one by one -------------------------------------------------------------------


def settled(seed: int, packages: tuple[str, ...] = ("presence",)) -> Sequence:
    """On a sound network: both sides agree, and the extension is on the phone."""
    sequence = Sequence(seed, packages)
    sequence.heal()
    sequence.pbx.dialogs["d"] = "confirmed"
    sequence.wire.run(5)
    assert sequence.agreed
    assert sequence.state is State.ON_THE_PHONE
    return sequence


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_termination(reason: str) -> None:
    """Until the reason allows to ask again, nothing is claimed: unknown, never the last state known."""
    sequence = settled(1)
    sequence.pbx.terminate(reason)
    sequence.pbx.dialogs.clear()
    sequence.wire.run(WITHIN)
    waits = sequence.retry_at - sequence.wire.now
    assert sequence.state is (State.READY if sequence.agreed else State.UNKNOWN)
    if reason == "invariant":
        sequence.wire.run(4000)
        assert sequence.state is State.UNKNOWN
        assert len(sequence.pbx.watchers) == 0
        return
    after = {"probation;retry-after=3": 3.0, "giveup;retry-after=7": 7.0, "rejected": 120.0, "noresource": 120.0}
    assert waits <= after.get(reason, 1.0)
    assert (waits > 60) is (reason in ("rejected", "noresource"))
    sequence.wire.run(max(waits, 0.0) + WITHIN)
    assert sequence.agreed
    assert sequence.state is State.READY


@pytest.mark.parametrize("packages", PACKAGES, ids="+".join)
@pytest.mark.parametrize("how", ["dark", "refused"])
def test_nothing_is_stale_after_expiry(packages: tuple[str, ...], how: str) -> None:
    """The PBX is gone: when what it granted has run out, we know nothing, and say so."""
    for seed in range(share(10, 300)):
        sequence = settled(seed, packages)
        if how == "refused":
            sequence.wire.power_off(sequence.pbx.node)
        else:
            sequence.wire.drop = lambda data: True
        sequence.wire.run(EXPIRES + 1.0)
        assert sequence.state is State.UNKNOWN, seed


def test_a_subscription_the_pbx_forgot_silently_is_found_out_before_it_expires() -> None:
    for seed in range(share(10, 300)):
        sequence = settled(seed)
        sequence.restart()
        sequence.pbx.dialogs.clear()
        sequence.wire.run(EXPIRES)
        assert sequence.agreed, seed
        assert sequence.state is State.READY, seed


def test_a_notifier_that_counts_anew_is_believed_again() -> None:
    """An older CSeq gets 500, and a new subscription tells whether it was overtaken or its sender restarted."""
    for packages in PACKAGES:
        sequence = settled(3, packages)
        for notifier in sequence.pbx.node.agent._stations["pbx"].notifiers.values():
            notifier.dialog.local_cseq = 0
        sequence.pbx.dialogs["d"] = "held"
        sequence.pbx.tell({"d": "held"})
        sequence.wire.run(WITHIN)
        assert sequence.agreed, packages
        assert sequence.state is State.ON_HOLD, packages
