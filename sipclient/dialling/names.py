"""What becomes of each FreeSWITCH name that may stand in `{...}` or `[...]`: done, always so, or refused and why.

`docs/dial-strings.md` is made from these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

DOES: Mapping[str, str] = MappingProxyType(
    {
        "absolute_codec_string": "the codecs offered, in this order; `PCMA@8000h@20i` too, where rate and packet time "
        "are ours",
        "codec_string": "the same",
        "hangup_after_bridge": "`false`: when one side of a bridge hangs up, the other is left",
        "ignore_early_media": "sound before the answer is not passed on, and is no sign of progress; `consume` is "
        "the same; with `ring_ready` it counts as ringing",
        "leg_delay_start": "so many seconds after those it is called together with; its own time limits begin then",
        "leg_progress_timeout": "until this one must ring; else it is given up with `NO_USER_RESPONSE`",
        "leg_timeout": "until this one must answer; else `NO_ANSWER`",
        "originate_continue_on_timeout": "`true`: `originate_timeout` holds for each round (what stands between `|`) "
        "by itself, and the next round is tried after it",
        "originate_retries": "how many attempts; FreeSWITCH tries again whatever the cause, and so does this. "
        "`retry` of a request knows causes",
        "originate_retry_sleep_ms": "the wait between attempts, without FreeSWITCH's limits of 500 and 60000",
        "originate_timeout": "how long the whole may take: all targets, attempts and the waits between them",
        "origination_caller_id_name": "who is shown to call; `_undef_`: no name",
        "origination_caller_id_number": "who is shown to call",
        "origination_uuid": "your own id for the call: the Call-ID begins with it, and every event carries it",
        "progress_timeout": "until each must ring; else it is given up with `NO_USER_RESPONSE`",
        "RECORD_STEREO": "`false`: a recording is a mix",
        "ringback": "what the one hears that waits: `%(2000,4000,440,480)`, `${us-ring}`, a file",
        "rtp_secure_media": "`true`, `mandatory`: SRTP; `false`, `forbidden`: plain RTP",
        "sip_h_*": "a header of the INVITE: `sip_h_X-Order=17`; not one that the protocol writes itself",
        "sip_secure_media": "as `rtp_secure_media`",
        "transfer_ringback": "as `ringback`, which it goes before: who waits in a bridge has been answered",
    }
)


class Always(msgspec.Struct, frozen=True):
    """A name with one value that can be had, because nothing else happens here."""

    value: str
    why: str


ALWAYS: Mapping[str, Always] = MappingProxyType(
    {
        "bridge_early_media": Always(
            "true", "what the other network says before the answer is heard; not to: ignore_early_media"
        ),
        "bypass_media": Always("false", "sound goes through here"),
        "instant_ringback": Always("true", "ringback begins at once, not when the other telephone rings"),
        "local_var_clobber": Always("true", 'what "[...]" says of one target goes before what "{...}" says of all'),
        "proxy_media": Always("false", "sound goes through here"),
    }
)

_APPLICATION = "there is no dialplan to run it in; over HTTP webhooks tell what happens, in Python on_progress does"
_ASKS = "whoever answers is it: nobody is asked to press a key"
_SHOWN = "write origination_caller_id_name and origination_caller_id_number before the target that is to see them"
_ACCOUNT = "it is the account's matter: see robot.toml"
_RECORD = "a recording is asked for by record, of the request or the call"
_LEG = "each dial string says its own: write it in both"
_LATER = "calls are placed when asked for: to wait within a dial string is leg_delay_start"

# A name that ends in * stands for all that begin so; the longest that fits is it.
REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "alert_info": "write sip_h_Alert-Info",
        "api_*": _APPLICATION,
        "bridge_*": "",
        "bridge_export_vars": _LEG,
        "bridge_pre_execute_*": _APPLICATION,
        "bypass_media_after_bridge": "sound goes through here",
        "call_timeout": "write originate_timeout for the whole, or leg_timeout for each target",
        "caller_id_*": _SHOWN,
        "campon*": "to camp on an extension is [[incoming]] with camp_on, or POST /v1/callbacks",
        "continue_on_*": "no dialplan goes on after the call: who waits hears the announcement; retry and | try again",
        "effective_*": _SHOWN,
        "exec_after_bridge_*": _APPLICATION,
        "execute_on_*": _APPLICATION,
        "export_vars": _LEG,
        "fail_on_*": "the others go on ringing: with | one is tried after the other",
        "failure_causes": "retry says after which causes there is another attempt",
        "forked_dial": "",
        "group_confirm_*": _ASKS,
        "hangup_on_*": "the others go on ringing: with | one is tried after the other",
        "hold_music": "who is held hears what is played: Call.play",
        "ignore_display_updates": "who talks is passed on, where the account says so: see identity in robot.toml",
        "ignore_ring_ready": "",
        "inherit_codec": "each side is offered what its account, or absolute_codec_string, says",
        "leg_required": "",
        "loopback_*": "",
        "media_*": "",
        "monitor_*": "",
        "no_throttle_limits": "[dial] of robot.toml holds for all calls",
        "originate_*": "",
        "originate_delay_start": _LATER,
        "originate_retry_timeout": "originate_timeout holds for all attempts together",
        "origination_*": "",
        "origination_callee_id_*": "who is called is shown by the telephone that rings",
        "origination_cancel_key": "nobody is asked to press a key: the one that waits hangs up",
        "origination_nested_vars": "${...} is not filled in",
        "origination_privacy": "the library hides the caller: private=True",
        "outbound_redirect_*": "a 3xx is followed where [dial] allow names the target, and nowhere else",
        "park_*": "nothing is parked",
        "playback_*": "",
        "record_*": _RECORD,
        "RECORD_*": _RECORD,
        "return_ring_ready": "a call is answered, or it is not",
        "ring_ready": "who calls us hears ringing: [[incoming]] with bridge",
        "rtp_*": _ACCOUNT,
        "sched_hangup": "",
        "sip_*": "",
        "sip_auth_*": "passwords are the account's, and in no dial string",
        "sip_auto_answer": "telephones differ: write the header of yours, as sip_h_Call-Info=<sip:pbx>;answer-after=0",
        "sip_bye_h_*": "sip_h_NAME is a header of the INVITE; no other message takes one",
        "sip_cid_type": "where the caller ID goes is the account's identity",
        "sip_contact_*": _ACCOUNT,
        "sip_from_*": "write origination_caller_id_name and origination_caller_id_number",
        "sip_invite_*": "the INVITE is the account's; headers are sip_h_NAME",
        "sip_ph_*": "sip_h_NAME is a header of the INVITE; no other message takes one",
        "sip_renegotiate_codec_on_*": "codecs are agreed on once, by offer and answer",
        "sip_rh_*": "sip_h_NAME is a header of the INVITE; no other message takes one",
        "sip_route_uri": "where calls go is the account's server",
        "sip_to_*": "who is called is the target",
        "soft_holding_uuid": "",
        "temp_hold_music": "who is held hears what is played: Call.play",
        "transfer_*": "a transfer is asked for by Call.transfer, or POST /v1/calls/{id}/transfer",
        "verto_*": "",
    }
)

# What else begins so steers FreeSWITCH: it is no variable of the user's own, and would be missed if it did nothing.
STEERING = (
    *("absolute_", "codec_", "enable_", "group_", "hangup_", "ignore_", "jitterbuffer_", "leg_", "originated_"),
    *("disable_", "fax_", "t38_", "conference_", "dtmf_", "pass_rfc2833", "drop_dtmf", "suppress_", "uuid_bridge_"),
    *("late_negotiation", "presence_id", "max_forwards", "timer_", "progress_timeout", "send_silence_when_idle"),
)


def refusal(name: str) -> str | None:
    """Why FreeSWITCH's `name` is refused, empty where there is no more to say; None for a name it does not know."""
    if name in REFUSED:
        return REFUSED[name]
    found = max((each for each in REFUSED if each.endswith("*") and name.startswith(each[:-1])), key=len, default=None)
    if found is not None:
        return REFUSED[found]
    return "" if name.startswith(STEERING) else None
