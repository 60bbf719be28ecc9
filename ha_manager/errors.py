"""Every error that ha_manager raises, each a subclass of the redis-py error that users already catch.

::

    redis.RedisError
    └── HAError
        ├── ConfigurationError        (+ ValueError)       an option or URL is wrong; the message names it
        ├── WrongDeploymentError      (+ ConnectionError)  the address is something else than was asked for
        ├── UnsafeCommandError        (+ DataError)        the command would change a shared connection
        ├── ManagerClosedError        (+ ConnectionError)  the manager was closed
        ├── PendingLimitError         (+ ConnectionError)  too many commands already wait for a node
        ├── OutcomeUnknownError       (+ ConnectionError, TimeoutError)  sent, no answer: it may have run
        ├── FailoverTimeoutError      (+ ConnectionError, TimeoutError)  no usable node within the deadline
        ├── ReplyTimeoutError         (+ TimeoutError)     repeated without a reply until the deadline
        ├── CrossSlotError            (+ ClusterCrossSlotError)  the keys of one command lie in several slots
        ├── UncoveredSlotError        (+ SlotNotCoveredError)    no node of the cluster owns the slot
        ├── NoSuchNodeError           (+ RedisClusterException)  target_nodes= names no node that there is
        ├── ClusterUnreachableError   (+ ConnectionError, RedisClusterException)  no node answered usefully
        ├── ReplicationError          (+ ResponseError)    it ran, but too few replicas (or disks) have it
        └── DiscoveryError            (+ redis.sentinel.MasterNotFoundError, a ConnectionError)
            ├── SentinelsUnreachableError   no Sentinel answered
            └── UnknownServiceError         Sentinels answered; none knows this cluster_name
"""

from __future__ import annotations

from redis.exceptions import (
    ClusterCrossSlotError,
    DataError,
    RedisClusterException,
    RedisError,
    ResponseError,
    SlotNotCoveredError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.sentinel import MasterNotFoundError

__all__ = [
    "ClusterUnreachableError",
    "ConfigurationError",
    "CrossSlotError",
    "DiscoveryError",
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
]


class HAError(RedisError):
    """The base of ha_manager's own errors."""


class ConfigurationError(HAError, ValueError):
    """An option or a URL cannot be used; the message names the option and the remedy."""


class WrongDeploymentError(HAError, RedisConnectionError):
    """A server answered, but it is not what the call asked for (a Sentinel, a replica, a cluster node)."""


class UnsafeCommandError(HAError, DataError):
    """The command would change the state of a connection that other callers share."""


class ManagerClosedError(HAError, RedisConnectionError):
    """The manager was closed before or while the command waited; the command was not sent."""


class PendingLimitError(HAError, RedisConnectionError):
    """``max_pending`` commands already wait for a node; this one was refused and not sent."""


class OutcomeUnknownError(HAError, RedisConnectionError, RedisTimeoutError):
    """The command left this process and no answer came: it may or may not have run.

    Raised instead of repeating a command that is not known to be harmless when it runs twice.
    Set ``in_doubt="retry"`` (per manager, or per call through ``manager.with_options``) to have
    such commands repeated.

    Attributes:
        command: the name of the command, never its arguments.
        endpoint: ``host:port`` of the node that the command was sent to.
    """

    def __init__(self, message: str, *, command: str = "", endpoint: str = "") -> None:
        super().__init__(message)
        self.command = command
        self.endpoint = endpoint


class FailoverTimeoutError(HAError, RedisConnectionError, RedisTimeoutError):
    """No usable node appeared within ``failover_timeout``; the command did not run.

    Attributes:
        waited_for: what the command was waiting for, in words.
    """

    def __init__(self, message: str, *, waited_for: str = "") -> None:
        super().__init__(message)
        self.waited_for = waited_for


class ReplyTimeoutError(HAError, RedisTimeoutError):
    """No reply within ``command_timeout``, and none to the repetitions until ``failover_timeout``.

    For commands that may be repeated; the others raise :class:`OutcomeUnknownError` the first time.
    """


class CrossSlotError(HAError, ClusterCrossSlotError):
    """The keys of one command lie in several slots, and it cannot or may not be split; it was not sent."""


class UncoveredSlotError(HAError, SlotNotCoveredError):
    """No node of the cluster owns the slot, also after the map was fetched again; it was not sent."""


class NoSuchNodeError(HAError, RedisClusterException):
    """``target_nodes=`` or a node argument names no node of the present topology."""


class ClusterUnreachableError(HAError, RedisConnectionError, RedisClusterException):
    """No node of the cluster told its topology; the message says what each of them answered."""


class ReplicationError(HAError, ResponseError):
    """The command ran, but fewer replicas or disks than asked for have confirmed it in time.

    Attributes:
        result: what the command itself replied.
        confirmed: how many confirmed: an int, a pair for WAITAOF, or ``None`` if that is not known.
    """

    def __init__(self, message: str, *, result: object = None, confirmed: object = None) -> None:
        super().__init__(message)
        self.result = result
        self.confirmed = confirmed


class DiscoveryError(HAError, MasterNotFoundError):
    """The primary could not be found."""


class SentinelsUnreachableError(DiscoveryError):
    """No Sentinel answered: a network fault or wrong addresses. (A refused login raises redis-py's
    ``AuthenticationError``.)"""


class UnknownServiceError(DiscoveryError):
    """Sentinels answered, and none of them monitors the given ``cluster_name``."""
