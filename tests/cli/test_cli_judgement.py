"""Which promise is broken by what."""

import pytest
from cli_support import DOUBT, FAILED, OK, Operation, calm, phase_of, reshard_of, trial_of

from ha_manager.cli.judgement import judge

BEFORE, AFTER = calm(0.0, 2.0), calm(3.25, 5.0)


def broken(*operation: Operation, fault: str = "failover", in_doubt: str = "raise") -> list[str]:
    verdicts = judge(trial_of([*BEFORE, *operation, *AFTER], fault=fault).scenarios, in_doubt)
    return [place for verdict in verdicts for place in verdict.broken]


def test_nothing_is_broken_by_waiting() -> None:
    assert broken((2.0, 3.25, OK, 1)) == []


def test_a_doubt_is_no_broken_promise_unless_the_caller_allowed_repetition() -> None:
    assert broken((2.0, 3.0, DOUBT, 1)) == []
    assert broken((2.0, 3.0, DOUBT, 1), in_doubt="retry") == ["failover: 1 writes raised OutcomeUnknownError"]


@pytest.mark.parametrize(
    ("operation", "place"),
    [
        ((2.0, 3.25, OK, 0), "failover: 1 acknowledged writes are gone"),
        ((2.0, 3.25, OK, 2), "failover: 1 writes too many"),
        ((2.0, 3.25, DOUBT, 2), "failover: 1 writes too many"),
        ((2.0, 3.25, FAILED, 0), "failover: 1 (ConnectionError: broken)"),
    ],
)
def test_the_place_of_a_broken_promise_is_told(operation: Operation, place: str) -> None:
    assert broken(operation) == [place]


def test_an_untrue_error_breaks_two_promises() -> None:
    assert broken((2.0, 3.25, FAILED, 1)) == [
        "failover: 1 (ConnectionError: broken)",
        "failover: 1 writes ran although their error says that they did not",
    ]


def test_a_loss_at_the_kill_is_reported_and_not_held_against_the_client() -> None:
    assert broken((2.0, 2.05, OK, 0), fault="kill") == []
    assert broken((2.0, 2.05, OK, 0), fault="hang") == ["hang: 1 acknowledged writes are gone"]


def test_a_writer_that_stays_silent_breaks_a_promise() -> None:
    verdicts = judge(trial_of(BEFORE).scenarios, "raise")
    assert [place for verdict in verdicts for place in verdict.broken] == [
        "failover: a writer never succeeded again"
    ]


def test_a_promotion_is_owed_where_a_primary_is_lost_and_not_where_slots_move() -> None:
    lost = phase_of()
    lost.promoted_at = None
    places = {
        phase.fault: [
            place
            for verdict in judge(trial_of(calm(0.0, 5.0), phase=phase).scenarios, "raise")
            for place in verdict.broken
        ]
        for phase in (lost, reshard_of())
    }
    assert places == {"failover": ["failover: no other server was promoted"], "reshard": []}
