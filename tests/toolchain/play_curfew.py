"""In a copy of the tree that has a curfew (`test_new_contract.py`): a scenario with one on twin
and EVM side by side, then a difference of a second.
"""

from pathlib import Path

import sim
from sim.engines import exact
from sim.engines.chain import RevmChain
from sim.engines.failures import LockstepError
from sim.engines.lockstep import Lockstep
from sim.protocol import operations as op
from sim.protocol.errors import NAMES
from sim.scenario import load
from sim.world import build

HOUR = 3_600
assert Path(sim.__file__).is_relative_to(Path.cwd()), "not the copy"

world = build(load("single-crash").with_({"protocol.curfew.max_pause_hours": 6}))
s = world.state
follower = Lockstep(RevmChain(), world.genesis, world.symbols)
for step in exact.run(world, follower):
    if step.k == 2:
        break
asset, owner = world.symbols.index("USDC"), int(s.account_owner[0])


def play(at, operation, *arguments):
    """The verdict at that time, the chain's the same."""
    s.clock[0] = at
    code = operation(s, *arguments)
    follower.play(exact.journal_rows(s), at, s)
    return NAMES[code] or "ok"


start = int(s.clock[0]) + 1
end = start + 6 * HOUR
pause, borrow = (op.pause_borrowing, 0, asset, 0), (op.borrow, owner, 0, asset, 1_000 * 10**6)
print(play(start, op.pause_borrowing, owner, asset, 0))
print(play(start, *pause))
print(play(start, *pause))
print(play(end - 1, *borrow))
for i, price in enumerate(world.market.price[0]):
    play(end, op.post_price, 0, i, 0, int(price))
print(play(end, *borrow))
print(play(end + 6 * HOUR - 1, *pause))
print(play(end + 6 * HOUR, *pause))
s.curfew[0, asset, 0] += 1
try:
    play(end + 6 * HOUR + 1, op.accrue, 0, asset)
except LockstepError as error:
    print("found" if "paused until: twin" in str(error) else error)
