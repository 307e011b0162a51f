"""Breakwater: a stress lab for DeFi lending protocols."""
