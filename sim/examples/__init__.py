"""Agents to start one's own from, one of each kind: see docs/agents.md."""
