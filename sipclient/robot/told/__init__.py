"""What the robot tells: one value for each line of its log, and for each event of its JSON.

`event` is the name in JSON, the fields are the rest of the object; `mark` and `words` make the readable line:
`>` what we sent or began, `<` what others sent, `=` what is so now.
"""

from sipclient.robot.told.accounts import AccountNotRegistered, AccountRegistered, StateChanged, VoiceMail, WatchRefused
from sipclient.robot.told.base import Told, as_json
from sipclient.robot.told.callbacks import CallbackOver, CallbackRefused, CallbackServed, CallbackWaits
from sipclient.robot.told.calls import (
    CallAnswered,
    CallNotPlaced,
    CallOver,
    CallPlaced,
    CallRedirected,
    CallRinging,
    JobAbandoned,
    over,
)
from sipclient.robot.told.hooks import HookEnded, HookStarted
from sipclient.robot.told.incoming import CallReceived, IncomingStep
from sipclient.robot.told.messages import Received, Sent
from sipclient.robot.told.recordings import RecordingBegan, RecordingComplete, RecordingFailed
from sipclient.robot.told.robot import Listening, Notice, NotReloaded, Reloaded, Serving, Started, Stopped, Stopping
from sipclient.robot.told.rules import RuleFired, RuleSuppressed, RuleWaits

__all__ = [
    "AccountNotRegistered",
    "AccountRegistered",
    "CallAnswered",
    "CallNotPlaced",
    "CallOver",
    "CallPlaced",
    "CallReceived",
    "CallRedirected",
    "CallRinging",
    "CallbackOver",
    "CallbackRefused",
    "CallbackServed",
    "CallbackWaits",
    "HookEnded",
    "HookStarted",
    "IncomingStep",
    "JobAbandoned",
    "Listening",
    "NotReloaded",
    "Notice",
    "Received",
    "RecordingBegan",
    "RecordingComplete",
    "RecordingFailed",
    "Reloaded",
    "RuleFired",
    "RuleSuppressed",
    "RuleWaits",
    "Sent",
    "Serving",
    "Started",
    "StateChanged",
    "Stopped",
    "Stopping",
    "Told",
    "VoiceMail",
    "WatchRefused",
    "as_json",
    "over",
]
