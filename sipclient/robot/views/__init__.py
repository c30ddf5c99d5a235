"""What the robot shows of itself: read models, fed by what it tells and by what its engine says.

They exist only where somebody looks (`[web]`), and are bounded: the latest calls, events and messages.
"""

from sipclient.robot.views.views import Views

__all__ = ["Views"]
