"""At the root, because only here pytest reads options of its command line in time."""

pytest_plugins = ["tests.plugin_docker"]
