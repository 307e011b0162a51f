"""Sweeps: one scenario on many price paths and books, cut into blocks that anyone can run.

    stored = begin(Path("out/sweep-black-thursday"), load("black-thursday"), "mc", paths=2_000)
    stored.start()
    with pool("threads", workers=2) as submit:
        for block in run(stored, submit):
            ...                                    # block.size more paths are on the disk
    outcomes = stored.outcomes()                   # a row per path, see `outcome_columns`
    loss_table(outcomes, "mc", 300)
    verify(world, "mc", path, "devnet")            # one path, wei for wei, on the real contracts

The prices of path k are a function of the scenario and of k, and its borrowers those of book k mod
B, which is a function of the scenario and the book seed (`sim.books.seeds`). So the numbers do not
depend on who runs which block, how large blocks are, or how often a run is killed.
"""

from sim.questions.store import QuestionError
from sim.sweeps.plan import Block, Plan
from sim.sweeps.stored import StoredSweep, begin, load

__all__ = ["Block", "Plan", "QuestionError", "StoredSweep", "begin", "load"]
