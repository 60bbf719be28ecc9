"""Which Sentinel is believed: the rules, over any round of answers."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from unit_support import S1, S2, S3, S4, S5, A, B, C

from ha_manager.config import Endpoint
from ha_manager.topology.election import Election, SentinelAnswer, elect

SENTINELS = (S1, S2, S3, S4, S5)


def round_of(*views: tuple[Endpoint, int]) -> list[SentinelAnswer]:
    """One answer for each (primary, epoch), by Sentinels in turn."""
    return [SentinelAnswer(s, primary, epoch) for s, (primary, epoch) in zip(SENTINELS, views, strict=False)]


def judge(
    *views: tuple[Endpoint, int], known: tuple[Endpoint, int] | None = (A, 5), sentinels: int = 3
) -> Election:
    primary, epoch = known or (None, -1)
    return elect(round_of(*views), known_epoch=epoch, known_primary=primary, known_sentinels=sentinels)


rounds = st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(0, 6)), max_size=5)
knowledge = st.tuples(st.sampled_from([A, B, C]), st.integers(0, 6))


@given(rounds, st.none() | knowledge, st.integers(0, 2))
def test_properties_of_any_round(
    views: list[tuple[Endpoint, int]], known: tuple[Endpoint, int] | None, silent: int
) -> None:
    total = len(views) + silent
    election = judge(*views, known=known, sentinels=total)
    epoch = known[1] if known else -1
    winner, votes = election.winner, Counter(views)
    if winner is not None:
        # A lower epoch never wins, and none but the highest does.
        assert winner.epoch == max(e for _, e in views) >= epoch
        assert election.reset is None
        assert {(a.primary, a.epoch) for a in election.stale} == {
            view for view in views if view[1] < winner.epoch
        }
        if known and winner.epoch == epoch and winner.primary != known[0]:
            assert votes[winner.primary, winner.epoch] * 2 > total
    elif views:
        assert known is not None, "before the first snapshot any answer is news"
        assert max(e for _, e in views) <= epoch
    if election.reset is not None:
        assert votes[election.reset.primary, election.reset.epoch] * 2 > total
    assert len({a.sentinel for a in election.stale}) == len(election.stale)


@given(st.permutations([(A, 6), (B, 6), (B, 6), (C, 5), (A, 4)]), st.integers(0, 5))
def test_news_win_whatever_the_order_of_answers(views: list[tuple[Endpoint, int]], epoch: int) -> None:
    winner = judge(*views, known=(A, epoch), sentinels=5).winner
    assert winner is not None
    assert (winner.primary, winner.epoch) == (B, 6)


def test_no_answers_decide_nothing() -> None:
    assert judge() == Election(None, (), None)


def test_the_highest_epoch_wins_against_any_number_of_lower_ones() -> None:
    election = judge((B, 6), (A, 5), (A, 5))
    assert election.winner == SentinelAnswer(S1, B, 6)
    assert [answer.sentinel for answer in election.stale] == [S2, S3]


def test_an_older_view_of_a_minority_changes_nothing() -> None:
    election = judge((B, 4))
    assert (election.winner, election.reset) == (None, None)
    assert [answer.primary for answer in election.stale] == [B]


def test_a_majority_for_an_older_epoch_is_a_possible_reset() -> None:
    election = judge((B, 0), (B, 0))
    assert election.winner is None
    assert election.reset is not None
    assert (election.reset.primary, election.reset.epoch) == (B, 0)


def test_half_is_no_majority() -> None:
    assert judge((B, 0), (B, 0), sentinels=4).reset is None


def test_a_majority_counts_the_silent_ones() -> None:
    assert judge((B, 0), (B, 0), sentinels=5).reset is None


def test_one_voice_that_confirms_the_known_epoch_stops_a_reset() -> None:
    election = judge((A, 5), (B, 0), (B, 0))
    assert election.winner == SentinelAnswer(S1, A, 5)
    assert election.reset is None


def test_of_one_epoch_the_known_primary_stays_against_a_lone_voice() -> None:
    election = judge((B, 5))
    assert election.winner is None
    assert [answer.primary for answer in election.stale] == [B]


def test_of_one_epoch_a_majority_may_name_another_primary() -> None:
    election = judge((B, 5), (B, 5), (A, 5))
    assert election.winner is not None
    assert election.winner.primary == B


def test_of_one_epoch_the_better_supported_primary_wins() -> None:
    election = judge((A, 7), (B, 7), (B, 7), known=None)
    assert election.winner is not None
    assert election.winner.primary == B


def test_of_equal_votes_the_answer_that_lists_more_replicas_wins() -> None:
    poor, rich = SentinelAnswer(S1, A, 5), SentinelAnswer(S2, A, 5, replicas=(B, C))
    for answers in ([poor, rich], [rich, poor]):
        winner = elect(answers, known_epoch=5, known_primary=A, known_sentinels=3).winner
        assert winner is rich


def test_before_the_first_snapshot_epoch_zero_wins() -> None:
    election = judge((A, 0), known=None)
    assert election.winner == SentinelAnswer(S1, A, 0)
