"""Moments as the databases keep them."""

from __future__ import annotations

from datetime import UTC, datetime

from sipclient.errors import InvalidValue, StoreError


def text_of(moment: datetime) -> str:
    """UTC, always as long, so that the text sorts as the moments do. Raises InvalidValue for one without a zone."""
    if moment.tzinfo is None:
        raise InvalidValue(f"a moment in the store needs a time zone, and {moment.isoformat()} has none")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment_of(text: str) -> datetime:
    """What `text_of` wrote. Raises StoreError for anything else."""
    try:
        return datetime.fromisoformat(text)
    except (ValueError, TypeError) as error:
        raise StoreError(f"a moment in the store cannot be read: {text!r}") from error
