/* SPDX-License-Identifier: BSD-2-Clause */
#include "truth.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FUNCTIONS_MAX 64
#define NOTES_MAX     32

struct count {
	const char *name;
	uint64_t alloc_bytes;
	uint64_t alloc_blocks;
	uint64_t free_bytes;
	uint64_t free_blocks;
};

static struct count total, functions[FUNCTIONS_MAX];
static size_t function_count;
static struct {
	const char *name;
	uint64_t value;
} notes[NOTES_MAX];
static size_t note_count;
static uint64_t older_bytes, older_blocks, older_freed_bytes, older_freed_blocks;
static int lock;
static int arg_count;
static char **args;
static char line[16384];
static size_t line_length;

static void truth_lock(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
}

static void truth_unlock(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

static void write_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1);
		text += n;
		length -= n;
	}
}

void truth_say(const char *text)
{
	char out[256];
	size_t length = strlen(text);

	if (length >= sizeof(out))
		length = sizeof(out) - 1;
	memcpy(out, text, length);
	out[length++] = '\n';
	write_all(STDOUT_FILENO, out, length);
}

void truth_die(const char *what)
{
	write_all(STDERR_FILENO, what, strlen(what));
	write_all(STDERR_FILENO, "\n", 1);
	_exit(1);
}

void truth_wait_line(void)
{
	char c;
	ssize_t n;

	do {
		n = read(STDIN_FILENO, &c, 1);
	} while ((n < 0 && errno == EINTR) || (n == 1 && c != '\n'));
}

static const char *truth_value(const char *option)
{
	for (int i = 1; i + 1 < arg_count; i++)
		if (!strcmp(args[i], option))
			return args[i + 1];
	return NULL;
}

bool truth_flag(const char *option)
{
	for (int i = 1; i < arg_count; i++)
		if (!strcmp(args[i], option))
			return true;
	return false;
}

const char *truth_string(const char *option, const char *otherwise)
{
	const char *value = truth_value(option);

	return value ? value : otherwise;
}

uint64_t truth_number(const char *option, uint64_t otherwise)
{
	const char *value = truth_value(option);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

static struct count *truth_function(const char *name)
{
	for (size_t i = 0; i < function_count; i++)
		if (!strcmp(functions[i].name, name))
			return &functions[i];
	if (function_count == FUNCTIONS_MAX)
		truth_die("truth: too many functions");
	functions[function_count].name = name;
	return &functions[function_count++];
}

void truth_alloc_many(const char *name, uint64_t bytes, uint64_t blocks)
{
	struct count *function;

	truth_lock();
	function = truth_function(name);
	function->alloc_bytes += bytes;
	function->alloc_blocks += blocks;
	total.alloc_bytes += bytes;
	total.alloc_blocks += blocks;
	truth_unlock();
}

void truth_free_many(const char *name, uint64_t bytes, uint64_t blocks)
{
	struct count *function;

	truth_lock();
	function = truth_function(name);
	function->free_bytes += bytes;
	function->free_blocks += blocks;
	total.free_bytes += bytes;
	total.free_blocks += blocks;
	truth_unlock();
}

void truth_alloc(const char *name, size_t bytes)
{
	truth_alloc_many(name, bytes, 1);
}

void truth_free(const char *name, size_t bytes)
{
	truth_free_many(name, bytes, 1);
}

void truth_older(size_t bytes)
{
	older_bytes += bytes;
	older_blocks++;
}

void truth_older_freed(size_t bytes)
{
	older_freed_bytes += bytes;
	older_freed_blocks++;
}

uint64_t truth_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void truth_note(const char *name, uint64_t value)
{
	if (note_count == NOTES_MAX)
		truth_die("truth: too many notes");
	notes[note_count].name = name;
	notes[note_count++].value = value;
}

__attribute__((format(printf, 1, 2))) static void line_add(const char *format, ...)
{
	size_t room = sizeof(line) - line_length;
	va_list values;
	int n;

	va_start(values, format);
	n = vsnprintf(line + line_length, room, format, values);
	va_end(values);
	if (n < 0 || (size_t)n >= room)
		truth_die("truth: line too long");
	line_length += n;
}

static void line_add_number(const char *name, uint64_t value)
{
	line_add("\"%s\":%llu,", name, (unsigned long long)value);
}

static void line_add_count(const struct count *count)
{
	line_add_number("live_bytes", count->alloc_bytes - count->free_bytes);
	line_add_number("live_blocks", count->alloc_blocks - count->free_blocks);
	line_add_number("alloc_bytes", count->alloc_bytes);
	line_add_number("alloc_blocks", count->alloc_blocks);
	line_add_number("free_bytes", count->free_bytes);
	line_add("\"free_blocks\":%llu", (unsigned long long)count->free_blocks);
}

static void truth_print(void)
{
	line_length = 0;
	line_add("{");
	line_add_number("pid", getpid());
	line_add_number("older_bytes", older_bytes - older_freed_bytes);
	line_add_number("older_blocks", older_blocks - older_freed_blocks);
	line_add_number("unknown_frees", older_freed_blocks);
	line_add_number("unknown_bytes", older_freed_bytes);
	for (size_t i = 0; i < note_count; i++)
		line_add_number(notes[i].name, notes[i].value);
	line_add_count(&total);
	line_add(",\"by_function\":{");
	for (size_t i = 0; i < function_count; i++) {
		line_add("%s\"%s\":{", i ? "," : "", functions[i].name);
		line_add_count(&functions[i]);
		line_add("}");
	}
	line_add("}}\n");
	write_all(STDOUT_FILENO, line, line_length);
}

void truth_init(int argc, char **argv)
{
	arg_count = argc;
	args = argv;
}

void truth_ready(void)
{
	truth_say("ready");
	if (!truth_flag("--exit"))
		truth_wait_line();
}

void truth_finish(void)
{
	truth_print();
	if (!truth_flag("--exit"))
		truth_wait_line();
}

int truth_main(int argc, char **argv, const struct truth_case *cases, size_t count)
{
	const char *name;
	size_t first = 0;

	truth_init(argc, argv);
	name = truth_string("--case", cases[0].name);
	while (first < count && strcmp(cases[first].name, name))
		first++;
	if (!strcmp(name, "all"))
		first = 0;
	else if (first == count)
		truth_die("no such case");
	else
		count = first + 1;
	for (size_t i = first; i < count; i++)
		if (cases[i].prepare)
			cases[i].prepare();
	truth_ready();
	for (size_t i = first; i < count; i++)
		cases[i].run();
	truth_finish();
	return 0;
}
