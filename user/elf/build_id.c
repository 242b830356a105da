/* SPDX-License-Identifier: BSD-2-Clause */
#include "build_id.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"

/* More of notes is not read. */
#define NOTES_BYTES_MAX (1 << 20)

static int print_id(const unsigned char *bytes, size_t count, char text[BUILD_ID_TEXT_MAX])
{
	if (!count || count > BUILD_ID_BYTES_MAX)
		return -ENODATA;
	for (size_t i = 0; i < count; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int find_in_notes(Elf_Data *notes, char text[BUILD_ID_TEXT_MAX])
{
	size_t next = 0, name, description;
	GElf_Nhdr note;

	while ((next = gelf_getnote(notes, next, &note, &name, &description)) > 0) {
		const char *bytes = notes->d_buf;

		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    !memcmp(bytes + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)))
			return print_id((const unsigned char *)bytes + description, note.n_descsz,
					text);
	}
	return -ENODATA;
}

static int find(const struct elf_file *file, char text[BUILD_ID_TEXT_MAX])
{
	int error = -ENODATA;
	GElf_Phdr segment;
	size_t count;

	if (elf_getphdrnum(file->elf, &count))
		return -ENOEXEC;
	for (size_t i = 0; i < count && error && gelf_getphdr(file->elf, (int)i, &segment); i++) {
		Elf_Data *notes;

		if (segment.p_type != PT_NOTE || segment.p_filesz > NOTES_BYTES_MAX)
			continue;
		notes = elf_getdata_rawchunk(file->elf, (int64_t)segment.p_offset, segment.p_filesz,
					     segment.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
		if (notes)
			error = find_in_notes(notes, text);
	}
	return error;
}

int build_id_of_file(int fd, char text[BUILD_ID_TEXT_MAX])
{
	struct elf_file file;
	int error = elf_file_open(&file, fd);

	if (!error)
		error = find(&file, text);
	if (error)
		text[0] = '\0';
	elf_file_close(&file);
	return error;
}

static int read_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	char text[BUILD_ID_TEXT_MAX];
	int error = build_id_of_file(fd, text);

	(void)input;
	(void)length;
	return error ? error : confined_answer_copy(answer, text, strlen(text));
}

static bool is_hexadecimal(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!strchr("0123456789abcdef", text[i]) || !text[i])
			return false;
	return length > 0 && length < BUILD_ID_TEXT_MAX;
}

int build_id_read(struct confined *confined, int fd, char text[BUILD_ID_TEXT_MAX])
{
	const struct confined_call call = {
		.need = CONFINED_NAMES,
		.function = read_confined,
		.fd = fd,
		.wait = CONFINED_WAIT_FIRST,
	};
	struct confined_answer answer;
	int error = confined_call(confined, &call, &answer);

	text[0] = '\0';
	if (error)
		return error;
	if (is_hexadecimal(answer.data, answer.length)) {
		memcpy(text, answer.data, answer.length);
		text[answer.length] = '\0';
	} else {
		error = -EPROTO;
	}
	return confined_settle(confined, call.need, &answer, error);
}
