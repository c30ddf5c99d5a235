"""What there is to tell of a stream, as one value."""

from __future__ import annotations

import msgspec

from sipclient.media import quality
from sipclient.media.intake import Intake
from sipclient.media.reporter import Reporter
from sipclient.media.rtp import Packetizer
from sipclient.media.xr import UNKNOWN, VoipMetrics
from sipclient.sdp import AudioStream


class StreamStats(msgspec.Struct, frozen=True, kw_only=True):
    """One stream at one moment. Counts are packets unless they say otherwise; times are seconds.

    `lost` is what the sequence numbers miss (RFC 3550 §6.4.1: below 0 where packets came twice), `late` what came
    after its time, `concealed` what was made up for either. `ignored` came from strangers, or was of a kind not
    agreed on; `malformed` was no packet; `unsent` the system would not take. `jitter` is that of arrivals,
    `buffer` the delay of the jitter buffer, both 0 where there is none. `round_trip` and what begins with
    `remote_` (how we arrive there) are known from the peer's reports only: None until one came. `r_factor` and
    `mos` are estimates (ITU-T G.107) of how the peer sounds here, None while nothing came; `silent_for` is how
    long ago the last packet came, None where none did.
    """

    codec: str = ""
    ssrc: int = 0
    remote_ssrc: int | None = None
    sent: int = 0
    sent_octets: int = 0
    unsent: int = 0
    received: int = 0
    lost: int = 0
    lost_share: float = 0.0
    late: int = 0
    duplicates: int = 0
    concealed: int = 0
    ignored: int = 0
    malformed: int = 0
    relayed: int = 0
    reports: int = 0
    jitter: float = 0.0
    buffer: float = 0.0
    round_trip: float | None = None
    remote_lost: int | None = None
    remote_lost_share: float | None = None
    remote_jitter: float | None = None
    r_factor: float | None = None
    mos: float | None = None
    silent_for: float | None = None


class Dropped(msgspec.Struct, frozen=True):
    """What a stream's transports refused: packets that `came` from strangers, and packets that did not `go`."""

    came: int = 0
    went: int = 0


def stats_of(
    agreed: AudioStream | None, packetizer: Packetizer, intake: Intake, reporter: Reporter, dropped: Dropped, now: float
) -> StreamStats:
    """The value of this moment."""
    counts = StreamStats(
        ssrc=packetizer.ssrc,
        sent=packetizer.packets,
        sent_octets=packetizer.octets,
        unsent=dropped.went,
        received=intake.received,
        lost=intake.lost,
        ignored=intake.unfit + dropped.came,
        malformed=intake.malformed + reporter.malformed,
        relayed=intake.relay.passed if intake.relay is not None else 0,
        reports=reporter.received,
        round_trip=reporter.round_trip,
        silent_for=now - intake.heard_at if intake.heard_at is not None else None,
    )
    if agreed is None:
        return counts
    changes: dict[str, object] = {"codec": agreed.codec.name}
    if reporter.block is not None:
        changes["remote_lost"] = reporter.block.lost
        changes["remote_lost_share"] = reporter.block.fraction / 256
        changes["remote_jitter"] = reporter.block.jitter / agreed.codec.clock
    if intake.playout is not None:
        buffer = intake.playout.buffer
        changes |= {
            "late": buffer.late,
            "duplicates": buffer.duplicates,
            "concealed": buffer.concealed,
            "buffer": buffer.delay,
        }
    if intake.reception is not None:
        jitter = intake.reception.jitter / agreed.codec.clock
        expected = max(1, intake.expected)
        share = max(0.0, intake.lost / expected)
        late = intake.playout.buffer.late / expected if intake.playout is not None else 0.0
        wait = intake.playout.buffer.delay if intake.playout is not None else 2 * jitter
        delay = (reporter.round_trip or 0.0) / 2 + agreed.ptime / 1000 + wait
        rating = quality.r_factor(agreed.codec.name, share + late, delay)
        changes |= {"remote_ssrc": intake.reception.ssrc, "jitter": jitter, "lost_share": share}
        changes |= {"r_factor": rating, "mos": quality.mos(rating)}
    return msgspec.structs.replace(counts, **changes)


def metrics_of(stats: StreamStats) -> VoipMetrics | None:
    """The same in the units of RFC 3611 §4.7, None where nothing came. Bursts are not told from gaps: all of the
    call is one gap."""
    if stats.remote_ssrc is None or stats.r_factor is None or stats.mos is None:
        return None
    loss = min(int(256 * stats.lost_share), 255)
    buffer = min(round(1000 * stats.buffer), 0xFFFF)
    return VoipMetrics(
        stats.remote_ssrc,
        loss_rate=loss,
        discard_rate=min(256 * stats.late // max(1, stats.received + max(0, stats.lost)), 255),
        gap_density=loss,
        round_trip_delay=min(round(1000 * (stats.round_trip or 0.0)), 0xFFFF),
        end_system_delay=buffer,
        r_factor=round(stats.r_factor),
        external_r_factor=UNKNOWN,
        mos_listening=round(10 * stats.mos),
        mos_conversation=round(10 * stats.mos),
        configuration=0xB0,  # standard concealment, an adaptive buffer
        buffer_nominal=buffer,
        buffer_maximum=buffer,
        buffer_absolute_maximum=500,
    )
