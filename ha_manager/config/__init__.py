"""What users may ask for: every option, its check, its default, and the URLs that carry them."""

from __future__ import annotations

from ha_manager.config.build import build_options
from ha_manager.config.endpoint import Endpoint
from ha_manager.config.options import (
    REFRESH_TRIGGERS,
    AddressMap,
    Credentials,
    InDoubt,
    NodeOptions,
    Options,
    ReadFrom,
)
from ha_manager.config.table import OptionSpec, describe_options
from ha_manager.config.tls import TLSOptions
from ha_manager.config.urls import options_from_url

__all__ = [
    "REFRESH_TRIGGERS",
    "AddressMap",
    "Credentials",
    "Endpoint",
    "InDoubt",
    "NodeOptions",
    "OptionSpec",
    "Options",
    "ReadFrom",
    "TLSOptions",
    "build_options",
    "describe_options",
    "options_from_url",
]
