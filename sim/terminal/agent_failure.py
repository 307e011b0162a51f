"""What a user's agent raised, for the terminal."""

from __future__ import annotations

import traceback

from sim.users.in_time import Aside
from sim.users.user_agents import AgentError

_AROUND = (AgentError.__module__, Aside.__module__)
"""What calls a user's code."""


def agent_failure(error: AgentError) -> str:
    """What an agent raised, with the traceback from where the user's code begins; or where it was
    when its time was over.
    """
    cause = error.__cause__
    if cause is None:
        said = f"{error}: its time_limit_seconds in the scenario"
        return f"{said}; it was here:\n{error.where.rstrip()}" if error.where else said
    frame = cause.__traceback__
    while frame and frame.tb_frame.f_globals.get("__name__") in _AROUND:
        frame = frame.tb_next
    lines = traceback.format_exception(type(cause), cause, frame)
    return f"{error}\n{''.join(lines).rstrip()}"
