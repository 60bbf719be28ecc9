"""redis-py's methods for the CLUSTER command, as ``redis.asyncio.RedisCluster`` has them.

The rest of redis-py's cluster classes is left out: it would take ``replicaof`` and others away from
deployments that are no clusters, and splits and merges in its own way what is routed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.commands.cluster import AsyncClusterManagementCommands, ClusterManagementCommands

if TYPE_CHECKING:

    class ClusterMethods(AsyncClusterManagementCommands):
        """``cluster_nodes``, ``cluster_info``, ``cluster_shards`` and the others."""

else:

    class ClusterMethods:
        """``cluster_nodes``, ``cluster_info``, ``cluster_shards`` and the others."""

    for _source in (ClusterManagementCommands, AsyncClusterManagementCommands):
        for _name, _method in vars(_source).items():
            if _name.startswith("cluster_"):
                setattr(ClusterMethods, _name, _method)
