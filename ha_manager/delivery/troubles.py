"""What refusals tell about the topology, and what is set in motion by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from redis.exceptions import ClusterDownError, MasterDownError, ReadOnlyError

from ha_manager.config import Endpoint
from ha_manager.delivery.call import Call
from ha_manager.delivery.lane import Lane
from ha_manager.delivery.lanes import Lanes
from ha_manager.routing import Redirect, redirect_of
from ha_manager.topology import Cause
from ha_manager.topology.discovery import AddressMap


class Troubles:
    """Takes refusals and doubts in.

    Args:
        lanes: what is doubted.
        address_map: applied to the addresses in redirects.
        is_known: whether a node belongs to the snapshot in force.
        hint: names a node that is likely to know the topology better.
        trigger: asks for a refresh of the topology.
        rescue: finds out which node of a doubted shard is primary; a cluster's shards only.
    """

    def __init__(
        self,
        lanes: Lanes,
        *,
        address_map: AddressMap,
        is_known: Callable[[Endpoint], bool],
        hint: Callable[[Endpoint], None],
        trigger: Callable[[Cause], None],
        rescue: Callable[[Lane], None],
    ) -> None:
        self._lanes = lanes
        self._map = address_map
        self._is_known = is_known
        self._hint = hint
        self._trigger = trigger
        self._rescue = rescue

    def refused(self, call: Call, error: Exception, where: Endpoint) -> Redirect | None:
        """A server did not run the call; returns where to it sent the call, if anywhere."""
        redirect = redirect_of(error, where)
        if redirect is not None:
            return self._redirected(redirect)
        if isinstance(error, ReadOnlyError):
            self._readonly(where)
        elif isinstance(error, ClusterDownError) and not isinstance(error, MasterDownError):
            # MASTERDOWN, a kind of it, is what a replica says of itself.
            lane = call.lane or self._lanes.with_primary(where) or self._lanes.of(call.slot)
            self.doubt(lane, Cause.CLUSTERDOWN, str(error))
        return None

    def _redirected(self, redirect: Redirect) -> Redirect:
        mapped = replace(redirect, endpoint=self._map(redirect.endpoint))
        if not redirect.asking or not self._is_known(mapped.endpoint):
            self._hint(mapped.endpoint)
            self._trigger(Cause.ASK if redirect.asking else Cause.MOVED)
        return mapped

    def _readonly(self, where: Endpoint) -> None:
        lane = self._lanes.with_primary(where)
        if lane is not None:
            self.doubt(lane, Cause.READONLY)
        else:
            self._trigger(Cause.READONLY)

    def doubt(self, lane: Lane, cause: Cause, refusal: str = "") -> None:
        """Nothing goes to this primary until it is confirmed again, or replaced."""
        if lane is self._lanes.nobody:
            return
        lane.doubt(refusal)
        self._trigger(cause)
        if self._lanes.clustered:
            self._rescue(lane)
