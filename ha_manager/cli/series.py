"""Turns millions of operations into a curve: throughput and latency in buckets of time. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ha_manager.cli.workload import Ledger, Outcome

__all__ = ["Bucket", "buckets"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """The writes that were acknowledged in one span of time.

    Attributes:
        middle: of the span, in seconds after the start.
        rate: writes per second.
        p50, p99: latency in seconds; None if nothing was acknowledged.
    """

    middle: float
    rate: float
    p50: float | None
    p99: float | None


def buckets(ledgers: Sequence[Ledger], started: float, ended: float, width: float) -> list[Bucket]:
    """Put each acknowledged write into the bucket in which its answer came.

    Args:
        ledgers: the writers' records.
        started, ended: the time to cover, in seconds of the monotonic clock.
        width: of a bucket, in seconds.
    """
    count = max(1, math.ceil((ended - started) / width))
    latencies: list[list[float]] = [[] for _ in range(count)]
    for start, end in _acknowledged(ledgers):
        position = int((end - started) / width)
        if 0 <= position < count:
            latencies[position].append(end - start)
    return [_bucket(values, position, width) for position, values in enumerate(latencies)]


def _acknowledged(ledgers: Sequence[Ledger]) -> Iterator[tuple[float, float]]:
    for ledger in ledgers:
        for start, end, outcome in zip(ledger.starts, ledger.ends, ledger.outcomes, strict=True):
            if outcome == Outcome.ACKNOWLEDGED:
                yield start, end


def _bucket(values: list[float], position: int, width: float) -> Bucket:
    values.sort()
    return Bucket(
        middle=(position + 0.5) * width,
        rate=len(values) / width,
        p50=values[len(values) // 2] if values else None,
        p99=values[min(len(values) - 1, int(len(values) * 0.99))] if values else None,
    )
