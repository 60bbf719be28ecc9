"""ha_manager: a Redis/Valkey connection manager for asyncio that lives through failover.

::

    async with await ConnectionManager.create(cluster_name="mymaster", sentinels=["10.0.0.1:26379"]) as redis:
        await redis.set("key", "value")
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from loguru import logger

from ha_manager import errors, retrying
from ha_manager.config import Endpoint
from ha_manager.errors import (
    ClusterUnreachableError,
    ConfigurationError,
    CrossSlotError,
    DiscoveryError,
    FailoverTimeoutError,
    HAError,
    ManagerClosedError,
    NoSuchNodeError,
    OutcomeUnknownError,
    PendingLimitError,
    ReplicationError,
    ReplyTimeoutError,
    SentinelsUnreachableError,
    UncoveredSlotError,
    UnknownServiceError,
    UnsafeCommandError,
    WrongDeploymentError,
)
from ha_manager.manager import ConnectionManager

__all__ = [
    "ClusterUnreachableError",
    "ConfigurationError",
    "ConnectionManager",
    "CrossSlotError",
    "DiscoveryError",
    "Endpoint",
    "FailoverTimeoutError",
    "HAError",
    "ManagerClosedError",
    "NoSuchNodeError",
    "OutcomeUnknownError",
    "PendingLimitError",
    "ReplicationError",
    "ReplyTimeoutError",
    "SentinelsUnreachableError",
    "UncoveredSlotError",
    "UnknownServiceError",
    "UnsafeCommandError",
    "WrongDeploymentError",
    "__version__",
    "errors",
    "retrying",
]

try:
    __version__ = version("ha-manager")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0.0.0"

# A library is silent until its user asks: logger.enable("ha_manager").
logger.disable("ha_manager")
