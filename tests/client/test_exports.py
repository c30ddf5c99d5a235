"""The public names, and that importing one layer loads no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sipclient


def test_every_public_name_is_there() -> None:
    assert set(sipclient._HOMES) | {"__version__"} == set(sipclient.__all__)
    for name in sipclient.__all__:
        assert getattr(sipclient, name) is not None
        assert name in dir(sipclient)


def test_a_name_there_is_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = sipclient.nonsense


def test_the_message_layer_alone_loads_neither_asyncio_nor_the_rest() -> None:
    code = (
        "import sys, sipclient.message; print([m for m in ('asyncio', 'sipclient.client', 'ssl') if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
