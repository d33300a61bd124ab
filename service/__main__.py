"""``python -m service`` is ``andon``."""

import sys

from service.cli import main

sys.exit(main())
