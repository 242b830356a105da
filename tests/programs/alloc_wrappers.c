/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program with allocation functions of its own, above which its leaks are: xmalloc()
 * over do_malloc(), memory_get() which no name tells, and make_node(), which is none as it
 * makes objects of one size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))

static void *volatile kept;

static APART void *do_malloc(size_t bytes, int zero)
{
	void *block = malloc(bytes);

	if (!block)
		abort();
	if (zero)
		memset(block, 0, bytes);
	return block;
}

static APART void *xmalloc(size_t bytes)
{
	void *block = do_malloc(bytes, 0);

	__asm__ volatile("" : "+r"(block)); /* no tail call */
	return block;
}

static APART char *xstrdup(const char *text)
{
	char *copy = strdup(text);

	__asm__ volatile("" : "+r"(copy));
	return copy;
}

static APART void *memory_get(size_t bytes)
{
	void *block = malloc(bytes);

	__asm__ volatile("" : "+r"(block));
	return block;
}

static APART void *make_node(void)
{
	void *node = malloc(48);

	__asm__ volatile("" : "+r"(node));
	return node;
}

static APART void keep(void *block)
{
	kept = block;
}

#define LEAK(name, expression)                     \
	static APART void name(void)               \
	{                                          \
		for (int i = 0; i < 100; i++)      \
			keep(expression);          \
		__asm__ volatile("" ::: "memory"); \
	}

/* clang-format off */
LEAK(load_table, xmalloc(4096))
LEAK(note_name, xstrdup("a name that is kept"))
LEAK(get_1, memory_get(100))
LEAK(get_2, memory_get(200))
LEAK(get_3, memory_get(300))
LEAK(get_4, memory_get(400))
LEAK(get_5, memory_get(500))
LEAK(get_6, memory_get(600))
LEAK(get_7, memory_get(700))
LEAK(get_8, memory_get(800))
LEAK(get_9, memory_get(900))
LEAK(get_10, memory_get(1000))
LEAK(node_1, make_node())
LEAK(node_2, make_node())
LEAK(node_3, make_node())
/* clang-format on */

int main(void)
{
	static void (*const leaks[])(void) = {load_table, note_name, get_1,  get_2,  get_3,
					      get_4,      get_5,     get_6,  get_7,  get_8,
					      get_9,      get_10,    node_1, node_2, node_3};

	for (size_t i = 0; i < sizeof(leaks) / sizeof(*leaks); i++)
		leaks[i]();
	return 0;
}
