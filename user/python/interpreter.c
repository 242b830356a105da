/* SPDX-License-Identifier: BSD-2-Clause */
#include "interpreter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "validate.h"

enum { CHUNK_BYTES = 1 << 16, OVERLAP = 32, MINOR_MAX = 99 };

static const char *const symbol_names[SYMBOL_COUNT] = {
	[SYMBOL_RUNTIME] = "_PyRuntime",
	[SYMBOL_VERSION] = "Py_Version",
	[SYMBOL_CODE_TYPE] = "PyCode_Type",
	[SYMBOL_STR_TYPE] = "PyUnicode_Type",
	[SYMBOL_BYTES_TYPE] = "PyBytes_Type",
	[SYMBOL_FRAME_TYPE] = "PyFrame_Type",
	[SYMBOL_RAW_MALLOC] = "PyMem_RawMalloc",
	[SYMBOL_MEM_MALLOC] = "PyMem_Malloc",
	[SYMBOL_OBJECT_MALLOC] = "PyObject_Malloc",
	[SYMBOL_OBJECT_CALLOC] = "PyObject_Calloc",
	[SYMBOL_OBJECT_REALLOC] = "PyObject_Realloc",
	[SYMBOL_OBJECT_FREE] = "PyObject_Free",
	[SYMBOL_ALLOCATED_BLOCKS] = "_Py_GetAllocatedBlocks",
	[SYMBOL_GET_ARENA_ALLOCATOR] = "PyObject_GetArenaAllocator",
	[SYMBOL_THIS_THREAD_STATE] = "PyGILState_GetThisThreadState",
};

void python_version_name(uint32_t version, char name[16])
{
	static const char *const levels[16] = {[0xa] = "a", [0xb] = "b", [0xc] = "rc"};
	const char *level = levels[version >> 4 & 15];

	if (!(version & 0xffff))
		snprintf(name, 16, "%u.%u", version >> 24, version >> 16 & 255);
	else if (level)
		snprintf(name, 16, "%u.%u.%u%s%u", version >> 24, version >> 16 & 255,
			 version >> 8 & 255, level, version & 15);
	else
		snprintf(name, 16, "%u.%u.%u", version >> 24, version >> 16 & 255,
			 version >> 8 & 255);
}

/* The name of its library's directory, which every build carries: a whole "python3.8", or the end
 * of a path. */
static uint32_t find_minor(const char *text, size_t size)
{
	static const char mark[] = "python3.";
	const char *end = text + size;

	for (const char *at = text + 1;
	     at < end && (at = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1)); at++) {
		const char *digit = at + sizeof(mark) - 1;
		uint32_t minor = 0;

		while (digit < end && *digit >= '0' && *digit <= '9' && minor <= MINOR_MAX)
			minor = minor * 10 + (uint32_t)(*digit++ - '0');
		if (digit < end && !*digit && minor && minor <= MINOR_MAX &&
		    (at[-1] == '/' || !at[-1]))
			return PYTHON_VERSION(3, minor);
	}
	return 0;
}

/* Takes what a segment names into *version. Returns false where it names two. */
static bool scan_segment(const struct python_image *image, const struct image_segment *segment,
			 char *text, uint32_t *version)
{
	for (uint64_t at = 0; at < segment->file_bytes; at += CHUNK_BYTES - OVERLAP) {
		ssize_t got = image_read(image, segment->address + at, text, CHUNK_BYTES);

		if (got <= 0)
			break;
		uint32_t found = find_minor(text, (size_t)got);
		if (found && *version && found != *version)
			return false;
		*version = found ? found : *version;
	}
	return true;
}

/* 0: none, or several that differ. */
static uint32_t scan_version(const struct python_image *image)
{
	char *text = malloc(CHUNK_BYTES);
	uint32_t version = 0;

	for (size_t i = 0; text && i < image->segment_count; i++)
		if (!image->segments[i].writable &&
		    !scan_segment(image, &image->segments[i], text, &version)) {
			version = 0;
			break;
		}
	free(text);
	return version;
}

static uint32_t find_version(const struct python_interpreter *interpreter)
{
	uint64_t symbol = interpreter->symbols[SYMBOL_VERSION].address;
	uint32_t version = 0;

	if (symbol &&
	    image_read(&interpreter->image, symbol, &version, sizeof(version)) == sizeof(version))
		return version;
	return scan_version(&interpreter->image);
}

static int refuse(struct failure *failure, const char *path, uint32_t version, const char *why)
{
	char name[16] = "?";

	if (version)
		python_version_name(version, name);
	failure_set(failure, STATUS_TARGET, "%s: CPython %s: %s", path, name, why);
	return -ENOTSUP;
}

static int find_layout(struct python_interpreter *interpreter, struct failure *failure)
{
	struct python_layout *layout = &interpreter->layout;
	const char *path = interpreter->image.path;
	uint32_t version;

	switch (python_layout_read(&interpreter->memory, interpreter->runtime, layout)) {
	case 0:
		return 0;
	case -ENOENT:
		break;
	case -ENOTSUP:
		return refuse(failure, path, layout->version,
			      "this version is not known; 3.8 to 3.15 are");
	case -EPROTONOSUPPORT:
		return refuse(failure, path, layout->version,
			      "a free-threaded build, whose frames and allocator are not known");
	case -ESRCH:
		return -ESRCH;
	case -EPERM:
		return -EPERM;
	default:
		return refuse(failure, path, layout->version,
			      "what it says of its own structures makes no sense");
	}
	version = find_version(interpreter);
	if (!version || python_layout_by_version(version, layout))
		return refuse(failure, path, version, "this version is not known; 3.8 to 3.15 are");
	return 0;
}

static int check(struct python_interpreter *interpreter, struct failure *failure)
{
	const char *what;
	char why[128];
	int error = find_layout(interpreter, failure);

	if (error)
		return error;
	interpreter->types = (struct python_types){
		interpreter->symbols[SYMBOL_CODE_TYPE].address,
		interpreter->symbols[SYMBOL_STR_TYPE].address,
		interpreter->symbols[SYMBOL_BYTES_TYPE].address,
	};
	error = python_validate(interpreter, &what);
	if (!error || !what)
		return error;
	snprintf(why, sizeof(why), "%s is not what this version has, so no frame could be trusted",
		 what);
	return refuse(failure, interpreter->image.path, interpreter->layout.version, why);
}

/* Opens the file of a mapping. Returns 0 if it holds the interpreter, -ENOENT if not. */
static int open_image(const struct procfs *procfs, pid_t pid, const struct mapping *mapping,
		      struct python_interpreter *interpreter)
{
	int error = image_open(procfs, pid, mapping, &interpreter->image, interpreter->symbols,
			       SYMBOL_COUNT);

	if (error == -ENOMEM || error == -EMFILE)
		return error;
	if (error)
		return -ENOENT;
	interpreter->runtime = interpreter->symbols[SYMBOL_RUNTIME].address
				       ? interpreter->symbols[SYMBOL_RUNTIME].address
				       : interpreter->image.runtime_section;
	if (interpreter->runtime)
		return 0;
	image_release(&interpreter->image);
	return -ENOENT;
}

static bool is_named_python(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && (!strncmp(name, "/python", 7) || !strncmp(name, "/libpython", 10));
}

/* The likely files first: a process may have hundreds of extension modules mapped. */
static int find_image(const struct procfs *procfs, pid_t pid, const struct mappings *mappings,
		      struct python_interpreter *interpreter)
{
	int error = -ENOENT;

	for (int likely = 1; likely >= 0; likely--) {
		for (size_t i = 0; i < mappings->count && error == -ENOENT; i++) {
			const struct mapping *mapping = &mappings->items[i];

			if (mapping->executable && mapping->inode &&
			    is_named_python(mapping->path) == likely)
				error = open_image(procfs, pid, mapping, interpreter);
		}
	}
	return error;
}

int python_interpreter_find(const struct procfs *procfs, pid_t pid, const struct mappings *mappings,
			    struct python_interpreter *interpreter, struct failure *failure)
{
	int error;

	*interpreter = (struct python_interpreter){
		.memory = process_memory(pid),
		.image.fd = -1,
	};
	for (int i = 0; i < SYMBOL_COUNT; i++)
		interpreter->symbols[i].name = symbol_names[i];
	error = find_image(procfs, pid, mappings, interpreter);
	if (!error)
		error = check(interpreter, failure);
	if (error)
		image_release(&interpreter->image);
	return error;
}

void python_interpreter_release(struct python_interpreter *interpreter)
{
	image_release(&interpreter->image);
}
