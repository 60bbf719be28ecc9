"""The story of a failover in a few log lines.

loguru is silent for this package until the user calls ``logger.enable("ha_manager")``.
"""

from __future__ import annotations

from functools import singledispatch

from loguru import logger

from ha_manager.observe import events as e


@singledispatch
def tell(event: e.Event) -> None:
    """Log one event at the level that fits it; events without a line of their own go to DEBUG."""
    logger.debug("{}", event)


@tell.register
def _(event: e.PrimarySwitched) -> None:
    logger.warning(
        "primary switched: {} -> {} (epoch {}, seen by {})", event.old, event.new, event.epoch, event.cause
    )


@tell.register
def _(event: e.TopologyChanged) -> None:
    logger.info(
        "topology {}: primary {}, replicas {} (epoch {}, cause {})",
        event.generation,
        ", ".join(map(str, event.primaries)) or "unknown",
        ", ".join(map(str, event.replicas)) or "none",
        event.epoch,
        event.cause,
    )


@tell.register
def _(event: e.NodeDown) -> None:
    logger.warning("node {} is down: {}", event.endpoint, event.reason)


@tell.register
def _(event: e.NodeUp) -> None:
    logger.info("node {} is up", event.endpoint)


@tell.register
def _(event: e.SentinelDown) -> None:
    logger.warning("events of Sentinel {} are cut off: {}", event.endpoint, event.reason)


@tell.register
def _(event: e.SentinelsLost) -> None:
    logger.error("no Sentinel answers; going on with the known primary {}", event.primary)


@tell.register
def _(event: e.SentinelsRestored) -> None:
    logger.info("a Sentinel answers again")


@tell.register
def _(event: e.WritesHeld) -> None:
    logger.warning("writes are held: {}", event.reason)


@tell.register
def _(event: e.WritesReleased) -> None:
    logger.warning("writes go on after {:.3f} s: {}", event.held_for, event.reason)


@tell.register
def _(event: e.CommandsWaited) -> None:
    logger.info("{} commands waited, the longest for {:.3f} s", event.count, event.longest)


@tell.register
def _(event: e.OutcomeInDoubt) -> None:
    # One line a command would drown the story; each caller has the exception, stats() has the count.
    logger.debug(
        "outcome of {} on {} is unknown ({}): {}", event.command, event.endpoint, event.reason, event.action
    )


@tell.register
def _(event: e.StaleAnswerRefused) -> None:
    logger.info(
        "refused the answer of Sentinel {}: {} under epoch {}, older than {}",
        event.sentinel,
        event.claimed,
        event.claimed_epoch,
        event.known_epoch,
    )


@tell.register
def _(event: e.StaleViewRefused) -> None:
    logger.info(
        "refused the view of {}: epoch {}, older than {}", event.node, event.claimed_epoch, event.known_epoch
    )


@tell.register
def _(event: e.RefreshFailed) -> None:
    logger.warning("no confirmed primary yet (cause {}): {}", event.cause, event.reason)
