"""What did the tasks live through, and what became of their writes? Pure functions over the records."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cluster_plan import Plan, Record, value_of

from ha_manager.cli.workload import Ledger, Outcome

SAMPLES = 3
# An outage may begin this much after the promotion: a reply may have been on its way for so long.
LATEST_BEGIN = 0.05


@dataclass
class Moments:
    """What the servers did, in seconds of the monotonic clock; ``None`` where it did not happen.

    Attributes:
        fault_at, ended_at: the fault's beginning and, of resharding, the end.
        promoted_at, promoted_not_before: the promotion, by ROLE, lies between the two.
        demoted_at: when the old primary first said that it is a replica.
        heir_serves_at: when a replica of the victim first served a key of the victim.
        refused: seconds for which the other shards refused.
    """

    fault_at: float
    ended_at: float = math.inf
    promoted_at: float | None = None
    promoted_not_before: float = math.inf
    demoted_at: float | None = None
    heir_serves_at: float | None = None
    refused: float = 0.0


@dataclass(kw_only=True)
class Result:
    """One run. Durations in seconds, ``None`` where there was no such moment.

    Attributes:
        behind_promotion, behind_serving, behind_demotion: from the promotion by ROLE, from the promoted
            node's first answer to a keyed command, and from the old primary's own demotion, to the end of
            the victim's outage: the first acknowledgement on its shard after the longest time without.
        blur: how exactly the promotion is known.
        stall: the longest time that a task spent without a success.
        stall_apart: the same of the tasks that use the other shards only.
        refused: the longest time for which those shards refused.
        acknowledged, in_doubt, errors: operations as the callers were told; what never ended is an error.
        lost: acknowledged writes that were gone at the end.
        duplicates: copies too many that nobody allowed.
        repeated: copies too many of writes in doubt that the client was allowed to repeat.
        samples: the commonest errors.
    """

    behind_promotion: float | None = None
    behind_serving: float | None = None
    behind_demotion: float | None = None
    blur: float | None = None
    stall: float = 0.0
    stall_apart: float = 0.0
    refused: float = 0.0
    acknowledged: int = 0
    in_doubt: int = 0
    errors: int = 0
    lost: int = 0
    duplicates: int = 0
    repeated: int = 0
    samples: list[str] = field(default_factory=list)


def audit(
    fault: str, plan: Plan, record: Record, lists: Sequence[Sequence[bytes]], moments: Moments
) -> Result:
    """Judge one run.

    Args:
        fault: what was inflicted.
        plan: which slots the tasks used.
        record: what they were told.
        lists: what the servers kept, for each slot.
        moments: what the servers did meanwhile.
    """
    copies = [Counter(values) for values in lists]
    result = Result(refused=moments.refused)
    for task, ledger in enumerate(record.ledgers):
        for number, outcome in enumerate(ledger.outcomes):
            found = copies[plan.slot(task, number)][value_of(task, number).encode()]
            _count_outcome(result, Outcome(outcome), found)
            if found > 1:
                start, end = ledger.starts[number], ledger.ends[number]
                allowed = sum(start <= moment <= end for moment in record.repeats)
                permitted = min(found - 1, allowed)
                result.repeated += permitted
                result.duplicates += found - 1 - permitted
    last = moments.ended_at if fault == "reshard" else math.inf
    stalls = [_longest_gap(ledger, moments.fault_at, last) for ledger in record.ledgers]
    result.stall = max(stalls)
    result.stall_apart = max(stalls[: plan.apart], default=0.0)
    if moments.promoted_at is not None:
        first = _end_of_outage(sorted(_successes_on_victim(plan, record)), moments)
        result.behind_promotion = first - moments.promoted_at
        result.blur = moments.promoted_at - moments.promoted_not_before
        result.behind_serving = moments.heir_serves_at and first - moments.heir_serves_at
        result.behind_demotion = moments.demoted_at and first - moments.demoted_at
    texts = Counter(failure.text for ledger in record.ledgers for failure in ledger.failures)
    result.samples = [f"{count} x {text}" for text, count in texts.most_common(SAMPLES)]
    return result


def _count_outcome(result: Result, outcome: Outcome, found: int) -> None:
    if outcome is Outcome.ACKNOWLEDGED:
        result.acknowledged += 1
        result.lost += not found
    elif outcome is Outcome.IN_DOUBT:
        result.in_doubt += 1
    else:
        result.errors += 1


def _successes_on_victim(plan: Plan, record: Record) -> Iterator[float]:
    for task, ledger in enumerate(record.ledgers):
        if plan.is_apart(task):
            continue
        for number, outcome in enumerate(ledger.outcomes):
            if outcome == Outcome.ACKNOWLEDGED and plan.slot(task, number) < plan.first:
                yield ledger.ends[number]


def _end_of_outage(ends: Sequence[float], moments: Moments) -> float:
    """The end of the longest gap that the promotion lies in, or just before; inf if there is none.

    Not the first success behind the promotion: it may be a late reply of the old primary.
    """
    assert moments.promoted_at is not None
    latest, earliest = moments.promoted_at + LATEST_BEGIN, moments.promoted_not_before
    gaps = [(end - begin, end) for begin, end in pairwise(ends) if end > earliest and begin < latest]
    return max(gaps)[1] if gaps else math.inf


def _longest_gap(ledger: Ledger, start: float, last: float) -> float:
    """The longest time between two successes, of which the second lies in the given time."""
    pairs = zip(ledger.ends, ledger.outcomes, strict=True)
    ends = [end for end, outcome in pairs if outcome == Outcome.ACKNOWLEDGED]
    if not ends or (ends[-1] < start and math.isinf(last)):
        return math.inf
    gaps = (after - before for before, after in pairwise(ends) if after > start and before < last)
    return max(gaps, default=0.0)
