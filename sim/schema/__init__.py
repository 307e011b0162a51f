"""The schema of scenario files, part by part; `sim.scenario` puts the parts together."""
