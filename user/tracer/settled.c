/* SPDX-License-Identifier: BSD-2-Clause */
#include "settled.h"

#include <errno.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static size_t mapped_bytes(void)
{
	return SETTLED_MAX * sizeof(struct settled);
}

int settled_open(struct settled_blocks *settled, const struct loaded *loaded)
{
	int map = bpf_map__fd(loaded->skeleton->maps.settled_blocks);

	*settled = (struct settled_blocks){.loaded = loaded};
	settled->items = mmap(NULL, mapped_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	if (settled->items != MAP_FAILED)
		return 0;
	settled->items = NULL;
	return -errno;
}

void settled_close(struct settled_blocks *settled)
{
	if (settled->items)
		munmap(settled->items, mapped_bytes());
	settled->items = NULL;
}

void settled_add(struct settled_blocks *settled, const struct settled *block)
{
	settled->items[settled->count++] = *block;
	if (settled->count == SETTLED_MAX)
		settled_run(settled);
}

void settled_run(struct settled_blocks *settled)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &settled->count,
		    .ctx_size_in = sizeof(settled->count));
	const struct unfreed_bpf *skeleton = settled->loaded->skeleton;

	if (settled->count)
		bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.settle), &options);
	settled->count = 0;
}
