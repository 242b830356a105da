/* SPDX-License-Identifier: BSD-2-Clause */
#include "why_label.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/path.h"
#include "../lib/quantity.h"
#include "../lib/saturate.h"
#include "look_label.h"
#include "runtime_tools.h"
#include "template_name.h"

#define MOST_CALLERS 2

const char *verdict_short_name(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_FILLING_CACHE:
		return "cache";
	case VERDICT_KEPT:
		return "kept";
	default:
		return verdict_name(verdict);
	}
}

bool why_grows(const struct answer *answer)
{
	return answer->growth_known && answer->growth.low > 0;
}

static void print_interval(FILE *file, const struct rate *rate)
{
	fputs(" (", file);
	quantity_print_rate(file, rate->low);
	fputs(" to ", file);
	quantity_print_rate(file, rate->high);
	putc(')', file);
}

static void print_flat(FILE *file, const struct rate *rate)
{
	fputs("does not grow (", file);
	quantity_print_rate(file, rate->value);
	fputs(" MB/h, ± ", file);
	quantity_print_rate(file, fmax(rate->high - rate->value, rate->value - rate->low));
	putc(')', file);
}

/* What is shared is no memory of its own, and what open files hold is resident nowhere, but who
 * saw it grow means that as well. */
static void print_apart(FILE *file, const struct answer *answer, double least)
{
	for (size_t i = 0; i < answer->finding_count; i++) {
		const struct finding *finding = &answer->findings[i];

		if (!finding->apart || finding->rate.value < least)
			continue;
		fprintf(file, "; %s grows ", finding_subject(finding));
		quantity_print_rate(file, finding->rate.value);
		fputs(" MB/h", file);
		return;
	}
}

/* Within what it is known already, where all of it is unknown. Five times as long as it was
 * watched, and ten minutes at least. */
static void print_too_early(FILE *file, const struct answer *answer)
{
	double least = answer_least_growth(answer);

	if (least > 0) {
		fputs("grows at least ", file);
		quantity_print_rate(file, least);
		fputs(" MB/h; of the rest it is ", file);
	}
	fputs("too early to tell", file);
	if (answer->growth_measured && !(least > 0)) {
		fputs(", ", file);
		quantity_print_rate(file, answer->growth.low);
		fputs(" to ", file);
		quantity_print_rate(file, answer->growth.high);
		fputs(" MB/h so far", file);
	}
	print_apart(file, answer, 0);
	if (answer->aside)
		fprintf(file, "; %s", answer->aside);
	if (answer->ended)
		return;
	fputs(": watch ", file);
	quantity_print_span(file, fmax(600, 5 * answer->watched_s));
}

/* Both are measured, each with its error: a sum that is larger within that explains all. */
static void print_explained(FILE *file, const struct answer *answer)
{
	const struct rate *rate = &answer->growth;

	if (answer->explained >= rate->value && answer->explained <= rate->high) {
		fputs(", all explained", file);
		return;
	}
	fputs(", explained ", file);
	quantity_print_rate(file, answer->explained);
}

void why_print_growth(FILE *file, const struct answer *answer)
{
	const struct rate *rate = &answer->growth;

	if (!answer->growth_known) {
		print_too_early(file, answer);
	} else if (why_grows(answer)) {
		fputs("grows ", file);
		quantity_print_rate(file, rate->value);
		fputs(" MB/h", file);
		print_interval(file, rate);
		print_explained(file, answer);
	} else if (rate->high < 0) {
		fputs("shrinks ", file);
		quantity_print_rate(file, -rate->value);
		fputs(" MB/h", file);
	} else {
		print_flat(file, rate);
	}
	if (answer->growth_known)
		print_apart(file, answer, why_grows(answer) ? rate->value : 0);
}

static bool has_workers(const struct answer *answer)
{
	return answer->process_count > 1 ||
	       (answer->process_count && answer->look && answer->look->pid != answer->pid);
}

void why_print_target(FILE *file, const struct answer *answer)
{
	escape_print(file, answer->comm ? answer->comm : "?");
	fprintf(file, " %d", (int)answer->pid);
	if (has_workers(answer))
		fprintf(file, " + %zu %s", answer->process_count,
			answer->process_count == 1 ? "worker" : "workers");
	fputs(answer->ended ? ", ended after " : ", up ", file);
	quantity_print_span(file, answer->uptime_s);
}

void why_print_size(FILE *file, const struct answer *answer)
{
	look_print_size(file, answer->resident_bytes, answer->limit_bytes);
	if (!answer->limit_bytes || answer->full_in_s < 0)
		return;
	fputs(", limit in ", file);
	quantity_print_span(file, answer->full_in_s);
}

/* The path's last components: its name, and so many directories before it. */
static const char *path_end(const char *path, size_t directories)
{
	const char *end = path + strlen(path);

	for (size_t slashes = 0; end > path; end--) {
		if (end[-1] == '/' && slashes++ == directories)
			break;
	}
	return end;
}

/* `[module+0xoffset]` is no name. */
static bool is_named(const struct answer_frame *frame)
{
	return frame->function && *frame->function != '[';
}

void why_print_frame(FILE *file, const struct answer_frame *frame, size_t directories)
{
	char *shorter = frame->function ? template_name_short(frame->function) : NULL;

	escape_print(file, shorter ?: frame->function ?: "?");
	free(shorter);
	if (!frame->file || !is_named(frame)) /* which has its file in it */
		return;
	fputs(" (", file);
	escape_print(file, path_end(frame->file, frame->line ? directories : 0));
	if (frame->line)
		fprintf(file, ":%" PRIu32, frame->line);
	putc(')', file);
}

/* A module's body far out in a stack is where a server was started, and so are main, and what an
 * interpreter's executable has in its place. They tell nothing alone. */
static bool starts_alone(const struct answer_fill *fill)
{
	const struct answer_frame *own = &fill->frames[fill->own];

	return fill->own && (!is_named(own) || !strcmp(own->function, "<module>") ||
			     !strcmp(own->function, "main"));
}

static bool has_named(const struct answer_fill *fill)
{
	for (size_t i = 0; i < fill->own; i++)
		if (is_named(&fill->frames[i]))
			return true;
	return false;
}

static bool has_named_own(const struct answer_fill *fill)
{
	for (size_t i = fill->own; i < fill->frame_count; i++)
		if (fill->frames[i].own && is_named(&fill->frames[i]))
			return true;
	return false;
}

static bool is_of_python(const struct answer_frame *frame)
{
	return frame->file && (*frame->file == '<' || path_ends_in(frame->file, ".py"));
}

/* Which function of a library, in C, a service's line in Python called. */
static bool is_called_from_python(const struct answer_fill *fill)
{
	return fill->own && !is_of_python(fill->frames) && is_named(fill->frames) &&
	       is_of_python(&fill->frames[fill->own]);
}

/* Which frames are shown: the service's own from the innermost on, where there are any that tell
 * something; else the innermost that have names. */
static size_t choose_frames(const struct answer_fill *fill, size_t frames[1 + MOST_CALLERS])
{
	bool own_alone = fill->own < fill->frame_count && !starts_alone(fill);
	bool named_alone = own_alone ? has_named_own(fill) : has_named(fill);
	size_t count = 0;

	if (own_alone && is_called_from_python(fill))
		frames[count++] = 0;
	for (size_t i = own_alone ? fill->own : 0; i < fill->frame_count; i++) {
		if (!own_alone && named_alone && i > fill->own)
			break;
		if ((own_alone && (count || named_alone) && !fill->frames[i].own) ||
		    (named_alone && !is_named(&fill->frames[i])))
			continue;
		frames[count++] = i;
		if (count == 1 + MOST_CALLERS)
			break;
	}
	if (!own_alone && fill->own < fill->frame_count && count && fill->own > frames[count - 1] &&
	    (is_named(&fill->frames[fill->own]) || !named_alone))
		frames[count - 1] = fill->own;
	return count;
}

void why_print_fill(FILE *file, const struct answer_fill *fill)
{
	size_t frames[1 + MOST_CALLERS], count = choose_frames(fill, frames);

	if (!count)
		fputs("an unknown line", file);
	for (size_t i = 0; i < count; i++) {
		fputs(i ? " < " : "", file);
		why_print_frame(file, &fill->frames[frames[i]],
				i && frames[i] != fill->own ? 0 : 1);
	}
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool looks_the_same(const struct answer_fill *a, const struct answer_fill *b)
{
	size_t of_a[1 + MOST_CALLERS], of_b[1 + MOST_CALLERS];
	size_t count = choose_frames(a, of_a);

	if (choose_frames(b, of_b) != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct answer_frame *left = &a->frames[of_a[i]], *right = &b->frames[of_b[i]];

		if (left->line != right->line || !is_same_text(left->function, right->function) ||
		    !is_same_text(left->file, right->file))
			return false;
	}
	return true;
}

size_t why_group_fills(const struct answer_fill *fills, size_t count, struct answer_fill *groups,
		       size_t max)
{
	size_t group_count = 0, place;

	for (size_t i = 0; i < count; i++) {
		for (place = 0; place < group_count; place++)
			if (looks_the_same(&groups[place], &fills[i]))
				break;
		if (place == group_count && group_count < max)
			groups[group_count++] = fills[i];
		else if (place < group_count &&
			 __builtin_add_overflow(groups[place].delta, fills[i].delta,
						&groups[place].delta))
			groups[place].delta = fills[i].delta < 0 ? INT64_MIN : INT64_MAX;
	}
	return group_count;
}

/* Sums of parts, as people speak of them. */
struct named_part {
	const char *name;
	uint64_t bytes;
};

static void print_in_unit(FILE *file, const char *name, uint64_t bytes, double unit)
{
	fprintf(file, "%s %.*f", name, unit == 1e9 ? 2 : 1, (double)bytes / unit);
}

static void print_sum(FILE *file, const struct look *look, double unit)
{
	const struct look_part *parts = look->parts;
	const struct named_part named[] = {
		{"Python",
		 parts[PART_PYTHON_LIVE].resident_bytes + parts[PART_PYTHON_FREE].resident_bytes},
		{"malloc",
		 parts[PART_MALLOC_LIVE].resident_bytes + parts[PART_MALLOC_CACHE].resident_bytes},
		{"kept free by malloc", parts[PART_MALLOC_FREE_RETURNABLE].resident_bytes +
						parts[PART_MALLOC_FREE_PINNED].resident_bytes},
		{"stacks", parts[PART_STACKS].resident_bytes},
		{"anonymous", parts[PART_ANONYMOUS].resident_bytes},
		{"files", parts[PART_FILES].resident_bytes},
		{"shared", parts[PART_SHARED].resident_bytes},
		{"other", parts[PART_OTHER].resident_bytes},
	};
	double least = unit == 1e9 ? 0.005 * unit : 0.05 * unit;
	uint64_t returnable = parts[PART_MALLOC_FREE_RETURNABLE].resident_bytes;
	bool any = false;

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if ((double)named[i].bytes < least)
			continue;
		fputs(any ? " + " : " = ", file);
		print_in_unit(file, named[i].name, named[i].bytes, unit);
		if (i == 2 && (double)returnable >= least) {
			print_in_unit(file, " (malloc_trim would return", returnable, unit);
			putc(')', file);
		}
		any = true;
	}
}

/* Less than that is beside the point. */
#define OPEN_LEAST_BYTES 1000000
#define OPEN_LEAST_SHARE 0.005

static bool is_told(const struct answer *answer, uint64_t bytes)
{
	return (double)bytes >=
	       fmax(OPEN_LEAST_BYTES, OPEN_LEAST_SHARE * (double)answer->resident_bytes);
}

static uint64_t waiting_bytes(const struct answer *answer)
{
	return saturating_add(answer->open.unread_bytes, answer->open.unsent_bytes);
}

bool why_has_open(const struct answer *answer)
{
	return is_told(answer, answer->open.file_bytes) || is_told(answer, waiting_bytes(answer));
}

void why_print_open(FILE *file, const struct answer *answer)
{
	const struct open_memory *open = &answer->open;
	bool has_files = is_told(answer, open->file_bytes);

	if (has_files) {
		quantity_print_amount(file, open->file_bytes);
		fprintf(file, " in %zu open file%s without a name, not mapped", open->files,
			open->files == 1 ? "" : "s");
	}
	if (is_told(answer, waiting_bytes(answer))) {
		fputs(has_files ? ", " : "", file);
		quantity_print_amount(file, waiting_bytes(answer));
		fprintf(file, " waiting in %zu socket%s", open->sockets,
			open->sockets == 1 ? "" : "s");
	}
}

void why_print_memory(FILE *file, const struct answer *answer)
{
	const struct look *look = answer->look;

	if (has_workers(answer))
		fprintf(file, "of %d: ", (int)look->pid);
	look_print_size(file, look->resident_bytes, 0);
	if (look->parts_known)
		print_sum(file, look, look->resident_bytes >= 1000000000 ? 1e9 : 1e6);
	if (look->swapped_bytes) {
		fputs("; ", file);
		quantity_print_amount(file, look->swapped_bytes);
		fputs(" in swap, not read", file);
	}
	if (!answer->growth_known || answer->resident_growth.low <= 0)
		return;
	fputs(has_workers(answer) ? "; resident of all together grows " : "; resident grows ",
	      file);
	quantity_print_rate(file, answer->resident_growth.value);
	fputs(" MB/h", file);
	print_interval(file, &answer->resident_growth);
}

void why_print_gc(FILE *file, const struct answer *answer)
{
	const struct look_gc *gc = &answer->look->gc;
	size_t oldest = gc->generation_count ? gc->generation_count - 1 : 0;

	fputs(gc->enabled ? "on" : "off: cycles are not freed", file);
	if (!gc->enabled || oldest >= LOOK_GENERATIONS)
		return;
	uint64_t times = gc->generations[oldest].collections;

	fprintf(file, "; generation %zu ", oldest);
	if (!times) {
		fputs("not yet", file);
		return;
	}
	fputs("every ", file);
	quantity_print_span(file, answer->look_uptime_s / (double)times);
	uint64_t freed = gc->generations[oldest].collected / times;

	fputs(", frees ", file);
	quantity_print_count(file, freed);
	fputs(freed == 1 ? " object each time" : " objects each time", file);
	if (gc->generations[oldest].uncollectable) {
		fputs(", could not free ", file);
		quantity_print_count(file, gc->generations[oldest].uncollectable);
	}
}

bool why_has_crew(const struct answer *answer)
{
	return answer->crew.ended > 0;
}

void why_print_crew(FILE *file, const struct answer *answer)
{
	const struct answer_crew *crew = &answer->crew;

	fprintf(file, "%zu came and went, most after ", crew->ended);
	quantity_print_span(file, crew->life_s);
	fputs(" or more, with what they had grown by; ", file);
	if (!crew->told)
		fputs("none was there for long enough to tell", file);
	else
		fprintf(file, "%zu of %zu %s looked at, for all", crew->told, crew->seen,
			crew->told == 1 ? "was" : "were");
}

void why_print_cost(FILE *file, const struct answer *answer)
{
	bool of_core = answer->core_percent >= 0.05;

	if (of_core && answer->cost_percent >= 99.5) {
		fprintf(file, "%.1f %% of a core, more than it used itself, for ",
			answer->core_percent);
	} else {
		fprintf(file, answer->cost_percent < 99.5 ? "%.2g" : "%.0f", answer->cost_percent);
		fputs(" % of its CPU", file);
		if (of_core)
			fprintf(file, ", %.1f %% of a core,", answer->core_percent);
		fputs(" for ", file);
	}
	quantity_print_span(file, answer->watched_s);
	fputs("; written to it: nothing", file);
}

const char *finding_subject(const struct finding *finding)
{
	if (finding->subject)
		return finding->subject;
	return finding->of ? finding->of : "";
}

/* For a shell, so that a name of the target's making is a word and no command. */
static void print_word(FILE *file, const char *word)
{
	bool plain = *word && *word != '-';

	for (const char *c = word; *c && plain; c++)
		plain = isalnum((unsigned char)*c) || strchr("_./:-", *c);
	if (plain) {
		fputs(word, file);
		return;
	}
	char *text = escape_string(word);

	putc('\'', file);
	for (const char *c = text; c && *c; c++)
		fputs(*c == '\'' ? "'\\''" : (const char[]){*c, '\0'}, file);
	putc('\'', file);
	free(text);
}

static const struct look_container *first_named(const struct answer *answer)
{
	for (size_t i = 0; i < answer->finding_count; i++) {
		const struct look_container *container = answer->findings[i].container;

		if (container && container->name)
			return container;
	}
	return NULL;
}

#define MUCH_UNEXPLAINED 0.5 /* of the growth */

static bool has_much_unexplained(const struct answer *answer)
{
	for (size_t i = 0; i < answer->finding_count; i++)
		if (answer->findings[i].verdict == VERDICT_UNEXPLAINED)
			return answer->growth_known &&
			       answer->findings[i].rate.value >
				       answer->growth.value * MUCH_UNEXPLAINED;
	return false;
}

static bool has_advice(const struct answer *answer, enum finding_advice advice)
{
	for (size_t i = 0; i < answer->finding_count; i++)
		if (answer->findings[i].advice == advice)
			return true;
	return false;
}

static bool asks_for_growth(const struct answer *answer)
{
	return has_advice(answer, ADVICE_GROWTH) || has_much_unexplained(answer);
}

/* What most of the memory that is mapped directly seems to be of. */
static const char *runtime_of(const struct answer *answer)
{
	return answer->look ? look_main_mapping(answer->look) : NULL;
}

bool why_has_command(const struct answer *answer, enum why_command command)
{
	if (answer->ended && command != WHY_MENDED)
		return false;
	switch (command) {
	case WHY_HOLDERS:
		return first_named(answer);
	case WHY_RECORD:
		return has_advice(answer, ADVICE_RECORD);
	case WHY_RUNTIME:
		return asks_for_growth(answer) && runtime_has_tool(runtime_of(answer));
	case WHY_GROWTH:
		return asks_for_growth(answer) && !runtime_has_tool(runtime_of(answer));
	case WHY_MENDED:
		return answer->saved_as && answer->finding_count;
	default:
		return answer->saved_as;
	}
}

void why_print_command(FILE *file, const struct answer *answer, enum why_command command)
{
	int pid = answer->look ? answer->look->pid : answer->pid;

	if (command == WHY_RUNTIME) {
		runtime_print_tool(file, runtime_of(answer), pid);
		return;
	}
	if (command == WHY_GROWTH || command == WHY_RECORD) {
		fprintf(file, "unfreed record -p %d -d 60%s", pid,
			command == WHY_GROWTH ? " --growth" : "");
		return;
	}
	if (command == WHY_MENDED) {
		fputs("unfreed diff ", file);
		print_word(file, answer->saved_as);
		fputs(" NEW.json", file);
		return;
	}
	fprintf(file, "unfreed heap -p %d ", pid);
	fputs(command == WHY_HOLDERS ? "--holders " : "--diff ", file);
	print_word(file, command == WHY_HOLDERS ? first_named(answer)->name : answer->saved_as);
}
