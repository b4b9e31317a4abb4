from __future__ import annotations

import sys

from toolchain.board.virtual.server import main

sys.exit(main())
