/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbol_fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <sys/mman.h>

#include "symbolize/resolver.h"
#include "elf/vdso.h"

#define COMPILE_C   "gcc -O2 -g -o %s $S/chain.c "
#define COMPILE_CXX "g++ -O2 -g -o %s $S/chain.cpp "

typedef void check_fn(const struct truth *truth, const struct symbol_list *list);

static void resolve(struct resolver *resolver, const char *name, const uint64_t *offsets,
		    size_t count, struct symbol_list *lists)
{
	int fd = fixture_open(name);

	assert_int_equal(resolver_resolve(resolver, fd, fixture_path(name), offsets, count, lists),
			 0);
	close(fd);
}

/* Looks up in `stripped` what `program` says of itself. */
static void check_program(const char *debuginfo_path, const char *program, const char *stripped,
			  check_fn *check)
{
	struct resolver *resolver = resolver_new(debuginfo_path);
	struct symbol_list lists[TRUTHS_MAX];
	uint64_t offsets[TRUTHS_MAX];
	struct truths truths;

	truths_read(&truths, program);
	for (size_t i = 0; i < truths.count; i++)
		offsets[i] = truths.items[i].offset;
	resolve(resolver, stripped, offsets, truths.count, lists);
	for (size_t i = 0; i < truths.count; i++) {
		assert_true(lists[i].count > 0);
		check(&truths.items[i], &lists[i]);
	}
	symbol_lists_release(lists, truths.count);
	resolver_free(resolver);
}

static void check_compiled(const char *name, const char *format, const char *options)
{
	char command[512];

	snprintf(command, sizeof(command), format, name);
	assert_int_equal(fixture_try("%s %s", command, options), 0);
	check_program(NULL, name, name, assert_truth);
}

static void dwarf_gives_lines_and_inlined_calls(void **state)
{
	(void)state;
	check_compiled("dwarf5", COMPILE_C, "-gdwarf-5");
	check_compiled("dwarf4", COMPILE_C, "-gdwarf-4");
	check_compiled("no_pie", COMPILE_C, "-no-pie");
	check_compiled("lto", COMPILE_C, "-flto");
}

static void clang_needs_no_aranges(void **state)
{
	(void)state;
	if (fixture_try("command -v clang") != 0)
		skip();
	check_compiled("clang", "clang -O2 -g -o %s $S/chain.c", "");
	check_compiled("clang_split", "clang -O2 -g -gsplit-dwarf -o %s $S/chain.c", "");
}

static void split_dwarf_is_followed(void **state)
{
	(void)state;
	check_compiled("split5", COMPILE_C, "-gsplit-dwarf -gdwarf-5");
	check_compiled("split4", COMPILE_C, "-gsplit-dwarf -gdwarf-4");
}

/* Without its .dwo a skeleton still has lines, and the symbol table the function. */
static void split_dwarf_may_be_lost(void **state)
{
	struct resolver *resolver = resolver_new(NULL);
	struct symbol_list list;
	struct truths truths;

	(void)state;
	assert_int_equal(fixture_try("gcc -O2 -g -gsplit-dwarf -o lost_dwo "
				     "$S/chain.c && rm lost_dwo*.dwo"),
			 0);
	truths_read(&truths, "lost_dwo");
	resolve(resolver, "lost_dwo", &truths.items[0].offset, 1, &list);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.symbols[0].name, "outer");
	assert_non_null(strstr(list.symbols[0].file, "chain.c"));
	assert_int_equal(list.symbols[0].line, atoi(strchr(truths.items[0].text, ':') + 1));
	symbol_lists_release(&list, 1);
	resolver_free(resolver);
}

static void cxx_names_have_no_parameters(void **state)
{
	(void)state;
	check_compiled("cxx", COMPILE_CXX, "");
	assert_int_equal(fixture_try("strip -g -o cxx_names cxx"), 0);
	check_program(NULL, "cxx", "cxx_names", assert_truth_name);
}

static void debug_link_is_followed(void **state)
{
	(void)state;
	assert_int_equal(fixture_try(COMPILE_C
				     "-Wl,--build-id=none && mkdir -p .debug && "
				     "objcopy --only-keep-debug linked .debug/linked.debug && "
				     "strip -o linked_stripped linked && objcopy "
				     "--add-gnu-debuglink=.debug/linked.debug linked_stripped",
				     "linked"),
			 0);
	check_program(NULL, "linked", "linked_stripped", assert_truth);
}

static void build_id_is_followed(void **state)
{
	char directory[128];

	(void)state;
	assert_int_equal(
		fixture_try(
			COMPILE_C
			"-Wl,--build-id=0x1234567890abcdef && mkdir -p by-id/.build-id/12 && "
			"objcopy --only-keep-debug identified "
			"by-id/.build-id/12/34567890abcdef.debug && strip -o identified_stripped "
			"identified",
			"identified"),
		0);
	snprintf(directory, sizeof(directory), "%s", fixture_path("by-id"));
	check_program(directory, "identified", "identified_stripped", assert_truth);
}

/* As distributions make it: what .dynsym lacks, xz-compressed inside of the program. */
static void gnu_debugdata_is_read(void **state)
{
	(void)state;
	if (fixture_try("command -v xz") != 0)
		skip();
	assert_int_equal(
		fixture_try(COMPILE_C
			    "-Wl,--build-id=none && nm -f posix --defined-only mini_full | awk "
			    "'$2==\"t\" || $2==\"T\" {print $1}' > mini_keep && objcopy "
			    "--only-keep-debug mini_full mini_debug && objcopy -S "
			    "--remove-section .gdb_index --keep-symbols=mini_keep mini_debug "
			    "mini_data && rm -f mini_data.xz && xz mini_data && objcopy -S "
			    "--add-section .gnu_debugdata=mini_data.xz mini_full mini",
			    "mini_full"),
		0);
	check_program(NULL, "mini_full", "mini", assert_truth_name);
}

static void stripped_gives_addresses(void **state)
{
	struct resolver *resolver = resolver_new(NULL);
	struct symbol_list list;
	struct truths truths;

	(void)state;
	assert_int_equal(fixture_try(COMPILE_C "&& strip -o bare bare_full", "bare_full"), 0);
	truths_read(&truths, "bare_full");
	resolve(resolver, "bare", &truths.items[0].offset, 1, &list);
	assert_int_equal(list.count, 1);
	assert_null(list.symbols[0].name);
	assert_int_equal(list.vaddr, truths.items[0].offset);
	symbol_lists_release(&list, 1);
	resolver_free(resolver);
}

/* No names outside of the code: in front of a function's first byte ends the one before. */
static void offsets_outside_have_no_name(void **state)
{
	const uint64_t offsets[] = {0, 1, UINT64_MAX, (uint64_t)1 << 40};
	struct resolver *resolver = resolver_new(NULL);
	struct symbol_list lists[4];

	(void)state;
	assert_int_equal(fixture_try(COMPILE_C, "outside"), 0);
	resolve(resolver, "outside", offsets, 4, lists);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(lists[i].count, 1);
		assert_null(lists[i].symbols[0].name);
	}
	symbol_lists_release(lists, 4);
	resolver_free(resolver);
}

static uint64_t read_number(const char *format, ...)
{
	char command[1024], text[64] = "";
	va_list arguments;
	FILE *output;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	output = popen(command, "r");
	assert_non_null(output);
	assert_non_null(fgets(text, sizeof(text), output));
	pclose(output);
	return strtoull(text, NULL, 16);
}

static void rust_names_have_no_hash(void **state)
{
	struct resolver *resolver = resolver_new(NULL);
	struct symbol_list list;
	uint64_t offset;

	(void)state;
	if (fixture_try("command -v rustc && rustc -g -O -o rust $S/chain.rs") != 0)
		skip();
	offset = read_number("nm %s | grep 4shop4fill | cut -d' ' -f1", fixture_path("rust"));
	offset = fixture_offset_of(fixture_path("rust"), offset);
	offset += 1;
	resolve(resolver, "rust", &offset, 1, &list);
	assert_string_equal(list.symbols[list.count - 1].name, "chain::shop::fill");
	symbol_lists_release(&list, 1);
	resolver_free(resolver);
}

/* Where a function of a loaded library begins, as a file offset, by the dynamic linker's word. */
static uint64_t loaded_offset(void *function, char *path, size_t size)
{
	struct link_map *map;
	Dl_info info;

	assert_true(dladdr1(function, &info, (void **)&map, RTLD_DL_LINKMAP));
	snprintf(path, size, "%s", info.dli_fname);
	return fixture_offset_of(path, (uint64_t)function - map->l_addr);
}

/* Most have aliases with underscores: __libc_malloc, _IO_puts. */
static void libc_aliases_are_the_public_names(void **state)
{
	static const char *const names[] = {"malloc", "free", "calloc",   "realloc",
					    "mmap",   "puts", "memalign", "posix_memalign"};
	struct resolver *resolver = resolver_new("/nonexistent");
	void *libc = dlopen("libc.so.6", RTLD_LAZY);
	char path[512];

	(void)state;
	(void)libc;
	loaded_offset(dlsym(libc, "getpid"), path, sizeof(path));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		void *function = dlsym(libc, names[i]);
		uint64_t offset = loaded_offset(function, path, sizeof(path)) + 1;
		struct symbol_list list;
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (strstr(path, "libc.so") == NULL) {
			close(fd);
			continue;
		}
		assert_int_equal(resolver_resolve(resolver, fd, path, &offset, 1, &list), 0);
		assert_string_equal(list.symbols[list.count - 1].name, names[i]);
		symbol_lists_release(&list, 1);
		close(fd);
	}
	dlclose(libc);
	resolver_free(resolver);
}

static void plt_entries_have_names(void **state)
{
	struct resolver *resolver = resolver_new(NULL);
	struct symbol_list list;
	uint64_t offset;

	(void)state;
	assert_int_equal(fixture_try(COMPILE_C "-Wl,-z,lazy -fcf-protection=none", "plt"), 0);
	offset = read_number(
		"objdump -d -j .plt %s | sed -n 's/^0*\\([0-9a-f]*\\) <printf@plt>:/\\1/p'",
		fixture_path("plt"));
	offset = fixture_offset_of(fixture_path("plt"), offset) + 1;
	resolve(resolver, "plt", &offset, 1, &list);
	assert_string_equal(list.symbols[0].name, "printf@plt");
	symbol_lists_release(&list, 1);
	resolver_free(resolver);
}

/* A label without size reaches to the next symbol, never past its section. */
static void assembly_labels_end_with_their_section(void **state)
{
	struct resolver *resolver = resolver_new(NULL);
	struct symbol_list lists[3];
	uint64_t offsets[3], start;

	(void)state;
	assert_int_equal(
		fixture_try("printf '.globl _start\\n.text\\n_start: nop\\nnop\\nsecond: nop\\n"
			    "nop\\n.section .other,\"ax\"\\nnop\\nnop\\n' > a.s && as -o a.o a.s "
			    "&& ld -o labels a.o"),
		0);
	start = read_number("nm %s | grep ' _start$' | cut -d' ' -f1", fixture_path("labels"));
	start = fixture_offset_of(fixture_path("labels"), start);
	offsets[0] = start + 2;
	offsets[1] = start + 4;
	offsets[2] = start + 5;
	resolve(resolver, "labels", offsets, 3, lists);
	assert_string_equal(lists[0].symbols[0].name, "_start");
	assert_string_equal(lists[1].symbols[0].name, "second");
	assert_null(lists[2].symbols[0].name);
	symbol_lists_release(lists, 3);
	resolver_free(resolver);
}

static void vdso_has_names(void **state)
{
	struct resolver *resolver = resolver_new(NULL);
	struct symbol_list list;
	uint64_t offset;
	int fd = vdso_open();

	(void)state;
	if (fd == -ENOENT)
		skip();
	assert_true(fd >= 0);
	offset = read_number("nm -D /proc/%d/fd/%d | sed -n 's/^0*\\([0-9a-f]*\\) . "
			     "__vdso_clock_gettime.*/\\1/p'",
			     getpid(), fd) +
		 1;
	assert_int_equal(resolver_resolve(resolver, fd, "[vdso]", &offset, 1, &list), 0);
	assert_non_null(list.symbols[0].name);
	assert_non_null(strstr(list.symbols[0].name, "clock_gettime"));
	assert_int_equal(write(fd, "x", 1), -1);
	symbol_lists_release(&list, 1);
	close(fd);
	resolver_free(resolver);
}

/* More files than the cache holds, twice: what is closed and opened again answers the same. */
static void cache_changes_nothing(void **state)
{
	struct resolver *resolver = resolver_new(NULL);
	struct symbol_list list;
	struct truths truths;

	(void)state;
	assert_int_equal(fixture_try(COMPILE_C
				     "&& for i in 0 1 2 3 4 5 6 7 8 9; do cp cache cache$i; done",
				     "cache"),
			 0);
	truths_read(&truths, "cache");
	for (int i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "cache%d", i % 10);
		resolve(resolver, name, &truths.items[0].offset, 1, &list);
		assert_truth(&truths.items[0], &list);
		symbol_lists_release(&list, 1);
	}
	resolver_free(resolver);
}

static void others_are_refused(void **state)
{
	static const char archive[64] = "!<arch>\n";
	struct resolver *resolver = resolver_new(NULL);
	const uint64_t offset = 1;
	struct symbol_list list;
	int fd = memfd_create("other", 0);

	(void)state;
	assert_int_equal(resolver_resolve(resolver, fd, "", &offset, 1, &list), -ENOEXEC);
	assert_int_equal(write(fd, archive, sizeof(archive)), sizeof(archive));
	assert_int_equal(resolver_resolve(resolver, fd, "", &offset, 1, &list), -ENOEXEC);
	assert_int_equal(pwrite(fd, "\177ELF", 4, 0), 4);
	assert_int_equal(resolver_resolve(resolver, fd, "", &offset, 1, &list), -ENOEXEC);
	close(fd);
	resolver_free(resolver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dwarf_gives_lines_and_inlined_calls),
		cmocka_unit_test(clang_needs_no_aranges),
		cmocka_unit_test(split_dwarf_is_followed),
		cmocka_unit_test(split_dwarf_may_be_lost),
		cmocka_unit_test(cxx_names_have_no_parameters),
		cmocka_unit_test(debug_link_is_followed),
		cmocka_unit_test(build_id_is_followed),
		cmocka_unit_test(gnu_debugdata_is_read),
		cmocka_unit_test(stripped_gives_addresses),
		cmocka_unit_test(offsets_outside_have_no_name),
		cmocka_unit_test(rust_names_have_no_hash),
		cmocka_unit_test(libc_aliases_are_the_public_names),
		cmocka_unit_test(plt_entries_have_names),
		cmocka_unit_test(assembly_labels_end_with_their_section),
		cmocka_unit_test(vdso_has_names),
		cmocka_unit_test(cache_changes_nothing),
		cmocka_unit_test(others_are_refused),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
