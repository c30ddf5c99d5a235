"""What the client and its calls are made of: the shell around the engine, and who waits for what."""
