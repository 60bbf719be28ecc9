"""Which Sentinel to believe: pure rules over what all of them answered.

The answer with the highest config-epoch wins. A lower epoch never replaces a higher one, except
after an operator's reset, which shows as a lasting majority.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ha_manager.config import Endpoint


@dataclass(frozen=True, slots=True)
class SentinelAnswer:
    """What one Sentinel says of the service.

    Attributes:
        sentinel: who answered.
        primary: the node it names (mapped).
        epoch: the config-epoch it names it under.
        replicas: the replicas that it holds to be usable.
        sentinels: the other Sentinels that it knows.
    """

    sentinel: Endpoint
    primary: Endpoint
    epoch: int
    replicas: tuple[Endpoint, ...] = ()
    sentinels: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Election:
    """The result of one round of answers.

    Attributes:
        winner: the answer to follow, or ``None`` when every answer is older than what is known.
        stale: answers refused for an epoch lower than the known one, or than the winner's.
        reset: the older (primary, epoch) that a majority of the known Sentinels agrees on while
            none confirms the known epoch, or ``None``.
    """

    winner: SentinelAnswer | None
    stale: tuple[SentinelAnswer, ...]
    reset: SentinelAnswer | None


def elect(
    answers: Iterable[SentinelAnswer],
    *,
    known_epoch: int,
    known_primary: Endpoint | None,
    known_sentinels: int,
) -> Election:
    """Judge one round of answers.

    Args:
        answers: at most one for each Sentinel.
        known_epoch: the epoch of the snapshot in force; -1 before the first.
        known_primary: the primary of that snapshot.
        known_sentinels: how many Sentinels are known, answering or not.
    """
    ranked = sorted(answers, key=lambda answer: answer.epoch, reverse=True)
    if not ranked:
        return Election(None, (), None)
    best = _best_supported([answer for answer in ranked if answer.epoch == ranked[0].epoch], known_primary)
    stale = tuple(answer for answer in ranked if answer.epoch < max(known_epoch, best.epoch))
    majority = _majority(ranked, known_sentinels)
    if best.epoch > known_epoch:
        return Election(best, stale, None)
    if best.epoch == known_epoch and (best.primary == known_primary or _same_view(best, majority)):
        return Election(best, stale, None)
    # Of one epoch there is one primary; a lone voice for another is a view that lags.
    contrary = tuple(a for a in ranked if a.epoch == known_epoch and a.primary != known_primary)
    return Election(None, contrary + stale, majority)


def _best_supported(tied: list[SentinelAnswer], known: Endpoint | None) -> SentinelAnswer:
    """Among answers of one epoch, the primary that most Sentinels name; the known one wins a tie."""
    votes = Counter(answer.primary for answer in tied)
    return max(
        tied,
        key=lambda answer: (votes[answer.primary], answer.primary == known, len(answer.replicas)),
    )


def _same_view(one: SentinelAnswer, other: SentinelAnswer | None) -> bool:
    return other is not None and (one.primary, one.epoch) == (other.primary, other.epoch)


def _majority(ranked: list[SentinelAnswer], known_sentinels: int) -> SentinelAnswer | None:
    """The answer that more than half of the known Sentinels give alike, if there is one."""
    votes = Counter((answer.primary, answer.epoch) for answer in ranked)
    view, count = votes.most_common(1)[0]
    if count * 2 <= known_sentinels:
        return None
    return _best_supported([answer for answer in ranked if (answer.primary, answer.epoch) == view], None)
