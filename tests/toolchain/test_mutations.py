"""The list of mistakes (make mutate) is about the tree as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutations.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]


def test_there_are_two_dozen_under_their_own_names() -> None:
    assert len({one.name for one in MUTATIONS}) == len(MUTATIONS) >= 24


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_what_is_changed_stands_there_once(mutation: Mutation) -> None:
    for file, old, new in mutation.edits:
        assert (ROOT / file).read_text().count(old) == 1, (file, old)
        assert old != new
