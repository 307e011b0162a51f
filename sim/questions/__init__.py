"""What a sweep and a search have in common: a question that is kept with its answer, workers that
run paths of it, and what is known of their results.

store.py          the folder of both: its question, what differs, whether it goes on
origin.py         what numbers come from besides the scenario
work.py           what a worker does: worlds, paths, what these come to
pools.py          where workers are, and how tasks reach them
opening.py        how a market opens, kept for reports
verify.py         one path on the contracts, wei for wei; decisions.py what floats decided otherwise
suite.py          the folder of a suite: what was asked, and what became of every scenario
known_faults.py   what is wrong with results of earlier versions
"""
