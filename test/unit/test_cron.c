/*
 * test_cron.c
 *	  When the calendar next says so, in zones whose clocks jump.
 *
 * Objects: src/schedule/cron.o src/schedule/schedule_text.o
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "postgres.h"

#include "cmocka_compat.h"
#include "pg_trickle/cron.h"

#define DAY ((int64) 86400)
#define EPOCH (10957 * DAY)

/* ---- zones ---- */

typedef struct Change
{
	const char *utc;
	int minutes;  /* east of UTC from then on */
	int64 parsed; /* "utc", once it was */
} Change;

typedef struct TestZone
{
	const char *name;
	int minutes; /* before the first change */
	Change changes[4];
	const char *around; /* a time near its changes, for the random tests */
} TestZone;

/* As the time zone database has them. */
static TestZone utc = {"UTC", 0, {{NULL}}, "2026-02-27 00:00 +0000"};
static TestZone new_york = {
	"America/New_York",
	-300,
	{
		{"2026-03-08 07:00 +0000", -240},
		{"2026-11-01 06:00 +0000", -300},
	},
	"2026-03-07 00:00 +0000"};
static TestZone berlin = {
	"Europe/Berlin",
	60,
	{
		{"2026-03-29 01:00 +0000", 120},
		{"2026-10-25 01:00 +0000", 60},
	},
	"2026-10-24 00:00 +0000"};
static TestZone lord_howe = {
	"Australia/Lord_Howe",
	660,
	{
		{"2026-04-04 15:00 +0000", 630},
		{"2026-10-03 15:30 +0000", 660},
	},
	"2026-04-03 00:00 +0000"};
static TestZone sao_paulo = {
	"America/Sao_Paulo",
	-180,
	{
		{"2018-11-04 03:00 +0000", -120},
		{"2019-02-17 02:00 +0000", -180},
	},
	"2018-11-03 00:00 +0000"};
static TestZone beirut = {
	"Asia/Beirut",
	120,
	{
		{"2026-03-28 22:00 +0000", 180},
		{"2026-10-24 21:00 +0000", 120},
	},
	"2026-10-23 00:00 +0000"};
static TestZone apia = {
	"Pacific/Apia",
	-600,
	{
		{"2011-12-30 10:00 +0000", 840},
		{"2012-03-31 14:00 +0000", 780},
	},
	"2011-12-29 00:00 +0000"};

static TestZone *const zones[] = {&utc, &new_york, &berlin, &lord_howe,
								  &sao_paulo, &beirut, &apia};

/* Days from 1970 the slow way, which shares nothing with cron.c. */
static int64
count_days(int year, int month, int day)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30,
								  31, 31, 30, 31, 30, 31};
	int64 days = day - 1;

	for (int y = 1970; y < year + (month > 2); y++)
		days += y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
	days += (int64) (year - 1970) * 365;
	for (int m = 1; m < month; m++)
		days += lengths[m - 1];

	return days;
}

/* "2026-03-08 03:00:30 -0400", seconds optional, as seconds from 1970. */
static int64
parse_time(const char *text)
{
	int year;
	int month;
	int day;
	int hour;
	int minute;
	int second = 0;
	int east;

	if (sscanf(text, "%d-%d-%d %d:%d:%d %d", &year, &month, &day, &hour,
			   &minute, &second, &east) != 7)
	{
		second = 0;
		assert_int_equal(sscanf(text, "%d-%d-%d %d:%d %d", &year, &month,
								&day, &hour, &minute, &east),
						 6);
	}

	return count_days(year, month, day) * DAY + hour * 3600 + minute * 60 +
		   second - (east / 100 * 60 + east % 100) * 60;
}

static char *
show_time(const TestZone *zone, int64 time, int minutes)
{
	time_t wall = time + minutes * 60;
	char text[64];

	strftime(text, sizeof(text), "%F %T", gmtime(&wall));
	return psprintf("%s %+03d%02d in %s", text, minutes / 60,
					abs(minutes % 60), zone->name);
}

static int offsets_asked;

static int32
offset_at(void *arg, int64 utc_seconds)
{
	TestZone *zone = arg;
	int minutes = zone->minutes;

	offsets_asked++;
	for (int i = 0; i < 4 && zone->changes[i].utc != NULL; i++)
	{
		Change *change = &zone->changes[i];

		if (change->parsed == 0)
			change->parsed = parse_time(change->utc);
		if (utc_seconds >= change->parsed)
			minutes = change->minutes;
	}

	return minutes * 60;
}

/* ---- expectations ---- */

static CronTimes
parse(const char *text)
{
	Schedule schedule;
	char *fault = pgt_parse_schedule(text, &schedule);

	if (fault != NULL)
		fail_msg("\"%s\": %s", text, fault);
	assert_int_equal(schedule.kind, SCHEDULE_CRON);
	return schedule.cron;
}

static TimestampTz
timestamp(int64 seconds)
{
	return (seconds - EPOCH) * USECS_PER_SEC;
}

static bool
next_time(const char *text, TestZone *zone, int64 after, int64 *next)
{
	CronTimes cron = parse(text);
	ZoneRules rules = {offset_at, zone};
	TimestampTz found;

	offsets_asked = 0;
	if (!pgt_cron_next(&cron, &rules, timestamp(after), &found))
		return false;
	assert_int_equal(found % USECS_PER_SEC, 0);
	assert_int_in_range(offsets_asked, 1, 300); /* bounded, however far */
	*next = found / USECS_PER_SEC + EPOCH;
	return true;
}

/* The times that follow "after" are those, which NULL ends. */
static void
assert_times(const char *text, TestZone *zone, const char *after, ...)
{
	int64 time = parse_time(after);
	const char *expected;
	va_list args;

	va_start(args, after);
	while ((expected = va_arg(args, const char *)) != NULL)
	{
		int64 next = 0;

		if (!next_time(text, zone, time, &next))
			fail_msg("\"%s\": no time, expected %s", text, expected);
		if (next != parse_time(expected))
			fail_msg("\"%s\" after %s: %s, expected %s", text,
					 show_time(zone, time, 0),
					 show_time(zone, next, offset_at(zone, next) / 60),
					 expected);
		time = next;
	}
	va_end(args);
}

/* ---- the calendar ---- */

static void
plain_times(void **state)
{
	assert_times("* * * * *", &utc, "2026-03-01 10:00 +0000",
				 "2026-03-01 10:01 +0000", "2026-03-01 10:02 +0000", NULL);
	assert_times("*/20 * * * *", &utc, "2026-03-01 10:00 +0000",
				 "2026-03-01 10:20 +0000", "2026-03-01 10:40 +0000",
				 "2026-03-01 11:00 +0000", NULL);
	assert_times("0 9-17/4 * * *", &utc, "2026-03-01 08:59:59 +0000",
				 "2026-03-01 09:00 +0000", "2026-03-01 13:00 +0000",
				 "2026-03-01 17:00 +0000", "2026-03-02 09:00 +0000", NULL);
	assert_times("30 5,6 * * *", &utc, "2026-03-01 05:31 +0000",
				 "2026-03-01 06:30 +0000", "2026-03-02 05:30 +0000", NULL);
	assert_times("59 23 * * *", &utc, "2026-03-01 23:58:59 +0000",
				 "2026-03-01 23:59 +0000", "2026-03-02 23:59 +0000", NULL);
}

static void
seconds_field(void **state)
{
	assert_times("30 * * * * *", &utc, "2026-03-01 10:00:30 +0000",
				 "2026-03-01 10:01:30 +0000", NULL);
	assert_times("*/25 59 23 * * *", &utc, "2026-03-01 23:59:10 +0000",
				 "2026-03-01 23:59:25 +0000", "2026-03-01 23:59:50 +0000",
				 "2026-03-02 23:59:00 +0000", NULL);
	assert_times("5 0 0 1 1 *", &utc, "2025-12-31 23:59:59 +0000",
				 "2026-01-01 00:00:05 +0000", "2027-01-01 00:00:05 +0000",
				 NULL);
	assert_times("* * * * * *", &utc, "2026-12-31 23:59:58 +0000",
				 "2026-12-31 23:59:59 +0000", "2027-01-01 00:00:00 +0000",
				 NULL);
}

static void
days_and_months(void **state)
{
	assert_times("@yearly", &utc, "2026-12-31 23:59:59 +0000",
				 "2027-01-01 00:00 +0000", "2028-01-01 00:00 +0000", NULL);
	assert_times("0 0 31 * *", &utc, "2026-01-31 00:00 +0000",
				 "2026-03-31 00:00 +0000", "2026-05-31 00:00 +0000", NULL);
	assert_times("0 12 30 2-5 *", &utc, "2026-01-01 00:00 +0000",
				 "2026-03-30 12:00 +0000", "2026-04-30 12:00 +0000",
				 "2026-05-30 12:00 +0000", "2027-03-30 12:00 +0000", NULL);
	assert_times("0 0 * * mon-fri", &utc, "2026-02-27 00:00 +0000",
				 "2026-03-02 00:00 +0000", "2026-03-03 00:00 +0000", NULL);
	assert_times("0 0 * 2 sun", &utc, "2026-02-22 00:00 +0000",
				 "2027-02-07 00:00 +0000", NULL);
	/* Before 1970, and before 2000, where the server's time is negative. */
	assert_times("0 0 * * sat", &utc, "1999-12-31 00:00 +0000",
				 "2000-01-01 00:00 +0000", NULL);
}

/* Two restricted day fields are alternatives; a star restricts as well. */
static void
both_day_fields(void **state)
{
	assert_times("0 0 13 * fri", &utc, "2026-02-01 00:00 +0000",
				 "2026-02-06 00:00 +0000", "2026-02-13 00:00 +0000",
				 "2026-02-20 00:00 +0000", "2026-02-27 00:00 +0000",
				 "2026-03-06 00:00 +0000", NULL);
	assert_times("0 0 15 * fri", &utc, "2026-02-13 00:00 +0000",
				 "2026-02-15 00:00 +0000", "2026-02-20 00:00 +0000", NULL);
	assert_times("0 0 */10 * fri", &utc, "2026-02-01 00:00 +0000",
				 "2026-05-01 00:00 +0000", "2026-07-31 00:00 +0000",
				 "2026-08-21 00:00 +0000", NULL);
}

static void
leap_days(void **state)
{
	assert_times("0 0 29 2 *", &utc, "2026-01-01 00:00 +0000",
				 "2028-02-29 00:00 +0000", "2032-02-29 00:00 +0000", NULL);
	assert_times("0 0 29 2 *", &utc, "2096-02-29 00:00 +0000",
				 "2104-02-29 00:00 +0000", NULL);
	assert_times("0 0 29 2 *", &utc, "1996-03-01 00:00 +0000",
				 "2000-02-29 00:00 +0000", NULL);
	assert_times("0 0 29 2 *", &new_york, "2096-02-29 05:00 +0000",
				 "2104-02-29 00:00 -0500", NULL);
	assert_times("30 * 29 2 *", &new_york, "2026-01-01 00:00 +0000",
				 "2028-02-29 00:30 -0500", "2028-02-29 01:30 -0500", NULL);
	assert_times("0 12 29 2 *", &utc, "2000-02-29 01:00 +0000",
				 "2000-02-29 12:00 +0000", NULL);
	/* A leap day that is a Sunday: 40 years. */
	assert_times("0 0 29 2 */7", &utc, "2088-02-29 00:00 +0000",
				 "2128-02-29 00:00 +0000", NULL);
	assert_times("0 0 1 3 *", &utc, "2100-02-28 00:00 +0000",
				 "2100-03-01 00:00 +0000", NULL);
}

static void
fractions_of_a_second(void **state)
{
	CronTimes cron = parse("* * * * * *");
	ZoneRules rules = {offset_at, &utc};
	TimestampTz next;

	assert_true(pgt_cron_next(&cron, &rules, 1, &next));
	assert_int_equal(next, USECS_PER_SEC);
	assert_true(pgt_cron_next(&cron, &rules, USECS_PER_SEC - 1, &next));
	assert_int_equal(next, USECS_PER_SEC);
	assert_true(pgt_cron_next(&cron, &rules, USECS_PER_SEC, &next));
	assert_int_equal(next, 2 * USECS_PER_SEC);
	assert_true(pgt_cron_next(&cron, &rules, -1, &next));
	assert_int_equal(next, 0);
	assert_true(pgt_cron_next(&cron, &rules, -USECS_PER_SEC, &next));
	assert_int_equal(next, 0);
}

/* What does not fit a timestamp, or never comes, is no time. */
static void
no_time(void **state)
{
	CronTimes cron = parse("0 0 1 1 *");
	ZoneRules rules = {offset_at, &utc};
	TimestampTz next;

	assert_false(pgt_cron_next(&cron, &rules, PG_INT64_MAX - 1, &next));
	cron.months = UINT64CONST(1) << 2;
	cron.days = UINT64CONST(1) << 30;
	assert_false(pgt_cron_next(&cron, &rules, 0, &next));
	cron.hours = (UINT64CONST(1) << 24) - 1;
	assert_false(pgt_cron_next(&cron, &rules, 0, &next));
}

/* ---- daylight saving ---- */

/* A time that the clock skips comes when it has been skipped, once. */
static void
skipped_times(void **state)
{
	assert_times("30 2 * * *", &new_york, "2026-03-06 12:00 +0000",
				 "2026-03-07 02:30 -0500", "2026-03-08 03:00 -0400",
				 "2026-03-09 02:30 -0400", NULL);
	assert_times("0 2,3 * * *", &new_york, "2026-03-07 12:00 +0000",
				 "2026-03-08 03:00 -0400", "2026-03-09 02:00 -0400", NULL);
	assert_times("*/15 2 * * *", &new_york, "2026-03-07 12:00 +0000",
				 "2026-03-08 03:00 -0400", "2026-03-09 02:00 -0400", NULL);
	assert_times("0 2 8 3 *", &new_york, "2026-03-07 12:00 +0000",
				 "2026-03-08 03:00 -0400", NULL);
	assert_times("59 59 1 * * *", &new_york, "2026-03-07 12:00 +0000",
				 "2026-03-08 01:59:59 -0500", "2026-03-09 01:59:59 -0400",
				 NULL);
	assert_times("15 2 * * *", &berlin, "2026-03-28 12:00 +0000",
				 "2026-03-29 03:00 +0200", "2026-03-30 02:15 +0200", NULL);
	assert_times("15 2 * * *", &lord_howe, "2026-10-02 16:00 +0000",
				 "2026-10-04 02:30 +1100", "2026-10-05 02:15 +1100", NULL);
	assert_times("45 2 * * *", &lord_howe, "2026-10-03 00:00 +0000",
				 "2026-10-04 02:45 +1100", "2026-10-05 02:45 +1100", NULL);
	/* At midnight: the day has no 00:00. */
	assert_times("@daily", &sao_paulo, "2018-11-02 12:00 +0000",
				 "2018-11-03 00:00 -0300", "2018-11-04 01:00 -0200",
				 "2018-11-05 00:00 -0200", NULL);
	assert_times("@weekly", &beirut, "2026-03-23 12:00 +0000",
				 "2026-03-29 01:00 +0300", "2026-04-05 00:00 +0300", NULL);
	/* A day that was skipped as a whole. */
	assert_times("0 12 * * *", &apia, "2011-12-28 23:00 +0000",
				 "2011-12-29 12:00 -1000", "2011-12-31 00:00 +1400",
				 "2011-12-31 12:00 +1400", NULL);
	assert_times("0 12 30 12 *", &apia, "2011-12-01 00:00 +0000",
				 "2011-12-31 00:00 +1400", "2012-12-30 12:00 +1300", NULL);
}

/* A time that the clock shows twice comes the first time. */
static void
repeated_times(void **state)
{
	assert_times("30 1 * * *", &new_york, "2026-10-31 12:00 +0000",
				 "2026-11-01 01:30 -0400", "2026-11-02 01:30 -0500", NULL);
	assert_times("*/30 1 * * *", &new_york, "2026-10-31 12:00 +0000",
				 "2026-11-01 01:00 -0400", "2026-11-01 01:30 -0400",
				 "2026-11-02 01:00 -0500", NULL);
	/* Asked in between. */
	assert_times("30 1 * * *", &new_york, "2026-11-01 01:45 -0400",
				 "2026-11-02 01:30 -0500", NULL);
	assert_times("30 1 * * *", &new_york, "2026-11-01 01:15 -0500",
				 "2026-11-02 01:30 -0500", NULL);
	assert_times("0 2 * * *", &new_york, "2026-11-01 01:45 -0400",
				 "2026-11-01 02:00 -0500", "2026-11-02 02:00 -0500", NULL);
	assert_times("0 2 * * *", &new_york, "2026-11-01 01:15 -0500",
				 "2026-11-01 02:00 -0500", NULL);
	assert_times("0 3 * * *", &berlin, "2026-10-24 12:00 +0000",
				 "2026-10-25 03:00 +0100", NULL);
	assert_times("30 2 * * *", &berlin, "2026-10-24 12:00 +0000",
				 "2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100", NULL);
	assert_times("45 1 * * *", &lord_howe, "2026-04-04 00:00 +0000",
				 "2026-04-05 01:45 +1100", "2026-04-06 01:45 +1030", NULL);
	assert_times("59 23 * * *", &sao_paulo, "2019-02-16 12:00 +0000",
				 "2019-02-16 23:59 -0200", "2019-02-17 23:59 -0300", NULL);
	assert_times("@daily", &beirut, "2026-10-24 12:00 +0000",
				 "2026-10-25 00:00 +0200", "2026-10-26 00:00 +0200", NULL);
}

/* All hours: a rhythm that goes on through both, and through the gap. */
static void
rhythms(void **state)
{
	assert_times("30 * * * *", &new_york, "2026-03-08 05:45 +0000",
				 "2026-03-08 01:30 -0500", "2026-03-08 03:30 -0400",
				 "2026-03-08 04:30 -0400", NULL);
	assert_times("30 * * * *", &new_york, "2026-11-01 00:45 -0400",
				 "2026-11-01 01:30 -0400", "2026-11-01 01:30 -0500",
				 "2026-11-01 02:30 -0500", NULL);
	assert_times("*/20 * * * *", &new_york, "2026-11-01 01:20 -0400",
				 "2026-11-01 01:40 -0400", "2026-11-01 01:00 -0500",
				 "2026-11-01 01:20 -0500", "2026-11-01 01:40 -0500",
				 "2026-11-01 02:00 -0500", NULL);
	assert_times("*/20 * * * *", &berlin, "2026-03-29 01:20 +0100",
				 "2026-03-29 01:40 +0100", "2026-03-29 03:00 +0200",
				 "2026-03-29 03:20 +0200", NULL);
	assert_times("@hourly", &lord_howe, "2026-04-04 13:30 +0000",
				 "2026-04-05 01:00 +1100", "2026-04-05 02:00 +1030",
				 "2026-04-05 03:00 +1030", NULL);
	assert_times("45 * * * *", &lord_howe, "2026-04-04 14:30 +0000",
				 "2026-04-05 01:45 +1100", "2026-04-05 01:45 +1030",
				 "2026-04-05 02:45 +1030", NULL);
	assert_times("*/10 * * * *", &lord_howe, "2026-10-04 01:40 +1030",
				 "2026-10-04 01:50 +1030", "2026-10-04 02:30 +1100",
				 "2026-10-04 02:40 +1100", NULL);
	/* Far away, in a season with another offset, or with a repeated hour. */
	assert_times("30 * 1 7 *", &new_york, "2026-01-01 00:00 +0000",
				 "2026-07-01 00:30 -0400", "2026-07-01 01:30 -0400", NULL);
	assert_times("30 * 1 1 *", &new_york, "2026-07-01 00:00 +0000",
				 "2027-01-01 00:30 -0500", "2027-01-01 01:30 -0500", NULL);
	assert_times("30 * 1 11 *", &new_york, "2026-06-01 00:00 +0000",
				 "2026-11-01 00:30 -0400", "2026-11-01 01:30 -0400",
				 "2026-11-01 01:30 -0500", "2026-11-01 02:30 -0500", NULL);
	/* On that day only the hour that is repeated is left. */
	assert_times("0 * 16 2 *", &sao_paulo, "2019-02-16 23:30 -0200",
				 "2019-02-16 23:00 -0300", "2020-02-16 00:00 -0300", NULL);
}

/* ---- against going minute by minute ---- */

static bool
wall_matches(const CronTimes *cron, int64 wall)
{
	time_t time = wall;
	struct tm tm;
	bool day;
	bool week;

	gmtime_r(&time, &tm);
	day = (cron->days >> tm.tm_mday & 1) != 0;
	week = (cron->weekdays >> tm.tm_wday & 1) != 0;
	return (cron->minutes >> tm.tm_min & 1) != 0 &&
		   (cron->hours >> tm.tm_hour & 1) != 0 &&
		   (cron->months >> (tm.tm_mon + 1) & 1) != 0 &&
		   (cron->any_day || cron->any_weekday ? day && week : day || week);
}

/*
 * The same by its definition: a rhythm comes in each minute in which the wall
 * shows one of its times; else, in each in which the wall has moved over one
 * that it never showed before.
 */
static int64
slow_next(const CronTimes *cron, TestZone *zone, int64 after)
{
	int64 latest = after - 3 * DAY;
	bool rhythm = cron->hours == (1 << 24) - 1;

	latest -= latest % 60;
	for (int64 past = latest; past <= after; past += 60)
		latest = Max(latest, past + offset_at(zone, past));

	for (int64 time = after - after % 60 + 60;; time += 60)
	{
		int64 wall = time + offset_at(zone, time);

		if (rhythm && wall_matches(cron, wall))
			return time;
		for (; latest < wall; latest += 60)
		{
			if (!rhythm && wall_matches(cron, latest + 60))
				return time;
		}
	}
}

static uint64
random_set(int low, int high)
{
	uint64 set = 0;

	if (random() % 3 == 0)
	{
		for (int i = low; i <= high; i++)
			set |= UINT64CONST(1) << i;
		return set;
	}

	for (int n = random() % 4; n >= 0; n--)
		set |= UINT64CONST(1) << (low + random() % (high - low + 1));
	return set;
}

static void
random_times(void **state)
{
	srandom(1);
	for (int i = 0; i < 3000; i++)
	{
		TestZone *zone = zones[i % lengthof(zones)];
		ZoneRules rules = {offset_at, zone};
		int64 after = parse_time(zone->around) + random() % (4 * DAY);
		CronTimes cron = {
			.seconds = 1,
			.minutes = random_set(0, 59),
			.hours = random_set(0, 23),
			.days = random_set(1, 31) | random_set(1, 31),
			.months = (1 << 13) - 2,
			.weekdays = random_set(0, 6),
		};
		TimestampTz next;
		int64 expected;

		cron.any_day = random() % 4 == 0;
		cron.any_weekday = !cron.any_day && random() % 2 == 0;
		if (cron.any_weekday)
			cron.weekdays = 127;
		if (cron.any_day)
			cron.days = UINT64CONST(0xFFFFFFFE);
		expected = slow_next(&cron, zone, after);

		assert_true(pgt_cron_next(&cron, &rules, timestamp(after), &next));
		if (next != timestamp(expected))
			fail_msg("%d: after %s: %s, expected %s", i,
					 show_time(zone, after, 0),
					 show_time(zone, next / USECS_PER_SEC + EPOCH, 0),
					 show_time(zone, expected, 0));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_times),
		cmocka_unit_test(seconds_field),
		cmocka_unit_test(days_and_months),
		cmocka_unit_test(both_day_fields),
		cmocka_unit_test(leap_days),
		cmocka_unit_test(fractions_of_a_second),
		cmocka_unit_test(no_time),
		cmocka_unit_test(skipped_times),
		cmocka_unit_test(repeated_times),
		cmocka_unit_test(rhythms),
		cmocka_unit_test(random_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
