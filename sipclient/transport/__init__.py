"""How packets travel: UDP, TCP and TLS sockets, DNS (RFC 3263), and their limits."""

from sipclient.transport.dns import Resolver, Resolving
from sipclient.transport.limits import Limits
from sipclient.transport.network import Network
from sipclient.transport.tls import server_context

__all__ = ["Limits", "Network", "Resolver", "Resolving", "server_context"]
