/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library that looks like CPython's to whoever reads its symbols and its code, and is none. The
 * description that 3.13 and later begin with is left to whoever edits the file.
 */
#define CODE     __attribute__((noinline))
#define EXPORTED __attribute__((visibility("default")))

typedef void function(void);
typedef unsigned long word;

struct slot {
	void *context;
	void *(*malloc)(void *context, word size);
	void *(*calloc)(void *context, word count, word size);
	void *(*realloc)(void *context, void *old, word size);
	void (*free)(void *context, void *block);
};

EXPORTED char _PyRuntime[4096] __attribute__((section(".PyRuntime"), aligned(16))) = "_PyRuntime";
EXPORTED const char PyFake_Path[] = "/usr/lib/python3.11";
EXPORTED char PyCode_Type[512] = "code", PyUnicode_Type[512] = "str", PyBytes_Type[512] = "bytes";

static char memory[4096];
static volatile unsigned int arenas;
static volatile word raw_blocks;
static char *volatile arena_objects;

CODE static void *new_pool(word class)
{
	return memory + (class & -16384);
}

static void *pool_malloc(void *context, word size)
{
	(void)context;
	return size - 1 < 512 ? new_pool(size >> 4) : memory;
}

static void *pool_calloc(void *context, word count, word size)
{
	return pool_malloc(context, count * size);
}

static void *pool_realloc(void *context, void *old, word size)
{
	return size < 16 ? old : pool_malloc(context, size);
}

static void pool_free(void *context, void *block)
{
	(void)context;
	if (block)
		raw_blocks--;
}

static volatile struct slot objects = {0, pool_malloc, pool_calloc, pool_realloc, pool_free};

EXPORTED void *PyObject_Malloc(word size)
{
	if (objects.malloc == pool_malloc)
		return new_pool(size >> 4);
	return objects.malloc(objects.context, size);
}

EXPORTED void *PyMem_Malloc(word size)
{
	return objects.malloc(objects.context, size);
}

EXPORTED void *PyMem_RawMalloc(word size)
{
	return objects.malloc(objects.context, size);
}

EXPORTED void PyObject_Free(void *block)
{
	objects.free(objects.context, block);
}

EXPORTED word _Py_GetAllocatedBlocks(void)
{
	return raw_blocks + (arena_objects ? arenas : 0);
}

EXPORTED void *PyGILState_GetThisThreadState(void)
{
	static __thread void *state __attribute__((tls_model("initial-exec")));

	return state;
}

EXPORTED void hostile_call(function *call)
{
	call();
	__asm__ volatile("" ::: "memory");
}
