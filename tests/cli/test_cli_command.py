"""The command as users run it: exit status, output, signals, and what it leaves behind."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cli_support import COMMAND, OK, calm, trial_of
from redis.asyncio.cluster import RedisCluster

from ha_manager import ConnectionManager, __version__
from ha_manager.cli import demo, main
from ha_manager.cli.cluster_stage import ClusterStage
from ha_manager.cli.sentinel_stage import SentinelStage
from ha_manager.cli.stage import Stage
from ha_manager.cli.trial import Onlooker, Settings, TrialResult
from ha_manager.errors import ConfigurationError

SHORT = ["--seconds-per-phase", "1.5", "--hang-seconds", "3", "--writers", "4", "--readers", "1"]


async def started(*arguments: str, temporary: Path, command: list[str] = COMMAND) -> Process:
    return await asyncio.create_subprocess_exec(
        *command, *arguments, stdout=PIPE, stderr=STDOUT, env={**os.environ, "TMPDIR": str(temporary)}
    )


async def output_until(process: Process, words: str) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(60):
        while words not in "".join(lines[-1:]):
            line = await process.stdout.readline()
            assert line, "".join(lines)
            lines.append(line.decode())
    return "".join(lines)


async def rest_of(process: Process) -> str:
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return output.decode()


def left_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    path = tmp_path / "t"
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kind", "faults"),
    [("sentinel", "kill"), ("sentinel", "failover,hang"), ("cluster", "kill,failover,hang,reshard")],
)
async def test_the_demo_keeps_its_promises_without_a_terminal_and_without_rich(
    tmp_path: Path, temporary: Path, kind: str, faults: str
) -> None:
    picture = tmp_path / "timeline.svg"
    program = "import sys; sys.modules['rich'] = None; from ha_manager.cli import main; sys.exit(main())"
    process = await started(
        *("demo", kind, "--faults", faults, "--picture", str(picture), *SHORT),
        temporary=temporary,
        command=[sys.executable, "-c", program],
    )
    output = await rest_of(process)
    assert process.returncode == 0, output
    rows = [line.split()[0] for line in output.splitlines() if line.split()[:1]]
    assert all(fault in rows for fault in faults.split(","))
    assert "BROKEN" not in output
    assert output.count("    ok  ") == 5
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    assert left_in(temporary) == []


async def test_the_demo_shows_both_kinds_in_one_picture(tmp_path: Path, temporary: Path) -> None:
    picture = tmp_path / "timeline.svg"
    process = await started(
        *("demo", "--plain", "--faults", "failover", "--picture", str(picture), *SHORT), temporary=temporary
    )
    output = await rest_of(process)
    assert process.returncode == 0, output
    assert output.count("planned failover away from") == 2
    assert output.count("    ok  ") == 10
    assert output.count("outage: the longest time") == 1
    texts = [element.text for element in ElementTree.parse(picture).iter()]
    assert {SentinelStage.title, ClusterStage.title} <= set(texts)
    assert left_in(temporary) == []


@pytest.mark.parametrize("kind", ["sentinel", "cluster"])
async def test_ctrl_c_cleans_up(temporary: Path, kind: str) -> None:
    process = await started("demo", kind, "--plain", "--no-picture", *SHORT, temporary=temporary)
    await output_until(process, "killed")
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in await rest_of(process)
    assert process.returncode == 128 + signal.SIGINT
    assert left_in(temporary) == []


@pytest.mark.parametrize("stage", [SentinelStage, ClusterStage])
@pytest.mark.parametrize(("copies", "status"), [(1, 0), (0, 1), (2, 1)], ids=["kept", "lost", "twice"])
def test_the_exit_status_tells_a_broken_promise(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    copies: int,
    status: int,
    stage: type[Stage],
) -> None:
    async def fabricated(settings: Settings, onlooker: Onlooker) -> TrialResult:
        del onlooker
        found = copies if settings.stage is stage else 1
        return trial_of([*calm(0.0, 2.0), (2.0, 3.25, OK, found), *calm(3.25, 5.0)])

    monkeypatch.setattr(demo, "run_trial", fabricated)
    assert main(["demo", "--plain", "--no-picture"]) == status
    assert ("BROKEN" in capsys.readouterr().out) == bool(status)


@pytest.mark.parametrize(
    ("arguments", "played"),
    [
        ([], [("kill", "failover", "hang"), ("kill", "failover", "hang", "reshard")]),
        (["sentinel"], [("kill", "failover", "hang")]),
        (["cluster", "--faults", "reshard,kill"], [("reshard", "kill")]),
        (["--faults", "reshard"], [("reshard",)]),
    ],
)
def test_each_kind_is_struck_by_the_faults_that_it_knows(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], played: list[tuple[str, ...]]
) -> None:
    seen: list[tuple[str, ...]] = []

    async def fabricated(settings: Settings, onlooker: Onlooker) -> TrialResult:
        del onlooker
        seen.append(settings.faults)
        return trial_of(calm(0.0, 5.0))

    monkeypatch.setattr(demo, "run_trial", fabricated)
    assert main(["demo", "--plain", "--no-picture", *arguments]) == 0
    assert seen == played


def test_slots_that_move_are_not_for_sentinels(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "sentinel", "--plain", "--faults", "reshard"]) == 1
    assert "only a cluster has slots that move" in capsys.readouterr().err


def test_without_rich_the_live_display_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ha_manager.cli.live", raising=False)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(ConfigurationError, match=r'pip install "ha-manager\[cli\]"'):
        demo._screen(plain=False)


def told_by(output: str) -> tuple[str, list[int]]:
    """The URL and the pids that a sandbox printed."""
    url = next(line for line in output.splitlines() if line.startswith("url: ")).removeprefix("url: ")
    return url, [int(line.rsplit("pid ", 1)[1]) for line in output.splitlines() if "pid " in line]


async def ended(process: Process, number: signal.Signals, pids: list[int], temporary: Path) -> None:
    process.send_signal(number)
    assert await rest_of(process) == ""
    assert process.returncode == 0
    assert alive(pids) == []
    assert left_in(temporary) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_sandbox_can_be_used_and_leaves_nothing(temporary: Path, number: signal.Signals) -> None:
    process = await started(
        "sandbox", "sentinel", "--replicas", "1", "--password", "secret", temporary=temporary
    )
    output = await output_until(process, "to stop")
    url, pids = told_by(output)
    assert len(pids) == 5
    assert "secret" not in output
    async with await ConnectionManager.from_url(url, password="secret") as redis:
        assert await redis.set("key", "value")
    await ended(process, number, pids, temporary)


@pytest.mark.parametrize(("replicas", "order"), [("1", "CLUSTER FAILOVER"), ("0", "CLUSTER NODES")])
async def test_a_cluster_can_be_used_and_leaves_nothing(temporary: Path, replicas: str, order: str) -> None:
    process = await started(
        *("sandbox", "cluster", "--primaries", "2", "--replicas", replicas, "--password", "secret"),
        temporary=temporary,
    )
    output = await output_until(process, "to stop")
    url, pids = told_by(output)
    assert len(pids) == 2 + 2 * int(replicas)
    assert "secret" not in output
    assert "(primaries at first: node-1, node-2)" in output
    assert order in output
    assert url.startswith("redis+cluster://")
    host, port = url.removeprefix("redis+cluster://").split(",")[0].split(":")
    async with RedisCluster(host=host, port=int(port), password="secret") as redis:
        assert all([await redis.set(f"key-{number}", "value") for number in range(20)])
    await ended(process, signal.SIGTERM, pids, temporary)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"ha-manager {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["demo", "--help"], ["sandbox", "sentinel", "--help"], ["sandbox", "cluster", "--help"]],
)
def test_help_explains(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    assert "ha-manager" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["demo", "standalone"],
        ["demo", "--faults", "kill,earthquake"],
        ["demo", "--faults", ""],
        ["demo", "--writers", "0"],
        ["demo", "--think", "-1"],
        ["demo", "--seconds-per-phase", "nan"],
        ["demo", "--in-doubt", "ignore"],
        ["sandbox"],
        ["sandbox", "something"],
        ["sandbox", "cluster", "--primaries", "0"],
        ["sandbox", "cluster", "--sentinels", "3"],
        ["sandbox", "sentinel", "--sentinels", "none"],
    ],
)
def test_wrong_usage_ends_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: ha-manager" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--plain", "--no-picture", "--server", "no-such-server"]) == 1
    assert "no-such-server" in capsys.readouterr().err
