/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: DWARF 5, 6.4.1; Linux Standard Base, "Exception Frames"; System V ABI for x86-64, 3.7.
 */
#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "../arch/cfi.h"
#include "../lib/cursor.h"
#include "cfi_entries.h"

/* The frame that both kinds of entry share: length, then the id or a reference to the CIE. */
struct entry {
	size_t offset;
	size_t id_offset;
	uint64_t id;
	struct cursor body;
};

static void *array_grow(void *items, size_t count, size_t item_size)
{
	if (count & (count - 1))
		return items;
	return reallocarray(items, count ? count * 2 : 1, item_size);
}

/* Steps to the next entry that is no terminator. False at the section's end. */
static bool entry_next(const struct cfi_section *section, struct cursor *cursor,
		       struct entry *entry)
{
	while (cursor_left(cursor) >= 4) {
		const uint8_t *body;
		uint64_t length;
		bool wide;

		entry->offset = cursor->at - section->bytes;
		length = cursor_u32(cursor);
		wide = length == 0xffffffff;
		if (wide)
			length = cursor_u64(cursor);
		entry->id_offset = cursor->at - section->bytes;
		body = cursor_skip(cursor, length);
		if (!body)
			return false;
		if (length < (wide ? 8 : 4))
			continue;
		entry->body = (struct cursor){body, body + length};
		wide = wide && section->debug_frame;
		entry->id = wide ? cursor_u64(&entry->body) : cursor_u32(&entry->body);
		if (section->debug_frame && !wide && entry->id == 0xffffffff)
			entry->id = UINT64_MAX;
		return true;
	}
	return false;
}

static bool entry_is_cie(const struct cfi_section *section, const struct entry *entry)
{
	return entry->id == (section->debug_frame ? UINT64_MAX : 0);
}

/* An address as `encoding` says; false where it cannot be known from the file alone. */
static bool pointer_read(struct cursor *cursor, uint8_t encoding, const struct cfi_section *section,
			 uint64_t *value)
{
	uint64_t here = section->address + (cursor->at - section->bytes);

	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		*value = cursor_u64(cursor);
		break;
	case DW_EH_PE_udata2:
		*value = cursor_u16(cursor);
		break;
	case DW_EH_PE_udata4:
		*value = cursor_u32(cursor);
		break;
	case DW_EH_PE_sdata2:
		*value = (uint64_t)(int16_t)cursor_u16(cursor);
		break;
	case DW_EH_PE_sdata4:
		*value = (uint64_t)(int32_t)cursor_u32(cursor);
		break;
	case DW_EH_PE_uleb128:
		*value = cursor_uleb(cursor);
		break;
	case DW_EH_PE_sleb128:
		*value = (uint64_t)cursor_sleb(cursor);
		break;
	default:
		return false;
	}
	if ((encoding & 0xf0) == DW_EH_PE_pcrel)
		*value += here;
	else if (encoding & 0xf0)
		return false;
	return !cursor->overrun;
}

static bool augmentation_read(struct cfi_cie *cie, const struct cfi_section *section,
			      const char *letters, struct cursor *cursor)
{
	uint64_t ignored, length = cursor_uleb(cursor);
	const uint8_t *data = cursor_skip(cursor, length);
	struct cursor fields;

	if (!data)
		return false;
	fields = (struct cursor){data, data + length};
	for (; *letters; letters++) {
		uint8_t encoding;

		switch (*letters) {
		case 'R':
			cie->encoding = cursor_u8(&fields);
			break;
		case 'P':
			encoding = cursor_u8(&fields) & ~(DW_EH_PE_indirect | 0x70);
			if (!pointer_read(&fields, encoding, section, &ignored))
				return false;
			break;
		case 'L':
			cursor_u8(&fields);
			break;
		case 'S':
			cie->signal = true;
			break;
		case 'B':
			break;
		default:
			return false;
		}
	}
	return !fields.overrun;
}

static bool cie_read(struct cfi_cie *cie, const struct cfi_section *section,
		     const struct entry *entry)
{
	struct cursor cursor = entry->body;
	uint8_t version = cursor_u8(&cursor);
	const char *letters = (const char *)cursor.at;
	const uint8_t *end = memchr(cursor.at, 0, cursor_left(&cursor));
	uint64_t ra;

	if (!end || (version != 1 && version != 3 && version != 4))
		return false;
	cursor.at = end + 1;
	if (version == 4 && (cursor_u8(&cursor) != 8 || cursor_u8(&cursor) != 0))
		return false;
	cie->code_align = cursor_uleb(&cursor);
	cie->data_align = cursor_sleb(&cursor);
	ra = version == 1 ? cursor_u8(&cursor) : cursor_uleb(&cursor);
	cie->encoding = DW_EH_PE_absptr;
	cie->has_augmentation = *letters == 'z';
	if (cie->has_augmentation && !augmentation_read(cie, section, letters + 1, &cursor))
		return false;
	if (*letters && !cie->has_augmentation)
		return false;
	cie->program = cursor.at;
	cie->program_size = cursor_left(&cursor);
	return !cursor.overrun && ra == cfi_return_column;
}

static int cies_read(struct cfi_entries *entries, const struct cfi_section *section)
{
	struct cursor cursor = {section->bytes, section->bytes + section->size};
	struct entry entry;

	while (entry_next(section, &cursor, &entry)) {
		struct cfi_cie *cies;

		if (!entry_is_cie(section, &entry))
			continue;
		cies = array_grow(entries->cies, entries->cie_count, sizeof(*cies));
		if (!cies)
			return -ENOMEM;
		entries->cies = cies;
		cies[entries->cie_count] = (struct cfi_cie){.offset = entry.offset};
		cies[entries->cie_count].understood =
			cie_read(&cies[entries->cie_count], section, &entry);
		entries->cie_count++;
	}
	return 0;
}

static int cie_compare(const void *key, const void *item)
{
	size_t offset = *(const size_t *)key;
	const struct cfi_cie *cie = item;

	return offset < cie->offset ? -1 : offset > cie->offset;
}

static bool fde_read(struct cfi_fde *fde, const struct cfi_cie *cie,
		     const struct cfi_section *section, const struct entry *entry)
{
	struct cursor cursor = entry->body;
	uint64_t length;

	if (!cie->understood || !pointer_read(&cursor, cie->encoding, section, &fde->start) ||
	    !pointer_read(&cursor, cie->encoding & 0x0f, section, &length))
		return false;
	if (cie->has_augmentation)
		cursor_skip(&cursor, cursor_uleb(&cursor));
	fde->end = fde->start + length;
	fde->program = cursor.at;
	fde->program_size = cursor_left(&cursor);
	return !cursor.overrun && fde->end > fde->start;
}

/* The CIEs from `first_cie` on are this section's. */
static int fdes_read(struct cfi_entries *entries, const struct cfi_section *section,
		     size_t first_cie, uint64_t low, uint64_t high)
{
	struct cursor cursor = {section->bytes, section->bytes + section->size};
	struct entry entry;

	while (entry_next(section, &cursor, &entry)) {
		struct cfi_fde *fdes, fde = {.order = entries->fde_count};
		const struct cfi_cie *cie;
		size_t offset = entry.id;

		if (entry_is_cie(section, &entry))
			continue;
		if (!section->debug_frame)
			offset = entry.id_offset - offset;
		cie = bsearch(&offset, entries->cies + first_cie, entries->cie_count - first_cie,
			      sizeof(*cie), cie_compare);
		if (!cie || !fde_read(&fde, cie, section, &entry))
			continue;
		if (fde.start < low || fde.end > high)
			continue;
		fde.cie = cie - entries->cies;
		fdes = array_grow(entries->fdes, entries->fde_count, sizeof(*fdes));
		if (!fdes)
			return -ENOMEM;
		entries->fdes = fdes;
		fdes[entries->fde_count++] = fde;
	}
	return 0;
}

int cfi_entries_read(struct cfi_entries *entries, const struct cfi_section *section, uint64_t low,
		     uint64_t high)
{
	size_t first_cie = entries->cie_count;
	int error;

	if (section->size > UINT32_MAX)
		return 0;
	error = cies_read(entries, section);
	if (error || entries->cie_count == first_cie)
		return error;
	return fdes_read(entries, section, first_cie, low, high);
}

static int fde_compare(const void *left, const void *right)
{
	const struct cfi_fde *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

void cfi_entries_sort(struct cfi_entries *entries)
{
	if (entries->fde_count)
		qsort(entries->fdes, entries->fde_count, sizeof(*entries->fdes), fde_compare);
}

void cfi_entries_release(struct cfi_entries *entries)
{
	free(entries->cies);
	free(entries->fdes);
	*entries = (struct cfi_entries){};
}
