# SPDX-License-Identifier: BSD-2-Clause
"""Ways to damage a library and leave its code as it is."""
import random
import struct


class Elf:
    """Where the parts of a small 64-bit library lie."""

    def __init__(self, data):
        self.sections_at = struct.unpack_from("<Q", data, 0x28)[0]
        self.count, names = struct.unpack_from("<HH", data, 0x3c)
        self.sections = {}
        table = self.section(data, names)
        for number in range(self.count):
            at = table[4] + self.section(data, number)[0]
            name = bytes(data[at:data.index(0, at)]).decode()
            self.sections[name] = (number, *self.section(data, number))

    def section(self, data, number):
        """name, type, flags, address, offset, size, link"""
        return struct.unpack_from("<IIQQQQI", data, self.sections_at + 64 * number)

    def span(self, name):
        _, _, _, _, _, offset, size, _ = self.sections[name]
        return offset, size

    def header_at(self, number):
        return self.sections_at + 64 * number


def cut_behind_segments(data, elf):
    offset, _ = elf.span(".symtab")
    del data[offset:]


def giant_sections(data, elf):
    for number in range(1, elf.count):
        struct.pack_into("<Q", data, elf.header_at(number) + 0x20, (1 << 63) - 1)


def giant_but_plausible_sections(data, elf):
    for number in range(1, elf.count):
        struct.pack_into("<Q", data, elf.header_at(number) + 0x20, 400 << 20)


def sections_elsewhere(data, elf):
    for number in range(1, elf.count):
        struct.pack_into("<Q", data, elf.header_at(number) + 0x18, (1 << 64) - 8)


def sections_link_in_circles(data, elf):
    for number in range(1, elf.count):
        struct.pack_into("<I", data, elf.header_at(number) + 0x28, number)


def frames_of_giant_length(data, elf):
    offset, size = elf.span(".eh_frame")
    for at in range(offset, offset + size - 3, 4):
        struct.pack_into("<I", data, at, 0xfffffff0)


def frames_of_giant_64_bit_length(data, elf):
    offset, _ = elf.span(".eh_frame")
    struct.pack_into("<IQ", data, offset, 0xffffffff, (1 << 64) - 16)


def frames_of_noise(data, elf):
    offset, size = elf.span(".eh_frame")
    data[offset + 4:offset + size] = random.Random(1).randbytes(size - 4)


def names_elsewhere(data, elf):
    for table in (".symtab", ".dynsym"):
        offset, size = elf.span(table)
        for at in range(offset, offset + size, 24):
            struct.pack_into("<I", data, at, 0xfffffff0)


def symbols_everywhere(data, elf):
    for table in (".symtab", ".dynsym"):
        offset, size = elf.span(table)
        for at in range(offset, offset + size, 24):
            struct.pack_into("<QQ", data, at + 8, (1 << 64) - 1, (1 << 64) - 1)


def endless_names(data, elf):
    for table in (".strtab", ".dynstr"):
        offset, size = elf.span(table)
        data[offset:offset + size] = b"n" * size


def segments_of_all_sizes(data, elf):
    for at in range(64, 64 + 56 * struct.unpack_from("<H", data, 0x38)[0], 56):
        struct.pack_into("<QQQ", data, at + 8, 1 << 62, 1 << 62, 1 << 62)
        struct.pack_into("<Q", data, at + 32, (1 << 64) - 1)


def as_many_segments_as_can_be(data, elf):
    struct.pack_into("<H", data, 0x38, 0xffff)


def no_header(data, elf):
    data[:64] = bytes(64)


def another_machine(data, elf):
    struct.pack_into("<H", data, 18, 183)


def bits_flipped(seed):
    def flip(data, elf):
        noise = random.Random(seed)
        code, size = elf.span(".text")
        for _ in range(60):
            at = noise.randrange(len(data))
            if not code <= at < code + size:
                data[at] ^= 1 << noise.randrange(8)
    flip.__name__ = f"bits_flipped_{seed}"
    return flip


DAMAGES = [cut_behind_segments, giant_sections, giant_but_plausible_sections, sections_elsewhere,
           sections_link_in_circles, frames_of_giant_length, frames_of_giant_64_bit_length,
           frames_of_noise, names_elsewhere, symbols_everywhere, endless_names,
           segments_of_all_sizes, as_many_segments_as_can_be, no_header, another_machine,
           *(bits_flipped(seed) for seed in range(4))]


def damage_file(path, damage):
    """In place, so that what is mapped changes too."""
    data = bytearray(path.read_bytes())
    elf = Elf(data)
    code, size = elf.span(".text")
    before = bytes(data[code:code + size])
    damage(data, elf)
    assert data[code:code + size] == before
    with path.open("r+b") as file:
        file.write(data)
        file.truncate(len(data))
