"""The standalone client: reads robot.toml, runs rules and jobs."""
