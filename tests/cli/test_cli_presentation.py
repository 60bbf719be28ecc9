"""Tables, the picture and the live display, from fabricated records."""

import asyncio
import io
import math
from xml.etree import ElementTree

import pytest
from cli_support import DOUBT, OK, calm, ledger_of, phase_of, reshard_of, trial_of
from rich.console import Console

from ha_manager.cli.cluster_stage import ClusterStage
from ha_manager.cli.judgement import judge
from ha_manager.cli.live import LiveScreen
from ha_manager.cli.notes import Source
from ha_manager.cli.plain import PlainScreen
from ha_manager.cli.report import COLUMNS, plain_table, table
from ha_manager.cli.series import buckets
from ha_manager.cli.svg import Log, Scale, ticks
from ha_manager.cli.timeline import draw
from ha_manager.cli.trial import Trial, TrialResult
from ha_manager.cli.words import duration

KEPT = trial_of([*calm(0.0, 2.0), (2.0, 3.25, OK, 1), *calm(3.25, 5.0)])
BROKEN = trial_of([*calm(0.0, 2.0), (2.0, 3.0, DOUBT, 1), (3.0, 3.25, OK, 0), *calm(3.25, 5.0)])
STALLED = trial_of(
    [*calm(0.0, 2.5), (2.5, 3.25, OK, 1), *calm(3.25, 5.0)],
    calm(0.0, 5.0),
    phase=reshard_of(),
    stage=ClusterStage,
)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (math.inf, "never"),
        (1.434, "1.43 s"),
        (0.131, "131 ms"),
        (0.0047, "4.7 ms"),
        (-0.0012, "-1.2 ms"),
    ],
)
def test_durations_are_written_for_people(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_the_table_has_a_row_for_each_fault_and_aligned_columns() -> None:
    *_, rule, row = plain_table(KEPT.scenarios).splitlines()
    assert len(rule.split()) == len(COLUMNS) - 1, "there are no other shards"
    assert row.split()[:5] == ["failover", "1.25", "s", "1.25", "s"]
    assert len(row) == len(rule)


def test_a_column_appears_when_it_has_something_to_say() -> None:
    phase = phase_of()
    phase.writers = range(1)
    shards = trial_of([*calm(0.0, 2.0), (2.0, 3.25, OK, 1), *calm(3.25, 5.0)], calm(0.0, 5.0), phase=phase)
    heads, rows = table([*shards.scenarios, *STALLED.scenarios])
    assert len(heads) == len(COLUMNS)
    shown = heads.index("other\nshards"), heads.index("first write after\nthe promotion")
    assert [[row[column] for column in shown] for row in rows] == [["250 ms", "250 ms"], ["-", "-"]]
    assert len(table(STALLED.scenarios)[0]) == len(COLUMNS) - 2


def test_plain_says_which_promise_is_broken() -> None:
    stream = io.StringIO()
    PlainScreen(stream).conclude(BROKEN, judge(BROKEN.scenarios, "raise"))
    assert "BROKEN  no acknowledged write is lost" in stream.getvalue()
    assert "failover: 1 acknowledged writes are gone" in stream.getvalue()


async def test_live_shows_the_load_and_then_the_table() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=140, height=50)
    with LiveScreen(console) as screen:
        trial = Trial(KEPT.settings, screen.look)
        trial.note(Source.FAULT, "primary :7001 killed")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert "primary :7001 killed" in stream.getvalue()
        screen.conclude(BROKEN, judge(BROKEN.scenarios, "raise"))
    assert "What the writers lived through" in stream.getvalue()
    assert "failover: 1 acknowledged writes are gone" in stream.getvalue()


@pytest.mark.parametrize(
    "result",
    [KEPT, BROKEN, STALLED, trial_of(calm(0.0, 2.0))],
    ids=["kept", "broken", "stalled", "silent"],
)
def test_the_picture_is_valid_and_labelled(result: TrialResult) -> None:
    root = ElementTree.fromstring(draw([result]))
    assert root.tag == f"{SVG}svg"
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert "writes per second" in texts
    assert "A <fault> & more" in texts
    assert not any(word in value for element in root.iter() for value in element.attrib.values()
                   for word in ("nan", "inf"))  # fmt: skip


def test_two_trials_stand_one_above_the_other() -> None:
    root = ElementTree.fromstring(draw([KEPT, STALLED]))
    upper, lower = root.findall(f"{SVG}g")
    assert upper.get("transform") == "translate(0 0)"
    apart = float(ElementTree.fromstring(draw([KEPT])).attrib["height"])
    assert lower.get("transform") == f"translate(0 {apart:g})"
    assert float(root.attrib["height"]) > apart
    assert [group.findtext(f"{SVG}text") for group in (upper, lower)] == [
        KEPT.settings.stage.title,
        STALLED.settings.stage.title,
    ]


def test_the_picture_names_the_stall_while_slots_move() -> None:
    texts = [element.text for element in ElementTree.fromstring(draw([STALLED])).iter(f"{SVG}text")]
    assert "reshard: 750 ms" in texts
    assert "longest stall of a writer 750 ms" in texts
    assert "the longest stall ends" in texts


def test_buckets_count_answers_where_they_came_and_leave_holes_empty() -> None:
    ledger = ledger_of([(0.0, 0.25, OK, 1), (0.25, 0.5, DOUBT, 1), (0.5, 2.5, OK, 1)])
    curve = buckets([ledger], 0.0, 3.0, 1.0)
    assert [bucket.rate for bucket in curve] == [1.0, 0.0, 1.0]
    assert [bucket.p99 for bucket in curve] == [0.25, None, 2.0]


def test_scales_and_ticks() -> None:
    assert Scale(0.0, 10.0, 100.0, 200.0)(5.0) == 150.0
    assert Scale(0.0, 10.0, 100.0, 200.0).clamped(50.0) == 200.0
    assert Log(0.001, 10.0, 0.0, 4.0)(0.1) == pytest.approx(2.0)
    assert Log(0.001, 10.0, 0.0, 4.0)(0.0) == 0.0
    assert ticks(0.0, 11_000.0, 4) == [0.0, 5000.0, 10_000.0]
    assert ticks(-0.03, 0.2, 5) == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2])
