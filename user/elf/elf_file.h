/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ELF file, read with bounds: the one reader of segments, sections, symbols, slots and bytes.
 *
 * libelf knows the format: it checks what it reads against the file, numbers sections beyond 65535
 * and inflates. Added here is what it leaves to its callers: the file is read and never mapped, as
 * its owner may cut it short at any time; nothing of more than ELF_BYTES_MAX is loaded, as a sparse
 * file may have terabytes; memory that is short is told apart from a file that is damaged.
 *
 * A target's file goes through here in the confined process alone. Other readers, and why they are
 * such: libdwfl opens a file itself, and finds its debug information (symbolize/resolver.h); a core
 * that is cut short is refused by libelf or takes too much reading (process/core.h); of a file's
 * first page, in a core or in memory, libelf wants the rest (first_page.h).
 *
 * Must not know: what the file is of, a process, an allocator, an interpreter.
 */
#ifndef UNFREED_ELF_FILE_H
#define UNFREED_ELF_FILE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define ELF_BYTES_MAX (UINT64_C(512) << 20)

struct elf_file {
	Elf *elf;        /* for what is not here: headers that gelf_*() reads one by one */
	int fd;          /* the caller's */
	bool is_damaged; /* a table of symbols had to be left out */
};

/* Where a part of the file goes in memory, as far as the file has bytes for it. */
struct elf_segment {
	uint64_t offset; /* in the file */
	uint64_t address;
	uint64_t size;
	uint64_t flags; /* PF_X, PF_W, PF_R */
};

/*
 * Opens an executable or library. The descriptor stays the caller's and must live as long as
 * `file`. Returns 0 or -ENOEXEC: it is none.
 */
int elf_file_open(struct elf_file *file, int fd);
void elf_file_close(struct elf_file *file);

/* Whether it is for this machine, for those who read code. Returns 0 or -ENOTSUP. */
int elf_file_check(const struct elf_file *file);

/* Whether it is one file, unchanged. */
bool elf_file_is_same(const struct stat *a, const struct stat *b);

/* --- bytes --- */

/* All of `size` bytes. Returns 0 or a negative errno: -ENOEXEC where the file ends before. */
int elf_file_read(const struct elf_file *file, uint64_t offset, void *buffer, size_t size);

/*
 * The same in memory that the caller frees. Returns NULL with a negative errno in *error: also
 * -ENOEXEC where there are none, -EFBIG: beyond ELF_BYTES_MAX, -ENOMEM.
 */
void *elf_file_copy(const struct elf_file *file, uint64_t offset, uint64_t size, int *error);

/* The same in memory that lives as long as `file`. */
Elf_Data *elf_file_piece(const struct elf_file *file, uint64_t offset, uint64_t size, int *error);

/* --- segments --- */

/*
 * Those that are loaded, have bytes in the file and all of `flags`, in the order of the file. Fills
 * the first `room`. Returns how many there are.
 */
size_t elf_file_segments(const struct elf_file *file, uint64_t flags, struct elf_segment *segments,
			 size_t room);

/* The first that covers an address; false: none does. */
bool elf_file_segment_at(const struct elf_file *file, uint64_t address,
			 struct elf_segment *segment);

/*
 * The address of what is at an offset; false: nothing goes in memory from there. Where two segments
 * share a page of the file, the executable one counts.
 */
bool elf_file_address(const struct elf_file *file, uint64_t offset, uint64_t *address);

/* --- sections --- */

/* The first of this name with its header; NULL: there is none. */
Elf_Scn *elf_file_section(const struct elf_file *file, const char *name, GElf_Shdr *header);

/*
 * A section's bytes, inflated if need be, which live as long as `file`. Returns 0 or a negative
 * errno: -ENOEXEC: it has none that can be read; -EFBIG; -ENOMEM.
 */
int elf_file_data(Elf_Scn *section, Elf_Data **data);

/* --- symbols --- */

typedef int elf_symbol_fn(void *context, const GElf_Sym *symbol, const char *name);

/*
 * Calls `act` with each symbol that is defined in the file and has a name: those of the dynamic
 * table, then those of the other one; one that is in both comes twice. Stops at the first that
 * returns not 0, and returns that, else 0 or -ENOMEM.
 */
int elf_file_symbols(struct elf_file *file, elf_symbol_fn *act, void *context);

typedef int elf_slot_fn(void *context, uint64_t address, const GElf_Sym *symbol, const char *name);

/*
 * Calls `act` with each word that the dynamic linker fills with the address of a symbol (of a
 * procedure linkage table, of a global offset table), by the address of that word. The symbol may
 * be undefined, and its name empty. Stops as elf_file_symbols; what cannot be read is left out.
 */
int elf_file_slots(const struct elf_file *file, elf_slot_fn *act, void *context);

#endif
