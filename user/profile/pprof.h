/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saved profiles: a snapshot as pprof, written here and read back without loss, and what the writer
 * and the reader share; docs/formats.md describes it.
 */
#ifndef UNFREED_PPROF_H
#define UNFREED_PPROF_H

#include <stddef.h>
#include <stdio.h>

#include "snapshot.h"

/* Writes a snapshot, packed by gzip. Returns 0 or a negative errno. */
int profile_write(const struct snapshot *snapshot, FILE *file);

/* The same without what pprof has no field for, so that profile_read() refuses it: of what was not
 * recorded, but for stacks with what is live. */
int profile_write_plain(const struct snapshot *snapshot, FILE *file);

enum { PROFILE_PACKED_BYTES_MAX = 256 << 20 };

/*
 * Reads a saved profile. Files of others are refused.
 * On failure returns NULL and puts one sentence without a trailing period or newline into `error`
 * (of `error_size` bytes). The file is hostile: sizes are capped, nothing is trusted.
 */
struct snapshot *profile_read(const char *path, char *error, size_t error_size);

/*
 * Begins the comment that carries what pprof has no field for, as JSON. Viewers do not show
 * comments that begin with #. Earlier versions wrote it without, and kinds of frames as system
 * names.
 */
#define PROFILE_COMMENT       "#unfreed/1 "
#define PROFILE_COMMENT_SHOWN "unfreed/1 "

/* Begins the comment of the kinds of frames: of each function in turn its first letter. */
#define PROFILE_KINDS "#unfreed kinds "

/* The values of a sample. */
enum profile_value {
	VALUE_ALLOC_BLOCKS,
	VALUE_ALLOC_BYTES,
	VALUE_LIVE_BLOCKS,
	VALUE_LIVE_BYTES,
	VALUE_COUNT,
	/* where it was asked what is lost: */
	VALUE_LOST_BLOCKS = VALUE_COUNT,
	VALUE_LOST_BYTES,
	VALUE_COUNT_JUDGED,
};

/* Keys of the labels of a sample. */
#define LABEL_KEY_TARGET    "target"    /* number of the target in the comment, from 1 */
#define LABEL_KEY_PID       "pid"       /* for people: the target says it */
#define LABEL_KEY_COMM      "comm"      /* for people: the target says it */
#define LABEL_KEY_DOMAIN    "domain"    /* domain_name() */
#define LABEL_KEY_TRUNCATED "truncated" /* "yes", or absent */
#define LABEL_KEY_GUESSED   "guessed"   /* "yes", or absent */
#define LABEL_KEY_HELD_BY   "held by"   /* for people: what holds most of it, or absent */
#define LABEL_KEY_TYPE      "type"      /* for people: what most of it is, or absent */
#define LABEL_KEY_REUSED    "reused"    /* for people: blocks that may be another's, or absent */
#define LABEL_KEY_OLDEST    "oldest"    /* nanoseconds, or absent */
#define LABEL_KEY_CHANGE    "change"    /* bytes since the last report, or absent */
#define LABEL_KEY_CHANGED   "changed"   /* blocks likewise */

/*
 * The comment behind its beginning, as JSON. Writes to a new string, to be freed by the caller;
 * NULL on out of memory.
 */
char *profile_comment_write(const struct snapshot *snapshot);

/*
 * Fills a snapshot with what the JSON says: version, mode, totals, losses, targets and more.
 * Returns NULL, or the end of a sentence that says what is wrong with it.
 */
const char *profile_comment_read(struct snapshot *snapshot, const char *json);

/*
 * Of each stack what is lost and what holds the rest, likewise: an array of JSON. It stands in the
 * table of strings, where nothing refers to it, for viewers show comments whatever their length.
 */
#define PROFILE_REACHABILITY "unfreed/1 reachability "
char *profile_stacks_write(const struct snapshot *snapshot);
const char *profile_stacks_read(struct snapshot *snapshot, const char *json);

/* Reads what json_of_modules() made. False where it makes no sense. */
struct json_object;
bool modules_read(struct snapshot *snapshot, const struct json_object *array);

/* Of each stack what its blocks hold, in the same way; absent where that is known of none. */
#define PROFILE_OBJECTS "unfreed/1 objects "
char *profile_objects_write(const struct snapshot *snapshot);
const char *profile_objects_read(struct snapshot *snapshot, const char *json);

/* Of each stack what windows told of it, in the same way; with MODE_WINDOWS alone. */
#define PROFILE_GROWTH "unfreed/1 growth "
char *profile_growth_write(const struct snapshot *snapshot);
const char *profile_growth_read(struct snapshot *snapshot, const char *json);

/* What json_of_windows() made of a measurement, where there is some.
 * False where it makes no sense. */
bool windows_read(struct snapshot *snapshot, const struct json_object *measurement);

/*
 * Like profile_read, from memory. The sentence in `error` is the part behind the file's name.
 */
struct snapshot *profile_read_memory(const void *data, size_t size, char *error, size_t error_size);

#endif
