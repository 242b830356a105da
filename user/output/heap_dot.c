/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains that begin alike are drawn as one until they part: a tree from roots on the left to what
 * was asked for on the right. At the end of each chain is how many are held by it.
 */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/escape.h"
#include "../lib/process_end.h"
#include "heap.h"
#include "../lib/quantity.h"

extern char **environ;

enum { TOP_DEFAULT = 30, LABEL_CHARACTERS = 60 };

/* In a string of DOT quotes, backslashes and entities mean something; long names are cut. */
static void print_quoted(FILE *file, const char *text)
{
	char *escaped = escape_string(text ? text : "");
	size_t count = 0;

	for (const char *at = escaped ? escaped : ""; *at; at++) {
		if ((*at & 0xc0) != 0x80 && count++ == LABEL_CHARACTERS) {
			fputs("…", file);
			break;
		}
		if (*at == '"' || *at == '\\')
			putc('\\', file);
		putc(*at, file);
		if (*at == '&')
			fputs("amp;", file);
	}
	free(escaped);
}

static bool is_same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static bool is_same_step(const struct look_step *a, const struct look_step *b)
{
	return is_same_text(a->edge, b->edge) && is_same_text(a->type, b->type) &&
	       is_same_text(a->name, b->name);
}

/* How many steps two chains have in common from their root on. */
static size_t common_steps(const struct look_holder *a, const struct look_holder *b)
{
	size_t count = 0;

	while (count < a->chain_length && count < b->chain_length &&
	       is_same_step(&a->chain[count], &b->chain[count]))
		count++;
	return count;
}

static void print_step(FILE *file, const struct look_step *step, size_t row, size_t place)
{
	fprintf(file, "n%zu_%zu [label=\"", row, place);
	if (step->name && *step->name) {
		print_quoted(file, step->name);
		fputs("\\n", file);
	}
	print_quoted(file, step->type);
	fputs("\"];\n", file);
}

/* The row that draws a step of this one: the first that shares it. */
static size_t drawer_of(const struct look *look, size_t row, size_t place)
{
	for (size_t i = 0; i < row; i++)
		if (common_steps(&look->holders[i], &look->holders[row]) > place)
			return i;
	return row;
}

static void print_end(FILE *file, const struct look_holder *holder, size_t row)
{
	char count[QUANTITY_SIZE], bytes[QUANTITY_SIZE];

	fprintf(file, "e%zu [shape=plaintext, label=\"%s\\n%s", row,
		quantity_count(count, holder->count), quantity_bytes(bytes, holder->bytes));
	if (!holder->chain_length) {
		fputs("\\n", file);
		print_quoted(file, holder->name ? holder->name : "by no known way");
	}
	fputs("\"];\n", file);
}

static void print_row(FILE *file, const struct look *look, size_t row)
{
	const struct look_holder *holder = &look->holders[row];
	size_t above = row;

	for (size_t i = 0; i < holder->chain_length; i++) {
		size_t drawer = drawer_of(look, row, i);

		if (drawer == row) {
			print_step(file, &holder->chain[i], row, i);
			if (i) {
				fprintf(file, "n%zu_%zu -> n%zu_%zu [label=\"", above, i - 1, row,
					i);
				print_quoted(file, holder->chain[i].edge);
				fputs("\"];\n", file);
			}
		}
		above = drawer;
	}
	print_end(file, holder, row);
	if (holder->chain_length)
		fprintf(file, "n%zu_%zu -> e%zu [style=dotted, arrowhead=none];\n", above,
			holder->chain_length - 1, row);
}

int heap_dot(const struct look *look, const struct heap_output_options *options, FILE *file)
{
	size_t top = options->top ? options->top : TOP_DEFAULT;

	fputs("digraph holders {\nrankdir=LR;\nnode [shape=box, fontname=\"sans-serif\"];\n"
	      "edge [fontname=\"sans-serif\"];\nlabel=\"",
	      file);
	print_quoted(file, look->asked_for);
	fputs("\";\n", file);
	for (size_t i = 0; i < look->holder_count && i < top; i++)
		print_row(file, look, i);
	fputs("}\n", file);
	return ferror(file) ? -EIO : 0;
}

/* Runs `dot`, from one file to another. */
static int draw(int from, int to)
{
	char *const arguments[] = {"dot", "-Tsvg", NULL};
	posix_spawn_file_actions_t actions;
	pid_t child;

	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	int error = posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
	if (!error)
		error = posix_spawnp(&child, "dot", &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		return error == ENOENT || error == EACCES ? -ENOEXEC : -error;
	return process_wait(child) ? -ENOEXEC : 0;
}

static int copy(FILE *from, FILE *to)
{
	char buffer[4096];
	size_t size;

	rewind(from);
	while ((size = fread(buffer, 1, sizeof(buffer), from)))
		if (fwrite(buffer, 1, size, to) != size)
			return -EIO;
	return ferror(from) ? -EIO : 0;
}

int heap_svg(const struct look *look, const struct heap_output_options *options, FILE *file)
{
	FILE *graph = tmpfile(), *drawing = tmpfile();
	int error = graph && drawing ? heap_dot(look, options, graph) : -errno;

	if (!error && (fflush(graph) || fseek(graph, 0, SEEK_SET)))
		error = -errno;
	if (!error)
		error = draw(fileno(graph), fileno(drawing));
	if (!error)
		error = copy(drawing, file);
	if (graph)
		fclose(graph);
	if (drawing)
		fclose(drawing);
	return error;
}
