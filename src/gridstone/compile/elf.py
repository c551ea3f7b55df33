"""The little of ELF that a cubin needs: its sections by name."""

from __future__ import annotations

import struct

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")


def sections(cubin: bytes) -> dict[str, bytes]:
    """Section contents by name of a 64-bit little-endian ELF image. Raises ValueError where it is none."""
    if cubin[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a 64-bit little-endian ELF image")
    header = _HEADER.unpack_from(cubin)
    table, size, count, names_index = header[6], header[11], header[12], header[13]
    entries = [_SECTION.unpack_from(cubin, table + i * size) for i in range(count)]
    names = entries[names_index]
    found = {}
    for entry in entries:
        start = names[4] + entry[0]
        name = cubin[start : cubin.index(b"\0", start)].decode()
        no_bits = entry[1] == 8
        found[name] = b"" if no_bits else cubin[entry[4] : entry[4] + entry[5]]
    return found
