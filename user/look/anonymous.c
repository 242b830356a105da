/* SPDX-License-Identifier: BSD-2-Clause */
#include "anonymous.h"

#include <string.h>

#include "look.h"

/* Garbage lies in it until its collector runs. */
#define COLLECTED .collected = true

/* A file that a runtime maps, by a part of its name. The first row that fits decides. */
static const struct {
	const char *file;
	const char *name;
	bool allocator; /* that programs call as malloc */
	bool collected;
} owners[] = {
	{"libcuda.so", "CUDA"},
	{"libamdhip64.so", "ROCm"},
	{"libze_loader.so", "Level Zero"},
	{"libjvm.so", "Java", COLLECTED},
	{"libnode.so", "V8 (Node.js)", COLLECTED},
	{"/node", "V8 (Node.js)", COLLECTED},
	{"/deno", "V8 (Deno)", COLLECTED},
	{"/bun", "JavaScriptCore (Bun)", COLLECTED},
	{"/chrome", "V8 (Chromium)", COLLECTED},
	{"libcoreclr.so", ".NET", COLLECTED},
	{"libruby", "Ruby"},
	{"/ruby", "Ruby"},
	{"libluajit", "LuaJIT", COLLECTED},
	{"/luajit", "LuaJIT", COLLECTED},
	{"libmono", "Mono", COLLECTED},
	{"/mono", "Mono", COLLECTED},
	{"libguile", "Guile", COLLECTED},
	{"libjulia", "Julia", COLLECTED},
	{"/sbcl", "SBCL", COLLECTED},
	{"libmozjs", "SpiderMonkey", COLLECTED},
	{"libphp", "PHP"},
	{"/php", "PHP"},
	{"/beam.smp", "Erlang", COLLECTED},
	{"libgc.so", "the Boehm collector", COLLECTED},
	{"libjemalloc", "jemalloc", true},
	{"libtcmalloc", "tcmalloc", true},
	{"libmimalloc", "mimalloc", true},
	{"ld-musl-", "musl's malloc", true},
};

/* Likewise those whose objects, or what belongs to them, are blocks of malloc. */
static const struct {
	const char *file;
	const char *name;
} collectors[] = {
	{"liblua5", "Lua"}, {"/lua5", "Lua"}, {"libruby", "Ruby"},
	{"/ruby", "Ruby"},  {"libR.so", "R"},
};

/* It maps no file that would tell. */
static const char go[] = "Go";

/* A name that begins with a slash is that of the file itself, as in /usr/bin/php8.2. */
static bool is_file(const char *path, const char *part)
{
	const char *base = strrchr(path, '/');

	return *part == '/' ? base && !strncmp(base, part, strlen(part))
			    : strstr(path, part) != NULL;
}

static bool maps_code(const struct regions *regions, const char *file)
{
	for (size_t i = 0; i < regions->count; i++)
		if (regions->items[i].mapping.executable && regions->items[i].mapping.inode &&
		    is_file(regions->items[i].mapping.path, file))
			return true;
	return false;
}

const char *anonymous_collector_guess(const struct regions *regions)
{
	for (size_t k = 0; k < sizeof(collectors) / sizeof(*collectors); k++)
		if (maps_code(regions, collectors[k].file))
			return collectors[k].name;
	return NULL;
}

struct anonymous_owner anonymous_owner_guess(const struct regions *regions)
{
	for (size_t k = 0; k < sizeof(owners) / sizeof(*owners); k++)
		if (maps_code(regions, owners[k].file))
			return (struct anonymous_owner){owners[k].name};
	return (struct anonymous_owner){regions_have_go_heap(regions) ? go : NULL};
}

bool anonymous_is_allocator(const char *name)
{
	for (size_t i = 0; i < sizeof(owners) / sizeof(*owners); i++)
		if (owners[i].allocator && !strcmp(owners[i].name, name))
			return true;
	return false;
}

bool anonymous_is_collected(const char *name)
{
	for (size_t i = 0; i < sizeof(owners) / sizeof(*owners); i++)
		if (owners[i].collected && !strcmp(owners[i].name, name))
			return true;
	return !strcmp(name, go);
}

const char *anonymous_guess(const struct anonymous_owner *owner, const struct region *region,
			    char *text, size_t size)
{
	static const char named[] = "[anon:";
	const char *path = region->mapping.path;

	if (!strncmp(path, named, strlen(named))) {
		const char *name = path + strlen(named) + strspn(path + strlen(named), " ");
		size_t length = strcspn(name, "]0123456789");

		while (length && (name[length - 1] == ' ' || name[length - 1] == ':'))
			length--;
		if (length) {
			snprintf(text, size, "%.*s", (int)length, name);
			return text;
		}
	}
	if (region->mapping.executable)
		return "code made at run time";
	if (!strcmp(path, "[heap]"))
		return owner->name ?: "sbrk";
	return owner->name ?: LOOK_PLAIN_MAPPING;
}
