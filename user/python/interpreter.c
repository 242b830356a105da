/* SPDX-License-Identifier: BSD-2-Clause */
#include "interpreter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unnamed.h"
#include "validate.h"
#include "version.h"

static uint32_t find_version(const struct python_interpreter *interpreter)
{
	uint64_t symbol = interpreter->symbols[SYMBOL_VERSION].address;
	uint32_t version = 0;

	if (symbol && binary_bytes_request(&interpreter->binary, symbol, &version,
					   sizeof(version)) == sizeof(version))
		return version;
	return python_version_request(&interpreter->binary);
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
	const char *path = interpreter->binary.path;
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
	return refuse(failure, interpreter->binary.path, interpreter->layout.version, why);
}

bool python_is_named(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && (!strncmp(name, "/python", 7) || !strncmp(name, "/libpython", 10));
}

/* Whether a file that could not be read may have been the interpreter, or harmed its reader. */
static bool is_suspect(const char *path, int error)
{
	return error == -EPIPE || error == -ETIME ||
	       (python_is_named(path) && (error == -ENOEXEC || error == -EFBIG));
}

/* Opens the file of a mapping. Returns 0 if it holds the interpreter, -ENOENT if not. `unnamed`:
 * also where the file does not name it. */
static int open_binary(const struct procfs *procfs, struct confined *confined, pid_t pid,
		       const struct mapping *mapping, bool unnamed,
		       struct python_interpreter *interpreter, struct failure *failure)
{
	int error = binary_open(procfs, confined, pid, mapping, &interpreter->binary,
				interpreter->symbols);

	if (error == -ENOMEM || error == -EMFILE || error == -EINPROGRESS)
		return error;
	if (error && is_suspect(mapping->path, error))
		failure_set(failure, STATUS_TARGET, "%s: %s", mapping->path,
			    confined_error_text(error));
	if (error)
		return -ENOENT;
	interpreter->runtime = interpreter->symbols[SYMBOL_RUNTIME].address
				       ? interpreter->symbols[SYMBOL_RUNTIME].address
				       : interpreter->binary.runtime_section;
	if (!interpreter->runtime && unnamed)
		interpreter->runtime =
			python_unnamed_runtime(procfs, pid, mapping, &interpreter->binary);
	if (interpreter->runtime)
		return 0;
	binary_release(&interpreter->binary);
	return -ENOENT;
}

/* The likely files first: a process may have hundreds of extension modules mapped. */
static int find_binary(const struct procfs *procfs, struct confined *confined, pid_t pid,
		       const struct mappings *mappings, struct python_interpreter *interpreter,
		       struct failure *failure)
{
	size_t count = 0;
	const struct mapping **files = mappings_code_files(mappings, &count);
	int error = files ? -ENOENT : -ENOMEM;

	for (int likely = 1; likely >= 0; likely--)
		for (size_t i = 0; i < count && error == -ENOENT; i++)
			if (python_is_named(files[i]->path) == likely)
				error = open_binary(procfs, confined, pid, files[i], false,
						    interpreter, failure);
	/* what names nothing is looked for where it must be: to look takes reading all of a file */
	char *exe = error == -ENOENT ? procfs_read_exe(procfs, pid) : NULL;
	for (size_t i = 0; i < count && error == -ENOENT; i++)
		if (python_is_named(files[i]->path) || (exe && !strcmp(files[i]->path, exe)))
			error = open_binary(procfs, confined, pid, files[i], true, interpreter,
					    failure);
	free(exe);
	free(files);
	return error;
}

int python_interpreter_find(const struct procfs *procfs, struct confined *confined, pid_t pid,
			    const struct mappings *mappings, struct python_interpreter *interpreter,
			    struct failure *failure)
{
	int error;

	*interpreter = (struct python_interpreter){
		.memory = procfs_memory(procfs, pid),
		.binary.fd = -1,
	};
	error = find_binary(procfs, confined, pid, mappings, interpreter, failure);
	if (!error)
		error = check(interpreter, failure);
	if (error)
		binary_release(&interpreter->binary);
	return error;
}

void python_interpreter_release(struct python_interpreter *interpreter)
{
	binary_release(&interpreter->binary);
}
