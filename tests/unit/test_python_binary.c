/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading an interpreter's file and its machine code, here and in the confined process, and not
 * believing what that answers.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "python/slot_functions.h"
#include "python/code_scan.h"
#include "allocators/site_codec.h"

static struct confined *confined;

#define NOP1      0x90
#define NOP3      0x0f, 0x1f, 0x00
#define NOP7      0x0f, 0x1f, 0x80, 0, 0, 0, 0
#define NOP8      0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
#define CODE(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static size_t nops(const uint8_t *bytes, size_t size)
{
	return code_nops(bytes, size);
}

static void test_nops(void **state)
{
	(void)state;
	assert_int_equal(nops(CODE(NOP1)), 1);
	assert_int_equal(nops(CODE(0x66, NOP1)), 2);
	assert_int_equal(nops(CODE(NOP3, NOP8)), 11);
	assert_int_equal(nops(CODE(0x66, 0x2e, NOP8)), 10);
	assert_int_equal(nops(CODE(NOP7)), 7);
	assert_int_equal(nops(CODE(0x0f, 0x1f, 0x44, 0, 0)), 5);
	assert_int_equal(nops(CODE(0x0f, 0x1f, 0x44, 0)), 0);
	assert_int_equal(nops(CODE(NOP3, 0xc3)), 0);
	assert_int_equal(nops(CODE(0x0f, 0x1e, 0xfa)), 0);
	assert_int_equal(nops(CODE(0x66)), 0);
	assert_int_equal(nops(CODE(0xc3)), 0);
	assert_int_equal(nops(NULL, 0), 0);
}

/* Code of a file, at an address. */
static struct python_binary binary_of(const uint8_t *bytes, size_t size)
{
	struct python_binary binary = {
		.confined = confined, .fd = memfd_create("code", 0), .segment_count = 1};

	assert_true(binary.fd >= 0);
	assert_int_equal(write(binary.fd, bytes, size), size);
	binary.segments[0] = (struct elf_segment){.address = 0x10000, .size = size, .flags = PF_X};
	return binary;
}

static void check_unalias(const uint8_t *bytes, size_t size, uint64_t address, uint64_t expected)
{
	struct python_binary binary = binary_of(bytes, size);

	assert_int_equal(function_unalias(&binary, 0x10000 + address), 0x10000 + expected);
	close(binary.fd);
}

#define PADDED     NOP7, 0xc3, NOP8, 0x55, 0xc3
#define WITH_ENDBR 0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0xc3

static void test_unalias(void **state)
{
	(void)state;
	check_unalias(CODE(PADDED), 16, 16);
	check_unalias(CODE(PADDED), 8, 16);
	check_unalias(CODE(PADDED), 7, 7);
	check_unalias(CODE(PADDED), 9, 9);
	check_unalias(CODE(WITH_ENDBR), 4, 0);
	check_unalias(CODE(WITH_ENDBR), 5, 5);
	check_unalias(CODE(WITH_ENDBR), 0, 0);
}

static void test_references(void **state)
{
	const uint8_t bytes[64] = {
		[20] = 0x48, 0x3d, 0x00, 0x00, 0x01, 0x00,       /* cmp $0x10000, %rax */
		[30] = 0x48, 0x8d, 0x05, 0xdb, 0xff, 0xff, 0xff, /* lea -37(%rip), %rax */
		[40] = 0xe8, 0xd3, 0xff, 0xff, 0xff,             /* call 0x10000 */
		[50] = 0x48, 0x81, 0xf9, 0x00, 0x00, 0x01, 0x00, /* cmp $0x10000, %rcx */
	};
	struct python_binary binary = binary_of(bytes, sizeof(bytes));
	struct code_references references = {.address = 0x10000};

	(void)state;
	assert_int_equal(code_references_read(&binary, &references, 1), 0);
	assert_int_equal(references.count, 3);
	references.count = 0;
	assert_int_equal(code_references_request(&binary, &references, 1), 0);
	assert_int_equal(references.count, 3);
	close(binary.fd);
}

#define SCANNED                                                                               \
	0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x8b, 0x05, 0xf5, 0x00, 0x00,                           \
		0x00,                   /* mov 0xf5(%rip), %rax: 0x10100 */                   \
		0x64, 0x48, 0x8b, 0x00, /* mov %fs:(%rax), %rax */                            \
		0x64, 0x48, 0x8b, 0x04, 0x25, 0xd8, 0xff, 0xff, 0xff, /* mov %fs:-40, %rax */ \
		0x48, 0x3d, 0x00, 0x02, 0x00, 0x00,                   /* cmp $512, %rax */    \
		0xe8, 0xdd, 0xff, 0xff, 0xff,                         /* call 0x10000 */      \
		0xc3, 0x06

static void check_scanned(const struct scanned *scanned, ssize_t count)
{
	assert_int_equal(count, 7);
	assert_int_equal(scanned[1].operand, 0x10100);
	assert_int_equal(scanned[1].operand_bytes, 8);
	assert_int_equal(scanned[1].flags, SCANNED_LOAD);
	assert_int_equal(scanned[2].flags, SCANNED_LOAD | SCANNED_THREAD | SCANNED_BASED);
	assert_int_equal(scanned[3].flags, SCANNED_LOAD | SCANNED_THREAD);
	assert_int_equal(scanned[3].displacement, -40);
	assert_int_equal(scanned[4].immediate, 512);
	assert_int_equal(scanned[5].target, 0x10000);
	assert_int_equal(scanned[6].flags, SCANNED_RETURN);
}

static void test_scanning(void **state)
{
	const uint8_t bytes[] = {SCANNED};
	struct python_binary binary = binary_of(bytes, sizeof(bytes));
	struct scanned *scanned;
	ssize_t count = code_scan_read(&binary, 0x10000, 4096, &scanned);

	(void)state;
	check_scanned(scanned, count);
	free(scanned);
	count = code_scan_request(&binary, 0x10000, 4096, &scanned);
	check_scanned(scanned, count);
	free(scanned);
	assert_int_equal(code_scan_request(&binary, 0x20000, 4096, &scanned), -EFAULT);
	close(binary.fd);
}

/* What a process would answer that a file has got hold of. */
static void test_answers_about_code(void **state)
{
	const uint8_t bytes[] = {SCANNED};
	struct python_binary binary = binary_of(bytes, sizeof(bytes));
	struct scanned lies[2] = {{.address = 0x10000}, {.address = 0x10004}}, *scanned;
	const struct confined_answer answer = {lies, sizeof(lies)};
	const struct confined_answer cut = {lies, sizeof(lies) - 1};

	(void)state;
	assert_int_equal(code_scan_decode(&answer, 0x10000, 8, &scanned), 2);
	free(scanned);
	assert_int_equal(code_scan_decode(&cut, 0x10000, 8, &scanned), -EPROTO);
	assert_int_equal(code_scan_decode(&answer, 0x10000, 4, &scanned), -EPROTO);
	assert_int_equal(code_scan_decode(&answer, 0x10001, 8, &scanned), -EPROTO);
	lies[1].address = 0x10000;
	assert_int_equal(code_scan_decode(&answer, 0x10000, 8, &scanned), -EPROTO);
	lies[1] = (struct scanned){.address = 0x10004, .flags = SCANNED_FLAGS + 1};
	assert_int_equal(code_scan_decode(&answer, 0x10000, 8, &scanned), -EPROTO);
	close(binary.fd);
}

static void test_a_site(void **state)
{
	static const struct alloc_function function = {.name = "f", .cookie = 7};
	const uint8_t bytes[] = {0x48, 0x85, 0xff, 0x74, 0x01, 0x90, 0xc3};
	struct python_binary binary = binary_of(bytes, sizeof(bytes));
	struct site site, same;

	(void)state;
	assert_int_equal(code_site_request(&binary, &function, 0x10000, &site), 0);
	assert_int_equal(code_site_read(&binary, &function, 0x10000, &same), 0);
	assert_ptr_equal(site.function, &function);
	assert_int_equal(site.file_offset, 3);
	assert_int_equal(site.skipped, 3);
	assert_int_equal(site.kind, SITE_EMULATED);
	assert_memory_equal(&site, &same, sizeof(site));
	assert_int_equal(code_site_request(&binary, &function, 0x20000, &site), -EFAULT);
	close(binary.fd);
}

/* A place elsewhere in the file, another purpose, text that steers a terminal. */
static void test_answers_about_a_site(void **state)
{
	static const struct alloc_function function = {
		"f", PROBE_COOKIE(PROBE_FREE, DOMAIN_PYTHON, 1, PROBE_NO_ARG, PROBE_NO_ARG)};
	const uint8_t bytes[512] = {0};
	struct python_binary binary = binary_of(bytes, sizeof(bytes));
	const struct site_entry good = {8, function.cookie, 8, SITE_STEPPED, ROLE_CALL, "nop"};
	struct site_entry entry = good;
	const struct confined_answer answer = {&entry, sizeof(entry)};
	struct site site;

	(void)state;
#define TAKE() code_site_decode(&answer, &binary, &function, 0x10000, &site)
	assert_int_equal(TAKE(), 0);
	entry.file_offset = 9;
	assert_int_equal(TAKE(), -EPROTO);
	entry.file_offset = entry.skipped = 300;
	assert_int_equal(TAKE(), -EPROTO);
	entry = good;
	entry.cookie = PROBE_COOKIE(PROBE_ALLOC, DOMAIN_PYTHON, 1, PROBE_NO_ARG, PROBE_NO_ARG);
	assert_int_equal(TAKE(), -EPROTO);
	entry = good;
	entry.kind = SITE_STEPPED + 1;
	assert_int_equal(TAKE(), -EPROTO);
	entry = good;
	entry.instruction[0] = '\x1b';
	assert_int_equal(TAKE(), -EPROTO);
	memset(entry.instruction, 'x', sizeof(entry.instruction));
	assert_int_equal(TAKE(), -EPROTO);
#undef TAKE
	close(binary.fd);
}

/* Several, of what has no such sites, and of what is no ELF file. */
static void test_answers_about_direct_sites(void **state)
{
	static const struct alloc_function function = {
		"f", PROBE_COOKIE(PROBE_ALLOC, DOMAIN_PYTHON, PROBE_NO_ARG, 1, PROBE_NO_ARG)};
	const uint8_t bytes[512] = {0};
	struct python_binary binary = binary_of(bytes, sizeof(bytes));
	const struct site_entry good = {
		8, function.cookie | PROBE_PLACE(3, 0, 1), 8, SITE_EMULATED, ROLE_DIRECT, "je 8"};
	struct site_entry entries[2] = {good, good};
	const struct confined_answer answer = {entries, sizeof(entries)}, none = {entries, 0};
	const struct confined_answer cut = {entries, sizeof(entries) - 1};
	struct site *sites;

	(void)state;
#define TAKE(answer) code_direct_decode(answer, &binary, &function, 0x10000, &sites)
	assert_int_equal(TAKE(&answer), 2);
	assert_int_equal(sites[1].file_offset, 8);
	free(sites);
	assert_int_equal(TAKE(&none), 0);
	free(sites);
	assert_int_equal(TAKE(&cut), -EPROTO);
	entries[1].file_offset = 9;
	assert_int_equal(TAKE(&answer), -EPROTO);
	assert_null(sites);
	entries[1].file_offset = entries[1].skipped = 0x100000;
	assert_int_equal(TAKE(&answer), -EPROTO);
	entries[1] = good;
	entries[1].role = ROLE_END;
	assert_int_equal(TAKE(&answer), -EPROTO);
	entries[1] = good;
	entries[1].cookie ^= PROBE_POOL(12);
	assert_int_equal(TAKE(&answer), -EPROTO);
#undef TAKE
	assert_int_equal(code_direct_request(&binary, &function, 0x10000, &sites), -ENOEXEC);
	assert_int_equal(code_direct_request(&binary, &function, 0x20000, &sites), -EFAULT);
	assert_null(sites);
	close(binary.fd);
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void test_parts(void **state)
{
	struct binary_parts parts, same;
	int fd = open_file("/proc/self/exe"), zero = memfd_create("zero", 0);

	(void)state;
	assert_int_equal(binary_parts_read(fd, &parts), 0);
	assert_int_equal(binary_parts_request(confined, fd, &same), 0);
	assert_true(parts.segment_count >= 2);
	assert_int_equal(parts.symbols[SYMBOL_RUNTIME].address, 0);
	assert_memory_equal(&parts, &same, sizeof(parts));
	assert_int_equal(binary_parts_request(confined, zero, &parts), -ENOEXEC);
	close(fd);
	close(zero);
}

static void test_answers_about_parts(void **state)
{
	struct binary_parts lies = {.segment_count = 1}, parts;
	const struct confined_answer answer = {&lies, sizeof(lies)};
	const struct confined_answer cut = {&lies, sizeof(lies) - 1};

	(void)state;
	assert_int_equal(binary_parts_decode(&answer, &parts), 0);
	assert_int_equal(binary_parts_decode(&cut, &parts), -EPROTO);
	lies.segments[0].flags = 8;
	assert_int_equal(binary_parts_decode(&answer, &parts), -EPROTO);
	lies = (struct binary_parts){.segment_count = BINARY_SEGMENTS_MAX + 1};
	assert_int_equal(binary_parts_decode(&answer, &parts), -EPROTO);
}

static int setup(void **state)
{
	(void)state;
	confined = confined_new();
	return confined ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	confined_free(confined);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nops),
		cmocka_unit_test(test_unalias),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_scanning),
		cmocka_unit_test(test_answers_about_code),
		cmocka_unit_test(test_a_site),
		cmocka_unit_test(test_answers_about_a_site),
		cmocka_unit_test(test_answers_about_direct_sites),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_answers_about_parts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
