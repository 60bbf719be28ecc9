"""Bytes to servers and replies back: shared connections for each node, and leased ones.

Knows nodes one by one; which node a command belongs to is decided elsewhere.
"""

from ha_manager.transport.connection import Connection, ConnectionState, Withdrawal, open_connection
from ha_manager.transport.faults import ConnectionLostError, LossCause, ReplyOverdueError
from ha_manager.transport.fleet import Fleet
from ha_manager.transport.node import Node, NodeState, ask
from ha_manager.transport.packing import make_packer
from ha_manager.transport.subscription import Subscription, SubscriptionListener

__all__ = [
    "Connection",
    "ConnectionLostError",
    "ConnectionState",
    "Fleet",
    "LossCause",
    "Node",
    "NodeState",
    "ReplyOverdueError",
    "Subscription",
    "SubscriptionListener",
    "Withdrawal",
    "ask",
    "make_packer",
    "open_connection",
]
