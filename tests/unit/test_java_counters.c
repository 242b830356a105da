/* SPDX-License-Identifier: BSD-2-Clause */
/* A JVM's counters, as its file has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "memory/java_counters.h"

enum { FILE_BYTES = 4096, FILE_AT = 0x7f0000000000 >> 12 };

#define START ((uint64_t)FILE_AT << 12)

struct made_file {
	uint8_t bytes[FILE_BYTES];
	uint32_t used, entries;
};

static int read_made(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	const struct made_file *file = memory->context;

	if (address < START || address - START > FILE_BYTES ||
	    FILE_BYTES - (address - START) < size)
		return -EFAULT;
	memcpy(buffer, file->bytes + (address - START), size);
	return 0;
}

static void put(struct made_file *file, size_t at, const void *value, size_t size)
{
	memcpy(file->bytes + at, value, size);
}

static void put_u32(struct made_file *file, size_t at, uint32_t value)
{
	put(file, at, &value, sizeof(value));
}

static void begin(struct made_file *file)
{
	*file = (struct made_file){.used = 32};
	put(file, 0, "\xca\xfe\xc0\xc0\x01\x02\x00\x01", 8);
	put_u32(file, 24, 32);
}

/* Returns where its value is. */
static uint64_t add(struct made_file *file, const char *name, char type, uint64_t value)
{
	size_t at = file->used, data = (20 + strlen(name) + 8) & ~7u;

	put_u32(file, at, (uint32_t)data + 8);
	put_u32(file, at + 4, 20);
	file->bytes[at + 12] = (uint8_t)type;
	put_u32(file, at + 16, (uint32_t)data);
	put(file, at + 20, name, strlen(name));
	put(file, at + data, &value, 8);
	file->used += (uint32_t)data + 8;
	put_u32(file, 28, ++file->entries);
	return START + at + data;
}

static void make(struct made_file *file)
{
	begin(file);
	add(file, "sun.gc.generation.0.space.0.used", 'J', 77);
	add(file, "sun.gc.generation.1.space.0.used.not", 'J', 78);
	add(file, "sun.gc.generation.1.space.0.used", 'J', 5000000);
	add(file, "sun.gc.collector.0.name", 'B', 1);
	add(file, "sun.gc.collector.0.invocations", 'J', 14);
	add(file, "sun.gc.collector.1.invocations", 'J', 2);
}

static int find(struct made_file *file, const char *path, struct java_counters *counters)
{
	struct mapping mapping = {.start = START,
				  .end = START + FILE_BYTES,
				  .inode = 5,
				  .readable = true,
				  .path = (char *)path};
	const struct mappings mappings = {&mapping, 1};
	const struct memory memory = {.read = read_made, .context = file};

	return java_counters_find(&mappings, &memory, counters);
}

static void test_values(void **state)
{
	static struct made_file file;
	const struct memory memory = {.read = read_made, .context = &file};
	struct java_counters counters;
	struct java_heap heap;

	(void)state;
	make(&file);
	assert_int_equal(find(&file, "/tmp/hsperfdata_app/1", &counters), 0);
	assert_int_equal(java_heap_read(&counters, &memory, &heap), 0);
	assert_int_equal(heap.old_bytes, 5000000);
	assert_int_equal(heap.collections, 16);
}

static void test_other_files(void **state)
{
	static struct made_file file;
	struct java_counters counters;

	(void)state;
	make(&file);
	assert_int_equal(find(&file, "/tmp/hsperfdata_app/notes", &counters), -ENOENT);
	assert_int_equal(find(&file, "/tmp/hsperfdata_app/1.txt", &counters), -ENOENT);
	assert_int_equal(find(&file, "/tmp/1", &counters), -ENOENT);
	file.bytes[5] = 3; /* another version */
	assert_int_equal(find(&file, "/tmp/hsperfdata_app/1", &counters), -EPROTO);
	begin(&file);
	add(&file, "sun.gc.generation.0.space.0.used", 'J', 77);
	assert_int_equal(find(&file, "/tmp/hsperfdata_app/1", &counters), -ENOENT);
}

/* The target wrote it: any word of it may be anything, and nothing outside of it is read. */
static void test_damage(void **state)
{
	static const uint32_t values[] = {0, 1, 7, 19, 20, 28, 4095, 4096, 0x7fffffff, 0xffffffff};
	static struct made_file file;
	struct java_counters counters;

	(void)state;
	make(&file);
	for (size_t at = 0; at + 4 <= file.used; at += 4) {
		for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
			make(&file);
			put_u32(&file, at, values[i]);
			if (find(&file, "/tmp/hsperfdata_app/1", &counters))
				continue;
			assert_in_range(counters.old_used, START, START + FILE_BYTES - 8);
			assert_in_range(counters.collections, START, START + FILE_BYTES - 8);
			assert_true(!counters.full || counters.full <= START + FILE_BYTES - 8);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_other_files),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests_name("java counters", tests, NULL, NULL);
}
