"""What an account says of itself."""

from __future__ import annotations

import pytest

from sipclient.protocol.account import Account


@pytest.mark.parametrize(
    ("address", "user"), [("sip:robot@pbx.example.com", "robot"), ("sips:robot@[2001:db8::1]:5061", "robot")]
)
def test_its_user_is_that_of_its_address(address: str, user: str) -> None:
    assert Account(address).user == user


def test_it_shows_no_password() -> None:
    assert "secret" not in repr(Account("sip:robot@pbx.example.com", password="secret", turn_password="secret"))
