"""Hash slots: which of a cluster's 16384 parts a key belongs to."""

from __future__ import annotations

from binascii import crc_hqx

SLOT_COUNT = 16384


def key_slot(key: bytes) -> int:
    """The slot of a key: CRC16 of its hash tag, or of all of it where it has none.

    Args:
        key: the key as it is sent.
    """
    start = key.find(b"{") + 1
    if start:
        end = key.find(b"}", start)
        if end > start:
            key = key[start:end]
    return crc_hqx(key, 0) % SLOT_COUNT
