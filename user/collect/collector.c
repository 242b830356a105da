/* SPDX-License-Identifier: BSD-2-Clause */
#include "collector_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "told_file.h"

/* After the end of so many images files are swept out: often enough that few are kept in vain. */
#define SWEEP_ENDED 64

struct collector *collector_new(const struct procfs *procfs, struct confined *confined,
				const struct ledger_view *view,
				const struct unwind_memory *unwind_memory)
{
	struct collector *collector = calloc(1, sizeof(*collector));

	if (!collector)
		return NULL;
	collector->view = view;
	collector->images.procfs = procfs;
	collector->images.confined = confined;
	collector->images.unloads = unwind_memory->unloads;
	collector->names = names_new(confined);
	collector->unwinding = unwinding_new(confined, unwind_memory);
	if (collector->names && collector->unwinding &&
	    !stack_table_init(&collector->stacks, view->row_count))
		return collector;
	collector_free(collector);
	return NULL;
}

void collector_free(struct collector *collector)
{
	if (!collector)
		return;
	stack_table_release(&collector->stacks);
	unwinding_free(collector->unwinding);
	names_free(collector->names);
	modules_release(&collector->modules);
	images_release(&collector->images);
	free(collector);
}

void collector_show_interpreter(struct collector *collector)
{
	collector->native_interpreter = true;
}

struct image *collector_image(struct collector *collector, uint32_t pid)
{
	return images_find_pid(&collector->images, pid);
}

struct image *collector_space(struct collector *collector, uint32_t space)
{
	return images_find(&collector->images, space);
}

struct image *collector_add_image(struct collector *collector, uint32_t space, uint32_t pid)
{
	return images_add(&collector->images, space, pid);
}

int collector_domain(const struct collector *collector, uint32_t row)
{
	const struct known_stack *known =
		row < collector->stacks.row_count ? collector->stacks.by_row[row] : NULL;

	return known ? (int)known->domain : -1;
}

int collector_each_image(const struct collector *collector,
			 int (*act)(void *context, const struct image *image), void *context)
{
	int result = 0;

	for (size_t i = 0; i < collector->images.count && !result; i++)
		result = act(context, collector->images.items[i]);
	return result;
}

static void refresh(struct collector *collector, struct image *image)
{
	image_refresh(&collector->images, image);
	if (image->unwound) {
		unwinding_confirm(collector->unwinding, image);
		return;
	}
	int error = unwinding_update(collector->unwinding, &collector->modules,
				     collector->images.procfs, image);

	image->unwound = !error;
	image->late = error == -EINPROGRESS;
}

bool collector_refresh(struct collector *collector, uint32_t pid)
{
	struct image *image = images_find_pid(&collector->images, pid);

	if (image)
		refresh(collector, image);
	return !image || !image->late;
}

void collector_refresh_late(struct collector *collector)
{
	unwinding_learn_late(collector->unwinding, &collector->modules);
	for (size_t i = 0; i < collector->images.count; i++) {
		struct image *image = collector->images.items[i];

		if (image->late && !image->gone)
			refresh(collector, image);
	}
}

/* Lets go what nobody needs any more: mappings, files, their tables and names. */
static void sweep_files(struct collector *collector)
{
	struct modules *modules = &collector->modules;

	collector->ended = 0;
	images_forget_mappings(&collector->images);
	if (!collector->images.users || !modules_mark_leaving(modules, collector->images.users))
		return;
	names_evict(collector->names);
	for (size_t i = 0; i < modules->count; i++)
		if (modules->items[i]->leaving)
			unwinding_forget(collector->unwinding, modules->items[i]);
	modules_evict(modules);
}

static void image_gone(struct collector *collector, struct image *image)
{
	image_end(&collector->images, image);
	unwinding_drop(collector->unwinding, image);
	if (++collector->ended == SWEEP_ENDED)
		sweep_files(collector);
}

void collector_remove(struct collector *collector, uint32_t space)
{
	struct image *image = images_find(&collector->images, space);

	if (!image)
		return;
	if (!image->gone)
		image_gone(collector, image);
	image->removed = true;
}

void collector_forget_removed(struct collector *collector)
{
	for (size_t i = 0; i < collector->images.count; i++)
		if (collector->images.items[i]->removed)
			stack_table_forget(&collector->stacks, collector->images.items[i]);
	images_forget_removed(&collector->images);
	sweep_files(collector);
}

bool collector_maps(const struct collector *collector, dev_t device, uint64_t inode)
{
	const struct file_users *users = collector->images.users;

	return users && file_users_has(users, (struct file_numbers){device, inode});
}

static struct image *take_exec(struct collector *collector, const struct exec_record *record)
{
	struct image *old = images_find(&collector->images, record->old_space);

	if (old && !record->shared)
		image_gone(collector, old);
	if (!record->record.space)
		return NULL;
	return images_add_executed(&collector->images, record->record.space, record->record.pid,
				   record->comm);
}

static struct image *take_fork(struct collector *collector, const struct fork_record *record)
{
	const struct image *parent = images_find(&collector->images, record->record.space);

	if (!record->child_space || !parent)
		return NULL;
	return images_add_child(&collector->images, parent, record->child_space, record->child_pid);
}

static struct image *take_stack(struct collector *collector, struct image *image,
				const struct stack_record *record, size_t size)
{
	size_t words = (size - offsetof(struct stack_record, words)) / sizeof(record->words[0]);
	size_t places = (size_t)record->place_count * PLACE_WORDS;

	if (!image || places > words || record->frame_count > words - places ||
	    record->python_count > (words - places - record->frame_count) / 2)
		return NULL;
	if (record->flags & (STACK_NO_MAPPING | STACK_UNLISTED) &&
	    image_refresh_due(&collector->images, image))
		refresh(collector, image);
	stack_table_add(&collector->stacks, &collector->images, &collector->modules, image, record);
	return image;
}

/* The least that a record of its type has. */
static size_t record_bytes_min(const struct record *record)
{
	switch (record->type) {
	case RECORD_STACK:
		return offsetof(struct stack_record, words);
	case RECORD_FILE:
		return sizeof(struct file_record);
	case RECORD_FORK:
		return sizeof(struct fork_record);
	case RECORD_EXEC:
		return sizeof(struct exec_record);
	case RECORD_EXIT:
		return sizeof(struct exit_record);
	default:
		return sizeof(struct record);
	}
}

void collector_told_before(struct collector *collector, uint64_t moment_ns)
{
	collector->images.told_before_ns = moment_ns;
}

struct image *collector_take(struct collector *collector, const void *data, size_t size)
{
	const struct record *record = data;
	struct image *image;

	if (size < sizeof(*record) || size < record_bytes_min(record))
		return NULL;
	image = images_find(&collector->images, record->space);
	switch (record->type) {
	case RECORD_STACK:
		return take_stack(collector, image, data, size);
	case RECORD_FILE:
		return told_file_take(data, size, image, &collector->modules, collector->unwinding,
				      collector->images.procfs)
			       ? NULL
			       : image;
	case RECORD_FORK:
		return take_fork(collector, data);
	case RECORD_EXEC:
		return take_exec(collector, data);
	case RECORD_EXIT:
		if (image && !record->shared)
			image_gone(collector, image);
		return image;
	default:
		return image;
	}
}

bool collector_next_trouble(struct collector *collector, char *text, size_t size)
{
	for (size_t i = 0; i < collector->modules.count; i++) {
		struct module *module = collector->modules.items[i];

		if (!module->told && module_describe_trouble(module, text, size))
			return module->told = true;
	}
	for (size_t i = 0; i < collector->images.count; i++) {
		struct image *image = collector->images.items[i];

		if (!image->perf_map_error || image->perf_map_told)
			continue;
		snprintf(text, size, "the perf map of process %d is not used: %s", (int)image->pid,
			 confined_error_text(image->perf_map_error));
		return image->perf_map_told = true;
	}
	return false;
}

struct name_counts collector_name_counts(const struct collector *collector)
{
	return names_count(collector->names);
}
