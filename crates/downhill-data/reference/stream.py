"""Reference numbers for `src/stream.rs`, `src/order.rs` and `src/split.rs`.

An independent implementation of the streams: ChaCha with 8 rounds (Bernstein 2008, a 64-bit block
counter and nonce, both from 0), keyed by SHA-256. Needs nothing but Python 3 (written with 3.11):

    python3 reference/stream.py
"""

import hashlib
import math
import struct

WORD = 0xFFFFFFFF


def quarter_round(x, a, b, c, d):
    for into, add, out, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[into] = (x[into] + x[add]) & WORD
        mixed = x[out] ^ x[into]
        x[out] = (mixed << turn | mixed >> (32 - turn)) & WORD


def block(key, counter):
    start = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key)]
    start += [counter & WORD, counter >> 32, 0, 0]
    x = start[:]
    for _ in range(4):
        for column in range(4):
            quarter_round(x, column, column + 4, column + 8, column + 12)
        for row in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter_round(x, *row)
    return [(after + before) & WORD for after, before in zip(x, start)]


class Stream:
    def __init__(self, seed, purpose, counter):
        text = b"downhill stream 1" + purpose.encode() + struct.pack("<QQ", seed, counter)
        key = hashlib.sha256(text).digest()
        self.words = (word for number in range(1 << 20) for word in block(key, number))

    def next_u32(self):
        return next(self.words)

    def next_u64(self):
        low = self.next_u32()
        return low | self.next_u32() << 32

    def below(self, bound):
        # The products' low halves below 2^64 mod bound are refused, as in the paper.
        while True:
            product = self.next_u64() * bound
            if product % 2**64 >= 2**64 % bound:
                return product >> 64

    def uniform(self):
        return (self.next_u64() >> 11) / 2**53

    def normals(self):
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        angle = math.tau * self.uniform()
        return [radius * math.cos(angle), radius * math.sin(angle)]

    def keep_mask(self, length, keep):
        return [int(self.next_u32() < round(keep * 2**32)) for _ in range(length)]

    def permutation(self, length):
        order = list(range(length))
        for index in range(length):
            other = index + self.below(length - index)
            order[index], order[other] = order[other], order[index]
        return order


def checksum(indices):
    """SHA-256 of the indices as little-endian 32-bit integers."""
    return hashlib.sha256(struct.pack(f"<{len(indices)}I", *indices)).hexdigest()


if __name__ == "__main__":
    for purpose in (
        "split",
        "initial weights",
        "batch order",
        "dropout mask",
        "validation",
        "search",
        "corruption",
        "starts",
    ):
        print(f"first word, seed 7, {purpose}, 3:", f"{Stream(7, purpose, 3).next_u64():#018x}")
    stream = Stream(7, "split", 0)
    print("words:", [f"{stream.next_u32():#010x}" for _ in range(4)])
    stream = Stream(7, "split", 0)
    print("below 1000:", [stream.below(1000) for _ in range(8)])
    stream = Stream(7, "split", 0)
    print("below 3 << 62:", [stream.below(3 << 62) for _ in range(4)])
    stream = Stream(7, "split", 0)
    print("uniform:", [stream.uniform() for _ in range(3)])
    stream = Stream(7, "initial weights", 0)
    print("normal:", [*stream.normals(), *stream.normals()])
    print("mask, 0.8:", Stream(7, "dropout mask", 0).keep_mask(16, 0.8))
    print("permutation:", Stream(7, "split", 0).permutation(10))
    print("permutation of 60000:", checksum(Stream(7, "split", 0).permutation(60_000)))

    drawn = [Stream(7, "batch order", update) for update in (0, 1)]
    print("with replacement, batch 5 of 100:", [[s.below(100) for _ in range(5)] for s in drawn])
    epochs = [Stream(7, "batch order", epoch).permutation(10) for epoch in (0, 1)]
    print("epochs, batch 4 of 10:", [epoch[start:][:4] for epoch in epochs for start in (0, 4)])
    epochs = [Stream(0, "batch order", epoch).permutation(60_000)[:59_904] for epoch in (0, 1)]
    print("epochs 0 and 1 of MNIST, batch 128, seed 0:", checksum(epochs[0] + epochs[1]))
    updates = [Stream(0, "batch order", update) for update in range(10)]
    drawn = [stream.below(60_000) for stream in updates for _ in range(128)]
    print("updates 0 to 9 of MNIST with replacement:", checksum(drawn))
