"""The seed of everything random here.

`KJ_SEED` is a number or `random`; without it the same one each time, so that a change fails for what it changed.
"""

import os
import secrets

USUAL = 20_261_122
SEED = secrets.randbits(32) if os.environ.get("KJ_SEED") == "random" else int(os.environ.get("KJ_SEED") or USUAL)
