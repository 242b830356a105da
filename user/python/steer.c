/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread may load a slot at any moment, so that a store must never be seen half done. Where the
 * old and the new pointer differ in one byte, that byte alone is written. Where they do not, all
 * threads are held still for the store.
 *
 * The descriptor of /proc/PID/mem belongs to the memory that it was opened for: after an exec it
 * reads and writes nothing, so that a new program is never hit.
 */
#include "steer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "../arch/scan.h"
#include "freeze.h"
#include "slot_functions.h"

enum { PROOF_BYTES = 32 };

static int read_memory(const struct steering *steering, uint64_t address, void *buffer, size_t size)
{
	ssize_t got = pread(steering->memory_fd, buffer, size, (off_t)address);

	if (got < 0)
		return errno == EIO ? -ESRCH : -errno;
	return (size_t)got == size ? 0 : -ESRCH;
}

static int write_memory(const struct steering *steering, uint64_t address, const void *buffer,
			size_t size)
{
	ssize_t put = pwrite(steering->memory_fd, buffer, size, (off_t)address);

	if (put < 0)
		return errno == EIO ? -ESRCH : -errno;
	return (size_t)put == size ? 0 : -ESRCH;
}

/* The one byte in which two pointers differ, or -1. */
static int differing_byte(uint64_t a, uint64_t b)
{
	int found = -1;

	for (int i = 0; i < 8; i++) {
		if ((a >> 8 * i & 255) == (b >> 8 * i & 255))
			continue;
		if (found >= 0)
			return -1;
		found = i;
	}
	return found;
}

/* Replaces `from` by `to`. Returns -ESTALE where the slot does not hold `from`. */
static int replace(const struct steering *steering, uint64_t address, uint64_t from, uint64_t to,
		   bool frozen)
{
	int byte = differing_byte(from, to);
	uint64_t now;
	int error = read_memory(steering, address, &now, sizeof(now));

	if (error)
		return error;
	if (now != from)
		return -ESTALE;
	if (byte < 0 && !frozen)
		return -EAGAIN;
	if (byte < 0)
		return write_memory(steering, address, &to, sizeof(to));
	return write_memory(steering, address + (uint64_t)byte, (const char *)&to + byte, 1);
}

/* What the file has must stand in memory too, other people's breakpoints apart. */
static bool is_proven(const struct steering *steering, const struct python_binary *binary,
		      uint64_t start)
{
	uint8_t file[PROOF_BYTES], memory[PROOF_BYTES];

	if (binary_bytes_request(binary, start, file, sizeof(file)) != sizeof(file) ||
	    read_memory(steering, start, memory, sizeof(memory)))
		return false;
	for (size_t i = 0; i < sizeof(file); i++)
		if (file[i] != memory[i] && !scan_is_breakpoint(memory, i))
			return false;
	return true;
}

static int check_function(const struct steering *steering, const struct python_binary *binary,
			  const struct python_function *function)
{
	uint64_t start = function->alias < function->address ? function->alias : function->address;

	if (!function->alias || function_unalias(binary, function->alias) != function->address)
		return -ENOTSUP;
	return is_proven(steering, binary, start) ? 0 : -ESTALE;
}

/* Writes what must be written now. Returns how many cells need the threads stopped, or an errno. */
static int write_cells(struct steering *steering, bool frozen)
{
	int left = 0;

	for (int i = 0; i < STEERING_CELLS; i++) {
		struct steering_cell *cell = &steering->cells[i];
		uint64_t now;
		int error;

		if (cell->held)
			continue;
		error = read_memory(steering, cell->address, &now, sizeof(now));
		if (!error && now != cell->function && now != cell->alias && now != cell->before)
			error = -ESTALE;
		if (error)
			return error;
		if (!frozen && now != cell->function)
			cell->found_steered = true;
		if (now != cell->alias)
			error = replace(steering, cell->address, now, cell->alias, frozen);
		cell->held = !error;
		left += error == -EAGAIN;
		if (error && error != -EAGAIN)
			return error;
	}
	return left;
}

static int restore_cells(struct steering *steering, bool frozen)
{
	int left = 0;

	for (int i = 0; i < STEERING_CELLS; i++) {
		struct steering_cell *cell = &steering->cells[i];
		int error;

		if (!cell->held)
			continue;
		error = replace(steering, cell->address, cell->alias, cell->function, frozen);
		cell->held = error && error != -ESTALE;
		left += error == -EAGAIN;
		if (error && error != -EAGAIN && error != -ESTALE)
			return error;
	}
	return left;
}

static int write_all(struct steering *steering)
{
	struct frozen frozen;
	int left = write_cells(steering, false);

	if (left <= 0)
		return left;
	int error = freeze(steering->procfs, steering->pid, &frozen);
	if (error)
		return error;
	steering->stops++;
	left = write_cells(steering, true);
	thaw(&frozen);
	return left;
}

static int restore_all(struct steering *steering)
{
	struct frozen frozen;
	int left = restore_cells(steering, false);

	if (left <= 0)
		return left;
	int error = freeze(steering->procfs, steering->pid, &frozen);
	if (error)
		return error;
	steering->stops++;
	left = restore_cells(steering, true);
	thaw(&frozen);
	return left;
}

static void fill_cells(const struct python_slots *slots, struct steering *steering)
{
	for (int i = 0; i < STEERING_CELLS; i++) {
		const struct python_slot *slot = &slots->slots[i < CALLS ? PYTHON_MEM : PYTHON_OBJ];
		const struct python_function *function = &slots->functions[i % CALLS];

		steering->cells[i] = (struct steering_cell){
			.address = slot->address + 8 + 8 * (uint64_t)(i % CALLS),
			.function = function->address,
			.alias = function->alias,
			.before = slot->functions[i % CALLS],
		};
	}
}

/* All that the file says is asked for here, and not while threads are stopped. */
static int check_all(const struct steering *steering, const struct python_interpreter *interpreter,
		     const struct python_slots *slots)
{
	const struct python_binary *binary = &interpreter->binary;
	int error = 0;

	if (slots->backend != BACKEND_PYMALLOC || slots->hook != HOOK_NONE)
		return -ENOTSUP;
	for (int i = 0; i < CALLS && !error; i++)
		error = check_function(steering, binary, &slots->functions[i]);
	for (int i = 0; i < STEERING_CELLS && !error; i++) {
		const struct steering_cell *cell = &steering->cells[i];

		if (function_unalias(binary, cell->before) != cell->function)
			error = -ESTALE;
	}
	return error;
}

static const char *explain(int error, const struct python_slots *slots)
{
	switch (error) {
	case -ENOTSUP:
		return slots->backend != BACKEND_PYMALLOC || slots->hook != HOOK_NONE
			       ? "its allocator is not plain pymalloc"
			       : "a function of its allocator has no second address";
	case -ESTALE:
		return "its allocator is not what it was a moment ago";
	case -ETIMEDOUT:
		return "one of its threads could not be stopped";
	case -EPERM:
		return "it may not be traced, or is traced by another program";
	case -EBUSY:
		return "another tool steers it at this moment";
	case -ESRCH:
		return "it is gone";
	default:
		return strerror(-error);
	}
}

/* The lock ends with whoever holds it: slots that are steered without it were left so. */
static int open_memory(struct steering *steering)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%d/mem", steering->procfs->root, steering->pid);
	steering->memory_fd = open(path, O_RDWR | O_CLOEXEC);
	if (steering->memory_fd < 0)
		return -errno;
	if (!flock(steering->memory_fd, LOCK_EX | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

int steering_start(const struct procfs *procfs, const struct python_interpreter *interpreter,
		   const struct python_slots *slots, struct steering *steering,
		   struct failure *failure)
{
	pid_t pid = interpreter->memory.pid;
	int error;

	*steering = (struct steering){.procfs = procfs, .pid = pid};
	error = open_memory(steering);
	if (!error) {
		fill_cells(slots, steering);
		error = check_all(steering, interpreter, slots);
	}
	if (!error)
		error = write_all(steering);
	if (!error)
		return 0;
	failure_set(failure, STATUS_TARGET,
		    "%d: the allocator's slots cannot be steered: %s; try --python pools", pid,
		    explain(error, slots));
	if (steering->memory_fd >= 0)
		restore_all(steering);
	steering_abandon(steering);
	return error;
}

int steering_stop(struct steering *steering)
{
	int error = steering->memory_fd < 0 ? 0 : restore_all(steering);

	if (error && error != -ESRCH)
		return error;
	steering_abandon(steering);
	return 0;
}

void steering_abandon(struct steering *steering)
{
	if (steering->memory_fd >= 0)
		close(steering->memory_fd);
	steering->memory_fd = -1;
}

size_t steering_found(const struct steering *steering)
{
	size_t found = 0;

	for (int i = 0; i < STEERING_CELLS; i++)
		found += steering->cells[i].found_steered;
	return found;
}
