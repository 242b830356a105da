/* SPDX-License-Identifier: BSD-2-Clause */
#include "quantity.h"

#include <inttypes.h>
#include <math.h>

#include "clock.h"

const char *quantity_bytes(char text[QUANTITY_SIZE], uint64_t bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.95 && unit < sizeof(units) / sizeof(units[0]) - 1) {
		value /= 1000;
		unit++;
	}
	snprintf(text, QUANTITY_SIZE, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return text;
}

void quantity_print_bytes(FILE *file, uint64_t bytes)
{
	char text[QUANTITY_SIZE];

	fputs(quantity_bytes(text, bytes), file);
}

const char *quantity_count(char text[QUANTITY_SIZE], uint64_t count)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	char *end = text;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*end++ = ',';
		*end++ = digits[i];
	}
	*end = '\0';
	return text;
}

void quantity_print_count(FILE *file, uint64_t count)
{
	char text[QUANTITY_SIZE];

	fputs(quantity_count(text, count), file);
}

void quantity_print_age(FILE *file, uint64_t nanoseconds)
{
	double seconds = (double)nanoseconds / NS_PER_S;

	if (seconds < 9.95)
		fprintf(file, "%.3g s",
			seconds < 0.01 ? 0 : (double)(int)(seconds * 10 + 0.5) / 10);
	else if (seconds < 599.5)
		fprintf(file, "%.0f s", seconds);
	else if (seconds < 7170)
		fprintf(file, "%.0f min", seconds / 60);
	else if (seconds < 172000)
		fprintf(file, "%.1f h", seconds / 3600);
	else
		fprintf(file, "%.1f days", seconds / 86400);
}

void quantity_print_rate(FILE *file, double bytes_per_hour)
{
	double megabytes = bytes_per_hour / 1e6;
	double size = fabs(megabytes);

	if (!isfinite(megabytes))
		fputs("?", file);
	else if (size >= 999999.5)
		fprintf(file, "%.3g", megabytes);
	else if (size >= 999.5)
		fprintf(file, "%.0f", megabytes);
	else if (size >= 0.095 || size < 0.0005)
		fprintf(file, "%.1f", size < 0.0005 ? 0.0 : megabytes);
	else
		fprintf(file, "%.1g", megabytes);
}

void quantity_print_amount(FILE *file, uint64_t bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.5 && unit < sizeof(units) / sizeof(units[0]) - 1) {
		value /= 1000;
		unit++;
	}
	fprintf(file, unit && value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void quantity_print_span(FILE *file, double seconds)
{
	if (!(seconds >= 0) || seconds > 1e12)
		fputs("?", file);
	else if (seconds > 0 && seconds < 0.95)
		fprintf(file, "%.1f s", fmax(seconds, 0.1));
	else if (seconds < 119.5)
		fprintf(file, "%.0f s", seconds);
	else if (seconds < 7170)
		fprintf(file, "%.0f min", seconds / 60);
	else if (seconds < 172000)
		fprintf(file, "%.1f h", seconds / 3600);
	else if (seconds < 100 * 86400.0)
		fprintf(file, "%.1f d", seconds / 86400);
	else
		fprintf(file, "%.0f d", seconds / 86400);
}

void quantity_print_percent(FILE *file, double part, double whole)
{
	double percent = whole > 0 ? 100 * part / whole : 0;

	fprintf(file, percent >= 9.95 || percent == 0 ? "%.0f %%" : "%.1f %%",
		percent > 100 ? 100 : percent);
}

static uint64_t magnitude(int64_t number)
{
	return number < 0 ? -(uint64_t)number : (uint64_t)number;
}

static const char *quantity_signed(char text[QUANTITY_SIZE], int64_t number,
				   const char *(*label)(char *, uint64_t))
{
	*text = number < 0 ? '-' : '+';
	label(text + 1, magnitude(number));
	return number ? text : text + 1;
}

const char *quantity_signed_count(char text[QUANTITY_SIZE], int64_t count)
{
	return quantity_signed(text, count, quantity_count);
}

const char *quantity_signed_bytes(char text[QUANTITY_SIZE], int64_t bytes)
{
	return quantity_signed(text, bytes, quantity_bytes);
}

void quantity_print_signed_bytes(FILE *file, int64_t bytes)
{
	char text[QUANTITY_SIZE];

	fputs(quantity_signed_bytes(text, bytes), file);
}
