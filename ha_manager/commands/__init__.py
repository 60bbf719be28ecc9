"""The command API: redis-py's own command methods over our delivery."""

from ha_manager.commands.api import CommandAPI

__all__ = ["CommandAPI"]
