"""`[listen]`: a secure WebSocket for browsers that call us (RFC 7118)."""

from __future__ import annotations

import os
import ssl

from sipclient.client import Client
from sipclient.config import ListenConfig
from sipclient.errors import ListenFailed
from sipclient.transport.tls import server_context


async def open_to_browsers(client: Client, config: ListenConfig, folder: str) -> tuple[str, int]:
    """Listen as the table says; gives the address and port. Raises ListenFailed.

    `folder` is where the paths of the certificate and its key begin.
    """
    certificate, key = (os.path.join(folder, name) if name else "" for name in (config.certificate, config.key))
    try:
        context = server_context(certificate, key)
    except ssl.SSLError:
        wanted = f"a certificate, and {key} its key" if key else "a certificate with its key"
        raise ListenFailed(f"[listen] {certificate} cannot be used: it must hold {wanted}, in PEM form") from None
    except OSError as error:
        raise ListenFailed(f"[listen] {error.filename or certificate} cannot be read: {error.strerror}") from None
    return await client.listen("wss", config.wss.host, config.wss.port, tls=context, origins=config.origins)
