"""``python -m ha_manager`` is the ``ha-manager`` command."""

import sys

from ha_manager.cli import main

if __name__ == "__main__":
    sys.exit(main())
