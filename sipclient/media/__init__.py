"""How sound travels: the session a call holds, and the ways to have one."""

from sipclient.media.carrier import has_extra
from sipclient.media.engine import Loop, RtpEngine
from sipclient.media.ice_servers import IceServers
from sipclient.media.packets import PacketTransport, Receiver
from sipclient.media.rtp_session import RtpSession
from sipclient.media.rtp_stream import RtpStream
from sipclient.media.session import MediaSession, NoMedia
from sipclient.media.udp import UdpTransport

__all__ = [
    "IceServers",
    "Loop",
    "MediaSession",
    "NoMedia",
    "PacketTransport",
    "Receiver",
    "RtpEngine",
    "RtpSession",
    "RtpStream",
    "UdpTransport",
    "has_extra",
]
