"""What the values of security and ICE say of themselves."""

from __future__ import annotations

import pytest

from sipclient.sdp import Candidate, CryptoKey, Ice


def test_secrets_do_not_show() -> None:
    assert "hunter2" not in repr(CryptoKey(1, "AES_CM_128_HMAC_SHA1_80", b"hunter2"))
    assert "hunter2" not in repr(Ice("ufrag", "hunter2"))


@pytest.mark.parametrize(("host", "mdns"), [("a1b2.local", True), ("A.LOCAL.", True), ("192.0.2.1", False)])
def test_a_name_that_hides_an_address(host: str, mdns: bool) -> None:
    assert Candidate("1", 1, "udp", 1, host, 9, "host").is_mdns is mdns


def test_new_credentials_are_a_restart() -> None:
    """RFC 8839 §4.4.1.1.1."""
    assert Ice("a", "b").restarts(Ice("a", "c"))
    assert not Ice("a", "b", lite=True).restarts(Ice("a", "b"))
