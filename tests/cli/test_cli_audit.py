"""The audit over fabricated records: what counts as lost, as twice, as an outage."""

import math

import pytest
from cli_support import (
    DOUBT,
    FAILED,
    OK,
    OPEN,
    Operation,
    calm,
    copies_of,
    ledger_of,
    phase_of,
    reshard_of,
)

from ha_manager.cli.audit import ScenarioResult, audit
from ha_manager.cli.phase import Phase
from ha_manager.cli.readback import Copies

AFTER = calm(3.25, 5.0)
BEFORE = calm(0.0, 2.0)


def scenario(
    *operations: list[Operation],
    fault: str = "failover",
    phase: Phase | None = None,
    repeats: tuple[float, ...] = (),
) -> ScenarioResult:
    writes = [ledger_of(own) for own in operations]
    (result,) = audit([phase or phase_of(fault)], writes, [], [copies_of(own) for own in operations], repeats)
    return result


def test_a_clean_failover_has_an_outage_and_no_complaint() -> None:
    result = scenario([*BEFORE, (2.0, 3.25, OK, 1), *AFTER])
    assert result.outage.seconds == pytest.approx(1.25)
    assert result.first_success_after_promotion == pytest.approx(0.25)
    assert result.recovered
    assert result.acknowledged == len(BEFORE) + 1 + len(AFTER)
    assert (result.lost, result.duplicates, result.errors, result.in_doubt) == (0, 0, 0, 0)


def test_an_acknowledged_write_that_is_gone_is_lost() -> None:
    result = scenario([*BEFORE[:-1], (1.75, 2.0, OK, 0), *AFTER])
    assert (result.lost, result.lost_excused) == (1, 0)


def test_what_a_killed_primary_acknowledged_last_is_excused() -> None:
    result = scenario([*BEFORE[:-1], (1.75, 2.0, OK, 0), *AFTER], fault="kill")
    assert (result.lost, result.lost_excused) == (0, 1)


def test_a_kill_excuses_neither_what_was_long_replicated_nor_what_came_after() -> None:
    early: Operation = (0.25, 0.5, OK, 0)
    late: Operation = (3.0, 3.25, OK, 0)
    result = scenario([BEFORE[0], early, *BEFORE[2:], late, *AFTER], fault="kill")
    assert (result.lost, result.lost_excused) == (2, 0)


def test_a_lost_write_is_no_success_and_does_not_end_an_outage() -> None:
    result = scenario([*BEFORE, (2.0, 3.0, OK, 0), (3.0, 3.5, OK, 1), *calm(3.5, 5.0)])
    assert result.outage.seconds == pytest.approx(1.5)
    assert result.first_success_after_promotion == pytest.approx(0.5)


def test_a_write_found_twice_is_a_duplicate() -> None:
    result = scenario([*BEFORE, (2.0, 3.25, OK, 3), *AFTER])
    assert (result.duplicates, result.repeated_by_permission) == (2, 0)


def test_a_repetition_by_permission_is_counted_apart() -> None:
    result = scenario([*BEFORE, (2.0, 3.25, OK, 2), *AFTER], repeats=(2.5,))
    assert (result.duplicates, result.repeated_by_permission) == (0, 1)


def test_permission_covers_one_repetition_of_a_write_under_way() -> None:
    twice_too_many = scenario([*BEFORE, (2.0, 3.25, OK, 3), *AFTER], repeats=(2.5,))
    assert (twice_too_many.duplicates, twice_too_many.repeated_by_permission) == (1, 1)
    not_under_way = scenario([*BEFORE, (2.0, 3.25, OK, 2), *AFTER], repeats=(1.9, 3.3))
    assert (not_under_way.duplicates, not_under_way.repeated_by_permission) == (1, 0)


def test_doubts_are_resolved_by_what_was_found() -> None:
    ran = [*BEFORE, (2.0, 3.0, DOUBT, 1), *AFTER]
    did_not = [*BEFORE, (2.0, 3.0, DOUBT, 0), *AFTER]
    result = scenario(ran, did_not)
    assert (result.in_doubt, result.in_doubt_applied) == (2, 1)
    assert (result.lost, result.errors) == (0, 0)


def test_an_error_about_a_write_that_ran_is_told() -> None:
    result = scenario([*BEFORE, (2.0, 3.0, FAILED, 1), (3.0, 3.25, FAILED, 0), *AFTER])
    assert (result.errors, result.errors_applied) == (2, 1)
    assert result.error_samples == ["ConnectionError: broken"] * 2


def test_an_operation_that_never_ended_is_an_error() -> None:
    result = scenario([*BEFORE, (2.0, math.inf, OPEN, 0)], [*BEFORE, (2.0, 3.25, OK, 1), *AFTER])
    assert result.errors == 1
    assert not result.recovered


def test_each_writer_has_its_own_outage() -> None:
    quick = [*BEFORE, (2.0, 3.25, OK, 1), *AFTER]
    slow = [*BEFORE, (2.0, 4.0, OK, 1), *calm(4.0, 5.0)]
    result = scenario(quick, slow)
    assert result.outage.seconds == pytest.approx(1.25)
    assert result.longest_writer_outage == pytest.approx(2.0)
    assert result.median_writer_outage == pytest.approx(1.625)
    assert result.writers_after_promotion == pytest.approx([0.25, 1.0])


def test_a_pause_before_the_fault_or_long_after_the_promotion_is_no_outage() -> None:
    pause_before = [*calm(0.0, 0.25), *calm(1.5, 2.0)]
    pause_after = [*calm(3.25, 3.5), (3.5, 4.99, OK, 1)]
    result = scenario([*pause_before, (2.0, 3.25, OK, 1), *pause_after])
    assert result.outage.seconds == pytest.approx(1.25)


def test_the_outage_is_that_of_the_struck_shard() -> None:
    phase = phase_of()
    phase.writers = range(1, 2)
    elsewhere = [*calm(0.0, 2.0), (2.0, 2.75, OK, 1), *calm(2.75, 5.0)]
    result = scenario(elsewhere, [*BEFORE, (2.0, 3.25, OK, 1), *AFTER], phase=phase)
    assert result.outage.seconds == pytest.approx(1.25)
    assert [gap.seconds for gap in result.writer_outages] == pytest.approx([1.25])
    assert result.longest_other_outage == pytest.approx(0.75)
    assert result.stall is result.outage


def test_where_all_are_struck_there_are_no_others() -> None:
    assert scenario([*BEFORE, *AFTER]).longest_other_outage is None


def test_a_writer_of_another_shard_that_stays_silent_has_not_recovered() -> None:
    phase = phase_of()
    phase.writers = range(1)
    result = scenario([*BEFORE, (2.0, 3.25, OK, 1), *AFTER], BEFORE, phase=phase)
    assert not result.recovered


def test_a_kill_excuses_no_loss_in_another_shard() -> None:
    phase = phase_of("kill")
    phase.writers = range(1)
    own = [*BEFORE[:-1], (1.75, 2.0, OK, 0), *AFTER]
    result = scenario(own, own, phase=phase)
    assert (result.lost, result.lost_excused) == (1, 1)


def test_while_slots_move_the_longest_stall_of_one_writer_counts() -> None:
    stalled = [*calm(0.0, 2.5), (2.5, 3.25, OK, 1), *calm(3.25, 5.0)]
    result = scenario(stalled, calm(0.0, 5.0), phase=reshard_of())
    assert result.outage.seconds == pytest.approx(0.25)
    assert result.stall.seconds == pytest.approx(0.75)
    assert result.first_success_after_promotion is None
    assert result.recovered


def test_a_pause_after_the_slots_are_back_is_no_stall() -> None:
    result = scenario([*calm(0.0, 4.25), (4.25, 5.0, OK, 1)], phase=reshard_of())
    assert result.stall.seconds == pytest.approx(0.25)


def test_without_a_promotion_the_end_of_the_records_is_no_outage() -> None:
    phase = phase_of()
    phase.promoted_at = None
    own = [*BEFORE, (2.0, 3.25, OK, 1), *AFTER]
    (result,) = audit([phase], [ledger_of(own)], [], [copies_of(own)])
    assert result.outage.seconds == pytest.approx(1.25)
    assert result.first_success_after_promotion is None


def test_an_operation_belongs_to_the_phase_in_which_it_ended() -> None:
    own = [*calm(0.0, 4.0), (4.0, 6.0, OK, 0), *calm(6.0, 9.0)]
    phases = [phase_of("failover", 0.0), phase_of("hang", 5.0)]
    first, second = audit(phases, [ledger_of(own)], [], [copies_of(own, strangers=2)])
    assert (first.lost, second.lost) == (0, 1)
    assert (first.acknowledged, second.acknowledged) == (16, 13)
    assert (first.strangers, second.strangers) == (0, 2)


def test_failures_of_readers_count_as_errors() -> None:
    own = [*BEFORE, *AFTER]
    reader = ledger_of([(0.0, 1.0, OK, 0), (1.0, 2.0, FAILED, 0)])
    (result,) = audit([phase_of()], [ledger_of(own)], [reader], [copies_of(own)])
    assert result.errors == 1
    assert result.errors_applied == 0


def test_values_are_counted_and_strangers_noticed() -> None:
    copies = Copies.of([0, 2, 2, 7, -1], sent=3)
    assert (list(copies.counts), copies.strangers) == ([1, 0, 2], 2)
