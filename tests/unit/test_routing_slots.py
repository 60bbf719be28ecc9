"""Hash slots: the specification's examples, and redis-py's own function."""

from __future__ import annotations

from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot as key_slot_of_redis_py

from ha_manager.routing import SLOT_COUNT, key_slot
from ha_manager.topology.model import SLOT_COUNT as SLOT_COUNT_OF_TOPOLOGY


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        (b"", 0),
        (b"123456789", 0x31C3),
        (b"foo", 12182),
        (b"somekey", 11058),
        (b"foo{hash_tag}", 2515),
        (b"bar{hash_tag}", 2515),
    ],
)
def test_known_slots(key: bytes, slot: int) -> None:
    assert key_slot(key) == slot


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"{user1000}.following", b"user1000"),
        (b"a{b}c{d}", b"b"),
        (b"foo{{bar}}zap", b"{bar"),
        (b"foo{bar}{zap}", b"bar"),
        (b"}a{b}", b"b"),
    ],
)
def test_only_the_first_tag_counts(key: bytes, hashed: bytes) -> None:
    assert key_slot(key) == key_slot(hashed)


@pytest.mark.parametrize("key", [b"foo{}{bar}", b"foo{", b"foo}", b"}foo{", b"{}"])
def test_without_a_tag_all_of_the_key_counts(key: bytes) -> None:
    assert key_slot(key) == crc_hqx(key, 0) % SLOT_COUNT


@given(st.binary() | st.lists(st.sampled_from([b"{", b"}", b"a", b"b"])).map(b"".join))
def test_the_same_slot_as_redis_py(key: bytes) -> None:
    assert key_slot(key) == key_slot_of_redis_py(key)
    assert 0 <= key_slot(key) < SLOT_COUNT == SLOT_COUNT_OF_TOPOLOGY
