"""docker/README.md says what docker/compose.yaml does; needs no Docker."""

from __future__ import annotations

import ast
import re

from tests.docker.deployment import COMPOSE_FILE, published

PAGE = (COMPOSE_FILE.parent / "README.md").read_text()


def _listed(name: str) -> object:
    (value,) = re.findall(rf"^{name} = (.*?^[\]}}])$", PAGE, re.MULTILINE | re.DOTALL)
    return ast.literal_eval(value)


def test_the_page_has_the_published_addresses() -> None:
    services = published()
    assert len(services) == 6
    assert _listed("address_map") == dict(services.values())
    assert _listed("sentinels") == [here for name, (_, here) in services.items() if "sentinel" in name]


def test_nothing_is_published_beyond_this_machine() -> None:
    text = COMPOSE_FILE.read_text()
    assert text.count("ports:") == len(published())
    assert {host for _, (host, _) in published().values()} == {"127.0.0.1"}
