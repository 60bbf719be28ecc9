"""The promises of the manager, and which of them a trial broke. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ha_manager.cli.audit import ScenarioResult

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise, and where it was broken; kept if ``broken`` is empty."""

    promise: str
    broken: tuple[str, ...]


def judge(results: Sequence[ScenarioResult], in_doubt: str) -> list[Verdict]:
    """Hold each promise against the results of a trial.

    Args:
        results: one for each fault.
        in_doubt: the policy that the trial ran under, ``"raise"`` or ``"retry"``.
    """
    promises = [*_PROMISES, *(_WHEN_RETRYING if in_doubt == "retry" else ())]
    return [
        Verdict(promise, tuple(f"{result.fault}: {fault}" for result in results if (fault := check(result))))
        for promise, check in promises
    ]


def _recovery(result: ScenarioResult) -> str:
    if result.phase.promotes and result.phase.promoted_at is None:
        return "no other server was promoted"
    return "" if result.recovered else "a writer never succeeded again"


def _losses(result: ScenarioResult) -> str:
    return f"{result.lost} acknowledged writes are gone" if result.lost else ""


def _duplicates(result: ScenarioResult) -> str:
    return f"{result.duplicates} writes too many" if result.duplicates else ""


def _errors(result: ScenarioResult) -> str:
    return f"{result.errors} ({'; '.join(result.error_samples)})" if result.errors else ""


def _truth(result: ScenarioResult) -> str:
    if result.errors_applied:
        return f"{result.errors_applied} writes ran although their error says that they did not"
    return f"{result.strangers} values that nobody wrote" if result.strangers else ""


def _doubts(result: ScenarioResult) -> str:
    return f"{result.in_doubt} writes raised OutcomeUnknownError" if result.in_doubt else ""


_Check = Callable[[ScenarioResult], str]

_PROMISES: tuple[tuple[str, _Check], ...] = (
    ("every writer goes on after every fault", _recovery),
    ("no acknowledged write is lost (but what a killed primary did not live to replicate)", _losses),
    ("no write runs twice", _duplicates),
    ("no error but OutcomeUnknownError", _errors),
    ("an error never says of a write that ran that it did not", _truth),
)
_WHEN_RETRYING: tuple[tuple[str, _Check], ...] = (
    ("in_doubt='retry': no OutcomeUnknownError either", _doubts),
)
