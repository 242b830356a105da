/* SPDX-License-Identifier: BSD-2-Clause */
#include "watched.h"

#include <errno.h>
#include <inttypes.h>

#include "../lib/escape.h"
#include "../lib/json.h"
#include "../lib/quantity.h"
#include "columns.h"
#include "why_json.h"
#include "why_label.h"

enum { LABEL_COLUMN = 2, TEXT_COLUMN = 14 };

static void print_fills(struct columns *columns, const char *label, const struct answer_fill *fills,
			size_t count)
{
	char text[QUANTITY_SIZE];

	for (size_t i = 0; i < count; i++) {
		columns_pad(columns, LABEL_COLUMN);
		fputs(i ? "" : label, columns->file);
		columns_hang(columns, TEXT_COLUMN + 2);
		columns_pad(columns, TEXT_COLUMN);
		fprintf(columns->file, "%s times: ", quantity_count(text, fills[i].count));
		why_print_fill(columns->file, &fills[i]);
		putc('\n', columns->file);
		columns_hang(columns, 0);
	}
}

static void print_numbers(FILE *file, const struct watched *watched)
{
	char text[QUANTITY_SIZE];

	if (watched->replaced)
		fprintf(file, "replaced %s times", quantity_count(text, watched->replaced));
	else
		fprintf(file, "%s %s", quantity_signed_count(text, watched->net), watched->changes);
	if (!watched->replaced && (watched->grew || watched->shrank)) {
		fprintf(file, ": up %s times", quantity_count(text, watched->grew));
		fprintf(file, ", down %s times", quantity_count(text, watched->shrank));
	}
	fprintf(file, watched->watched_s < 10 ? " in %.1f s" : " in %.0f s", watched->watched_s);
	if (watched->hits)
		fprintf(file, "; %.0f us of its time for each", watched->hit_us);
	if (watched->end)
		fprintf(file, "; %s", watched->end);
	putc('\n', file);
}

/* A forked process begins with what its parent had then, which nobody saw. */
static void print_unsure(FILE *file, const struct watched *watched)
{
	char text[QUANTITY_SIZE];

	if (watched->unsure)
		fprintf(file, "and %s first writes in forked processes, up or down\n",
			quantity_count(text, watched->unsure));
}

int watched_text(const struct watched *watched, FILE *file)
{
	struct columns columns;

	if (columns_init(&columns, file))
		return -ENOMEM;
	escape_print(columns.file, watched->comm);
	fprintf(columns.file, " %d", (int)watched->pid);
	if (watched->forks)
		fprintf(columns.file, " + %" PRIu64 " %s", watched->forks,
			watched->forks == 1 ? "worker" : "workers");
	fputs("  ", columns.file);
	if (watched->type) {
		escape_print(columns.file, watched->type);
		putc(' ', columns.file);
	}
	escape_print(columns.file, watched->name);
	putc('\n', columns.file);
	print_numbers(columns.file, watched);
	print_unsure(columns.file, watched);
	print_fills(&columns, "filled by", watched->fills, watched->fill_count);
	print_fills(&columns, "emptied by", watched->empties, watched->empty_count);
	columns_release(&columns);
	return ferror(file) ? -EIO : 0;
}

int watched_json(const struct watched *watched, FILE *file)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "schema", "unfreed/watch/1");
	json_add_string(object, "version", UNFREED_VERSION);
	json_add_count(object, "pid", (uint64_t)watched->pid);
	json_add_string(object, "name", watched->name);
	json_add_string(object, "type", watched->type);
	json_add_string(object, "changes", watched->changes);
	json_add_count(object, "address", watched->address);
	json_add_count(object, "value", watched->value);
	json_add_count(object, "hits", watched->hits);
	json_add_count(object, "grew", watched->grew);
	json_add_count(object, "shrank", watched->shrank);
	json_add_count(object, "replaced", watched->replaced);
	json_object_object_add(object, "follows_forks",
			       json_object_new_boolean(watched->follows_forks));
	json_add_count(object, "forks", watched->forks);
	json_add_count(object, "unsure", watched->unsure);
	json_object_object_add(object, "net", json_object_new_int64(watched->net));
	json_object_object_add(object, "watched_s", json_of_double(watched->watched_s, 3));
	json_object_object_add(object, "hit_us", json_of_double(watched->hit_us, 1));
	json_add_string(object, "end", watched->end);
	json_object_object_add(object, "filled_by",
			       json_of_fills(watched->fills, watched->fill_count));
	json_object_object_add(object, "emptied_by",
			       json_of_fills(watched->empties, watched->empty_count));
	const char *text = json_text(object);
	if (text)
		fprintf(file, "%s\n", text);
	json_object_put(object);
	return !text ? -ENOMEM : ferror(file) ? -EIO : 0;
}
