/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walker in the kernel, on this program's own stacks, against libgcc's unwinder:
 *   unwind_kernel OBJECT
 * Prints the verifier's count of instructions, the number of stacks compared and the time of a
 * probe hit. Exits with 1 where a stack differs, with 4 where the kernel refuses the program.
 */
#include <alloca.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "unwind_self.h"
#include "unwind_walk_test.h"

#define NOT_INLINE __attribute__((noinline, noclone))

void cxx_stacks(void (*leaf)(void));

static struct unwind_walk_result *result;
static unsigned int compared, differing, churns;
static bool churn_stop, churn_failed;

/* The probe sits at its start, so it sees the registers of a called function. */
NOT_INLINE static void probed(void)
{
	__asm__ volatile("nop" ::: "memory");
}

static void differ(const char *what, int frame, unsigned long ours, void *theirs)
{
	differing++;
	printf("stack %u: %s, frame %d: %#lx, not %p\n", compared, what, frame, ours, theirs);
}

/* Frame 0 of ours is the probe, frame 1 this function. */
NOT_INLINE static void compare(void)
{
	void *expected[UNWIND_TEST_FRAMES];
	int count;

	result->count = 0;
	probed();
	count = backtrace(expected, UNWIND_TEST_FRAMES - 1);
	compared++;
	if (count < UNWIND_TEST_FRAMES - 1 && result->stop != UNWIND_BOTTOM)
		differ("stopped early", (int)result->count, result->stop, NULL);
	if (result->flags & UNWIND_GUESSED)
		differ("guessed", 0, result->flags, NULL);
	if ((int)result->count != count + 1)
		differ("length", (int)result->count, (unsigned long)count + 1, NULL);
	for (int i = 1; i < count && i + 1 < (int)result->count; i++)
		if (result->frames[i + 1] != (unsigned long)expected[i])
			differ("frame", i, result->frames[i + 1], expected[i]);
}

NOT_INLINE static int recurse(int depth)
{
	void *bytes = alloca((size_t)depth * 16 + 16);

	__asm__ volatile("" ::"r"(bytes) : "memory");
	if (depth)
		return recurse(depth - 1) + 1;
	compare();
	return 0;
}

static int compare_values(const void *left, const void *right)
{
	compare();
	return *(const int *)left - *(const int *)right;
}

static void on_signal(int signal)
{
	(void)signal;
	compare();
}

static void *in_thread(void *unused)
{
	int values[] = {4, 3, 2, 1};

	qsort(values, 4, sizeof(values[0]), compare_values);
	recurse(30);
	return unused;
}

static void stacks_make(void)
{
	stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	pthread_t thread;

	compare();
	in_thread(NULL);
	recurse(60);
	recurse(200);
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	pthread_create(&thread, NULL, in_thread, NULL);
	pthread_join(thread, NULL);
	cxx_stacks(compare);
}

/* Replaces this process's list and turns over the whole arena, again and again. */
static void *tables_churn(void *tables)
{
	struct unwind_key key = {.device = 1};
	struct unwind_file file;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || unwind_file_build(fd, &file))
		return NULL;
	while (!__atomic_load_n(&churn_stop, __ATOMIC_RELAXED)) {
		key.inode++;
		unwind_tables_put(tables, unwind_tables_add(tables, &key, &file));
		churn_failed |= self_mappings_set(tables, 1) != 0;
		churns++;
	}
	unwind_file_release(&file);
	close(fd);
	return NULL;
}

static void stacks_while_tables_change(struct unwind_tables *tables)
{
	time_t end = time(NULL) + 3;
	pthread_t thread;

	pthread_create(&thread, NULL, tables_churn, tables);
	while (time(NULL) < end && !differing)
		recurse(20);
	__atomic_store_n(&churn_stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	differing += churn_failed;
	printf("%u changes of the tables, %u of %u files unused\n", churns,
	       unwind_tables_usage(tables).files_unused, unwind_tables_usage(tables).files);
}

NOT_INLINE static void repeat(int depth, int times)
{
	if (depth) {
		repeat(depth - 1, times);
		__asm__ volatile("" ::: "memory");
		return;
	}
	while (times--)
		probed();
}

static double seconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* A hit of the probe with a walk, the best of some rounds. */
static void times_print(void)
{
	for (int depth = 0; depth <= 100; depth += 20) {
		double best = 1;

		for (int round = 0; round < 20; round++) {
			double begin = seconds();

			repeat(depth, 1000);
			begin = (seconds() - begin) / 1000;
			best = begin < best ? begin : best;
		}
		printf("%u frames: %.0f ns\n", result->count, best * 1e9);
	}
}

static void *map_memory(struct bpf_object *object, const char *name, __u32 *count)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);
	size_t size = (bpf_map__value_size(map) + 7) / 8 * 8 * (size_t)bpf_map__max_entries(map);
	void *memory;

	*count = bpf_map__max_entries(map);
	memory = mmap(NULL, (size + 4095) & ~4095ul, PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(map), 0);
	if (memory == MAP_FAILED) {
		perror(name);
		exit(4);
	}
	return memory;
}

static struct unwind_tables *tables_open(struct bpf_object *object)
{
	struct unwind_memory memory = {.wait_for_readers = unwind_wait_for_programs};
	__u32 ignored;

	memory.chunks = map_memory(object, "unwind_words", &memory.chunk_count);
	memory.rules = map_memory(object, "unwind_rules", &memory.rule_count);
	memory.mappings = map_memory(object, "unwind_mappings", &memory.mapping_count);
	memory.spaces = map_memory(object, "unwind_spaces", &ignored);
	result = map_memory(object, "results", &ignored);
	result->pid = getpid();
	return unwind_tables_new(&memory);
}

static unsigned long file_offset_of(void (*function)(void))
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end, offset, found = 0;
	char line[4096];

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) == 3 &&
		    (unsigned long)function >= start && (unsigned long)function < end)
			found = (unsigned long)function - start + offset;
	if (maps)
		fclose(maps);
	return found;
}

static void verifier_count_print(const char *log)
{
	const char *line = strstr(log, "processed");

	if (line)
		printf("verifier: %.*s\n", (int)strcspn(line, "\n"), line);
}

int main(int argc, char **argv)
{
	static char log[1 << 16];
	struct bpf_object *object = argc == 2 ? bpf_object__open_file(argv[1], NULL) : NULL;
	struct bpf_program *program;
	struct unwind_tables *tables;
	void *frame;

	if (!object)
		return 2;
	program = bpf_object__find_program_by_name(object, "capture");
	bpf_program__set_log_level(program, 4);
	bpf_program__set_log_buf(program, log, sizeof(log));
	if (bpf_object__load(object)) {
		fputs(log, stdout);
		return 4;
	}
	verifier_count_print(log);
	backtrace(&frame, 1);
	tables = tables_open(object);
	if (!tables || self_mappings_set(tables, 1))
		return 4;
	if (!bpf_program__attach_uprobe(program, false, getpid(), "/proc/self/exe",
					file_offset_of(probed)))
		return 4;
	stacks_make();
	stacks_while_tables_change(tables);
	printf("%u stacks compared, %u differences\n", compared, differing);
	times_print();
	unwind_tables_free(tables);
	bpf_object__close(object);
	return differing != 0;
}
