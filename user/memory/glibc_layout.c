/* SPDX-License-Identifier: BSD-2-Clause */
#include "glibc_layout.h"

enum { BIN_COUNT = 127, PAGE = 4096, ADDRESS_BITS = 47 };

const struct arena_layout arena_layouts[] = {
	{"2.27-2.42", true, 0x10, 0x60, 0x70, 0x870, 0x880, 0x888, 0x898},
	{"2.43", false, 0, 0x08, 0x18, 0x818, 0x828, 0x830, 0x840},
};
const size_t arena_layout_count = sizeof(arena_layouts) / sizeof(arena_layouts[0]);

const struct parameters_layout parameters_layouts[] = {
	{"2.27-2.34", true, 0x28, 0x2c, 0x30, 0x34, 0x38, 0x40, 0x48, 0x50, 0x58, 0x60, -1, 0x20,
	 0},
	{"2.35-2.42", true, 0x3c, 0x40, 0x44, 0x48, 0x50, 0x58, 0x60, 0x68, 0x70, 0x78, 0x30, 0x30,
	 0},
	{"2.43", false, 0x44, 0x48, 0x4c, 0x50, 0x58, 0x60, 0x68, 0x70, 0x78, 0x80, 0x38, 0x30, 16},
};
const size_t parameters_layout_count = sizeof(parameters_layouts) / sizeof(parameters_layouts[0]);

static bool is_user_address(uint64_t word)
{
	return word >= PAGE && !(word >> ADDRESS_BITS);
}

/* Bins: each points at itself where it is empty, else at its first and last chunk. */
static bool judge_bins(const struct arena_layout *layout, const uint8_t *bytes, uint64_t address,
		       size_t *empty, size_t *zero)
{
	for (size_t i = 0; i < BIN_COUNT; i++) {
		size_t offset = layout->bins + i * 16;
		uint64_t first = word_at(bytes, offset), last = word_at(bytes, offset + 8);
		uint64_t self = address + offset - CHUNK_HEADER_BYTES;

		if (first == self && last == self)
			++*empty;
		else if (!first && !last)
			++*zero;
		else if (((first | last) & 15) || !is_user_address(first) ||
			 !is_user_address(last) || first == self || last == self)
			return false;
	}
	return true;
}

enum arena_use arena_judge(const struct arena_layout *layout, const uint8_t *bytes,
			   uint64_t address, bool main)
{
	uint64_t next = word_at(bytes, layout->next), top = word_at(bytes, layout->top);
	uint64_t system = word_at(bytes, layout->system_bytes);
	uint64_t system_max = word_at(bytes, layout->system_bytes + 8);
	uint64_t attached = word_at(bytes, layout->attached_threads);
	size_t empty = 0, zero = 0;

	if (!is_user_address(next) || (next & 7) || system > system_max || attached > 1000000 ||
	    (system & (main ? 15 : PAGE - 1)) || half_at(bytes, 0) > 2 ||
	    !judge_bins(layout, bytes, address, &empty, &zero))
		return ARENA_INVALID;
	if (zero == BIN_COUNT)
		return main && next == address && attached == 1 && !system_max && !top
			       ? ARENA_UNUSED
			       : ARENA_INVALID;
	if (zero || empty < 3)
		return ARENA_INVALID;
	if (!system) /* top is then the first bin, as a chunk of no size */
		return main && top == address + layout->top ? ARENA_FRESH : ARENA_INVALID;
	return (top & 15) || !is_user_address(top) ? ARENA_INVALID : ARENA_IN_USE;
}

static bool judge_tcache(const struct parameters_layout *layout, const uint8_t *bytes)
{
	uint64_t bins = word_at(bytes, layout->tcache_bins);
	uint64_t limit = word_at(bytes, layout->tcache_max_bytes);
	uint64_t expected = limit <= 24 ? 1 : (limit + 8 + 15) / 16 - 1;

	return (bins == 64 || (bins < 64 && bins == expected)) && limit <= (4 << 20) + PAGE &&
	       word_at(bytes, layout->tcache_count) <= UINT16_MAX;
}

bool parameters_judge(const struct parameters_layout *layout, const uint8_t *bytes)
{
	uint64_t mmapped = word_at(bytes, layout->mmapped_bytes);
	uint64_t mmapped_max = word_at(bytes, layout->mmapped_bytes_max);
	uint32_t count = half_at(bytes, layout->mmap_count);
	uint64_t sbrk_base = word_at(bytes, layout->sbrk_base);
	uint64_t mmap_threshold = word_at(bytes, 0x10), arena_test = word_at(bytes, 0x18);

	if ((sbrk_base & 15) || (sbrk_base && !is_user_address(sbrk_base)))
		return false;
	if (half_at(bytes, layout->mmap_count_limit) > 1 << 30 ||
	    count > half_at(bytes, layout->mmap_count_max) ||
	    half_at(bytes, layout->no_dynamic_threshold) > 1)
		return false;
	/* From 2.43 on, a block that realloc moved leaves its sum no multiple of pages. */
	uint64_t unit = layout->mmapped_extra ? 16 : PAGE;
	if ((mmapped & (unit - 1)) || (mmapped_max & (unit - 1)) || mmapped > mmapped_max ||
	    mmapped >> ADDRESS_BITS || !mmapped != !count)
		return false;
	if (!mmap_threshold || mmap_threshold > UINT64_C(64) << 30 || !arena_test ||
	    arena_test > 4096)
		return false;
	return judge_tcache(layout, bytes);
}
