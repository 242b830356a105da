/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: what the confined process would answer if a file had got hold of it. The first byte
 * chooses the kind of answer; the others are edits of a real one: five bytes each, where and what,
 * and the last one cuts or extends it.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "python/code_scan.h"
#include "symbolize/symbol_codec.h"
#include "symbolize/symbol_list.h"
#include "allocators/site_codec.h"
#include "allocators/survey.h"
#include "unwind_host.h"

#define EDIT_BYTES 5
#define LISTS      3

#define CODE_AT 0x1000

enum {
	ANSWER_SURVEY,
	ANSWER_TABLE,
	ANSWER_PERF_MAP,
	ANSWER_LISTS,
	ANSWER_PARTS,
	ANSWER_SCAN,
	ANSWER_REFERENCES,
	ANSWER_SITE,
	ANSWER_KINDS
};

static const char perf_map_text[] = "1000 10 one\n2000 20 two\n1008 800 three\n";
static const struct alloc_function function = {
	"f", PROBE_COOKIE(PROBE_FREE, DOMAIN_PYTHON, 1, PROBE_NO_ARG, PROBE_NO_ARG)};
static const struct python_binary binary = {
	.fd = -1,
	.segments[0] = {.address = CODE_AT, .size = 4096, .flags = PF_X},
	.segment_count = 1,
};
static struct confined_answer originals[ANSWER_KINDS];

static int open_text(const char *text)
{
	int fd = memfd_create("text", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	return fd;
}

static void make_lists(struct confined_answer *answer)
{
	struct symbol_list lists[LISTS] = {{.vaddr = 1}, {.vaddr = 2}, {.vaddr = 3}};

	for (size_t i = 0; i < LISTS; i++) {
		const struct symbol symbol = {"name", "_Z4namev", "file.c", 12, i == 1};

		if (symbol_list_add(&lists[i], &symbol))
			abort();
	}
	if (symbol_lists_encode(lists, LISTS, answer))
		abort();
	symbol_lists_release(lists, LISTS);
}

static void make_one(int kind, const void *data, size_t length)
{
	originals[kind].length = length;
	originals[kind].data = malloc(length);
	if (!originals[kind].data)
		abort();
	memcpy(originals[kind].data, data, length);
}

static void make_python(int fd)
{
	const struct scanned scanned[] = {
		{.address = CODE_AT}, {.address = CODE_AT + 4}, {.address = CODE_AT + 9}};
	const struct site_entry site = {8, function.cookie, 8, SITE_STEPPED, ROLE_CALL, "nop"};
	struct code_references references[REFERENCES_MAX] = {{1, 2}, {3, 4}};
	struct binary_parts parts;

	if (binary_parts_read(fd, &parts))
		abort();
	make_one(ANSWER_PARTS, &parts, sizeof(parts));
	make_one(ANSWER_SCAN, scanned, sizeof(scanned));
	make_one(ANSWER_REFERENCES, references, sizeof(references));
	make_one(ANSWER_SITE, &site, sizeof(site));
}

static void make_originals(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct perf_map *map = perf_map_read(open_text(perf_map_text));
	struct unwind_file file;
	struct survey survey;

	if (!map || survey_read(fd, &survey) || survey_encode(&survey, &originals[ANSWER_SURVEY]) ||
	    unwind_file_build_vdso(&file) || unwind_file_encode(&file, &originals[ANSWER_TABLE]) ||
	    perf_map_encode(map, &originals[ANSWER_PERF_MAP]))
		abort();
	make_lists(&originals[ANSWER_LISTS]);
	make_python(fd);
	perf_map_free(map);
	unwind_file_release(&file);
	survey_release(&survey);
}

/* A copy of exactly its size, so that reading behind it shows. */
static struct confined_answer edit(const struct confined_answer *original, const uint8_t *edits,
				   size_t size)
{
	int8_t longer = size % EDIT_BYTES ? (int8_t)edits[size - 1] : 0;
	size_t length = longer < 0 && (size_t)-longer > original->length
				? 0
				: original->length + (size_t)(ptrdiff_t)longer;
	struct confined_answer answer = {calloc(length ? length : 1, 1), length};
	uint32_t at;

	memcpy(answer.data, original->data, length < original->length ? length : original->length);
	for (; size >= EDIT_BYTES && length; size -= EDIT_BYTES, edits += EDIT_BYTES) {
		memcpy(&at, edits, sizeof(at));
		((uint8_t *)answer.data)[at % length] = edits[sizeof(at)];
	}
	return answer;
}

static void take_survey(const struct confined_answer *answer)
{
	struct survey survey;

	if (survey_decode(answer, &survey))
		return;
	for (size_t i = 0; i < survey.entry_count; i++)
		if (!*survey.entry_sites[i].function->name || survey.entry_sites[i].kind > 2 ||
		    strlen(survey.entry_sites[i].instruction) >= 32)
			abort();
	for (size_t i = 0; i < survey.gap_count; i++)
		if (!*survey.gaps[i].function->name)
			abort();
	if (!*survey.kind)
		abort();
	survey_release(&survey);
}

static void take_table(const struct confined_answer *answer)
{
	static struct unwind_tables *tables;
	static struct unwind_key key;
	static struct unwind_state state;
	struct unwind_placement placement = {0x10000, 0x20000, 0, 0};
	struct unwind_file file;

	if (!tables) {
		host_memory_init(32, 64);
		tables = unwind_tables_new(&host_memory);
	}
	if (unwind_file_decode(answer, &file))
		return;
	key.inode++;
	placement.file_offset = file.segments[0].offset;
	placement.file = unwind_tables_add(tables, &key, &file);
	if (placement.file >= 0 && !unwind_tables_set_mappings(tables, 1, &placement, 1)) {
		state = (struct unwind_state){.list = host_memory.spaces[1], .sp = 0x1000};
		for (uint64_t address = 0x10000; address < 0x20000; address += 509) {
			unwind_map(&state, address);
			unwind_lookup(&state, address);
		}
	}
	unwind_tables_put(tables, placement.file);
	unwind_tables_drop_space(tables, 1);
	unwind_file_release(&file);
}

static void take_perf_map(const struct confined_answer *answer)
{
	struct perf_map *map = perf_map_decode(answer);

	for (uint64_t address = 0; map && address < 0x3000; address += 8) {
		const char *name = perf_map_lookup(map, address);

		if (name && strlen(name) > answer->length)
			abort();
	}
	perf_map_free(map);
}

static void take_lists(const struct confined_answer *answer)
{
	struct symbol_list lists[LISTS];

	if (symbol_lists_decode(answer, lists, LISTS))
		return;
	for (size_t i = 0; i < LISTS; i++)
		if (!lists[i].count)
			abort();
	symbol_lists_release(lists, LISTS);
}

static void take_parts(const struct confined_answer *answer)
{
	struct binary_parts parts;

	if (!binary_parts_decode(answer, &parts) && parts.segment_count > BINARY_SEGMENTS_MAX)
		abort();
}

static void take_scan(const struct confined_answer *answer)
{
	struct scanned *scanned;
	ssize_t count = code_scan_decode(answer, CODE_AT, 16, &scanned);

	for (ssize_t i = 0; i < count; i++)
		if (scanned[i].address - CODE_AT >= 16 || scanned[i].flags & ~SCANNED_FLAGS)
			abort();
	if (count >= 0)
		free(scanned);
}

static void take_references(const struct confined_answer *answer)
{
	struct code_references references[] = {{.address = 1}, {.address = 3}};

	if (!code_references_decode(answer, references, 2) &&
	    (references[0].address != 1 || references[1].address != 3))
		abort();
}

static void take_python_site(const struct confined_answer *answer)
{
	struct site site;

	if (!code_site_decode(answer, &binary, &function, CODE_AT, &site) &&
	    (site.file_offset >= SITE_BYTES || site.kind > SITE_STEPPED ||
	     strlen(site.instruction) >= sizeof(site.instruction)))
		abort();
}

static void take_python_direct(const struct confined_answer *answer)
{
	struct site *sites;
	ssize_t count = code_direct_decode(answer, &binary, &function, CODE_AT, &sites);

	for (ssize_t i = 0; i < count; i++)
		if (!binary_is_code(&binary, CODE_AT + sites[i].file_offset) ||
		    sites[i].kind > SITE_STEPPED || sites[i].role >= ROLE_COUNT)
			abort();
	if (count >= 0)
		free(sites);
	else if (sites)
		abort();
}

static void take_python_sites(const struct confined_answer *answer)
{
	take_python_site(answer);
	take_python_direct(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const take[])(const struct confined_answer *) = {
		take_survey, take_table, take_perf_map,   take_lists,
		take_parts,  take_scan,  take_references, take_python_sites};
	struct confined_answer answer;
	unsigned int kind;

	if (!originals[0].data)
		make_originals();
	if (!size)
		return 0;
	kind = data[0] % ANSWER_KINDS;
	answer = edit(&originals[kind], data + 1, size - 1);
	take[kind](&answer);
	free(answer.data);
	return 0;
}
