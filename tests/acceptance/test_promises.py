"""The promises, under 16 writers at full load: each fault, with in-doubt writes raised and repeated.

How soon the first write succeeds is measured by ``benchmarks/failover.py``; here it is what happened to
the writes. Every write appends a unique id, and every list is read back from the last primary.
"""

from __future__ import annotations

import pytest

from ha_manager.cli.judgement import judge
from ha_manager.cli.trial import run_scenario
from ha_manager.sandbox import available_servers


@pytest.mark.parametrize("in_doubt", ["raise", "retry"])
@pytest.mark.parametrize("fault", ["kill", "failover", "hang"])
@pytest.mark.parametrize("server", available_servers())
async def test_promises_hold(server: str, fault: str, in_doubt: str) -> None:
    result = await run_scenario(
        fault, server=server, in_doubt=in_doubt, writers=16, readers=0, think=0, before=1.0, after=1.0
    )
    assert result.acknowledged > 1000
    broken = [verdict for verdict in judge([result], in_doubt) if verdict.broken]
    assert broken == []
    if fault == "failover":
        assert result.in_doubt == 0
