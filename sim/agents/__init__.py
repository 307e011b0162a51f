"""Who acts on the protocol, one file per kind; every decision is a function of state, market and
step. Whom it concerns is in `sim.health`; agents of users are in `sim.users`.
"""
