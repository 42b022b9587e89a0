"""How fast memory can be read: what bounds the tokens a second of a model that is larger than the caches."""

from __future__ import annotations

import ctypes
import mmap
import threading
import time

from roadmap_cli.slm.device.probe import Fact, unknown

#: Bytes each thread reads at a time: more than the share of a cache that a core of today has.
BLOCK = 64 << 20
#: Rounds; the fastest counts, since whatever else runs can only slow one down.
ROUNDS = 5


def measure(threads: int, usable_bytes: int | None) -> Fact:
    """Read memory with several threads for about half a second; bytes a second of all together.

    Each thread looks with libc's memchr, which is as fast as memory in glibc, bionic and musl on x86-64 and ARM64, for
    a byte that is not there in a block of its own that is written first, so that real pages are behind it.
    """
    name = "memory_bandwidth_bytes_per_s"
    block = BLOCK
    if usable_bytes is not None:
        block = min(block, usable_bytes // (4 * max(1, threads)))
    if block < 16 << 20:
        return unknown(name, "not enough memory is free to measure it")
    try:
        libc = ctypes.CDLL(None)
        memchr = libc.memchr
        blocks = [mmap.mmap(-1, block) for _ in range(threads)]
    except (OSError, AttributeError) as error:
        return unknown(name, f"cannot be measured: {error}")
    memchr.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
    memchr.restype = ctypes.c_void_p
    views = [ctypes.c_char.from_buffer(each) for each in blocks]
    places = [ctypes.addressof(view) for view in views]
    for place in places:
        ctypes.memset(place, 2, block)
    best = 0.0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        readers = [threading.Thread(target=memchr, args=(place, 1, block)) for place in places]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        best = max(best, threads * block / (time.perf_counter() - started))
    del views
    for each in blocks:
        each.close()
    said = f"read by {threads} threads, {block >> 20} MiB each, the best of {ROUNDS} rounds"
    return Fact(name, round(best), "measured", 0.9, said)
