"""sipclient: a lightweight SIP user agent in pure asyncio Python."""

__version__ = "0.1.0"
