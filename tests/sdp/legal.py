"""Whether an answer is legal under its offer: what RFC 3264 and its kin demand, said apart from the code that obeys."""

from __future__ import annotations

from sipclient.sdp import MediaDescription, SessionDescription, parse

_OPPOSITES = {"actpass": {"active", "passive"}, "active": {"passive"}, "passive": {"active"}, "": {"passive"}}


def assert_legal(offer: SessionDescription, answer: SessionDescription) -> None:
    """Raise AssertionError for any rule this answer breaks."""
    answer = parse(bytes(answer))
    assert len(answer.media) == len(offer.media)  # RFC 3264 §6: an m-line for each m-line
    pairs = [(theirs, ours) for theirs, ours in zip(offer.media, answer.media, strict=True) if ours.port]
    assert sum(ours.kind == "audio" and theirs.port != 0 for theirs, ours in pairs) >= 1 or _shares(pairs)
    assert len(pairs) == 1 or _shares(pairs)
    assert answer.origin is not None and answer.session.own_connection is not None
    for theirs, ours in zip(offer.media, answer.media, strict=True):
        assert (ours.kind, ours.proto) == (theirs.kind, theirs.proto)
        if theirs.value("mid") or ours.value("mid"):
            assert ours.value("mid") == theirs.value("mid")  # RFC 5888 §9.1
        if ours.port:
            _taken(theirs, ours, pairs[0][0])
    _bundle(offer, answer)


def _shares(pairs: list[tuple[MediaDescription, MediaDescription]]) -> bool:
    """One m-line is taken for its transport only, which is that of the audio: RFC 9143 §7.3.2."""
    (theirs, idle), (their_audio, audio) = pairs
    assert idle.value("inactive") == "" and idle.first("inactive") and audio.kind == "audio" and audio.port == idle.port
    assert theirs.port and (their_audio.port or their_audio.first("bundle-only")) and not their_audio.all("candidate")
    for name in ("ice-ufrag", "ice-pwd", "fingerprint", "setup", "rtcp-mux"):
        assert [a.value for a in idle.all(name)] == [a.value for a in audio.all(name)]
    assert not audio.first("candidate")
    return True


def _taken(theirs: MediaDescription, ours: MediaDescription, carrier: MediaDescription) -> None:
    assert theirs.port or carrier is not theirs  # what was switched off stays off: RFC 3264 §6
    assert ours.formats and set(ours.formats) <= set(theirs.formats)
    meanings = {payload.number: (payload.name.lower(), payload.clock) for payload in theirs.payloads}
    assert all(meanings[payload.number] == (payload.name.lower(), payload.clock) for payload in ours.payloads)
    assert not (ours.direction.sends and not theirs.direction.receives)  # RFC 3264 §6.1
    assert not (ours.direction.receives and not theirs.direction.sends)
    for flag in ("rtcp-mux", "rtcp-rsize"):
        assert not ours.first(flag) or carrier.first(flag) or carrier.first("rtcp-mux-only")
    _protected(carrier, ours)
    assert bool(ours.first("ice-ufrag")) == bool(ours.first("ice-pwd"))
    assert not ours.first("ice-ufrag") or carrier.inherited("ice-ufrag")  # RFC 8839 §4.3.1
    assert not (ours.first("ice-ufrag") and ours.first("ice-mismatch"))
    offered = {tuple(attribute.value.split()[:2]) for attribute in theirs.inherited_all("extmap")}
    ids = {(words[0].partition("/")[0], words[1]) for words in offered if len(words) == 2}
    for attribute in ours.all("extmap"):  # RFC 8285 §6
        number, uri = attribute.value.split()[:2]
        assert (number.partition("/")[0], uri) in ids


def _protected(theirs: MediaDescription, ours: MediaDescription) -> None:
    fingerprint, crypto = ours.first("fingerprint"), ours.all("crypto")
    assert not (fingerprint and crypto)
    assert "SAVP" not in ours.proto or fingerprint or crypto
    if fingerprint:
        assert theirs.inherited("fingerprint")
        setup = theirs.inherited("setup")
        word = setup.value.strip().lower() if setup else ""
        # The roles pair: RFC 8842 §5.3. What says nothing known is active: RFC 4145 §4.
        assert ours.value("setup") in _OPPOSITES.get(word, {"passive"})
    if crypto:  # one suite, under the tag of the offer: RFC 4568 §5.1.2
        assert len(crypto) == 1
        tag, suite, key = crypto[0].value.split()
        offers = [attribute.value.split() for attribute in theirs.all("crypto")]
        named = [(int(words[0]), words[1].upper()) for words in offers if len(words) > 1 and words[0].isdecimal()]
        assert (int(tag), suite.upper()) in named
        assert key.startswith("inline:") and all(key not in words for words in offers)


def _bundle(offer: SessionDescription, answer: SessionDescription) -> None:
    """RFC 9143 §7.3, RFC 8829 §5.3.1: only what is taken, only what was in one group of the offer."""
    taken = {media.value("mid") for media in answer.media if media.port}
    groups = list(offer.bundles)
    for bundle in answer.bundles:
        assert bundle and set(bundle) <= taken
        assert any(set(bundle) <= set(group) for group in groups)
    for mid in taken - {""}:
        assert any(mid in bundle for bundle in answer.bundles) == any(mid in group for group in groups)
