"""Colours and type that read on white and on near-black alike: mid-tones, and tints of low opacity."""

from __future__ import annotations

from types import MappingProxyType

from ha_manager.cli.notes import Source

INK = "#7a8490"
STRONG = "#6f8096"
FAULT = "#e5484d"
SERVERS = "#8e6ff0"
MANAGER = "#18a058"
RATE = "#2a9db5"
MEDIAN = "#3b82f6"
TAIL = "#e08a1e"

OF_SOURCE = MappingProxyType(
    {Source.FAULT: FAULT, Source.SERVERS: SERVERS, Source.MANAGER: MANAGER, Source.TRIAL: INK}
)
