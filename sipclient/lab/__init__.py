"""An embedded PBX for the demo, the tests, and rules in the making."""
