"""The command API: redis-py's own command methods over our delivery."""

from ha_manager.commands.api import CommandAPI
from ha_manager.commands.context import Context
from ha_manager.commands.learned import Learned
from ha_manager.commands.targets import Targets

__all__ = ["CommandAPI", "Context", "Learned", "Targets"]
