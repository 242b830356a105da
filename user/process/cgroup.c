/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PID/cgroup names the group of each hierarchy: "0::/system.slice/app.service" of version 2,
 * "4:memory:/docker/1f…" of version 1. Where the hierarchy is mounted stands in our own
 * mountinfo, with the group that the mount shows as its root: in a container that is not "/". In
 * a cgroup namespace both are named from the namespace's own group on: "/../../other/x", and
 * "/../.." for a mount of the host's whole tree. A limit binds all groups below, so that each
 * group on the way up counts.
 */
#include "cgroup.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/words.h"
#include "own_cgroup.h"

/* Version 1 says "none" by the largest number of whole pages. */
#define NO_LIMIT (UINT64_C(1) << 60)

enum version { VERSION_2, VERSION_1, VERSION_COUNT };

static const struct {
	const char *limit, *usage, *inactive;
} files[] = {
	[VERSION_2] = {"memory.max", "memory.current", "inactive_file"},
	[VERSION_1] = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"},
};

struct hierarchy {
	char group[PATH_MAX]; /* of the process */
	char root[PATH_MAX];  /* the group that the mount shows */
	char mount[PATH_MAX];
};

static FILE *open_mountinfo(const struct procfs *procfs)
{
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s/self/mountinfo", procfs->root);

	return length < 0 || (size_t)length >= sizeof(path) ? NULL : fopen(path, "re");
}

/* The group of a process in one hierarchy. */
static bool read_group(const struct procfs *procfs, pid_t pid, enum version version, char *group)
{
	FILE *file = procfs_open_of_process(procfs, pid, "cgroup");
	char line[PATH_MAX + 64];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		controllers++;
		found = version == VERSION_2 ? !*controllers && !strncmp(line, "0:", 2)
					     : words_have(controllers, ',', "memory");
		if (found)
			snprintf(group, PATH_MAX, "%s", path);
	}
	fclose(file);
	return found;
}

struct mount {
	char type[64];
	char options[1024]; /* of the hierarchy */
	char *root, *path;  /* PATH_MAX bytes each */
};

/* ID PARENT MAJOR:MINOR ROOT MOUNT OPTIONS [FIELDS] - TYPE SOURCE SUPER-OPTIONS */
static bool parse_mount(char *line, struct mount *mount)
{
	char *rest = strstr(line, " - ");

	*mount->options = '\0';
	if (!rest || sscanf(rest + 3, "%63s %*s %1023s", mount->type, mount->options) < 1)
		return false;
	*rest = '\0';
	return sscanf(line, "%*s %*s %*s %4095s %4095s", mount->root, mount->path) == 2;
}

static bool is_of_version(const struct mount *mount, enum version version)
{
	if (version == VERSION_2)
		return !strcmp(mount->type, "cgroup2");
	return !strcmp(mount->type, "cgroup") && words_have(mount->options, ',', "memory");
}

/* How many groups above that of our namespace. */
static unsigned steps_up(const char *group)
{
	unsigned steps = 0;

	for (; !strncmp(group, "/..", 3) && (!group[3] || group[3] == '/'); group += 3)
		steps++;
	return steps;
}

/* Of several mounts the first, unless another one shows more: the
 * host's, handed into a container. */
static bool find_mount(const struct procfs *procfs, enum version version,
		       struct hierarchy *hierarchy)
{
	char root[PATH_MAX], path[PATH_MAX], *line = NULL;
	struct mount mount = {.root = root, .path = path};
	FILE *file = open_mountinfo(procfs);
	size_t size = 0;
	bool found = false;

	if (!file)
		return false;
	while (getline(&line, &size, file) > 0) {
		if (!parse_mount(line, &mount) || !is_of_version(&mount, version) ||
		    (found && steps_up(root) <= steps_up(hierarchy->root)))
			continue;
		strcpy(hierarchy->root, root);
		strcpy(hierarchy->mount, path);
		found = true;
	}
	free(line);
	fclose(file);
	return found;
}

/* A number, or 0 for "max" and for what is none. */
static uint64_t read_number(const char *directory, const char *name)
{
	char path[2 * PATH_MAX + 64], text[64] = "";

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		*text = '\0';
	fclose(file);
	return strtoull(text, NULL, 10);
}

static void take_limit(struct cgroup_limit *limit, uint64_t bytes, uint64_t used_bytes)
{
	uint64_t room_bytes = bytes > used_bytes ? bytes - used_bytes : 0;

	if (room_bytes < limit->room_bytes)
		limit->room_bytes = room_bytes;
	if (limit->bytes && limit->bytes <= bytes)
		return;
	limit->bytes = bytes;
	limit->used_bytes = used_bytes;
}

/* A group's path below the one that its mount shows as the root. */
static const char *below_root(const char *root, const char *group)
{
	size_t length = strcmp(root, "/") ? strlen(root) : 0;

	return group + (strncmp(group, root, length) ? 0 : length);
}

enum { DIRECTORY_BYTES = 2 * PATH_MAX };

/*
 * Appends the path of a group whose name begins below the root of the mount, with steps up from our
 * own: down to our own group, some steps up, and down again.
 */
static bool append_from_own(const struct hierarchy *hierarchy, char *directory, size_t mount)
{
	unsigned shown = steps_up(hierarchy->root), up = steps_up(hierarchy->group);
	const char *down = hierarchy->group + 3 * up;

	if (hierarchy->root[3 * shown] || up >= shown || strstr(down, "/..") ||
	    !own_cgroup_find(directory, DIRECTORY_BYTES, shown))
		return false;
	while (up--)
		*strrchr(directory + mount, '/') = '\0';
	size_t length = strlen(directory);
	snprintf(directory + length, DIRECTORY_BYTES - length, "%s", strcmp(down, "/") ? down : "");
	return true;
}

/* The directory of the group; returns how much of its path is that of the mount. */
static size_t join_directory(const struct hierarchy *hierarchy, char *directory)
{
	const char *group = below_root(hierarchy->root, hierarchy->group);
	size_t mount = (size_t)snprintf(directory, DIRECTORY_BYTES, "%s", hierarchy->mount);

	if (append_from_own(hierarchy, directory, mount))
		return mount;
	if (strstr(group, "/..") || !strcmp(group, "/"))
		group = ""; /* beyond our cgroup namespace, or the root */
	snprintf(directory + mount, DIRECTORY_BYTES - mount, "%s", group);
	return mount;
}

/* From the group up to the root of the mount. The path becomes that. */
static void read_upwards(char *directory, size_t mount, enum version version,
			 struct cgroup_limit *limit)
{
	for (;;) {
		uint64_t bytes = read_number(directory, files[version].limit);

		if (bytes && bytes < NO_LIMIT)
			take_limit(limit, bytes, read_number(directory, files[version].usage));
		char *slash = strrchr(directory + mount, '/');
		if (!slash)
			return;
		*slash = '\0';
	}
}

struct cgroup_limit cgroup_read_limit(const struct procfs *procfs, pid_t pid)
{
	struct cgroup_limit limit = {.room_bytes = UINT64_MAX};
	struct hierarchy *hierarchy = procfs->core ? NULL : malloc(sizeof(*hierarchy));

	for (enum version version = 0; hierarchy && version < VERSION_COUNT; version++)
		if (read_group(procfs, pid, version, hierarchy->group) &&
		    find_mount(procfs, version, hierarchy)) {
			char directory[DIRECTORY_BYTES];
			size_t mount = join_directory(hierarchy, directory);

			read_upwards(directory, mount, version, &limit);
		}
	free(hierarchy);
	return limit;
}

/* --- the one group that accounts for memory --- */

/* Where version 1 has the controller, version 2 does not. */
static bool read_memory_group(const struct procfs *procfs, pid_t pid, char *group,
			      enum version *version)
{
	*version = VERSION_1;
	if (read_group(procfs, pid, VERSION_1, group))
		return true;
	*version = VERSION_2;
	return read_group(procfs, pid, VERSION_2, group);
}

char *cgroup_read_name(const struct procfs *procfs, pid_t pid)
{
	char group[PATH_MAX];
	enum version version;

	return read_memory_group(procfs, pid, group, &version) ? strdup(group) : NULL;
}

int cgroup_find_place(const struct procfs *procfs, pid_t pid, struct cgroup_place *place)
{
	struct hierarchy *hierarchy = malloc(sizeof(*hierarchy));
	char directory[DIRECTORY_BYTES];
	enum version version;

	*place = (struct cgroup_place){0};
	if (!hierarchy)
		return -ENOMEM;
	if (!read_memory_group(procfs, pid, hierarchy->group, &version) ||
	    !find_mount(procfs, version, hierarchy)) {
		free(hierarchy);
		return -ENOENT;
	}
	place->mount = join_directory(hierarchy, directory);
	place->unified = version == VERSION_2;
	place->name = strdup(hierarchy->group);
	place->directory = strdup(directory);
	free(hierarchy);
	if (place->name && place->directory)
		return 0;
	cgroup_place_release(place);
	return -ENOMEM;
}

void cgroup_place_release(struct cgroup_place *place)
{
	free(place->name);
	free(place->directory);
	*place = (struct cgroup_place){0};
}

/* The number behind a word in a file that has one of each on a line; 0 where it is not there. */
static uint64_t read_keyed(const char *directory, const char *name, const char *key)
{
	char path[DIRECTORY_BYTES + 64], line[256];
	size_t length = strlen(key);
	uint64_t value = 0;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, length) && line[length] == ' ') {
			value = strtoull(line + length, NULL, 10);
			break;
		}
	fclose(file);
	return value;
}

int cgroup_read_memory(const struct cgroup_place *place, struct cgroup_memory *memory)
{
	enum version version = place->unified ? VERSION_2 : VERSION_1;
	const char *group = place->directory;
	char path[DIRECTORY_BYTES + 64];

	*memory = (struct cgroup_memory){.limit.room_bytes = UINT64_MAX};
	snprintf(path, sizeof(path), "%s/%s", group, files[version].usage);
	if (access(path, F_OK))
		return -ENOENT;
	memory->used_bytes = read_number(group, files[version].usage);
	memory->inactive_bytes = read_keyed(group, "memory.stat", files[version].inactive);
	if (place->unified) {
		memory->limit_hits = read_keyed(group, "memory.events", "max");
		memory->oom_kills = read_keyed(group, "memory.events", "oom_kill");
	} else {
		memory->limit_hits = read_number(group, "memory.failcnt");
		memory->oom_kills = read_keyed(group, "memory.oom_control", "oom_kill");
	}
	snprintf(path, sizeof(path), "%s/memory.pressure", group);
	memory->pressure = pressure_read(path);
	snprintf(path, sizeof(path), "%s", group);
	read_upwards(path, place->mount, version, &memory->limit);
	return 0;
}

/* --- groups by name --- */

struct naming {
	const char *name;
	int (*act)(void *context, const char *directory);
	void *context;
	bool found; /* a group of that name */
};

static int try_directory(struct naming *naming, const char *mount, const char *name)
{
	char path[3 * PATH_MAX];
	size_t length = (size_t)snprintf(path, sizeof(path) - sizeof("/cgroup.procs"), "%s%s%s",
					 mount, *mount && *name != '/' ? "/" : "", name);

	if (length >= sizeof(path) - sizeof("/cgroup.procs"))
		return 0;
	strcpy(path + length, "/cgroup.procs");
	if (access(path, F_OK))
		return 0;
	naming->found = true;
	path[length] = '\0';
	return naming->act(naming->context, path);
}

static int try_mount(struct naming *naming, const struct mount *mount)
{
	size_t length = strlen(mount->path);
	const char *name = naming->name;

	if (strncmp(mount->type, "cgroup", strlen("cgroup")))
		return 0;
	if (!strncmp(name, mount->path, length) && (!name[length] || name[length] == '/'))
		return try_directory(naming, "", name);
	return try_directory(naming, mount->path, below_root(mount->root, name));
}

static int try_mounts(struct naming *naming, FILE *file)
{
	char root[PATH_MAX], path[PATH_MAX], *line = NULL;
	struct mount mount = {.root = root, .path = path};
	size_t size = 0;
	int result = 0;

	while (!result && getline(&line, &size, file) > 0)
		if (parse_mount(line, &mount))
			result = try_mount(naming, &mount);
	free(line);
	return result;
}

int cgroup_each_directory(const struct procfs *procfs, const char *name,
			  int (*act)(void *context, const char *directory), void *context,
			  bool *found)
{
	struct naming naming = {.name = name, .act = act, .context = context};
	FILE *file = open_mountinfo(procfs);
	int result = file ? try_mounts(&naming, file) : 0;

	if (file)
		fclose(file);
	if (!result)
		result = try_directory(&naming, "/sys/fs/cgroup", name);
	*found = naming.found;
	return result;
}
