"""How near everyone is to liquidation, and what that would bring: an index beside the protocol, so
that a step looks at few accounts and not at all of them.
"""
