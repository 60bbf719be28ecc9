"""One loop for every command: route, send, judge, and wait or repeat."""

from ha_manager.delivery.arrangement import Arrangement
from ha_manager.delivery.call import Call, Confirmation, Policy
from ha_manager.delivery.executor import Executor
from ha_manager.delivery.gate import Backlog, Gate
from ha_manager.delivery.herald import Herald
from ha_manager.delivery.lane import Lane
from ha_manager.delivery.lanes import Lanes, Taker
from ha_manager.delivery.replica_watch import ReplicaWatch
from ha_manager.delivery.rescue import Rescue
from ha_manager.delivery.steward import Steward
from ha_manager.delivery.troubles import Troubles
from ha_manager.delivery.verdict import Delivery, Verdict, judge, state_of
from ha_manager.delivery.withdrawals import Withdrawals

__all__ = [
    "Arrangement",
    "Backlog",
    "Call",
    "Confirmation",
    "Delivery",
    "Executor",
    "Gate",
    "Herald",
    "Lane",
    "Lanes",
    "Policy",
    "ReplicaWatch",
    "Rescue",
    "Steward",
    "Taker",
    "Troubles",
    "Verdict",
    "Withdrawals",
    "judge",
    "state_of",
]
