"""How packets travel: UDP, TCP and TLS sockets, DNS, keep-alive."""
