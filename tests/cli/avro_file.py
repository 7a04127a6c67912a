"""Writes an object container file of Avro: avro_file.py CODEC ORDER... > FILE, each order ID:PRICE.

The writer's schema is order.avsc of test_avro.sh: a record of id (long), sku (string), price (double). An order `x`
is a byte that is no value. Blocks have two values each, so that there are several.
"""

import json
import lzma
import struct
import subprocess
import sys
import zlib

SCHEMA = {"type": "record", "name": "shop.Order", "fields": [
    {"name": "id", "type": "long"}, {"name": "sku", "type": "string"}, {"name": "price", "type": "double"}]}
SYNC = bytes(range(16))


def number(n):
    n, out = n << 1 ^ n >> 63, bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def text(data):
    return number(len(data)) + data


def value(order):
    if order == "x":
        return b"\x02\x7f"
    i, price = order.split(":")
    return number(int(i)) + text(b"sku-" * 30 + i.encode()) + struct.pack("<d", float(price))


def snappy(data):
    """Literals of at most 60 bytes, and copies of what came four bytes before."""
    out, at, size = bytearray(), 0, len(data)
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    out.append(size)
    while at < len(data):
        n = 0
        while at >= 4 and n < 64 and at + n < len(data) and data[at + n] == data[at + n - 4]:
            n += 1
        if n >= 4:
            out += bytes([n - 1 << 2 | 2]) + struct.pack("<H", 4)
            at += n
        else:
            out += bytes([0]) + data[at:at + 1]
            at += 1
    return bytes(out) + struct.pack(">I", zlib.crc32(data))


def pack(codec, data):
    if codec == "deflate":
        z = zlib.compressobj(9, zlib.DEFLATED, -15)
        return z.compress(data) + z.flush()
    if codec == "xz":
        return lzma.compress(data)
    if codec == "zstandard":
        return subprocess.run(["zstd", "-cq"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return snappy(data) if codec == "snappy" else data


def main():
    codec, orders = sys.argv[1], sys.argv[2:]
    out = sys.stdout.buffer
    out.write(b"Obj\x01" + number(2))
    out.write(text(b"avro.schema") + text(json.dumps(SCHEMA).encode()))
    out.write(text(b"avro.codec") + text(codec.encode()) + number(0) + SYNC)
    for i in range(0, len(orders), 2):
        block = pack(codec, b"".join(value(o) for o in orders[i:i + 2]))
        out.write(number(len(orders[i:i + 2])) + text(block) + SYNC)


main()
