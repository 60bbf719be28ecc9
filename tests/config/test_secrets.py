"""No password in any error, its chain, its traceback, or in the repr of options: found out by trying."""

from __future__ import annotations

import traceback
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ha_manager.config import Options, build_options, options_from_url
from ha_manager.errors import ConfigurationError

# Each piece of a password is marked, so that a part of it that leaks is found as well as the whole.
MARK = "hush"
SEPARATORS = [
    "/",
    "?",
    "#",
    "@",
    ":",
    "&",
    "=",
    "%",
    "%zz",
    "%ff",
    " ",
    "\n",
    ",",
    "[",
    "]",
    "+",
    "'",
    "//",
    "://",
]
PASSWORDS = st.lists(st.sampled_from(SEPARATORS) | st.text(max_size=3), max_size=5).map(
    lambda between: MARK + "".join(piece + MARK for piece in between)
)
FAULTS = [
    "",
    ":x",
    ":0",
    ":99999",
    "/x",
    "/-1",
    "?db=x",
    "?nonsense=1",
    "?db",
    "#x",
    ",",
    "[",
    " ",
    "?ssl_ca_certs=x",
]
SCHEMES = [
    "redis",
    "rediss",
    "unix",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
    "http",
    "",
    "x y",
]


def everything_shown(error: BaseException) -> str:
    """All that a log, a debugger or an error tracker would show of an error and what led to it."""
    texts = [*traceback.format_exception(error)]
    seen: list[BaseException] = []
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is None or link in seen:
            continue
        seen.append(link)
        texts += [str(link), repr(link), repr(link.args), repr(vars(link))]
        links += [link.__cause__, link.__context__]
    return "\n".join(texts)


def assert_hidden(url: Any, **overrides: Any) -> None:
    try:
        shown = repr(options := options_from_url(url, overrides)) + str(options)
        assert isinstance(options, Options)
    except ConfigurationError as error:
        # The traceback quotes the source line of this test, which has no password in it.
        shown = everything_shown(error)
    assert MARK not in shown


@settings(deadline=None)
@given(
    PASSWORDS, st.sampled_from(SCHEMES), st.sampled_from(FAULTS), st.sampled_from(["", "user"]), st.booleans()
)
@example("hush/hush", "redis", "", "", False)
@example("hush?hush=hush&hush", "redis", "", "", False)
@example("hush@hush/hush", "redis+sentinel", "", "", False)
def test_a_password_in_the_address(password: str, scheme: str, fault: str, user: str, encoded: bool) -> None:
    written = quote(password, safe="") if encoded and password.isprintable() else password
    assert_hidden(f"{scheme}://{user}:{written}@host{fault}")


@settings(deadline=None)
@given(PASSWORDS, st.booleans())
@example("hush", False)
@example("hush/hush", False)
def test_a_password_without_a_host_behind_it(password: str, encoded: bool) -> None:
    # What stands behind an @ is a host, whatever it was meant to be.
    written = quote(password, safe="", errors="replace") if encoded else password.replace("@", "")
    assert_hidden(f"redis://user:{written}")
    assert_hidden(f"redis+sentinel://:{written}")
    assert_hidden(f"redis+cluster://:{written}")


@pytest.mark.parametrize("name", ["password", "sentinel_password", "ssl_password", "sentinel_ssl_password"])
@settings(deadline=None)
@given(PASSWORDS, st.sampled_from(FAULTS), st.booleans())
@example("hush&hush=hush", "", False)
@example("hush&hush", "", False)
def test_a_password_in_the_query(name: str, password: str, fault: str, encoded: bool) -> None:
    written = quote(password, safe="", errors="replace") if encoded else password
    for address in (f"redis://h{fault.partition('?')[0]}", "redis+sentinel://h/m", "rediss+sentinel://h/m"):
        assert_hidden(f"{address}?{name}={written}&{fault.partition('?')[2]}")
        assert_hidden(f"{address}?db=0&{name}={written}", **{name: "other"})


@settings(deadline=None)
@given(PASSWORDS, st.sampled_from(["db", "pasword", "retry", "host", "heartbeat"]))
def test_a_password_given_as_a_keyword(password: str, wrong: str) -> None:
    logins: list[dict[str, Any]] = [
        {"host": "h", "username": "u", "password": password, wrong: "x"},
        {"cluster_name": "m", "sentinels": ["a"], "sentinel_password": password, wrong: 1.5},
        {"host": "h", "ssl": True, "ssl_password": password},
        {"host": "h", "pasword": password},
        {"host": "h", "password": password.encode(errors="replace")},
        {"host": "h", "password": [password]},
        {"host": "h", "sentinel_kwargs": {"password": password}},
        {"host": "h", "credential_provider": password},
        {"host": f"redis://:{password}@h"},
        {"sentinels": f"redis+sentinel://:{password}@h", "cluster_name": "m"},
        {"sentinels": [f"user:{password}@h:1"], "cluster_name": "m"},
        {"startup_nodes": [f"user:{password}@h:1"]},
        {"startup_nodes": f"redis+cluster://:{password}@h"},
        {"startup_nodes": ["a"], "username": "u", "password": password, wrong: 1.5},
        {"sentinels": [{"host": "h", "password": password}], "cluster_name": "m"},
    ]
    for kwargs in logins:
        try:
            shown = repr(build_options(kwargs))
        except ConfigurationError as error:
            shown = everything_shown(error)
        assert MARK not in shown


def test_the_search_finds_what_leaks() -> None:
    try:
        try:
            int("hush")
        except ValueError:
            raise ConfigurationError("a port is a number") from None
    except ConfigurationError as error:
        assert MARK in everything_shown(error)
