/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our rows against libdw's reading of the same files, and against hand-made damage.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>
#include <cmocka.h>

#include "unwind/frame_sections.h"

enum { RBX = 3, RBP = 6, RSP = 7, RIP = 16 };

/* A file as both read it. */
struct subject {
	const char *path;
	int fd;
	Elf *elf;
	Dwarf_CFI *cfi;
	struct elf_file file;
	struct frame_sections sections;
	struct cfi_table table;
};

static bool subject_open(struct subject *subject, const char *path)
{
	*subject = (struct subject){.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (subject->fd < 0)
		return false;
	elf_version(EV_CURRENT);
	subject->elf = elf_begin(subject->fd, ELF_C_READ_MMAP, NULL);
	subject->cfi = dwarf_getcfi_elf(subject->elf);
	assert_non_null(subject->cfi);
	assert_int_equal(elf_file_open(&subject->file, subject->fd), 0);
	assert_int_equal(frame_sections_read(&subject->file, &subject->sections), 0);
	assert_true(subject->sections.cfi_count > 0);
	assert_int_equal(cfi_table_build(subject->sections.cfi, 1, 0, UINT64_MAX, &subject->table),
			 0);
	return true;
}

static void subject_close(struct subject *subject)
{
	cfi_table_release(&subject->table);
	elf_file_close(&subject->file);
	dwarf_cfi_end(subject->cfi);
	elf_end(subject->elf);
	close(subject->fd);
}

static bool cfa_agrees(const struct unwind_rule *rule, const Dwarf_Op *ops, size_t count)
{
	if (count == 1 && ops[0].atom == DW_OP_bregx) {
		int64_t offset = (int64_t)ops[0].number2;

		switch (ops[0].number) {
		case RSP:
			return rule->cfa == UNWIND_CFA_SP && rule->cfa_offset == offset;
		case RBP:
			return rule->cfa == UNWIND_CFA_FP && rule->cfa_offset == offset;
		case RBX:
			return rule->cfa == UNWIND_CFA_EXTRA && rule->cfa_offset == offset;
		default:
			return rule->cfa == UNWIND_UNSUPPORTED;
		}
	}
	if (count >= 2 && ops[1].atom == DW_OP_deref &&
	    (ops[0].atom == DW_OP_breg6 || ops[0].atom == DW_OP_breg7)) {
		int64_t addend = count == 3 ? (int64_t)ops[2].number : 0;

		return rule->cfa ==
			       (ops[0].atom == DW_OP_breg6 ? UNWIND_CFA_AT_FP : UNWIND_CFA_AT_SP) &&
		       rule->cfa_offset == (int64_t)ops[0].number && rule->addend == addend;
	}
	if (count == 9 && ops[8].atom == DW_OP_plus)
		return rule->cfa == UNWIND_CFA_PLT && rule->addend == ops[4].atom - DW_OP_lit0;
	return rule->cfa == UNWIND_UNSUPPORTED;
}

/* libdw's default rules for x86-64 name rax where they mean rbx, so rbx counts as undefined
 * there. */
static bool saved_agrees(Dwarf_Frame *frame, int reg, __u8 how, int offset)
{
	Dwarf_Op memory[3], *ops;
	size_t count;

	assert_int_equal(dwarf_frame_register(frame, reg, memory, &ops, &count), 0);
	if (!count && reg == RBX)
		return how == UNWIND_SAVED_NOT || how == UNWIND_SAVED_LOST;
	if (!count)
		return how == (ops ? UNWIND_SAVED_LOST : UNWIND_SAVED_NOT);
	if (ops[0].atom == DW_OP_call_frame_cfa && ops[count - 1].atom != DW_OP_stack_value) {
		if (count == 2 && ops[1].atom == DW_OP_plus_uconst)
			return how == UNWIND_SAVED_AT_CFA && offset == (int64_t)ops[1].number;
		if (count == 1)
			return how == UNWIND_SAVED_AT_CFA && offset == 0;
	}
	for (size_t i = 0; i < count; i++)
		if (ops[i].atom == DW_OP_breg6)
			return how == UNWIND_SAVED_AT_FP && offset == (int64_t)ops[i].number;
	return how == UNWIND_SAVED_LOST;
}

/* Whether the return address is in the word below the CFA, as all our rules have it. */
static bool ra_is_usual(Dwarf_Frame *frame, bool *undefined)
{
	Dwarf_Op memory[3], *ops;
	size_t count;

	assert_int_equal(dwarf_frame_register(frame, RIP, memory, &ops, &count), 0);
	*undefined = !count && ops;
	return count == 2 && ops[0].atom == DW_OP_call_frame_cfa &&
	       ops[1].atom == DW_OP_plus_uconst && (int64_t)ops[1].number == -8;
}

static bool rule_agrees(const struct unwind_rule *rule, Dwarf_Frame *frame)
{
	bool undefined, usual = ra_is_usual(frame, &undefined);
	bool signal;
	Dwarf_Op *ops;
	size_t count;

	dwarf_frame_info(frame, NULL, NULL, &signal);
	if (undefined)
		return rule->cfa == UNWIND_END;
	if (rule->cfa == UNWIND_SIGNAL)
		return signal;
	if (!usual)
		return rule->cfa == UNWIND_UNSUPPORTED;
	if (rule->cfa == UNWIND_UNSUPPORTED && rule->addend == UNWIND_SAVED_RULE)
		return true;
	if (dwarf_frame_cfa(frame, &ops, &count))
		return rule->cfa == UNWIND_UNSUPPORTED;
	if (!cfa_agrees(rule, ops, count))
		return false;
	return rule->cfa == UNWIND_UNSUPPORTED ||
	       (saved_agrees(frame, RBP, rule->fp, rule->fp_offset) &&
		saved_agrees(frame, RBX, rule->extra, rule->extra_offset));
}

static bool address_agrees(const struct subject *subject, uint64_t address)
{
	const struct unwind_rule *rule = cfi_table_find(&subject->table, address);
	Dwarf_Frame *frame = NULL;
	bool agrees;

	if (dwarf_cfi_addrframe(subject->cfi, address, &frame))
		return !rule || rule->cfa == UNWIND_NO_RULE ||
		       (rule->cfa == UNWIND_UNSUPPORTED && rule->addend == UNWIND_BAD_CFI);
	agrees = rule && rule_agrees(rule, frame);
	free(frame);
	return agrees;
}

/* At the first, a middle and the last byte of some 20,000 rows. */
static void compare_file(const char *path)
{
	struct subject subject;
	size_t stride, compared = 0;

	if (!subject_open(&subject, path)) {
		print_message("no %s here\n", path);
		return;
	}
	stride = subject.table.row_count / 20000 + 1;
	for (size_t i = 0; i + 1 < subject.table.row_count; i += stride) {
		uint64_t start = subject.table.rows[i].address;
		uint64_t size = subject.table.rows[i + 1].address - start;
		uint64_t addresses[] = {start, start + size / 2, start + size - 1};

		for (int k = 0; k < 3; k++, compared++)
			if (!address_agrees(&subject, addresses[k]))
				fail_msg("%s: differs at %#lx", path, addresses[k]);
	}
	assert_true(compared > 0); /* Debian's node is a few rows, and its library many */
	subject_close(&subject);
}

static void test_agrees_with_libdw(void **state)
{
	static const char *const paths[] = {
		"/lib64/ld-linux-x86-64.so.2",
		"/lib/x86_64-linux-gnu/libc.so.6",
		"/lib/x86_64-linux-gnu/libgcc_s.so.1",
		"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
		"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
		"/usr/lib/x86_64-linux-gnu/libgmp.so.10",
		"/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0",
		"/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1",
		"/bin/bash",
		"/usr/bin/node",
		"/usr/lib/x86_64-linux-gnu/libnode.so.108",
		"/proc/self/exe",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		compare_file(paths[i]);
}

/* A CIE with RSP + 8 and RA at CFA - 8, one FDE for [0x1000, 0x1100). */
static const uint8_t small_frame[] = {
	20,   0,    0,  0,                                          /* CIE: length */
	0,    0,    0,  0,    1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x04, /* absolute 8-byte addresses */
	0x0c, 7,    8,  0x90, 1, 0,   0,                            /* def_cfa rsp 8; offset ra 1 */
	28,   0,    0,  0,                                          /* FDE: length */
	28,   0,    0,  0,                                          /* back to the CIE */
	0,    0x10, 0,  0,    0, 0,   0,   0, 0, 1,    0,  0, 0,    0, 0, 0, /* start, length */
	0,                               /* no augmentation data */
	0x41, 0x0e, 16, 0x86, 2, 0,   0, /* +1: def_cfa_offset 16; rbp at -16 */
};

static int small_build(const uint8_t *bytes, size_t size, struct cfi_table *table)
{
	const struct cfi_section section = {.bytes = bytes, .size = size, .address = 0x2000};

	return cfi_table_build(&section, 1, 0, UINT64_MAX, table);
}

static void test_rows_of_a_small_frame(void **state)
{
	struct cfi_table table;

	(void)state;
	assert_int_equal(small_build(small_frame, sizeof(small_frame), &table), 0);
	assert_int_equal(table.row_count, 3);
	assert_int_equal(table.rows[0].address, 0x1000);
	assert_int_equal(table.rows[1].address, 0x1001);
	assert_int_equal(table.rows[2].address, 0x1100);
	assert_int_equal(table.rows[2].rule, 0);
	assert_int_equal(cfi_table_find(&table, 0x1000)->cfa_offset, 8);
	assert_int_equal(cfi_table_find(&table, 0x1000)->fp, UNWIND_SAVED_NOT);
	assert_int_equal(cfi_table_find(&table, 0x10ff)->cfa_offset, 16);
	assert_int_equal(cfi_table_find(&table, 0x10ff)->fp, UNWIND_SAVED_AT_CFA);
	assert_int_equal(cfi_table_find(&table, 0x10ff)->fp_offset, -16);
	assert_int_equal(cfi_table_find(&table, 0x1100)->cfa, UNWIND_NO_RULE);
	assert_null(cfi_table_find(&table, 0xfff));
	cfi_table_release(&table);
}

/* The rule from 0x1000 on under which a program of instructions leaves a function. */
static struct unwind_rule rule_after(const uint8_t *program, size_t size)
{
	enum { HEADS = sizeof(small_frame) - 7, FDE = 24 };
	uint8_t bytes[sizeof(small_frame) + 32];
	const uint32_t length = 4 + 16 + 1 + (uint32_t)size;
	struct cfi_table table;

	memcpy(bytes, small_frame, HEADS);
	memcpy(bytes + FDE, &length, sizeof(length));
	memcpy(bytes + HEADS, program, size);
	assert_int_equal(small_build(bytes, HEADS + size, &table), 0);
	const struct unwind_rule rule = *cfi_table_find(&table, 0x10ff);
	cfi_table_release(&table);
	return rule;
}

/* Those that compilers hardly write. Offsets that are factored are in units of -8. */
static void test_rare_instructions(void **state)
{
	enum { RBP = 6, RSP = 7, RBX = 3 };
	static const struct {
		uint8_t program[12];
		int32_t cfa, cfa_offset, fp, fp_offset;
	} cases[] = {
		{{DW_CFA_def_cfa_sf, RBP, 0x7e}, UNWIND_CFA_FP, 16, UNWIND_SAVED_NOT, 0},
		{{DW_CFA_def_cfa_offset_sf, 0x7d}, UNWIND_CFA_SP, 24, UNWIND_SAVED_NOT, 0},
		{{DW_CFA_def_cfa_register, RBP}, UNWIND_CFA_FP, 8, UNWIND_SAVED_NOT, 0},
		{{DW_CFA_offset_extended, RBP, 3}, UNWIND_CFA_SP, 8, UNWIND_SAVED_AT_CFA, -24},
		{{DW_CFA_offset_extended_sf, RBP, 4}, UNWIND_CFA_SP, 8, UNWIND_SAVED_AT_CFA, -32},
		{{DW_CFA_GNU_negative_offset_extended, RBP, 2},
		 UNWIND_CFA_SP,
		 8,
		 UNWIND_SAVED_AT_CFA,
		 16},
		/* of a register that nobody asks for */
		{{DW_CFA_offset_extended, RBX, 3}, UNWIND_CFA_SP, 8, UNWIND_SAVED_NOT, 0},
		{{DW_CFA_offset | RBP, 2, DW_CFA_restore | RBP},
		 UNWIND_CFA_SP,
		 8,
		 UNWIND_SAVED_NOT,
		 0},
		{{DW_CFA_offset | RBP, 2, DW_CFA_restore_extended, RBP},
		 UNWIND_CFA_SP,
		 8,
		 UNWIND_SAVED_NOT,
		 0},
		{{DW_CFA_offset | RBP, 2, DW_CFA_same_value, RBP},
		 UNWIND_CFA_SP,
		 8,
		 UNWIND_SAVED_NOT,
		 0},
		{{DW_CFA_remember_state, DW_CFA_def_cfa_offset, 48, DW_CFA_restore_state},
		 UNWIND_CFA_SP,
		 8,
		 UNWIND_SAVED_NOT,
		 0},
		{{DW_CFA_GNU_args_size, 100, DW_CFA_def_cfa_offset, 32},
		 UNWIND_CFA_SP,
		 32,
		 UNWIND_SAVED_NOT,
		 0},
		{{DW_CFA_advance_loc1, 8, DW_CFA_def_cfa_offset, 40},
		 UNWIND_CFA_SP,
		 40,
		 UNWIND_SAVED_NOT,
		 0},
		{{DW_CFA_advance_loc2, 8, 0, DW_CFA_def_cfa_offset, 56},
		 UNWIND_CFA_SP,
		 56,
		 UNWIND_SAVED_NOT,
		 0},
		{{DW_CFA_advance_loc4, 8, 0, 0, 0, DW_CFA_def_cfa_offset, 64},
		 UNWIND_CFA_SP,
		 64,
		 UNWIND_SAVED_NOT,
		 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct unwind_rule rule =
			rule_after(cases[i].program, sizeof(cases[i].program));

		assert_int_equal(rule.cfa, cases[i].cfa);
		assert_int_equal(rule.cfa_offset, cases[i].cfa_offset);
		assert_int_equal(rule.fp, cases[i].fp);
		assert_int_equal(rule.fp_offset, cases[i].fp_offset);
	}
}

static void test_every_truncation_is_survived(void **state)
{
	struct cfi_table table;

	(void)state;
	for (size_t size = 0; size < sizeof(small_frame); size++) {
		uint8_t *bytes = malloc(size + !size);

		memcpy(bytes, small_frame, size);
		assert_int_equal(small_build(bytes, size, &table), 0);
		assert_true(table.row_count <= 3);
		cfi_table_release(&table);
		free(bytes);
	}
}

static void test_damage_costs_the_range_of_its_function(void **state)
{
	struct cfi_table table;
	uint8_t bytes[sizeof(small_frame)];

	(void)state;
	memcpy(bytes, small_frame, sizeof(bytes));
	bytes[sizeof(bytes) - 7 + 1] = 0x3f;
	assert_int_equal(small_build(bytes, sizeof(bytes), &table), 0);
	assert_int_equal(cfi_table_find(&table, 0x1000)->cfa, UNWIND_CFA_SP);
	assert_int_equal(cfi_table_find(&table, 0x1001)->cfa, UNWIND_UNSUPPORTED);
	assert_int_equal(cfi_table_find(&table, 0x1001)->addend, UNWIND_BAD_CFI);
	assert_int_equal(cfi_table_find(&table, 0x1100)->cfa, UNWIND_NO_RULE);
	cfi_table_release(&table);
}

/* A CIE with a long program, which thousands of FDEs run. */
static void test_work_is_bounded(void **state)
{
	enum { FDES = 20000, PROGRAM = 100000 };
	size_t size = 4 + 13 + PROGRAM, at = size;
	uint8_t *bytes = calloc(1, 2 * size + FDES * 32);
	struct cfi_table table;

	(void)state;
	for (int cie = 0; cie < 2; cie++) {
		uint32_t length = size - 4;

		memcpy(bytes + cie * size, small_frame, 4 + 13 + 5);
		memcpy(bytes + cie * size, &length, 4);
	}
	at = 2 * size;
	for (int i = 0; i < FDES; i++, at += 32) {
		uint32_t back = at + 4 - (i & 1 ? size : 0);
		uint64_t start = 0x1000 + i * 0x100;

		memcpy(bytes + at, small_frame + 24, 32);
		memcpy(bytes + at + 4, &back, 4);
		memcpy(bytes + at + 8, &start, 8);
	}
	assert_int_equal(small_build(bytes, at, &table), -E2BIG);
	assert_null(table.rows);
	free(bytes);
}

/* As sstrip leaves a file: .eh_frame is found by .eh_frame_hdr and ends where it says. */
static void test_frames_without_section_headers(void **state)
{
	struct frame_sections sections;
	struct subject subject;
	struct elf_file file;
	int fd = memfd_create("bare", MFD_CLOEXEC);
	Elf64_Ehdr header;

	(void)state;
	if (!subject_open(&subject, "/lib64/ld-linux-x86-64.so.2"))
		fail();
	assert_true(sendfile(fd, subject.fd, &(off_t){0}, 1 << 24) > 0);
	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	header.e_shoff = header.e_shnum = header.e_shstrndx = 0;
	assert_int_equal(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
	assert_int_equal(elf_file_open(&file, fd), 0);
	assert_int_equal(frame_sections_read(&file, &sections), 0);
	assert_int_equal(sections.cfi_count, 1);
	assert_int_equal(sections.cfi[0].address, subject.sections.cfi[0].address);
	assert_int_equal(sections.cfi[0].size, subject.sections.cfi[0].size);
	assert_memory_equal(sections.cfi[0].bytes, subject.sections.cfi[0].bytes,
			    sections.cfi[0].size);
	elf_file_close(&file);
	close(fd);
	subject_close(&subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_libdw),
		cmocka_unit_test(test_frames_without_section_headers),
		cmocka_unit_test(test_rows_of_a_small_frame),
		cmocka_unit_test(test_rare_instructions),
		cmocka_unit_test(test_every_truncation_is_survived),
		cmocka_unit_test(test_damage_costs_the_range_of_its_function),
		cmocka_unit_test(test_work_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
