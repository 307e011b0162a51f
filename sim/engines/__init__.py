"""Where a scenario runs: on integers, on a chain in lockstep, or compiled."""
