"""Every event has a line in the log, once the user has enabled it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger
from unit_support import A, B

from ha_manager import observe
from ha_manager.observe import Event, tell

BRACES = "{0} {name} {} <red>%s"  # a server's words may look like a format
SAMPLES: dict[str, Any] = {
    "str": BRACES,
    "int": 7,
    "float": 1.25,
    "Endpoint": A,
    "Endpoint | None": None,
    "tuple[Endpoint, ...]": (A, B),
    "tuple[range, ...]": (range(100), range(200, 201)),
}
KINDS = [
    kind
    for kind in vars(observe).values()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
]
LEVELS = {
    "PrimarySwitched": "WARNING",
    "NodeDown": "WARNING",
    "SentinelDown": "WARNING",
    "WritesHeld": "WARNING",
    "WritesReleased": "WARNING",
    "RefreshFailed": "WARNING",
    "SentinelsLost": "ERROR",
    "TopologyChanged": "INFO",
    "NodeUp": "INFO",
    "SentinelsRestored": "INFO",
    "CommandsWaited": "INFO",
    "StaleAnswerRefused": "INFO",
    "StaleViewRefused": "INFO",
}


def sample(kind: type[Event]) -> Event:
    fields = [field for field in dataclasses.fields(kind) if field.name != "at"]
    return kind(**{field.name: SAMPLES[str(field.type)] for field in fields})


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Level and text of what was logged; a line that cannot be written raises."""
    written: list[str] = []
    sink = logger.add(written.append, format="{level}|{message}", level=0, catch=False)
    logger.enable("ha_manager")
    try:
        yield written
    finally:
        logger.disable("ha_manager")
        logger.remove(sink)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_each_event_is_told_in_one_line(kind: type[Event], lines: list[str]) -> None:
    event = sample(kind)
    tell(event)
    (line,) = lines
    level, _, text = line.partition("|")
    assert level == LEVELS.get(kind.__name__, "DEBUG")
    assert text.strip()
    if "reason" in {field.name for field in dataclasses.fields(kind)}:
        assert BRACES in text


def test_an_event_of_a_kind_that_is_new_is_told_too(lines: list[str]) -> None:
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class Unheard(Event):
        what: str

    tell(Unheard(what="of"))
    assert len(lines) == 1


def test_silent_until_enabled(lines: list[str]) -> None:
    logger.disable("ha_manager")
    for kind in KINDS:
        tell(sample(kind))
    assert lines == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_events_are_frozen_and_stamped(kind: type[Event]) -> None:
    event = sample(kind)
    assert event.at > 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.at = 0.0  # type: ignore[misc]
