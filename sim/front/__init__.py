"""The front door: what `import sim` offers, each a thin use of the rooms below.

asked.py          a scenario, as whoever calls means it: a name, a file, with prices and agents
handed_over.py    agents that are objects of the caller's program
run.py            `run`: one run on the twin or on the contracts -> `Run`
several_books.py  a run beside what was published of its event, on several books
contrasts.py      `contrast`: a scenario against itself without its mechanism, on several books
frames.py         frames that are worked out once and handed out as copies
ledger.py         the tables of a run, in tokens and USD, and exactly
sweeps.py         `sweep`, many paths and books -> `Sweep`
grid.py           `sweep_over`, settings against each other on the same paths
studies.py        `tune`, a search -> `Study`
reading.py        `read`, what a folder of results holds -> `Run`, `Sweep` or `Study`
folders.py        where results are kept
shown.py          progress, pages, and how results look in a notebook
"""
