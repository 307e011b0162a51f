"""Tuning: which parameters the protocol should have, what each costs, and how sure that is."""
