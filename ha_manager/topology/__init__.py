"""Who is primary, who replicates it, and who says so.

Discovery asks servers through an injected ``ask`` and never opens a connection itself.
"""

from ha_manager.topology.change import Switch, TopologyDiff, diff
from ha_manager.topology.cluster import ClusterDiscovery
from ha_manager.topology.discovery import Ask, Discovery, Resolution
from ha_manager.topology.failover import FailoverWatch, Notice, Phase
from ha_manager.topology.model import Deployment, NodeInfo, Role, Shard, Topology
from ha_manager.topology.refresher import Cause, Refresher
from ha_manager.topology.sentinel import SentinelDiscovery
from ha_manager.topology.standalone import StandaloneDiscovery

__all__ = [
    "Ask",
    "Cause",
    "ClusterDiscovery",
    "Deployment",
    "Discovery",
    "FailoverWatch",
    "NodeInfo",
    "Notice",
    "Phase",
    "Refresher",
    "Resolution",
    "Role",
    "SentinelDiscovery",
    "Shard",
    "StandaloneDiscovery",
    "Switch",
    "Topology",
    "TopologyDiff",
    "diff",
]
