/* SPDX-License-Identifier: BSD-2-Clause */
#include "open_memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../lib/array.h"
#include "../lib/path.h"
#include "../lib/saturate.h"
#include "sockets.h"

enum {
	OPEN_MAX = 16384,
	TABLE_BYTES_MAX = 8 << 20, /* of each, some 50,000 sockets */
	CLAIMS_MAX = 4096,         /* of more those count that a process has itself */
	BLOCK_BYTES = 512,
};

struct held_file {
	struct file_numbers file;
	uint64_t bytes;
};

/* What a process has open, in the order of its descriptors. */
struct open_files {
	struct held_file *files; /* that may be of tmpfs and have no name */
	size_t file_count;
	struct file_numbers *sockets;
	size_t socket_count;
	size_t count; /* of all that is open */
	bool cut;
};

/* --- what is open --- */

/* Two of the kernel's own mounts differ from all that others see: what
 * memfd_create makes, and sockets. */
static uint64_t memfd_device(void)
{
	static uint64_t device;
	struct stat status;
	int fd = device ? -1 : memfd_create("unfreed", MFD_CLOEXEC);

	if (fd >= 0) {
		if (!fstat(fd, &status))
			device = status.st_dev;
		close(fd);
	}
	return device;
}

static void take_nameless(struct open_files *open, int directory, const char *number)
{
	struct held_file held = {0};
	struct statx status;

	if (statx(directory, number, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
		  &status) ||
	    !S_ISREG(status.stx_mode) || status.stx_nlink || !status.stx_blocks)
		return;
	held.file = (struct file_numbers){makedev(status.stx_dev_major, status.stx_dev_minor),
					  status.stx_ino};
	held.bytes = status.stx_blocks * BLOCK_BYTES;
	array_append(&open->files, &open->file_count, held);
}

static bool take_open(void *context, int directory, const char *number, const char *link)
{
	struct open_files *open = context;
	struct file_numbers socket = {0};

	if (open_link_socket(link, &socket.inode))
		array_append(&open->sockets, &open->socket_count, socket);
	else if (path_ends_in(link, " (deleted)"))
		take_nameless(open, directory, number);
	open->cut = ++open->count > OPEN_MAX;
	return !open->cut;
}

static int compare_numbers(const struct file_numbers *a, const struct file_numbers *b)
{
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return (a->inode > b->inode) - (a->inode < b->inode);
}

static int compare_files(const void *left, const void *right)
{
	const struct held_file *a = left, *b = right;

	return compare_numbers(&a->file, &b->file);
}

static int compare_sockets(const void *left, const void *right)
{
	return compare_numbers(left, right);
}

/* --- whose it is --- */

/* Whether it counts for this process: for the first one that was seen with it. */
static bool claim(struct open_claims *claims, struct file_numbers file, pid_t pid)
{
	for (size_t i = 0; i < claims->count; i++)
		if (!compare_numbers(&claims->items[i].file, &file))
			return claims->items[i].pid == pid;
	const struct open_claim fresh = {file, pid};

	return claims->count == CLAIMS_MAX || array_append(&claims->items, &claims->count, fresh);
}

void open_claims_drop(struct open_claims *claims, pid_t pid)
{
	for (size_t i = claims->count; i-- > 0;)
		if (claims->items[i].pid == pid)
			claims->items[i] = claims->items[--claims->count];
}

void open_claims_release(struct open_claims *claims)
{
	free(claims->items);
	*claims = (struct open_claims){0};
}

/* --- files --- */

/* Whether a device is a tmpfs where the process sees one: "22 1 0:20 /
 * /dev/shm rw - tmpfs tmpfs rw". */
static bool is_tmpfs(FILE *mountinfo, uint64_t device)
{
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	rewind(mountinfo);
	while (!found && getline(&line, &size, mountinfo) > 0) {
		const char *type = strstr(line, " - ");
		unsigned int numbers[2];

		found = type && sscanf(line, "%*d %*d %u:%u", &numbers[0], &numbers[1]) == 2 &&
			makedev(numbers[0], numbers[1]) == device &&
			!strncmp(type, " - tmpfs ", strlen(" - tmpfs "));
	}
	free(line);
	return found;
}

/* Of its mappings those that may be of such files, sorted; NULL: none, or no memory. */
static struct held_file *list_mapped(const struct procfs *procfs, pid_t pid, size_t *count)
{
	struct held_file *mapped = NULL;
	struct mappings mappings;

	*count = 0;
	if (mappings_read(procfs, pid, &mappings))
		return NULL;
	for (size_t i = 0; i < mappings.count; i++) {
		const struct mapping *mapping = &mappings.items[i];
		const struct held_file held = {mapping_file(mapping),
					       mapping->end - mapping->start};

		if (mapping->deleted)
			array_append(&mapped, count, held);
	}
	mappings_release(&mappings);
	if (*count)
		qsort(mapped, *count, sizeof(*mapped), compare_files);
	return mapped;
}

/* What is mapped of a file; *at moves on to it. */
static uint64_t mapped_bytes(const struct held_file *mapped, size_t count, size_t *at,
			     const struct held_file *held)
{
	uint64_t bytes = 0;

	while (*at < count && compare_files(&mapped[*at], held) < 0)
		++*at;
	for (size_t i = *at; i < count && !compare_files(&mapped[i], held); i++)
		bytes += mapped[i].bytes;
	return bytes;
}

/* Leaves those that are memory, each one once. */
static void keep_memory(const struct procfs *procfs, pid_t pid, struct open_files *open)
{
	FILE *mountinfo = procfs_open_of_process(procfs, pid, "mountinfo");
	size_t kept = 0;
	uint64_t last = 0;
	bool is_memory = false;

	qsort(open->files, open->file_count, sizeof(*open->files), compare_files);
	for (size_t i = 0; i < open->file_count; i++) {
		const struct held_file *held = &open->files[i];
		uint64_t device = held->file.device;

		if (!i || device != last)
			is_memory = device == memfd_device() ||
				    (mountinfo && is_tmpfs(mountinfo, device));
		last = device;
		if (is_memory && (!kept || compare_files(held, &open->files[kept - 1])))
			open->files[kept++] = *held;
	}
	open->file_count = kept;
	if (mountinfo)
		fclose(mountinfo);
}

static void add_files(const struct procfs *procfs, pid_t pid, struct open_files *open,
		      struct open_claims *claims, struct open_memory *memory)
{
	struct held_file *mapped;
	size_t mapped_count, at = 0;

	if (open->file_count)
		keep_memory(procfs, pid, open);
	if (!open->file_count)
		return;
	mapped = list_mapped(procfs, pid, &mapped_count);
	for (size_t i = 0; i < open->file_count; i++) {
		const struct held_file *held = &open->files[i];
		uint64_t there = mapped_bytes(mapped, mapped_count, &at, held);

		if (held->bytes <= there || !claim(claims, held->file, pid))
			continue;
		memory->files++;
		memory->file_bytes = saturating_add(memory->file_bytes, held->bytes - there);
	}
	free(mapped);
}

/* --- sockets --- */

static void take_line(const char *line, pid_t pid, const struct open_files *open,
		      struct open_claims *claims, struct open_memory *memory)
{
	struct file_numbers socket = {0};
	struct net_row row;

	if (!net_row_read(line, &row) || row.state == NET_LISTEN || !(row.unsent || row.unread))
		return;
	socket.inode = row.inode;
	if (!bsearch(&socket, open->sockets, open->socket_count, sizeof(socket), compare_sockets) ||
	    !claim(claims, socket, pid))
		return;
	memory->sockets++;
	memory->unread_bytes += row.unread;
	memory->unsent_bytes += row.unsent;
}

static void add_table(const struct procfs *procfs, pid_t pid, const char *name,
		      const struct open_files *open, struct open_claims *claims,
		      struct open_memory *memory)
{
	FILE *file = procfs_open_of_process(procfs, pid, name);
	char *line = NULL;
	size_t size = 0, read = 0;
	ssize_t length;

	if (!file)
		return;
	while ((length = getline(&line, &size, file)) > 0 && !memory->cut) {
		take_line(line, pid, open, claims, memory);
		read += (size_t)length;
		memory->cut = read > TABLE_BYTES_MAX;
	}
	free(line);
	fclose(file);
}

static void add_sockets(const struct procfs *procfs, pid_t pid, struct open_files *open,
			struct open_claims *claims, struct open_memory *memory)
{
	static const char *const tables[] = {"net/tcp", "net/tcp6", "net/udp", "net/udp6"};

	if (!open->socket_count)
		return;
	qsort(open->sockets, open->socket_count, sizeof(*open->sockets), compare_sockets);
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		add_table(procfs, pid, tables[i], open, claims, memory);
}

int open_memory_read(const struct procfs *procfs, pid_t pid, struct open_claims *claims,
		     struct open_memory *memory)
{
	struct open_files open = {0};
	int error = open_links_each(procfs, pid, take_open, &open);

	*memory = (struct open_memory){.cut = open.cut};
	if (!error) {
		add_files(procfs, pid, &open, claims, memory);
		add_sockets(procfs, pid, &open, claims, memory);
	}
	free(open.files);
	free(open.sockets);
	return error;
}
