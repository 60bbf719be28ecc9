"""Which node answers a read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from unit_support import A, B, C

from ha_manager.errors import ConfigurationError
from ha_manager.routing import Candidate, ReadPreference, make_preference

PRIMARY = Candidate(A, is_primary=True, latency=0.010)
NEAR = Candidate(B, is_primary=False, latency=0.001)
FAR = Candidate(C, is_primary=False, latency=0.100)
ALL = (PRIMARY, NEAR, FAR)


def rule(read_from: Any) -> ReadPreference:
    preference = make_preference(read_from)
    assert preference is not None
    return preference


def test_reading_from_the_primary_needs_no_choice() -> None:
    assert make_preference("primary") is None


def test_replicas_take_turns_and_the_primary_is_left_out() -> None:
    prefer = rule("replica")
    orders = [tuple(prefer(ALL)) for _ in range(10)]
    assert set(orders) == {(NEAR, FAR), (FAR, NEAR)}
    assert all(one != other for one, other in pairwise(orders))


def test_the_primary_stands_in_last() -> None:
    prefer = rule("prefer_replica")
    assert all(tuple(prefer(ALL))[-1] is PRIMARY for _ in range(4))
    assert tuple(prefer([PRIMARY])) == (PRIMARY,)


def test_without_replicas_nothing_is_left() -> None:
    assert tuple(rule("replica")([PRIMARY])) == ()
    assert tuple(rule("replica")([])) == ()


def test_one_replica_is_always_taken() -> None:
    assert tuple(rule("replica")([PRIMARY, FAR])) == (FAR,)


def test_the_nearest_comes_first_and_the_unmeasured_last() -> None:
    unknown = Candidate(C, is_primary=False)
    assert tuple(rule("nearest")([unknown, *ALL])) == (NEAR, PRIMARY, FAR, unknown)


def test_candidates_are_not_changed_by_choosing() -> None:
    given = list(ALL)
    for name in ("replica", "prefer_replica", "nearest"):
        rule(name)(given)
    assert given == list(ALL)


def test_a_function_of_the_users_may_return_one_or_several() -> None:
    seen: list[Sequence[Candidate]] = []

    def last(candidates: Sequence[Candidate]) -> Candidate:
        seen.append(candidates)
        return candidates[-1]

    assert tuple(rule(last)(ALL)) == (FAR,)
    assert tuple(rule(lambda candidates: candidates[1:])(ALL)) == (NEAR, FAR)
    assert tuple(rule(lambda _: [])(ALL)) == ()
    assert seen == [ALL]


@pytest.mark.parametrize("returned", [None, "10.0.0.1", A, [A], 5, {NEAR}], ids=repr)
def test_a_function_that_returns_something_else_is_told_so(returned: Any) -> None:
    with pytest.raises(ConfigurationError, match="read_from"):
        rule(lambda _: returned)(ALL)
