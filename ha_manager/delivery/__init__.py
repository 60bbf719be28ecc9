"""One loop for every command: route, send, judge, and wait or repeat."""

from ha_manager.delivery.call import Call, Policy
from ha_manager.delivery.executor import Executor
from ha_manager.delivery.gate import Gate
from ha_manager.delivery.herald import Herald
from ha_manager.delivery.lane import Lane
from ha_manager.delivery.replica_watch import ReplicaWatch
from ha_manager.delivery.steward import Steward
from ha_manager.delivery.verdict import Delivery, Verdict, judge, state_of

__all__ = [
    "Call",
    "Delivery",
    "Executor",
    "Gate",
    "Herald",
    "Lane",
    "Policy",
    "ReplicaWatch",
    "Steward",
    "Verdict",
    "judge",
    "state_of",
]
