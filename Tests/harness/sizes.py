"""Sizes and seeds: what scripts/test or scripts/soak chose, else CI's from Tests/sizes.env."""

import os
from pathlib import Path

FILE = Path(__file__).parents[1] / "sizes.env"


def size(name: str) -> int:
    chosen = os.environ.get(f"STRONGROOM_TEST_{name}")
    if chosen is not None:
        return int(chosen)
    wanted = os.environ.get("STRONGROOM_TEST_SIZE", "ci").upper() + "_" + name
    for line in FILE.read_text().splitlines():
        key, _, value = line.partition("=")
        if key in (wanted, name):
            return int(value)
    raise KeyError(f"{name} is not in {FILE}")
