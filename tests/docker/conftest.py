"""A deployment in containers for each test, through pytest-docker."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator

import pytest
from pytest_docker.plugin import DockerComposeExecutor, get_docker_services

from tests.docker.deployment import COMPOSE_FILE, Deployment


@pytest.fixture(scope="session")
def docker_compose_command() -> str:
    """Debian's docker-compose is a program of its own; elsewhere compose is a part of docker."""
    builtin = subprocess.run("docker compose version", shell=True, capture_output=True, check=False)
    return "docker compose" if builtin.returncode == 0 else "docker-compose"


@pytest.fixture
async def deployment(
    docker_compose_command: str, docker_compose_project_name: str
) -> AsyncIterator[Deployment]:
    """Containers of its own for the test, because it breaks them."""
    compose = docker_compose_command, str(COMPOSE_FILE), docker_compose_project_name
    with get_docker_services(*compose, ["up --detach"], ["down --volumes --timeout 2"]):
        deployment = Deployment(DockerComposeExecutor(*compose))
        await deployment.hasten()
        await deployment.wait_healthy()
        yield deployment
