/* SPDX-License-Identifier: BSD-2-Clause */
/* What pictures and pages draw: it fits, and stays small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "output/flamegraph.h"
#include "output/stack_tree.h"
#include "snapshots.h"

static void test_layout_fits_into_parents(void **state)
{
	static const struct output_options options;
	struct snapshot *snapshot = wide_snapshot();
	struct flame_graph graph;
	double ends[64] = {1};

	(void)state;
	assert_int_equal(flame_graph_init(&graph, snapshot, &options), 0);
	assert_true(graph.boxes[0].bytes == snapshot->totals.live_bytes);
	for (size_t i = 1; i < graph.box_count; i++) {
		const struct flame_box *box = &graph.boxes[i];

		assert_true(box->depth <= graph.boxes[i - 1].depth + 1);
		assert_true(box->start + box->width <= ends[box->depth - 1] + 1e-9);
		ends[box->depth] = box->start + box->width;
	}
	flame_graph_release(&graph);
	snapshot_free(snapshot);
}

static void test_a_box_says_how_many_blocks_it_has(void **state)
{
	static const struct frame frames[] = {{.name = "one"}, {.name = "many"}};
	struct snapshot *snapshot = snapshot_new();
	size_t size;

	(void)state;
	add_target(snapshot, 1, "x", "/x", "");
	add_stack(snapshot, 0, &frames[0], 1, 16000, 1);
	add_stack(snapshot, 0, &frames[1], 1, 48000, 7);
	char *picture = render(snapshot, "svg", NULL, &size);

	assert_non_null(strstr(picture, "<title>one\n16.0 kB in 1 block, 25 %"));
	assert_non_null(strstr(picture, "<title>many\n48.0 kB in 7 blocks, 75 %"));
	free(picture);
	snapshot_free(snapshot);
}

/* More leaves than a page takes: the smallest lose frames of their middle, no byte is lost. */
static void test_pages_of_very_many_stacks_stay_small(void **state)
{
	static const struct output_options options;
	struct snapshot *snapshot = snapshot_new();
	struct frame frames[40] = {{.name = "root"}};
	struct stack_tree tree;
	char name[32];
	uint64_t sum = 0;
	size_t size;

	(void)state;
	add_target(snapshot, 1, "x", "/x", "");
	for (int i = 0; i < 60000; i++) {
		for (int j = 1; j < 40; j++) {
			snprintf(name, sizeof(name), "f%d", j * 50 + (i >> j % 12) % 50);
			frames[j] = (struct frame){.name = snapshot_intern(snapshot, name)};
		}
		frames[20] = (struct frame){.name = "own", .module = "/x"};
		frames[39] = (struct frame){.name = "leafy", .module = "/lib/a.so"};
		add_stack(snapshot, 0, frames, 40, 16, 1);
	}
	assert_int_equal(stack_tree_init(&tree, snapshot, &options), 0);
	assert_true(tree.node_count < 250000);
	for (size_t i = 0; i < tree.row_count; i++) {
		const struct tree_row *row = &tree.rows[i];
		bool own = false;

		sum += row->bytes;
		assert_string_equal(tree.frames[tree.nodes[row->node].frame].frame->name, "leafy");
		for (uint32_t node = row->node; node; node = tree.nodes[node].parent)
			own |= tree.frames[tree.nodes[node].frame].own;
		assert_true(own);
	}
	assert_int_equal(sum, snapshot->totals.live_bytes);
	assert_true(tree.cut_stacks > 0 && tree.other_stacks == 0);
	stack_tree_release(&tree);
	char *page = render(snapshot, "html", NULL, &size);

	assert_true(size < 8 << 20);
	free(page);
	snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout_fits_into_parents),
		cmocka_unit_test(test_a_box_says_how_many_blocks_it_has),
		cmocka_unit_test(test_pages_of_very_many_stacks_stay_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
