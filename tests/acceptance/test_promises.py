"""The promises, under 16 writers at full load: each fault, with in-doubt writes raised and repeated.

How soon the first write succeeds is measured by ``benchmarks/failover.py``; here it is what happened to
the writes. Every write appends a unique id, and every list is read back from the last primaries.
"""

from __future__ import annotations

import pytest

from ha_manager.cli.cluster_stage import ClusterStage
from ha_manager.cli.faults import FAILOVER, RESHARD
from ha_manager.cli.judgement import judge
from ha_manager.cli.trial import Settings, run_scenario, run_trial
from ha_manager.sandbox import available_servers


@pytest.mark.parametrize("in_doubt", ["raise", "retry"])
@pytest.mark.parametrize("fault", ["kill", "failover", "hang"])
@pytest.mark.parametrize("server", available_servers())
async def test_promises_hold(server: str, fault: str, in_doubt: str) -> None:
    result = await run_scenario(
        fault,
        server=server,
        in_doubt=in_doubt,
        writers=16,
        readers=0,
        think=0,
        before=1.0,
        after=1.0,
        hang=4.0,
    )
    assert result.acknowledged > 1000
    broken = [verdict for verdict in judge([result], in_doubt) if verdict.broken]
    assert broken == []
    if fault == "failover":
        assert result.in_doubt == 0


@pytest.mark.parametrize("in_doubt", ["raise", "retry"])
@pytest.mark.parametrize("server", available_servers())
async def test_promises_hold_in_a_cluster(server: str, in_doubt: str) -> None:
    """All the faults in one deployment, one shard after the other, and slots that move at last."""
    settings = Settings(
        stage=ClusterStage,
        faults=ClusterStage.faults,
        server=server,
        in_doubt=in_doubt,
        writers=16,
        readers=0,
        think=0,
        before=1.0,
        after=1.0,
        hang=4.0,
    )
    result = await run_trial(settings)
    assert all(scenario.acknowledged > 1000 for scenario in result.scenarios)
    broken = [verdict for verdict in judge(result.scenarios, in_doubt) if verdict.broken]
    assert broken == []
    planned = [scenario for scenario in result.scenarios if scenario.fault in (FAILOVER, RESHARD)]
    assert [scenario.in_doubt for scenario in planned] == [0, 0]
