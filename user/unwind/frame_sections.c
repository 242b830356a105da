/* SPDX-License-Identifier: BSD-2-Clause */
#include <dwarf.h>
#include <errno.h>

#include "../lib/cursor.h"
#include "frame_sections.h"

static void add(struct frame_sections *sections, const Elf_Data *data, uint64_t address,
		bool debug_frame)
{
	if (data->d_size)
		sections->cfi[sections->cfi_count++] =
			(struct cfi_section){.bytes = data->d_buf,
					     .size = data->d_size,
					     .address = address,
					     .debug_frame = debug_frame};
}

/* One that cannot be read is left out, unless it is too large or memory is short. */
static int take_section(const struct elf_file *file, const char *name, bool debug_frame,
			struct frame_sections *sections)
{
	GElf_Shdr header;
	Elf_Scn *section = elf_file_section(file, name, &header);
	Elf_Data *data;
	int error = section ? elf_file_data(section, &data) : -ENOEXEC;

	if (!error)
		add(sections, data, header.sh_addr, debug_frame);
	return error == -ENOEXEC ? 0 : error;
}

/* Without section headers nothing says where .eh_frame ends but its terminator. */
static size_t terminated_size(const uint8_t *bytes, size_t size)
{
	struct cursor cursor = {bytes, bytes + size};

	while (cursor_left(&cursor) >= 4) {
		uint64_t length = cursor_u32(&cursor);

		if (length == 0xffffffff)
			length = cursor_u64(&cursor);
		if (!length || !cursor_skip(&cursor, length))
			break;
	}
	return cursor.at - bytes;
}

/* The address of .eh_frame, as .eh_frame_hdr has it. */
static bool read_frame_hdr(const struct elf_file *file, const GElf_Phdr *header, uint64_t *address)
{
	uint8_t bytes[8];
	int32_t relative;

	if (elf_file_read(file, header->p_offset, bytes, sizeof(bytes)) || bytes[0] != 1 ||
	    bytes[1] != (DW_EH_PE_pcrel | DW_EH_PE_sdata4))
		return false;
	memcpy(&relative, bytes + 4, sizeof(relative));
	*address = header->p_vaddr + 4 + (uint64_t)(int64_t)relative;
	return true;
}

static bool find_frames(const struct elf_file *file, uint64_t *address)
{
	GElf_Phdr header;
	bool found = false;
	size_t count;

	if (elf_getphdrnum(file->elf, &count))
		return false;
	for (size_t i = 0; i < count && !found && gelf_getphdr(file->elf, (int)i, &header); i++)
		found = header.p_type == PT_GNU_EH_FRAME && read_frame_hdr(file, &header, address);
	return found;
}

static int take_unnamed(const struct elf_file *file, struct frame_sections *sections)
{
	struct elf_segment segment;
	uint64_t address;
	int error = 0;

	if (!find_frames(file, &address) || !elf_file_segment_at(file, address, &segment))
		return 0;
	uint64_t into = address - segment.address;
	Elf_Data *data = elf_file_piece(file, segment.offset + into, segment.size - into, &error);
	if (data) {
		data->d_size = terminated_size(data->d_buf, data->d_size);
		add(sections, data, address, false);
	}
	return error == -ENOEXEC ? 0 : error;
}

int frame_sections_read(const struct elf_file *file, struct frame_sections *sections)
{
	GElf_Shdr header;
	int error = elf_file_check(file);

	*sections = (struct frame_sections){};
	if (error)
		return error;
	sections->segment_count =
		elf_file_segments(file, PF_X, sections->segments, CODE_SEGMENTS_MAX);
	if (sections->segment_count > CODE_SEGMENTS_MAX)
		sections->segment_count = CODE_SEGMENTS_MAX;
	sections->is_go = elf_file_section(file, ".note.go.buildid", &header) ||
			  elf_file_section(file, ".go.buildinfo", &header);
	error = take_section(file, ".eh_frame", false, sections);
	if (!error)
		error = take_section(file, ".debug_frame", true, sections);
	if (!error && !sections->cfi_count)
		error = take_unnamed(file, sections);
	if (error)
		*sections = (struct frame_sections){};
	return error;
}
