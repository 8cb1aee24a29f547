"""Looks for words that must be nowhere: in every byte of every file below some folders."""

import base64
import os
from pathlib import Path


def forms(word: str) -> dict:
    """A word as it might lie on a disk: UTF-8, UTF-16, hexadecimal, and base64 at each of its three offsets."""
    plain = word.encode()
    found = {
        "UTF-8": plain,
        "UTF-16": word.encode("utf-16-le"),
        "hexadecimal": plain.hex().encode(),
        "percent": "".join(f"%{byte:02X}" for byte in plain).encode(),
    }
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + plain)
        # The first and last groups depend on what stands beside the word.
        found[f"base64 at {shift}"] = encoded[4 if shift else 0 : len(encoded) - 4]
    return found


def search(words: list, folders: list) -> list:
    """(file, word, form) for each word found; also where a file's own name has it."""
    wanted = [(word, form, data) for word in words for form, data in forms(word).items()]
    found = []
    for folder in folders:
        for path in every_file(folder):
            for word in words:
                if word in str(path):
                    found.append((str(path), word, "file name"))
            # Not a mapping: what is mapped and then cut short by another process ends this one.
            data = path.read_bytes()
            found += [(str(path), word, form) for word, form, bytes_ in wanted if bytes_ in data]
    return found


def every_file(folder):
    for root, _, files in os.walk(folder):
        for name in sorted(files):
            path = Path(root, name)
            if path.is_file() and not path.is_symlink():
                yield path
