"""What to change, for the software at hand: by finding, then by vendor; "" is for every other."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sipclient.trace.vendors import ASTERISK, FREESWITCH, Vendor

_FS, _AST = FREESWITCH, ASTERISK
_FIXES: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "ice-candidates-refused": {
        _FS: 'in the SIP profile the browser reaches, set <param name="apply-candidate-acl" value="rfc1918.auto"/> (or '
             'localnet.auto, or a list of yours) and beside it another with value="wan.auto", then restart the '
             'profile; '
             "or give the browser a STUN or TURN server, so that it offers a public address",
        "": "let the server accept these candidates, or give the client a STUN or TURN server, so that it offers a "
            "public address (on FreeSWITCH: apply-candidate-acl in the SIP profile)",
    },
    "mdns-candidates-only": {
        "": "give the client a STUN or TURN server; a page that was allowed the microphone also shows its real "
            "addresses",
    },
    "no-candidates": {
        "": "let the client wait for its candidates before it sends the INVITE (SIP.js: iceGatheringTimeout 5000; "
            "JsSIP: "
            "call ready() once icecandidate has been quiet)",
    },
    "other-leg-refused": {
        _FS: "look at the B leg: a trace on the PBX's other side, or its log from 'Hangup' upwards; the codecs of that "
             "gateway, absolute_codec_string and inherit_codec in the dial string decide there",
        _AST: "look at the other leg: a trace of the called side, or the Dial line of the log; `allow` of the called "
              "endpoint, or a Hangup(58) in the dialplan",
        "": "take a trace on the other side of the PBX: its leg to the called party decides",
    },
    "codec-mismatch": {
        _FS: "add the codec to inbound-codec-prefs and outbound-codec-prefs of the profile (global_codec_prefs in "
             "vars.xml) and load its module; or offer PCMU or PCMA as well",
        _AST: "add the codec to the endpoint (allow=..., and `module show like codec_` to see that it can be "
              "transcoded); or offer ulaw or alaw as well",
        "": "allow a common codec at one of the two ends: G.711 (PCMU, PCMA) is everywhere",
    },
    "profile-mismatch": {
        _AST: "set webrtc=yes on the endpoint for a browser (it implies use_avpf, media_encryption=dtls, rtcp_mux and "
              "ICE); for a telephone use_avpf=no and the media_encryption that it offers; "
              "media_encryption_optimistic=yes takes both",
        "": "set the account at the PBX to WebRTC where a browser calls, and to plain RTP or SRTP where a phone does",
    },
    "fingerprint-missing": {"": "switch DTLS on at the caller, or let it offer RTP/AVP or RTP/SAVP with a=crypto"},
    "rtcp-mux-missing": {
        _AST: "set rtcp_mux=yes on the endpoint",
        "": "switch rtcp-mux on at the caller; in a browser rtcpMuxPolicy 'negotiate' where it still has that",
    },
    "bundle-broken": {"": "let every mid that a=group:BUNDLE names be the a=mid of an m-line that is offered"},
    "no-offer": {
        _FS: 'set <param name="enable-3pcc" value="true"/> (or proxy) in the profile, or let the caller send an offer',
        "": "let the caller put its offer into the INVITE (early offer); on a Cisco: early-offer forced",
    },
    "srtp-mismatch": {
        _FS: "offer a=crypto under RTP/SAVP, or set rtp_secure_media to what the phone does (optional takes both); "
             "AES_CM_128_HMAC_SHA1_80 is what everybody has",
        _AST: "set media_encryption=sdes (or no) on the endpoint as the phone has it; media_encryption_optimistic=yes "
              "takes both",
        "": "set SRTP alike on both sides: a=crypto goes with RTP/SAVP, and AES_CM_128_HMAC_SHA1_80 is what "
            "everybody has",
    },
    "extra-media": {"": "switch video (or fax) off at the caller, or allow it at the PBX (Asterisk: allow=h264,vp8, "
                        "t38_udptl; FreeSWITCH: a video codec in the codec preferences)"},
    "address-family": {
        _AST: "set rtp_ipv6 alike on both sides, or let the caller offer IPv4",
        "": "let both sides use one family for sound: IPv4 at the caller, or an IPv6 address for media at the PBX",
    },
    "no-media-address": {"": "set the caller's own address for media (external_media_address, ext-rtp-ip, "
                             "public_address); a loopback or empty one comes of a host name that is not resolved"},
    "telephone-event-clock": {"": "offer telephone-event/48000 beside telephone-event/8000"},
    "description-too-large": {"": "let the caller offer fewer codecs and no extensions that nobody reads, and use TCP "
                                  "or TLS; a newer pjsip or Asterisk reads more"},
    "malformed-description": {"": "mend the description at the caller: numbers in o= stay below 2**63"},
    "unsupported-body": {"": "send a body of a type that the Accept header of the answer names"},
    "extension-required": {"": "switch the extension off at the caller (100rel: Supported rather than Require), or "
                               "on at "
                               "the PBX"},
    "reinvite-refused": {"": "let the caller keep the session it has, or change it as the other side can: hold by "
                             "a=sendonly, no new m-lines"},
    "missing-lines": {"": "take the message again as it was on the wire: a pcap, or the log in a code block"},
    "registration-refused": {
        _FS: "see that the user exists in the directory of this domain and its password is right; auth-acl and "
             "apply-register-acl refuse as well",
        _AST: "see that the AOR exists and is named in the endpoint (aors=), and max_contacts is not exceeded; an "
              "identify of another endpoint may have matched first",
        "": "see that the account exists at this domain, is enabled, and may register from this address",
    },
    "wrong-password": {
        "": "check password and authentication user (on some PBXs it is not the extension): the answer to the "
            "challenge "
            "was computed from others",
    },
    "stale-nonce-loop": {"": "let the nonce live longer at the PBX, or set the clocks: each answer comes when its "
                             "nonce "
                             "is already old; a cluster must share its nonces"},
    "wrong-realm": {"": "set the realm (or domain) of the account to the one in the challenge, or leave it empty"},
    "contact-behind-nat": {
        _AST: "set rewrite_contact=yes, rtp_symmetric=yes, force_rport=yes on the endpoint",
        _FS: "set NDLB-force-rport or apply-nat-acl in the profile (nat.auto)",
        "": "let the phone learn its public address (rport, STUN), or the PBX rewrite Contacts",
    },
    "expiry-too-short": {"": "ask for at least what Min-Expires says, or let the PBX allow a longer registration"},
    "no-response": {"": "see that the address and port are right and the host is up; then firewalls on the way, and "
                        "whether answers come from another address"},
    "request-timeout": {"": "see whether the party behind the PBX is reachable: the PBX waited for it and gave up"},
    "no-rport": {"": "send rport (RFC 3581), or let the PBX force it (Asterisk: force_rport=yes; FreeSWITCH: "
                     "NDLB-force-rport)"},
    "alg-rewritten": {"": "switch the router's SIP ALG off (also called SIP helper or inspection), or use TLS or "
                          "another "
                          "port"},
    "dialog-lost": {"": "see which side forgot the call: a restart, a load balancer that sends it to another node, "
                        "or a "
                        "Contact or Record-Route that leads elsewhere"},
    "routing-loop": {"": "find the two rules that send the call to each other: a dial plan that routes its own domain "
                         "to a trunk, or a DNS name that leads back"},
    "glare-storm": {"": "let one side wait as RFC 3261 §14.1 says (the owner of the Call-ID 2.1 to 4 s, the other 0 to "
                        "2 s), or only one side refresh the session"},
    "ack-missing": {"": "the ACK goes to the Contact of the 200: see that this address is reachable (NAT: "
                        "external_signaling_address, ext-sip-ip), and Record-Route is honoured"},
    "prack-missing": {"": "let the caller send PRACK, or leave 100rel out of its Supported; or switch 100rel off at "
                          "the "
                          "PBX (Asterisk: 100rel=no; FreeSWITCH: enable-100rel false)"},
    "session-timer-drop": {"": "let the named refresher send re-INVITE or UPDATE at half the time, or switch session "
                               "timers off on one side (Asterisk: timers=no; FreeSWITCH: enable-timer false)"},
    "private-media-address": {
        _AST: "set external_media_address and local_net in the transport, and direct_media=no, rtp_symmetric=yes",
        _FS: "set ext-rtp-ip in the profile to the public address (or auto-nat)",
        "": "let the side behind NAT name its public address for media (STUN, or a setting), or the other side send "
            "where packets come from (symmetric RTP)",
    },
    "held": {"": "let the side that put the call on hold take it back: a=sendrecv in a re-INVITE"},
    "one-way-audio": {"": "see whether the silent side's packets leave it at all; then the firewall for its RTP ports, "
                          "and the address in the other's c= line"},
    "media-quality": {"": "look at the link between the two: queueing (QoS), Wi-Fi, a full line; a longer jitter "
                          "buffer "
                          "hides little of it"},
    "media-refused": {
        _FS: "FreeSWITCH answers so where DTLS or SRTP cannot be agreed: see fingerprint and crypto of the offer, and "
             "its certificate (dtls-srtp.pem)",
        "": "make the two sides agree on profile, encryption and codec of that stream",
    },
    "answer-does-not-fit": {"": "the answerer is at fault: an answer keeps the offer's m-lines, their profile, and "
                                "chooses among its keys and codecs"},
    "subscription-flapping": {"": "see why the notifier ends it (the reason in Subscription-State), and let the "
                                  "watcher "
                                  "wait before it asks anew"},
    "subscription-refused": {
        _AST: "set a hint for the extension in the context of subscribe_context, and load res_pjsip_exten_state, "
              "res_pjsip_pidf_body_generator and their like",
        _FS: "set manage-presence to true in the profile, and dbname alike where profiles share presence",
        "": "see that the event package is offered for this extension",
    },
    "presence-contradiction": {"": "believe the dialog package for calls and presence for reachability; a presence "
                                   "server that knows nothing of calls says open throughout"},
    "retransmission-storm": {"": "look at the link and the load of whoever does not answer in time; a response that is "
                                 "lost is asked for again"},
    "udp-fragmentation": {"": "use TCP or TLS (RFC 3261 §18.1.1 asks for it above 1300 bytes), or make the message "
                              "smaller: fewer codecs, compact headers"},
    "call-refused": {"": "look into the log of whoever answered: the status alone does not say more"},
})  # fmt: skip


def fix(id: str, vendor: Vendor | None = None) -> str:
    """What to do about a finding, for this vendor where there is something particular to it."""
    by_vendor = _FIXES[id]
    return by_vendor.get(vendor.name if vendor is not None else "", "") or by_vendor[""]
