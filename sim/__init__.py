"""Breakwater: a stress lab for DeFi lending protocols."""

__version__ = "0.2.0"
