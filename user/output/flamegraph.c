/* SPDX-License-Identifier: BSD-2-Clause */
#include "flamegraph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/zone.h"
#include "../lib/saturate.h"
#include "label.h"
#include "label_objects.h"

#define LABEL_ALL    "all"
#define LABEL_OTHERS "[other stacks]"

/* A third of a pixel where the picture is 1200 of them wide. */
#define NARROWEST 2.8e-4

/* Of more, a picture takes megabytes and nobody could read them. */
#define BOX_LIMIT 3000

struct node_key {
	const struct node *parent;
	size_t label;
};

struct node {
	UT_hash_handle hh;
	struct node_key key;
	uint64_t bytes;
	uint64_t blocks;
	struct node *children;
	struct node *next; /* sibling */
	size_t child_count;
};

struct label_entry {
	UT_hash_handle hh;
	size_t number;
};

struct builder {
	struct flame_graph *graph;
	const struct snapshot *snapshot;
	enum count_unit unit;
	struct zone *scratch;
	struct node *nodes;
	struct label_entry *by_text;
	struct label_entry *by_source; /* frames and targets by pointer */
	size_t label_room;
	size_t node_count;
	double narrowest; /* share of the whole */
};

struct colour_family {
	double hue, hue_range, saturation, lightness;
};

static uint32_t hash_text(const char *text)
{
	uint32_t hash = 2166136261u; /* FNV-1a, then mixed so that close names differ in colour */

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	hash ^= hash >> 15;
	hash *= 0x2c1b3c6du;
	return hash ^ hash >> 13;
}

/* One channel of HSL, after CSS Color 4: n is 0 for red, 8 for green, 4 for blue. */
static uint32_t channel(double hue, double saturation, double lightness, int n)
{
	double k = n + hue / 30;

	while (k >= 12)
		k -= 12;
	double slope = k - 3 < 9 - k ? k - 3 : 9 - k;

	slope = slope > 1 ? 1 : slope < -1 ? -1 : slope;
	double chroma = saturation * (lightness < 0.5 ? lightness : 1 - lightness);

	return (uint32_t)((lightness - chroma * slope) * 255 + 0.5);
}

static uint32_t text_colour(const char *text, const struct colour_family *family)
{
	uint32_t hash = hash_text(text);
	double hue = family->hue + family->hue_range * (hash & 0xff) / 255;
	double lightness = family->lightness + 0.14 * (hash >> 8 & 0xff) / 255;

	return channel(hue, family->saturation, lightness, 0) << 16 |
	       channel(hue, family->saturation, lightness, 8) << 8 |
	       channel(hue, family->saturation, lightness, 4);
}

/* The memory palette: all green, Python towards yellow, native code towards blue. */
static uint32_t frame_colour(const char *text, const struct frame *frame)
{
	static const struct colour_family families[] = {
		[FRAME_NATIVE] = {120, 32, 0.48, 0.58},
		[FRAME_INLINED] = {150, 20, 0.34, 0.66},
		[FRAME_PYTHON] = {76, 26, 0.58, 0.56},
	};
	static const struct colour_family neutral = {140, 0, 0.08, 0.72};

	return text_colour(text, frame ? &families[frame->kind] : &neutral);
}

/* Returns the number of the label of that text, which is added if need be. */
static size_t add_label(struct builder *builder, const char *text, const char *detail,
			const struct frame *frame)
{
	struct flame_graph *graph = builder->graph;
	struct label_entry *entry;
	size_t length = strlen(text);

	HASH_FIND(hh, builder->by_text, text, length, entry);
	if (entry)
		return entry->number;
	graph->labels = zone_grow(graph->zone, graph->labels, graph->label_count,
				  &builder->label_room, sizeof(*graph->labels));
	struct flame_label *label = &graph->labels[graph->label_count];

	label->text = zone_strdup(graph->zone, text);
	label->detail = zone_strdup(graph->zone, detail);
	label->colour = frame_colour(text, frame);
	entry = zone_alloc(builder->scratch, 1, sizeof(*entry));
	entry->number = graph->label_count++;
	HASH_ADD_KEYPTR(hh, builder->by_text, label->text, length, entry);
	return entry->number;
}

static int print_frame_label(struct builder *builder, const struct frame *frame, size_t *number)
{
	char *text = NULL, *detail = NULL;
	size_t text_size, detail_size;
	FILE *text_file = open_memstream(&text, &text_size);
	FILE *detail_file = open_memstream(&detail, &detail_size);
	int error = text_file && detail_file ? 0 : -ENOMEM;

	if (!error) {
		label_print_frame(text_file, frame);
		label_print_origin(detail_file, frame);
	}
	if ((text_file && fclose(text_file)) || (detail_file && fclose(detail_file)))
		error = -ENOMEM;
	if (!error)
		*number = add_label(builder, text, detail, frame);
	free(text);
	free(detail);
	return error;
}

static int print_target_label(struct builder *builder, size_t target, size_t *number)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return -ENOMEM;
	label_print_target(file, builder->snapshot, target);
	int error = fclose(file) ? -ENOMEM : 0;

	if (!error)
		*number = add_label(builder, text, "", NULL);
	free(text);
	return error;
}

static struct label_entry *find_source(struct builder *builder, const void *source)
{
	struct label_entry *entry;

	HASH_FIND_PTR(builder->by_source, &source, entry);
	return entry;
}

static void add_source(struct builder *builder, const void *source, size_t number)
{
	struct label_entry *entry = zone_alloc(builder->scratch, 1, sizeof(*entry));
	const void **key = zone_alloc(builder->scratch, 1, sizeof(*key));

	*key = source;
	entry->number = number;
	HASH_ADD_KEYPTR(hh, builder->by_source, key, sizeof(*key), entry);
}

static int frame_label_number(struct builder *builder, const struct frame *frame, size_t *number)
{
	const struct label_entry *known = find_source(builder, frame);

	if (known) {
		*number = known->number;
		return 0;
	}
	int error = print_frame_label(builder, frame, number);

	if (!error)
		add_source(builder, frame, *number);
	return error;
}

static int target_label_number(struct builder *builder, size_t target, size_t *number)
{
	const struct target *source = &builder->snapshot->targets[target];
	const struct label_entry *known = find_source(builder, source);

	if (known) {
		*number = known->number;
		return 0;
	}
	int error = print_target_label(builder, target, number);

	if (!error)
		add_source(builder, source, *number);
	return error;
}

static void add_live(struct node *node, const struct stack *stack)
{
	node->bytes = saturating_add(node->bytes, stack->live_bytes);
	node->blocks = saturating_add(node->blocks, stack->live_blocks);
}

/* The node of that label below `parent`, with the stack's bytes and blocks added. */
static struct node *descend(struct builder *builder, struct node *parent, size_t label,
			    const struct stack *stack)
{
	struct node_key key;
	struct node *node;

	memset(&key, 0, sizeof(key));
	key.parent = parent;
	key.label = label;
	HASH_FIND(hh, builder->nodes, &key, sizeof(key), node);
	if (!node) {
		node = zone_alloc(builder->scratch, 1, sizeof(*node));
		node->key = key;
		HASH_ADD(hh, builder->nodes, key, sizeof(key), node);
		node->next = parent->children;
		parent->children = node;
		parent->child_count++;
		builder->node_count++;
	}
	add_live(node, stack);
	return node;
}

/* The share of a stack that is lost, or that may be another's. */
static void add_apart(struct builder *builder, struct node *leaf, const struct stack *stack)
{
	const char *name;
	struct amount amount = stack_apart(stack, &name);
	const struct stack part = {.live_bytes = amount.bytes, .live_blocks = amount.blocks};

	if (!amount.blocks)
		return;
	size_t label = add_label(
		builder, name,
		stack->reachability
			? "blocks to which nothing refers"
			: "blocks that may be another stack's: off a free list of CPython",
		NULL);

	descend(builder, leaf, label, &part);
}

static int add_stack(struct builder *builder, struct node *root, const struct stack *stack)
{
	struct node *node = root;
	size_t label;
	int error = target_label_number(builder, stack->target, &label);

	if (error)
		return error;
	add_live(root, stack);
	node = descend(builder, node, label, stack);
	if (stack->truncated) {
		label = add_label(builder, LABEL_TRUNCATED,
				  "the walk did not reach the bottom of the stack", NULL);
		node = descend(builder, node, label, stack);
	}
	if (stack->guessed) {
		label = add_label(builder, LABEL_GUESSED,
				  "a frame pointer was trusted in code without unwind information",
				  NULL);
		node = descend(builder, node, label, stack);
	}
	for (size_t i = 0; i < stack->frame_count; i++) {
		error = frame_label_number(builder, stack->frames[i], &label);
		if (error)
			return error;
		node = descend(builder, node, label, stack);
	}
	add_apart(builder, node, stack);
	return 0;
}

static void add_other_stack(struct builder *builder, struct node *root, const struct stack *stack)
{
	size_t label = add_label(builder, LABEL_OTHERS, "smaller than those drawn", NULL);

	add_live(root, stack);
	descend(builder, root, label, stack);
}

static uint64_t node_value(const struct builder *builder, const struct node *node)
{
	return builder->unit == COUNT_BLOCKS ? node->blocks : node->bytes;
}

static int compare_nodes(const void *left, const void *right, void *context)
{
	const struct node *a = *(struct node *const *)left, *b = *(struct node *const *)right;
	const struct builder *builder = context;
	uint64_t value_a = node_value(builder, a), value_b = node_value(builder, b);

	if (value_a != value_b)
		return value_a < value_b ? 1 : -1;
	return strcmp(builder->graph->labels[a->key.label].text,
		      builder->graph->labels[b->key.label].text);
}

static struct node **sorted_children(struct builder *builder, const struct node *node)
{
	struct node **children =
		zone_alloc(builder->scratch, node->child_count, sizeof(struct node *));
	size_t count = 0;

	for (struct node *child = node->children; child; child = child->next)
		children[count++] = child;
	qsort_r(children, count, sizeof(struct node *), compare_nodes, builder);
	return children;
}

static size_t count_wider(const struct builder *builder, double value)
{
	size_t count = 0;

	for (const struct node *node = builder->nodes; node; node = node->hh.next)
		count += (double)node_value(builder, node) >= value;
	return count;
}

/* No node is wider than its parent, so that leaving out the narrow ones tears nothing apart. */
static double find_narrowest(const struct builder *builder, double total)
{
	double narrowest = NARROWEST;

	while (narrowest < 1 && count_wider(builder, narrowest * total) > BOX_LIMIT)
		narrowest *= 2;
	return narrowest;
}

static void leave_out(struct builder *builder, const struct node *node)
{
	builder->graph->left_out++;
	for (const struct node *child = node->children; child; child = child->next)
		leave_out(builder, child);
}

/* Appends the box of the node and, deeper, those of its children. */
static void lay_out(struct builder *builder, const struct node *node, size_t depth, double start,
		    double total)
{
	struct flame_graph *graph = builder->graph;
	struct flame_box *box = &graph->boxes[graph->box_count];

	box->label = node->key.label;
	box->depth = depth;
	box->start = start;
	box->width = (double)node_value(builder, node) / total;
	box->bytes = node->bytes;
	box->blocks = node->blocks;
	graph->box_count++;
	if (depth + 1 > graph->depth)
		graph->depth = depth + 1;

	struct node **children = sorted_children(builder, node);

	for (size_t i = 0; i < node->child_count; i++) {
		double width = (double)node_value(builder, children[i]) / total;

		if (width < builder->narrowest) {
			leave_out(builder, children[i]);
			graph->left_out_bytes =
				saturating_add(graph->left_out_bytes, children[i]->bytes);
			continue;
		}
		lay_out(builder, children[i], depth + 1, start, total);
		start += width;
	}
}

/* Numbers the labels of the boxes by their first use and drops all others. */
static void drop_unused_labels(struct builder *builder)
{
	struct flame_graph *graph = builder->graph;
	struct flame_label *used =
		zone_alloc(graph->zone, graph->label_count, sizeof(*graph->labels));
	size_t *number = zone_alloc(builder->scratch, graph->label_count, sizeof(*number));
	size_t count = 0;

	for (size_t i = 0; i < graph->box_count; i++) {
		size_t *label = &graph->boxes[i].label;

		if (!number[*label]) {
			used[count] = graph->labels[*label];
			number[*label] = ++count;
		}
		*label = number[*label] - 1;
	}
	graph->labels = used;
	graph->label_count = count;
}

static int merge_stacks(struct builder *builder, struct node *root, size_t top)
{
	size_t count;
	const struct stack **stacks = stacks_live(builder->snapshot, builder->unit, &count);
	int error = stacks ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !error; i++) {
		if (top && i >= top)
			add_other_stack(builder, root, stacks[i]);
		else
			error = add_stack(builder, root, stacks[i]);
	}
	free(stacks);
	return error;
}

int flame_graph_init(struct flame_graph *graph, const struct snapshot *snapshot,
		     const struct output_options *options)
{
	struct builder builder = {.graph = graph, .snapshot = snapshot, .unit = options->count};
	struct node root = {0};

	memset(graph, 0, sizeof(*graph));
	graph->zone = zone_new();
	builder.scratch = zone_new();
	root.key.label = add_label(&builder, LABEL_ALL, "", NULL);
	int error = merge_stacks(&builder, &root, options->top);

	if (!error) {
		uint64_t value = node_value(&builder, &root);
		double total = value ? (double)value : 1;

		builder.narrowest = find_narrowest(&builder, total);
		graph->boxes =
			zone_alloc(graph->zone, builder.node_count + 1, sizeof(*graph->boxes));
		lay_out(&builder, &root, 0, 0, total);
		drop_unused_labels(&builder);
		graph->boxes[0].width = 1;
	}
	HASH_CLEAR(hh, builder.nodes);
	HASH_CLEAR(hh, builder.by_text);
	HASH_CLEAR(hh, builder.by_source);
	zone_free(builder.scratch);
	return error;
}

void flame_graph_release(struct flame_graph *graph)
{
	zone_free(graph->zone);
	memset(graph, 0, sizeof(*graph));
}
