"""A zip archive as torch writes it, checked to its structure."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from typing import BinaryIO

HEADER = struct.Struct("<4s5H3L2H")  # of a record; then its name, padding, content, and perhaps a descriptor
END, END_64, LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
DESCRIBED, UTF8 = 0x8, 0x800
LARGE = 0xFFFFFFFF  # stands for a size that is said elsewhere, in 64 bits


def check_zip(file: BinaryIO) -> bool:
    """Whether every record has the checksum that it was written with, and the directory at the end of the file
    describes files as they are, one directly after the other from the first byte to the last, and nothing else.

    Readers believe the directory: torch skips an entry with the attribute of a folder, which leaves as weights
    whatever was in that memory before.
    """
    size = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            records = archive.infolist()
            if not records or archive.comment or archive.testzip() is not None:
                return False
            directory = archive.start_dir
        names = {record.filename for record in records}
        return (
            len(names) == len(records)
            and all(map(_is_stored_file, records))
            and _follow_each_other(file, records, directory)
            and _ends_there(file, len(records), directory, size)
        )
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError):
        return False
    except (struct.error, zlib.error):
        return False


def _is_stored_file(record: zipfile.ZipInfo) -> bool:
    """As it is, not compressed, and without attributes."""
    plain = record.compress_type == zipfile.ZIP_STORED and record.compress_size == record.file_size
    bare = not (record.external_attr or record.internal_attr or record.volume or record.comment)
    return plain and bare and not record.is_dir() and not record.flag_bits & ~(DESCRIBED | UTF8)


def _follow_each_other(file: BinaryIO, records: list[zipfile.ZipInfo], directory: int) -> bool:
    """Each begins where the one before ends; the headers before the contents agree with the directory."""
    ends = [record.header_offset for record in records[1:]] + [directory]
    if records[0].header_offset != 0:
        return False
    for record, end in zip(records, ends, strict=True):
        file.seek(record.header_offset)
        sign, _, flags, method, _, _, *about, name, extra = HEADER.unpack(file.read(HEADER.size))
        if sign != b"PK\x03\x04" or flags != record.flag_bits or method != zipfile.ZIP_STORED:
            return False
        if file.read(name) != record.orig_filename.encode():
            return False
        size = record.file_size
        after = record.header_offset + HEADER.size + name + extra + size
        descriptors = [b""]
        if flags & DESCRIBED:
            descriptors = [b"PK\x07\x08" + struct.pack(form, record.CRC, size, size) for form in _forms(size)]
        elif about not in ([record.CRC, size, size], [record.CRC, LARGE, LARGE]):
            return False
        file.seek(after)
        if file.read(end - after) not in descriptors:
            return False
    return True


def _forms(size: int) -> list[str]:
    return ["<LQQ"] + (["<LLL"] if size < LARGE else [])


def _ends_there(file: BinaryIO, number: int, directory: int, size: int) -> bool:
    """The file ends with the directory, where that lies in 64 bits, which torch always writes, and in 32."""
    end = size - END.size - LOCATOR.size - END_64.size
    file.seek(end)
    large = END_64.unpack(file.read(END_64.size))
    locator = LOCATOR.unpack(file.read(LOCATOR.size))
    small = END.unpack(file.read(END.size))
    numbers = [number, number, end - directory, directory]
    shown = [min(value, limit) for value, limit in zip(numbers, (0xFFFF, 0xFFFF, LARGE, LARGE), strict=True)]
    return (
        large[:2] == (b"PK\x06\x06", END_64.size - 12)
        and list(large[4:]) == [0, 0, *numbers]
        and locator == (b"PK\x06\x07", 0, end, 1)
        and list(small) == [b"PK\x05\x06", 0, 0, *shown, 0]
    )
