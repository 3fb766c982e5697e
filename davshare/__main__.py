"""``python -m davshare`` is the command ``davshare``."""

import sys

from davshare.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
