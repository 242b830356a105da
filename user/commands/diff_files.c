/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file says itself what it is: pprof is packed by gzip, JSON names its schema at its beginning.
 * Files are hostile: what reads each kind caps and checks it.
 */
#include "diff_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../analyze/answer_read.h"
#include "../lib/load.h"
#include "../lib/message.h"
#include "../look/read.h"
#include "../profile/pprof.h"
#include "../profile/snapshot_read.h"

enum { HEAD_BYTES = 4096 };

enum file_kind { FILE_UNKNOWN, FILE_PPROF, FILE_REPORT, FILE_LOOK, FILE_ANSWER };

struct file {
	const char *path;
	char *data;
	size_t size;
	enum file_kind kind;
	struct snapshot *snapshot;
	struct look *look;
	struct answer *answer;
};

/* What `diff` compares it as. */
static const char *class_of(enum file_kind kind)
{
	static const char *const classes[] = {
		[FILE_PPROF] = "a profile of record",
		[FILE_REPORT] = "a profile of record",
		[FILE_LOOK] = "a look of heap",
		[FILE_ANSWER] = "an answer of why",
	};

	return classes[kind];
}

/* The schema that a text of JSON names in its beginning; whether it is `name`. */
static bool names_schema(const char *head, const char *name)
{
	const char *at = strstr(head, "\"schema\"");
	size_t length = strlen(name);

	if (!at)
		return false;
	at += strlen("\"schema\"");
	at += strspn(at, " \t\r\n");
	if (*at++ != ':')
		return false;
	at += strspn(at, " \t\r\n");
	return *at == '"' && !strncmp(at + 1, name, length) && at[1 + length] == '"';
}

static enum file_kind kind_of(const char *data, size_t size)
{
	char head[HEAD_BYTES + 1] = "";

	if (size >= 2 && (unsigned char)data[0] == 0x1f && (unsigned char)data[1] == 0x8b)
		return FILE_PPROF;
	memcpy(head, data, size < HEAD_BYTES ? size : HEAD_BYTES);
	if (head[strspn(head, " \t\r\n")] != '{')
		return FILE_UNKNOWN;
	if (names_schema(head, "unfreed/1"))
		return FILE_REPORT;
	if (names_schema(head, "unfreed/heap/1"))
		return FILE_LOOK;
	return names_schema(head, "unfreed/why/1") ? FILE_ANSWER : FILE_UNKNOWN;
}

static bool load(struct file *file)
{
	int error = load_file(file->path, REPORT_BYTES_MAX, &file->data, &file->size);

	if (error == -EFBIG)
		message_error("%s is larger than anything that unfreed saves", file->path);
	else if (error)
		message_error("cannot read %s: %s", file->path, strerror(-error));
	if (error)
		return false;
	file->kind = kind_of(file->data, file->size);
	if (file->kind == FILE_UNKNOWN)
		message_error("%s is nothing that diff compares: it takes what record saved "
			      "(.pb.gz, .json), heap or why (.json)",
			      file->path);
	return file->kind != FILE_UNKNOWN;
}

static bool read_profile(struct file *file)
{
	char problem[200] = "";

	file->snapshot =
		file->kind == FILE_PPROF
			? profile_read_memory(file->data, file->size, problem, sizeof(problem))
			: snapshot_read_json(file->data, file->size, problem, sizeof(problem));
	if (!file->snapshot)
		message_error("%s %s", file->path, problem);
	return file->snapshot;
}

static bool read_json(struct file *file)
{
	char error[4096 + 256] = "";

	if (file->size > SAVED_JSON_BYTES_MAX) {
		message_error("%s is larger than %d MiB, more than unfreed saves", file->path,
			      SAVED_JSON_BYTES_MAX >> 20);
		return false;
	}
	if (file->kind == FILE_LOOK)
		file->look =
			look_read_text(file->path, file->data, file->size, error, sizeof(error));
	else
		file->answer =
			answer_read_text(file->path, file->data, file->size, error, sizeof(error));
	if (!file->look && !file->answer)
		message_error("%s", error);
	return file->look || file->answer;
}

/* The text is not needed afterwards. */
static bool read_file(struct file *file)
{
	bool is_read = file->kind <= FILE_REPORT ? read_profile(file) : read_json(file);

	free(file->data);
	file->data = NULL;
	return is_read;
}

static void release(struct file *file)
{
	free(file->data);
	snapshot_free(file->snapshot);
	look_free(file->look);
	answer_free(file->answer);
}

static struct difference *compare(struct file *before, struct file *after)
{
	if (strcmp(class_of(before->kind), class_of(after->kind)) != 0) {
		message_error("%s is %s, and %s is %s: diff compares two of a kind", before->path,
			      class_of(before->kind), after->path, class_of(after->kind));
		return NULL;
	}
	if (!read_file(before) || !read_file(after))
		return NULL;
	if (before->look)
		return difference_of_looks(before->look, after->look);
	if (before->answer)
		return difference_of_answers(before->answer, after->answer);
	return difference_of_profiles(before->snapshot, after->snapshot);
}

struct difference *diff_files(const char *before_path, const char *after_path)
{
	struct file before = {.path = before_path}, after = {.path = after_path};
	struct difference *difference = NULL;

	if (load(&before) && load(&after))
		difference = compare(&before, &after);
	release(&before);
	release(&after);
	return difference;
}
