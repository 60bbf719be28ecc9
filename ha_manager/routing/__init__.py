"""What a command is, and which node it may go to. Pure: no connection, no event loop."""

from ha_manager.routing.commands import CommandSpec, describe, split_name
from ha_manager.routing.replicas import Candidate, ReadPreference, make_preference

__all__ = ["Candidate", "CommandSpec", "ReadPreference", "describe", "make_preference", "split_name"]
