"""Certificates for the tests that need TLS, made by the same hand as those of the transport room."""

from __future__ import annotations

from pathlib import Path

import pytest
from transport.conftest import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "stranger")
