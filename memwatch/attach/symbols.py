"""Where functions of a foreign process lie: read from its files and its map, so that it need not stand still for it."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Collection, Iterator

from ..errors import UnsupportedError

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")  # Elf64_Ehdr
_SEGMENT = struct.Struct("<IIQQQQQQ")  # Elf64_Phdr
_SECTION = struct.Struct("<IIQQQQIIQQ")  # Elf64_Shdr
_SYMBOL = struct.Struct("<IBBHQQ")  # Elf64_Sym
_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little end first
_DYNSYM, _LOAD = 11, 1
_MOST_SYMBOLS = 1 << 20
_MAPPED = re.compile(r"([0-9a-f]+)-[0-9a-f]+ \S+ 00000000 \S+ \S+ +(/.*)")


def find_symbols(pid: int, names: Collection[str], files: re.Pattern[str]) -> dict[str, int]:
    """The addresses of *names* in the process, as far as its mapped files whose names match *files* export them.

    Raises UnsupportedError where one of these files cannot be read.
    """
    found: dict[str, int] = {}
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
        mapped = [match for line in maps if (match := _MAPPED.match(line))]
    for match in mapped:
        path = match[2].rstrip("\n").removesuffix(" (deleted)")
        if files.fullmatch(os.path.basename(path)):
            start = int(match[1], 16)
            for name, value in _exports(f"/proc/{pid}/root{path}", names):
                found.setdefault(name, start + value)
    return found


def _exports(path: str, names: Collection[str]) -> Iterator[tuple[str, int]]:
    """What the file exports of *names*, and how far behind its first byte that lies when it is loaded."""
    wanted = {name.encode(): name for name in names}
    try:
        with open(path, "rb") as file:
            data = file.read()
        header = _HEADER.unpack_from(data)
        if not data.startswith(_MAGIC):
            raise UnsupportedError(f"{path!r} is no program of 64 bits")
        segments = [_SEGMENT.unpack_from(data, header[5] + n * header[9]) for n in range(header[10])]
        base = min(segment[3] for segment in segments if segment[0] == _LOAD)
        sections = [_SECTION.unpack_from(data, header[6] + n * header[11]) for n in range(header[12])]
        for section in sections:
            if section[1] == _DYNSYM:
                strings = sections[section[6]][4]
                for n in range(min(section[5] // _SYMBOL.size, _MOST_SYMBOLS)):
                    name, _, _, index, value, _ = _SYMBOL.unpack_from(data, section[4] + n * _SYMBOL.size)
                    text = data[strings + name : data.index(b"\0", strings + name)] if index else b""
                    if text in wanted:
                        yield wanted[text], value - base
    except (OSError, struct.error, ValueError) as error:
        raise UnsupportedError(f"{path!r} cannot be read: {error}") from None
