/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <unistd.h>
#include <zlib.h>

#include "profile/pprof.h"
#include "profile.pb-c.h"
#include "snapshots.h"

static const char *const formats[] = {"text", "folded", "svg", "html", "json", "pprof"};

static void check_round_trip(struct snapshot *original)
{
	char error[500];
	size_t size;
	char *saved = render(original, "pprof", NULL, &size);
	struct snapshot *read = profile_read_memory(saved, size, error, sizeof(error));

	assert_non_null(read);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		size_t direct_size, again_size;
		char *direct = render(original, formats[i], NULL, &direct_size);
		char *again = render(read, formats[i], NULL, &again_size);

		assert_int_equal(direct_size, again_size);
		assert_memory_equal(direct, again, direct_size);
		free(direct);
		free(again);
	}
	free(saved);
	snapshot_free(read);
	snapshot_free(original);
}

/*
 * A C++ program with two modules that are known, of which one has no names, and one that is not, as
 * there were two files of that path.
 */
static struct snapshot *mapped_snapshot(void)
{
	static const struct snapshot_module modules[] = {
		{"/srv/app", "00112233aabbccdd", 0x555500001000, 0x555500004000, 0x1000,
		 0x5554fffff000},
		{"/srv/libstripped.so", "feed", 0x7f0000000000, 0x7f0000010000, 0, 0x7f0000000000},
		{"/srv/twice.so", "01", 0x7f1000000000, 0x7f1000010000, 0, 0x7f1000000000},
		{"/srv/twice.so", "02", 0x7f2000000000, 0x7f2000010000, 0, 0x7f2000000000},
	};
	static const struct frame start = {"main", "/src/app.cc", "/srv/app", 0x2040,
					   7,      FRAME_NATIVE};
	static const struct frame put = {.name = "cache::put",
					 .linkage = "_ZN5cache3putEv",
					 .file = "/src/app.cc",
					 .module = "/srv/app",
					 .offset = 0x2210,
					 .line = 12,
					 .kind = FRAME_NATIVE};
	static const struct frame grow = {.name = "cache::grow",
					  .linkage = "_ZN5cache4growEm",
					  .file = "/src/app.cc",
					  .module = "/srv/app",
					  .offset = 0x2210,
					  .line = 30,
					  .kind = FRAME_INLINED};
	static const struct frame stripped = {
		"[libstripped.so+0x1100]", NULL, "/srv/libstripped.so", 0x1100, 0, FRAME_NATIVE};
	static const struct frame twice = {"twice", NULL, "/srv/twice.so", 0x500, 0, FRAME_NATIVE};
	static const struct frame jit = {"[0x7f3000000010]", NULL, NULL,
					 0x7f3000000010,     0,    FRAME_NATIVE};
	struct snapshot *snapshot = snapshot_new();

	snapshot->version = snapshot_intern(snapshot, "0.0.0-test");
	snapshot->duration_ns = 1000000000;
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		snapshot_note_module(snapshot, &modules[i]);
	add_target(snapshot, 77, "app", "/srv/app", "--verbose");
	add_stack(snapshot, 0, (struct frame[]){start, put, grow}, 3, 3000, 3);
	add_stack(snapshot, 0, (struct frame[]){start, jit, stripped}, 3, 2000, 2);
	add_stack(snapshot, 0, (struct frame[]){start, twice}, 2, 1000, 1);
	snapshot_sort(snapshot);
	return snapshot;
}

static void test_modules_of_one_path(void **state)
{
	struct snapshot *snapshot = mapped_snapshot();
	const struct snapshot_module *known =
		snapshot_find_module(snapshot, snapshot_intern(snapshot, "/srv/app"));
	const struct snapshot_module *twice =
		snapshot_find_module(snapshot, snapshot_intern(snapshot, "/srv/twice.so"));

	(void)state;
	assert_int_equal(snapshot->module_count, 3);
	assert_string_equal(known->build_id, "00112233aabbccdd");
	assert_null(twice->build_id);
	assert_int_equal(twice->start, 0);
	assert_int_equal(twice->bias, 0);
	assert_null(snapshot_find_module(snapshot, NULL));
	snapshot_free(snapshot);
}

static void test_round_trip_is_lossless(void **state)
{
	struct snapshot *orphan = service_snapshot(), *peak = service_snapshot();
	struct frame inlined = {"lonely", "x.c", "/lib/x.so", 7, 3, FRAME_INLINED};
	struct frame native = {"outer", NULL, "/lib/x.so", 8, 0, FRAME_NATIVE};

	(void)state;
	add_stack(orphan, 0, (struct frame[]){inlined, native, inlined}, 3, 5, 1);
	add_stack(orphan, 0, NULL, 0, 4, 1);
	add_stack(orphan, 0, &native, 1, INT64_MAX / 4, 1)->oldest_ns = INT64_MAX;
	orphan->overhead_percent = 0.1;
	orphan->totals.live_bytes = INT64_MAX;
	orphan->host = snapshot_intern(orphan, "web-3");
	check_round_trip(service_snapshot());
	check_round_trip(hostile_snapshot());
	check_round_trip(judged_snapshot());
	check_round_trip(mapped_snapshot());
	check_round_trip(objects_snapshot());
	check_round_trip(windows_snapshot());
	peak->has_peak = true;
	peak->peak_ns = 3200000000;
	check_round_trip(peak);
	check_round_trip(snapshot_new());
	check_round_trip(orphan);
}

/* A function of the target may have a name like that of a string of ours. */
static void test_names_like_ours_are_names(void **state)
{
	struct snapshot *judged = judged_snapshot(), *objects = objects_snapshot();
	struct frame frame = {
		PROFILE_REACHABILITY "[]", PROFILE_OBJECTS "[]", "/a", 7, 3, FRAME_NATIVE};

	(void)state;
	add_stack(judged, 0, &frame, 1, 1, 1);
	add_stack(objects, 0, &frame, 1, 1, 1);
	check_round_trip(judged);
	check_round_trip(objects);
}

/*
 * Profiles saved by earlier versions stay readable. UPDATE_GOLDEN=1 saves anew the one that is of
 * this version; the others show kinds of frames as system names, in the order of their functions.
 */
static void check_saved(struct snapshot *expected, const char *path)
{
	char error[500];
	struct snapshot *saved = profile_read(path, error, sizeof(error));

	if (!saved)
		fail_msg("%s", error);
	char *expected_json = render(expected, "json", NULL, NULL);
	char *saved_json = render(saved, "json", NULL, NULL);

	assert_string_equal(expected_json, saved_json);
	free(expected_json);
	free(saved_json);
	snapshot_free(saved);
	snapshot_free(expected);
}

static void update(const char *path, struct snapshot *snapshot)
{
	static const struct output_options defaults;

	if (getenv("UPDATE_GOLDEN"))
		assert_int_equal(
			output_write(path, output_format_by_path(path), snapshot, &defaults), 0);
	snapshot_free(snapshot);
}

static void test_saved_profiles_stay_readable(void **state)
{
	struct snapshot *hostile = hostile_snapshot();

	(void)state;
	hostile->losses[LOSS_unwind_busy] = 0;    /* it was not told from others then, */
	hostile->losses[LOSS_ended_left_out] = 0; /* and there were no such things */
	hostile->losses[LOSS_python_frees_unread] = 0;
	hostile->losses[LOSS_names_late] = 0;
	check_saved(service_snapshot(), "tests/golden/service.pb.gz");
	check_saved(hostile, "tests/golden/hostile.pb.gz");
	check_saved(wide_snapshot(), "tests/golden/wide.pb.gz");
	check_saved(judged_snapshot(), "tests/golden/lost.pb.gz");
	check_saved(deep_snapshot(), "tests/golden/deep.pb.gz");
	update("tests/golden/mapped.pb.gz", mapped_snapshot());
	check_saved(mapped_snapshot(), "tests/golden/mapped.pb.gz");
}

static void refuse(const void *data, size_t size, const char *expected)
{
	char error[500] = "";
	struct snapshot *snapshot = profile_read_memory(data, size, error, sizeof(error));

	assert_null(snapshot);
	if (!strstr(error, expected))
		fail_msg("\"%s\" does not say \"%s\"", error, expected);
}

static void *gzip(const void *data, size_t size, size_t *packed_size)
{
	z_stream stream = {.next_in = (Bytef *)data, .avail_in = (uInt)size};

	deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
	size_t room = deflateBound(&stream, size);
	void *packed = malloc(room);

	stream.next_out = packed;
	stream.avail_out = (uInt)room;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	*packed_size = stream.total_out;
	deflateEnd(&stream);
	return packed;
}

static void refuse_unpacked(const void *data, size_t size, const char *expected)
{
	size_t packed_size;
	void *packed = gzip(data, size, &packed_size);

	refuse(packed, packed_size, expected);
	free(packed);
}

static void test_cut_off_anywhere(void **state)
{
	struct snapshot *snapshot = service_snapshot();
	size_t size;
	char *saved = render(snapshot, "pprof", NULL, &size);

	(void)state;
	for (size_t cut = 0; cut < size; cut++)
		refuse(saved, cut, "is ");
	refuse(saved, size / 2, "cut off");
	free(saved);
	snapshot_free(snapshot);
}

static void damage(struct snapshot *snapshot)
{
	size_t size, plain_size = 0;
	char *saved = render(snapshot, "pprof", NULL, &size);
	uint8_t plain[64 * 1024];
	z_stream stream = {.next_in = (Bytef *)saved, .avail_in = (uInt)size};
	char error[500];

	stream.next_out = plain;
	stream.avail_out = sizeof(plain);
	inflateInit2(&stream, 31);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	plain_size = stream.total_out;
	inflateEnd(&stream);
	for (size_t i = 0; i < plain_size; i++) {
		uint8_t before = plain[i];
		size_t packed_size;

		plain[i] ^= 1u << i % 8;
		void *packed = gzip(plain, plain_size, &packed_size);

		snapshot_free(profile_read_memory(packed, packed_size, error, sizeof(error)));
		free(packed);
		plain[i] = before;
	}
	saved[size / 2] ^= 0x40;
	refuse(saved, size, "is ");
	free(saved);
	snapshot_free(snapshot);
}

static void test_damaged_bytes_never_crash(void **state)
{
	(void)state;
	damage(service_snapshot());
	damage(judged_snapshot());
}

/* 300 MiB of zeros in a third of a megabyte. */
static void test_bomb(void **state)
{
	enum { CHUNK = 1 << 20, CHUNKS = 300 };
	static uint8_t zeros[CHUNK];
	size_t room = 4 << 20;
	uint8_t *packed = malloc(room);
	z_stream stream = {.next_out = packed, .avail_out = (uInt)room};

	(void)state;
	deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
	for (int i = 0; i < CHUNKS; i++) {
		stream.next_in = zeros;
		stream.avail_in = CHUNK;
		deflate(&stream, i + 1 < CHUNKS ? Z_NO_FLUSH : Z_FINISH);
	}
	refuse(packed, stream.total_out, "unpacks to more than");
	deflateEnd(&stream);
	free(packed);
}

/* Empty samples: two bytes each in the file, a hundred in memory. */
static void test_bomb_of_messages(void **state)
{
	size_t size = 64u << 20;
	uint8_t *samples = malloc(size);

	(void)state;
	for (size_t i = 0; i < size; i += 2) {
		samples[i] = 2 << 3 | 2;
		samples[i + 1] = 0;
	}
	refuse_unpacked(samples, size, "holds more than");
	free(samples);
}

static void test_files_of_others(void **state)
{
	static const uint8_t empty_profile[] = {0x32, 0x00};
	char *names[] = {"", "unfreed/1 {\"version\":1}", "unfreed/1 [[[", "other"};
	int64_t comments[] = {3};
	Pprof__Profile profile = PPROF__PROFILE__INIT;
	uint8_t packed[1000];

	(void)state;
	refuse("not gzip at all", 15, "not gzip");
	refuse_unpacked(empty_profile, sizeof(empty_profile), "not one that unfreed saved");
	refuse_unpacked("\xff\xff\xff\xff", 4, "does not parse");
	profile.n_string_table = 4;
	profile.string_table = names;
	profile.n_comment = 1;
	profile.comment = comments;
	refuse_unpacked(packed, pprof__profile__pack(&profile, packed), "not one that unfreed");
	comments[0] = 1;
	refuse_unpacked(packed, pprof__profile__pack(&profile, packed), "sample types");
	comments[0] = -5;
	refuse_unpacked(packed, pprof__profile__pack(&profile, packed), "not one that unfreed");
}

static void refuse_comment(const char *json, const char *expected)
{
	struct snapshot *snapshot = snapshot_new();
	const char *problem = profile_comment_read(snapshot, json);

	assert_non_null(problem);
	assert_non_null(strstr(problem, expected));
	snapshot_free(snapshot);
}

static void test_comments(void **state)
{
	struct snapshot *snapshot = service_snapshot();
	char *json = profile_comment_write(snapshot);
	char *losses = strstr(json, "ledger_full");

	(void)state;
	refuse_comment("", "damaged");
	refuse_comment("{}", "damaged");
	refuse_comment("[1,2]", "damaged");
	refuse_comment("{\"version\":\"1\",\"older_than_ns\":-1}", "damaged");
	losses[0] = 'X';
	refuse_comment(json, "newer unfreed");
	free(json);
	snapshot_free(snapshot);
}

static void test_reading_files(void **state)
{
	char error[500];

	(void)state;
	assert_null(profile_read("/no/such/profile.pb.gz", error, sizeof(error)));
	assert_non_null(strstr(error, "/no/such/profile.pb.gz: No such file"));
	assert_null(profile_read("/", error, sizeof(error)));
	assert_non_null(strstr(error, "directory"));
	assert_null(profile_read("/dev/null", error, sizeof(error)));
	assert_non_null(strstr(error, "/dev/null is cut off"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modules_of_one_path),
		cmocka_unit_test(test_round_trip_is_lossless),
		cmocka_unit_test(test_names_like_ours_are_names),
		cmocka_unit_test(test_saved_profiles_stay_readable),
		cmocka_unit_test(test_cut_off_anywhere),
		cmocka_unit_test(test_damaged_bytes_never_crash),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_bomb_of_messages),
		cmocka_unit_test(test_files_of_others),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_reading_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
