"""What a user agent does: the engine, its values, and the usages built on it. No I/O, no clock, no randomness."""
