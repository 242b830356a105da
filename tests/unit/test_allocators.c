/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocators of live processes: a small program, built and linked in several ways, says "ready" and
 * waits; what is found in it is compared with what nm and readelf say of the same file.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "built_files.h"

static const char program_source[] = "#include <stdlib.h>\n#include <unistd.h>\n"
				     "void *volatile kept;\n"
				     "int main(void)\n{\n"
				     "	free(realloc(calloc(2, 2), 9));\n"
				     "	kept = malloc(3);\n"
				     "	kept = aligned_alloc(64, 64);\n"
				     "	if (posix_memalign((void **)&kept, 64, 64)) return 1;\n"
				     "	write(1, \"ready\\n\", 6);\n"
				     "	for (;;) pause();\n}\n";

/* What nm and readelf say of the file that was asked for last. */
static struct {
	char path[256];
	char *names;    /* nm's lines */
	char *segments; /* readelf's */
} told;

static int setup(void **state)
{
	(void)state;
	begin();
	write_source("program.c", program_source);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(told.names);
	free(told.segments);
	return end();
}

static void wait_until_ready(int fd)
{
	char line[6];
	size_t used = 0;

	while (used < sizeof(line)) {
		ssize_t got = read(fd, line + used, sizeof(line) - used);

		assert_true(got > 0);
		used += (size_t)got;
	}
	assert_memory_equal(line, "ready\n", 6);
}

static pid_t start(const char *name, const char *preload)
{
	char path[128];
	int pipes[2];

	assert_return_code(pipe2(pipes, O_CLOEXEC), errno);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	pid_t pid = fork();
	if (!pid) {
		if (preload)
			setenv("LD_PRELOAD", preload, 1);
		dup2(pipes[1], 1);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	wait_until_ready(pipes[0]);
	close(pipes[0]);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static char *output_of(const char *format, const char *path)
{
	char command[768], *text = NULL;
	size_t room = 0;

	snprintf(command, sizeof(command), format, path, path);
	FILE *output = popen(command, "r");
	assert_non_null(output);
	assert_true(getdelim(&text, &room, '\0', output) > 0);
	pclose(output);
	return text;
}

static void ask(const char *path)
{
	if (!strcmp(told.path, path))
		return;
	free(told.names);
	free(told.segments);
	snprintf(told.path, sizeof(told.path), "%s", path);
	told.names = output_of("(nm -D '%s'; nm '%s') 2>/dev/null", path);
	told.segments = output_of("readelf -lW '%s'", path);
}

/* The rest of a text behind its next line feed, NULL at its end. */
static const char *next_line(const char *text)
{
	const char *end = strchr(text, '\n');

	return end && end[1] ? end + 1 : NULL;
}

/* The file offset of a function as they have it. */
static uint64_t expected_offset(const char *path, const char *function)
{
	unsigned long address = 0, found = 0, offset, start, size;
	char name[256];

	ask(path);
	for (const char *line = told.names; line; line = next_line(line)) {
		if (sscanf(line, "%lx %*[TtWi] %255s", &address, name) != 2)
			continue;
		name[strcspn(name, "@")] = '\0';
		if (!strcmp(name, function))
			found = address;
	}
	assert_true(found);
	address = 0;
	for (const char *line = told.segments; line; line = next_line(line))
		if (sscanf(line, " LOAD %lx %lx %*x %lx", &offset, &start, &size) == 3 &&
		    found >= start && found - start < size)
			address = found - start + offset;
	return address;
}

static void check_sites(const struct allocator *allocator)
{
	uint8_t byte;

	for (size_t i = 0; i < allocator->entry_count; i++) {
		const struct site *site = &allocator->entry_sites[i];

		assert_int_equal(site->file_offset - site->skipped,
				 expected_offset(allocator->path, site->function->name));
		assert_true(*site->instruction);
	}
	for (size_t i = 0; i < allocator->return_count; i++) {
		const struct site *site = &allocator->return_sites[i];

		assert_int_equal(pread(allocator->fd, &byte, 1, (off_t)site->file_offset), 1);
		assert_int_equal(byte == 0xc3, site->kind == SITE_STEPPED);
		assert_true(site->function->flags & FUNCTION_THROWS);
	}
}

static const struct site *find_site(const struct allocator *allocator, const char *function)
{
	for (size_t i = 0; i < allocator->entry_count; i++)
		if (!strcmp(allocator->entry_sites[i].function->name, function))
			return &allocator->entry_sites[i];
	return NULL;
}

static const struct allocator *find_kind(const struct allocators *allocators, const char *kind)
{
	for (size_t i = 0; i < allocators->count; i++)
		if (!strcmp(allocators->items[i].kind, kind))
			return &allocators->items[i];
	fail_msg("no %s found", kind);
	return NULL;
}

static void need_cheap(const struct allocator *allocator, const char *function)
{
	const struct site *site = find_site(allocator, function);

	if (!site || site->kind != SITE_EMULATED)
		fail_msg("%s: %s", function, site ? site->instruction : "no site");
}

/* Finds what `pid` has and checks it against nm; the caller releases it. */
static const struct allocator *find_in(pid_t pid, const char *kind, struct allocators *allocators)
{
	struct mappings mappings;
	char *skipped;

	assert_int_equal(mappings_read(&procfs, pid, &mappings), 0);
	int error = allocators_find(&procfs, confined, pid, &mappings, allocators, &skipped);
	mappings_release(&mappings);
	assert_int_equal(error, 0);
	if (skipped)
		fail_msg("skipped %s", skipped);
	for (size_t i = 0; i < allocators->count; i++) {
		assert_null(strstr(allocators->items[i].path, "ld-linux"));
		check_sites(&allocators->items[i]);
	}
	return find_kind(allocators, kind);
}

static void check_c_family(const struct allocator *allocator)
{
	static const char *const names[] = {"malloc", "calloc",         "realloc",
					    "free",   "posix_memalign", "aligned_alloc"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		need_cheap(allocator, names[i]);
	assert_null(find_site(allocator, "cfree"));
}

static void test_glibc(void **state)
{
	struct allocators allocators;

	(void)state;
	need_privilege();
	build("cc", "", "program.c", "program");
	pid_t pid = start("program", NULL);
	const struct allocator *glibc = find_in(pid, "glibc", &allocators);
	check_c_family(glibc);
	assert_int_equal(allocators.count, 1);
	assert_true(allocators.linker_fd >= 0);
	assert_non_null(strstr(allocators.linker_path, "ld-linux"));
	assert_int_equal(allocators.linker_hook,
			 expected_offset(allocators.linker_path, "_dl_debug_state"));
	allocators_release(&allocators);
	stop(pid);
}

static void test_static_glibc(void **state)
{
	struct allocators allocators;

	(void)state;
	need_privilege();
	build("cc", "-static", "program.c", "static");
	pid_t pid = start("static", NULL);
	check_c_family(find_in(pid, "glibc", &allocators));
	/* a static glibc brings the dynamic linker's functions along, for dlopen */
	assert_true(allocators.linker_fd >= 0);
	assert_non_null(strstr(allocators.linker_path, "/static"));
	assert_int_equal(allocators.linker_hook,
			 expected_offset(allocators.linker_path, "_dl_debug_state"));
	allocators_release(&allocators);
	stop(pid);
}

static void test_musl(void **state)
{
	struct allocators allocators;

	(void)state;
	need_privilege();
	build("musl-gcc", "", "program.c", "musl");
	pid_t pid = start("musl", NULL);
	const struct allocator *musl = find_in(pid, "musl", &allocators);
	check_c_family(musl);
	assert_int_equal(allocators.count, 1);
	assert_string_equal(allocators.linker_path, musl->path);
	assert_int_equal(allocators.linker_hook, expected_offset(musl->path, "_dl_debug_state"));
	allocators_release(&allocators);
	stop(pid);
}

static void test_static_musl(void **state)
{
	struct allocators allocators;

	(void)state;
	need_privilege();
	build("musl-gcc", "-static", "program.c", "musl-static");
	pid_t pid = start("musl-static", NULL);
	check_c_family(find_in(pid, "musl", &allocators));
	assert_int_equal(allocators.linker_fd, -1);
	allocators_release(&allocators);
	stop(pid);
}

/* Starts the program with a library preloaded; glibc's own malloc is found beside it. */
static const struct allocator *preload(const char *name, const char *kind,
				       struct allocators *allocators, pid_t *pid)
{
	need_privilege();
	char *path = installed_library(name);
	if (!path)
		skip_because("not installed:", name);
	build("cc", "", "program.c", "program");
	*pid = start("program", path);
	free(path);
	const struct allocator *found = find_in(*pid, kind, allocators);
	check_c_family(find_kind(allocators, "glibc"));
	assert_int_equal(allocators->count, 2);
	need_cheap(found, "malloc");
	need_cheap(found, "free");
	assert_true(found->return_count > 0);
	return found;
}

static void test_jemalloc(void **state)
{
	struct allocators allocators;
	pid_t pid;

	(void)state;
	const struct allocator *found = preload("libjemalloc.so.2", "jemalloc", &allocators, &pid);
	need_cheap(found, "_Znwm");
	need_cheap(found, "mallocx");
	need_cheap(found, "sdallocx");
	need_cheap(found, "_ZdlPvm");
	assert_null(find_site(found, "_ZdlPv"));
	assert_null(find_site(found, "_Znam"));
	allocators_release(&allocators);
	stop(pid);
}

static void test_tcmalloc(void **state)
{
	struct allocators allocators;
	pid_t pid;

	(void)state;
	const struct allocator *found =
		preload("libtcmalloc_minimal.so.4", "tcmalloc", &allocators, &pid);
	need_cheap(found, "_Znwm");
	need_cheap(found, "_ZnwmSt11align_val_t");
	need_cheap(found, "_ZdlPvm");
	assert_null(find_site(found, "tc_malloc"));
	assert_null(find_site(found, "_ZdlPv"));
	allocators_release(&allocators);
	stop(pid);
}

static void test_mimalloc(void **state)
{
	struct allocators allocators;
	pid_t pid;

	(void)state;
	const struct allocator *found =
		preload("libmimalloc.so.[23]", "mimalloc", &allocators, &pid);
	/* in mimalloc 3 a jump to what no instruction near its entry is cheap of */
	if (find_site(found, "_Znwm"))
		need_cheap(found, "_Znwm");
	else
		assert_non_null(find_site(found, "mi_heap_alloc_new"));
	need_cheap(found, "mi_heap_realloc");
	assert_null(find_site(found, "realloc"));
	assert_null(find_site(found, "mi_malloc"));
	assert_null(find_site(found, "_ZdlPvm"));
	assert_int_not_equal(find_site(found, "malloc")->cookie,
			     alloc_function_find("malloc")->cookie);
	allocators_release(&allocators);
	stop(pid);
}

static void test_a_process_that_is_gone(void **state)
{
	struct allocators allocators;
	struct mappings mappings;
	char *skipped;

	(void)state;
	need_privilege();
	build("cc", "", "program.c", "program");
	pid_t pid = start("program", NULL);
	assert_int_equal(mappings_read(&procfs, pid, &mappings), 0);
	stop(pid);
	assert_int_equal(allocators_find(&procfs, confined, pid, &mappings, &allocators, &skipped),
			 -ESRCH);
	assert_int_equal(allocators.count, 0);
	assert_null(skipped);
	mappings_release(&mappings);
}

/* Files that are still being read are told, and found when they have been. */
static void test_files_that_come_late(void **state)
{
	struct loop *loop = loop_new();
	struct allocators allocators;
	struct mappings mappings;
	size_t ended, late = 1;
	char *skipped;

	(void)state;
	need_privilege();
	build("cc", "-static", "program.c", "late");
	pid_t pid = start("late", NULL);
	assert_int_equal(mappings_read(&procfs, pid, &mappings), 0);
	confined_use_loop(confined, loop);
	confined_wait_until(confined, 1);
	/* it is read once more where the first reader had read other files */
	for (ended = confined_ended(confined); late; ended++) {
		while (confined_ended(confined) < ended)
			assert_true(loop_wait(loop, -1) >= 0);
		assert_int_equal(
			allocators_find(&procfs, confined, pid, &mappings, &allocators, &skipped),
			0);
		late = allocators.late_count;
		assert_null(skipped);
		assert_int_equal(allocators.count, !late);
		assert_true(!late || allocators.late[0].inode == mappings.items[0].inode);
		allocators_release(&allocators);
	}
	assert_in_range(ended, 2, 3);
	confined_wait_until(confined, 0);
	confined_use_loop(confined, NULL);
	loop_free(loop);
	mappings_release(&mappings);
	stop(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glibc),
		cmocka_unit_test(test_static_glibc),
		cmocka_unit_test(test_musl),
		cmocka_unit_test(test_static_musl),
		cmocka_unit_test(test_jemalloc),
		cmocka_unit_test(test_tcmalloc),
		cmocka_unit_test(test_mimalloc),
		cmocka_unit_test(test_a_process_that_is_gone),
		cmocka_unit_test(test_files_that_come_late),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
