"""A user's code in a thread of its own: who waits for it waits no longer than was said.

A thread cannot be ended from outside. One that is overdue is asked to end, which stops a loop in
Python, and left behind; it does not keep the process from ending. Only code that neither returns
nor lets go of the interpreter, in a C extension or a regular expression, holds everyone up.
"""

from __future__ import annotations

import ctypes
import sys
import traceback
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

Done = TypeVar("Done")


class OverdueError(Exception):
    """Nothing came back in time."""

    def __init__(self, seconds: float, where: str) -> None:
        super().__init__(seconds, where)
        self.seconds, self.where = seconds, where
        """How long was waited; where the thread was then, as lines of a traceback."""


class Aside:
    """A thread that calls one function after another, each while somebody waits for it."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._answered: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._thread = Thread(target=_work, args=(self._asked, self._answered), daemon=True)
        self._thread.start()
        weakref.finalize(self, self._asked.put, None)

    def call(
        self, function: Callable[[], Done], seconds: float, progress: Callable[[], Any] = lambda: 0
    ) -> Done:
        """What the function returns or raises.

        Raises `OverdueError` if it has done neither `seconds` after it began, or after `progress()`
        last changed; then this thread is lost.
        """
        self._asked.put(function)
        before = progress()
        while True:
            try:
                result, error = self._answered.get(timeout=seconds)
            except Empty:
                now = progress()
                if now != before:
                    before = now
                    continue
                raise OverdueError(seconds, self._give_up()) from None
            if error is not None:
                raise error
            done: Done = result
            return done

    def _give_up(self) -> str:
        """Where the thread is; and ask it to end."""
        ident = self._thread.ident or 0
        stack = traceback.extract_stack(sys._current_frames().get(ident))
        frames = [n for n, entry in enumerate(stack) if entry.filename == __file__]
        own = stack[frames[-1] + 1 :] if frames else stack
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(ident), ctypes.py_object(SystemExit)
        )
        return "".join(traceback.format_list(own))


def _work(asked: SimpleQueue[Any], answered: SimpleQueue[Any]) -> None:
    """Until None is asked for. Knows the queues only, so that an `Aside` can go."""
    while (function := asked.get()) is not None:
        answer: tuple[Any, BaseException | None]
        try:
            answer = function(), None
        except BaseException as error:
            answer = None, error
        del function  # what it holds may be waited for
        answered.put(answer)
        del answer
