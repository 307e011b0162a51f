"""The report as one HTML file: what it says (content), what it looks like (templates).

source.py       what a path holds: the tape of a crash, a sweep, a tuning study
content.py      sections, tables and charts, none of it HTML yet
crash.py, sweep.py, tuning.py, compare.py    which sections each of them has
front.py, sensitivity.py, choices.py, setting.py    parts of a tuning study's
render.py       content -> one file that needs no network
"""
