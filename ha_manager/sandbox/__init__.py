"""Real servers for tests and trials: a Sentinel deployment, a cluster, or one server, as child processes.

::

    from ha_manager.sandbox import ClusterSandbox, SentinelSandbox

    async with SentinelSandbox(replicas=2, sentinels=3) as sandbox:
        sandbox.url                                   # redis+sentinel://127.0.0.1:p1,...,.../mymaster
        old = await sandbox.kill_primary()
        new = await sandbox.wait_for_primary(other_than=old)

    async with ClusterSandbox(primaries=3, replicas=1) as sandbox:
        sandbox.url                                   # redis+cluster://127.0.0.1:p1,127.0.0.1:p2,...
        new = await sandbox.failover(0)               # of the owner of slot 0
        await sandbox.migrate_slots(range(100), to=await sandbox.add_node())

The servers listen on free ports of the loopback interface only. Whatever becomes of the process that
made them, a crash and SIGKILL included, a small reaper process kills them and removes their files.

The room imports only `ha_manager.errors`, so that it cannot hide a fault of the client that it tests.
"""

from ha_manager.sandbox.admin import Access, Credentials, Reply
from ha_manager.sandbox.certificates import Certificates
from ha_manager.sandbox.cluster import ClusterSandbox
from ha_manager.sandbox.deployment import Deployment
from ha_manager.sandbox.process import PortTakenError, ServerProcess, ServerStartError
from ha_manager.sandbox.programs import SERVER_VARIABLE, ServerProgram, available_servers, find_server
from ha_manager.sandbox.sentinel import SentinelSandbox
from ha_manager.sandbox.standalone import StandaloneSandbox

__all__ = [
    "SERVER_VARIABLE",
    "Access",
    "Certificates",
    "ClusterSandbox",
    "Credentials",
    "Deployment",
    "PortTakenError",
    "Reply",
    "SentinelSandbox",
    "ServerProcess",
    "ServerProgram",
    "ServerStartError",
    "StandaloneSandbox",
    "available_servers",
    "find_server",
]
