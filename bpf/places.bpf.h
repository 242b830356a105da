/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel has mapped where a stack runs through, asked while it does.
 *
 * The list is written by user space, which reads the mappings after the dynamic linker's
 * rendezvous. A plugin that is loaded, used and unloaded at once never gets into it, and while a
 * list is stale, libraries that it has are not to be trusted. So where the list has nothing the
 * walk asks the kernel: the area at the address has the file, and its place in that, and the file's
 * table is looked up in unwind_files.
 *
 * User space takes a stack in later, when something else may lie in its libraries' place. So a
 * stack that is told to it carries what was mapped at each of its frames; a file that user space
 * does not know is told with its path, once, by a record of its own ahead of the stack's.
 *
 * The area can only be asked for while nobody changes the address space: bpf_find_vma tries the
 * lock and does not wait. Threads that map memory take it for short, but so does every tracer on
 * the machine that puts a probe on a library, in each process that maps it. Where some tries are
 * not enough the caller alone is kept, by its address.
 */
#ifndef UNFREED_PLACES_BPF_H
#define UNFREED_PLACES_BPF_H

#include <bpf/bpf_core_read.h>

#include "calls.bpf.h"
#include "scratch.bpf.h"

#define AREA_EXECUTABLE 4 /* VM_EXEC of include/linux/mm.h */
#define AREA_BUSY       (-16)
#define PLACE_TRIES     64
#define PAGE_BITS       12
#define MINOR_BITS      20
#define PATH_NAMES_MAX  32

/* FMODE_BACKING: what a file of overlayfs stands for; maps shows the numbers of its user_path. */
#define FILE_IS_BACKING 0x2000000

struct place_search {
	struct scratch *scratch;
};

static __always_inline bool file_is_backing(__u64 file)
{
	struct backing_file *backing = NULL;

	return bpf_core_field_exists(backing->user_path) &&
	       BPF_CORE_READ((struct file *)file, f_mode) & FILE_IS_BACKING;
}

static __always_inline struct inode *file_inode_of(__u64 file)
{
	if (file_is_backing(file))
		return BPF_CORE_READ((struct backing_file *)file, user_path.dentry, d_inode);
	return BPF_CORE_READ((struct file *)file, f_inode);
}

static __always_inline void place_identify(struct scratch *scratch, __u64 file)
{
	struct inode *inode = file_inode_of(file);
	__u32 device = BPF_CORE_READ(inode, i_sb, s_dev);

	scratch->place.inode = BPF_CORE_READ(inode, i_ino);
	scratch->place.device =
		PLACE_DEVICE(device >> MINOR_BITS, device & ((1u << MINOR_BITS) - 1));
}

static long place_take(struct task_struct *task, struct vm_area_struct *area,
		       struct place_search *search)
{
	struct scratch *scratch = search->scratch;
	__u64 file;

	if (!(BPF_CORE_READ(area, vm_flags) & AREA_EXECUTABLE))
		return 0;
	scratch->place.start = BPF_CORE_READ(area, vm_start);
	scratch->place.end = BPF_CORE_READ(area, vm_end);
	scratch->place.file_offset = BPF_CORE_READ(area, vm_pgoff) << PAGE_BITS;
	scratch->place.inode = 0;
	scratch->place.device = 0;
	file = (__u64)BPF_CORE_READ(area, vm_file);
	scratch->place_file = file;
	if (file)
		place_identify(scratch, file);
	return 0;
}

/* Keeps scratch->place for the record. Non-zero: there is no room. */
static __always_inline int place_keep(struct scratch *scratch, bool known)
{
	__u32 number = scratch->place_count;

	if (number >= PLACES_MAX)
		return 1;
	scratch->places[number] = scratch->place;
	scratch->place_files[number] = known ? 0 : scratch->place_file;
	scratch->place_count = number + 1;
	return 0;
}

/* The walker's mapping out of scratch->place and its file's table; NULL: not known. */
static __always_inline void place_map(struct scratch *scratch,
				      const struct unwind_file_table *table)
{
	struct unwind_mapping *mapping = &scratch->unwind.mapping;
	const struct stack_place *place = &scratch->place;
	__u64 size = place->end - place->start;

	mapping->start = place->start;
	mapping->end = place->end;
	mapping->base = place->inode ? UNWIND_FILE_MARK(place->inode, place->device) : 0;
	mapping->pages = 0;
	mapping->page_count = 0;
	mapping->stays = 0;
	if (!place->inode)
		return;
	if (!table || !table->read) {
		mapping->pages = UNWIND_PAGES_UNREAD;
		return;
	}
	for (__u32 i = 0; i < UNWIND_FILE_SEGMENTS; i++) {
		const struct unwind_file_segment *segment = &table->segments[i];

		if (i >= table->segment_count || !table->page_count)
			break;
		if (segment->offset >= place->file_offset + size ||
		    segment->offset + segment->size <= place->file_offset)
			continue;
		mapping->base = place->start - place->file_offset + segment->base;
		mapping->pages = table->pages;
		mapping->page_count = table->page_count;
		break;
	}
}

/*
 * An address of which nobody can tell what lies there. Before anything was unloaded user space can:
 * such a stack has a name, and must not be taken for one of later.
 */
static __always_inline void place_note_unknown(struct scratch *scratch, __u64 address)
{
	if (!scratch->record.unloads && !scratch->stale)
		return;
	scratch->unplaced = 1;
	scratch->place.start = address;
	scratch->place.end = address + 1;
	scratch->place.inode = PLACE_UNKNOWN;
	place_keep(scratch, true);
}

/* Returns 1 once the area was looked up. */
static long place_try(__u32 index, struct place_search *search)
{
	struct scratch *scratch = search->scratch;

	scratch->place_error = bpf_find_vma(bpf_get_current_task_btf(), scratch->place_address,
					    place_take, search, 0);
	return scratch->place_error != AREA_BUSY;
}

/* Makes scratch->place that of an address. Non-zero: no code is there, or AREA_BUSY. */
static __noinline long place_ask(struct scratch *scratch, __u64 address)
{
	struct place_search search = {scratch};

	scratch->place.end = 0;
	scratch->place_address = address;
	bpf_loop(PLACE_TRIES, place_try, &search, 0);
	return scratch->place_error ? scratch->place_error : !scratch->place.end;
}

/* See UNWIND_MAP_BEYOND. */
static __noinline int place_find(struct unwind_state *state, __u64 address)
{
	struct scratch *scratch = (struct scratch *)state;
	struct unwind_file_table *table;
	long error;

	if (!scratch)
		return 1;
	scratch->unlisted = 1;
	error = place_ask(scratch, address);
	if (error) {
		if (error == AREA_BUSY)
			place_note_unknown(scratch, address);
		scratch->no_code = 1;
		return 1;
	}
	table = bpf_map_lookup_elem(&unwind_files, &scratch->place.inode);
	place_map(scratch, table);
	if (!place_keep(scratch, table || !scratch->place.inode))
		return 0;
	scratch->no_code = 1;
	return 1;
}

/* Goes up by one name, or by one mount. Returns 1 at the end. */
static long path_step(__u32 index, struct place_search *search)
{
	struct scratch *scratch = search->scratch;
	struct path_walk *path = &scratch->path;
	struct mount *mount = (void *)path->mount;
	struct dentry *dentry = (void *)path->dentry;
	__u32 used = scratch->file.path_bytes;
	long length;

	if (!dentry || (path->dentry == path->root_dentry && path->mount == path->root_mount))
		return 1;
	if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
		path->mount = (__u64)BPF_CORE_READ(mount, mnt_parent);
		path->dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
		return path->mount == (__u64)mount;
	}
	if (used >= FILE_PATH_NAMES)
		return 1;
	barrier_var(used); /* else clang takes the mask below for superfluous, and spills it */
	length = bpf_probe_read_kernel_str(scratch->file.path + (used & (FILE_PATH_NAMES - 1)),
					   FILE_NAME_BYTES, BPF_CORE_READ(dentry, d_name.name));
	if (length <= 0)
		return 1;
	scratch->file.path_bytes = used + length;
	path->dentry = (__u64)BPF_CORE_READ(dentry, d_parent);
	return 0;
}

static __always_inline __u64 mount_of(struct vfsmount *mount)
{
	return (__u64)mount - bpf_core_field_offset(struct mount, mnt);
}

static __always_inline void path_begin(struct path_walk *path, __u64 file)
{
	if (file_is_backing(file)) {
		struct backing_file *backing = (void *)file;

		path->dentry = (__u64)BPF_CORE_READ(backing, user_path.dentry);
		path->mount = mount_of(BPF_CORE_READ(backing, user_path.mnt));
	} else {
		struct file *plain = (void *)file;

		path->dentry = (__u64)BPF_CORE_READ(plain, f_path.dentry);
		path->mount = mount_of(BPF_CORE_READ(plain, f_path.mnt));
	}
}

/* The path of a file, from the process's root on, into scratch->file. */
static __always_inline void path_take(struct scratch *scratch, __u64 file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct place_search search = {scratch};

	scratch->path.root_dentry = (__u64)BPF_CORE_READ(task, fs, root.dentry);
	scratch->path.root_mount = mount_of(BPF_CORE_READ(task, fs, root.mnt));
	path_begin(&scratch->path, file);
	scratch->file.path_bytes = 0;
	bpf_loop(PATH_NAMES_MAX, path_step, &search, 0);
}

/* Tells user space of a file, whoever met it first. */
static __noinline int file_tell(struct scratch *scratch, struct call *call, __u32 number)
{
	static const struct unwind_file_table unread;
	const struct stack_place *place = &scratch->places[number & (PLACES_MAX - 1)];
	__u64 file = scratch->place_files[number & (PLACES_MAX - 1)];

	if (!file || bpf_map_update_elem(&unwind_files, &place->inode, &unread, BPF_NOEXIST))
		return 0;
	path_take(scratch, file);
	scratch->file.record.type = RECORD_FILE;
	scratch->file.record.pid = bpf_get_current_pid_tgid() >> 32;
	scratch->file.record.space = call->space;
	scratch->file.record.shared = 0;
	scratch->file.inode = place->inode;
	scratch->file.device = place->device;
	if (bpf_ringbuf_output(&records, &scratch->file, sizeof(scratch->file), 0))
		bpf_map_delete_elem(&unwind_files, &place->inode);
	return 0;
}

static __always_inline bool is_placed(const struct scratch *scratch, __u64 address)
{
	for (__u32 i = 0; i < PLACES_MAX; i++) {
		if (i >= scratch->place_count)
			break;
		if (address - scratch->places[i].start <
		    scratch->places[i].end - scratch->places[i].start)
			return true;
	}
	return false;
}

/* Adds the place of a frame to those of the walk. Returns 1 at the end. */
static long place_add_frame(__u32 index, struct place_search *search)
{
	struct scratch *scratch = search->scratch;
	__u32 word = 2 * scratch->record.python_count + index;
	__u64 address = scratch->record.words[word & (STACK_WORDS - 1)] - 1;

	if (index >= scratch->record.frame_count)
		return 1;
	if (is_placed(scratch, address) || place_ask(scratch, address) || !scratch->place.inode)
		return 0;
	return place_keep(scratch, bpf_map_lookup_elem(&unwind_files, &scratch->place.inode));
}

static __noinline int places_add(struct scratch *scratch)
{
	struct place_search search = {scratch};

	bpf_loop(FRAMES_MAX, place_add_frame, &search, 0);
	return 0;
}

/* Puts the places behind the frames of the record, and tells of the files that are new. */
static __noinline int places_tell(struct scratch *scratch, struct call *call)
{
	__u32 word = scratch->record.frame_count + 2 * scratch->record.python_count;

	scratch->record.place_count = scratch->place_count;
	for (__u32 i = 0; i < PLACES_MAX; i++) {
		const struct stack_place *place = &scratch->places[i];

		if (i >= scratch->place_count)
			break;
		file_tell(scratch, call, i);
		scratch->record.words[word++ & (STACK_WORDS - 1)] = place->start;
		scratch->record.words[word++ & (STACK_WORDS - 1)] = place->end;
		scratch->record.words[word++ & (STACK_WORDS - 1)] = place->file_offset;
		scratch->record.words[word++ & (STACK_WORDS - 1)] = place->inode;
		scratch->record.words[word++ & (STACK_WORDS - 1)] = place->device;
	}
	return 0;
}

#endif
