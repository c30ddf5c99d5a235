"""The standalone client: a robot.toml at work.

`Robot` is the thing itself, `service.run` the process around it.
"""

from sipclient.robot.files import check_file, folder_of, load_file, store_url
from sipclient.robot.guarded import GuardedClient
from sipclient.robot.hooks import Hooks, callback_request, load_hooks
from sipclient.robot.journal import Journal
from sipclient.robot.robot import Robot
from sipclient.robot.told import Told

__all__ = [
    "GuardedClient",
    "Hooks",
    "Journal",
    "Robot",
    "Told",
    "callback_request",
    "check_file",
    "folder_of",
    "load_file",
    "load_hooks",
    "store_url",
]
