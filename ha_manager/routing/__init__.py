"""What a command is, and which nodes it goes to. Pure: no connection, no event loop."""

from ha_manager.routing.commands import CommandSpec, describe
from ha_manager.routing.keys import key_positions, slot_argument
from ha_manager.routing.learning import learn, learn_subcommands
from ha_manager.routing.merge import join_parts, merge
from ha_manager.routing.redirects import Redirect, redirect_of
from ha_manager.routing.replicas import Candidate, ReadPreference, make_preference
from ha_manager.routing.rules import KeyRule, KeySpec, RequestPolicy, ResponsePolicy
from ha_manager.routing.slots import SLOT_COUNT, key_slot
from ha_manager.routing.split import Part, slots_of, split_by_slot
from ha_manager.routing.words import split_name

__all__ = [
    "SLOT_COUNT",
    "Candidate",
    "CommandSpec",
    "KeyRule",
    "KeySpec",
    "Part",
    "ReadPreference",
    "Redirect",
    "RequestPolicy",
    "ResponsePolicy",
    "describe",
    "join_parts",
    "key_positions",
    "key_slot",
    "learn",
    "learn_subcommands",
    "make_preference",
    "merge",
    "redirect_of",
    "slot_argument",
    "slots_of",
    "split_by_slot",
    "split_name",
]
