/*-------------------------------------------------------------------------
 *
 * cron.c
 *	  When the calendar next says so.
 *
 * A clock on the wall is a function of time that jumps: at New York's end of
 * winter from 01:59:59 to 03:00:00, and back from 01:59:59 to 01:00:00 at the
 * end of summer.  There are two ways to read "at 02:30" off it:
 *
 *		0 30 2 * * *	hours are named: each time the wall shows counts once,
 *						at the first instant at which the wall has reached it;
 *						at 03:00 in spring, at the first of two in autumn
 *		0 30 * * * *	all hours: a rhythm, that keeps to what elapses; 01:30,
 *						03:30 in spring; 01:30, 01:30, 02:30 in autumn
 *
 * Seconds of the wall are counted from 1970 as if it hung in Greenwich, so that
 * wall = UTC + offset.
 *
 * This file depends on nothing but C, so that test/unit can exercise it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg_trickle/cron.h"

#define MINUTE ((int64) 60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/*
 * Further than any clock was ever off or set: the zones of PostgreSQL lie
 * within 25 hours of UTC, and the change of a date line takes a day.
 */
#define REACH (3 * DAY)

/* No zone changes twice within so short a time. */
#define GLANCE (6 * HOUR)

/* The calendar repeats itself after that many years. */
#define CYCLE 400

/* Seconds from 1970 to 2000, where the server's time begins. */
#define EPOCH ((int64) 10957 * DAY)

#define BIT(n) (UINT64CONST(1) << (n))

/* ---- calendar ---- */

typedef struct Date
{
	int64 year;
	int month;
	int day;
} Date;

static int64
divide_down(int64 a, int64 b)
{
	return a / b - (a % b < 0);
}

/*
 * The number of a day, counted from 1970.  Years begin in March here, so that
 * the day that comes and goes is the last.
 */
static int64
day_number(int64 year, int month, int day)
{
	int64 y = month > 2 ? year : year - 1;
	int m = (month + 9) % 12;

	return y * 365 + divide_down(y, 4) - divide_down(y, 100) +
		   divide_down(y, 400) + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static Date
date_of(int64 number)
{
	int64 days = number + 719468; /* since March 1 of the year 0 */
	int64 cycle = divide_down(days, 146097);
	int rest = (int) (days - cycle * 146097);
	int year = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
	int yday = rest - (year * 365 + year / 4 - year / 100);
	int month = (yday * 5 + 2) / 153;
	Date date;

	date.day = yday - (month * 153 + 2) / 5 + 1;
	date.month = month < 10 ? month + 3 : month - 9;
	date.year = cycle * 400 + year + (date.month <= 2);
	return date;
}

static bool
day_matches(const CronTimes *cron, const Date *date, int64 number)
{
	int weekday = (int) (number + 4 - divide_down(number + 4, 7) * 7);
	bool day = (cron->days & BIT(date->day)) != 0;
	bool week = (cron->weekdays & BIT(weekday)) != 0;

	if (cron->any_day || cron->any_weekday)
		return day && week;
	return day || week;
}

/* The first day of the cron from "number" on; false if there is none. */
static bool
next_day(const CronTimes *cron, int64 number, int64 *found)
{
	Date date = date_of(number);
	int64 last_year = date.year + CYCLE;

	while (date.year <= last_year)
	{
		int next_month = date.month % 12 + 1;
		int64 next_year = date.year + (date.month == 12);
		int64 next_number = day_number(next_year, next_month, 1);

		if ((cron->months & BIT(date.month)) != 0)
		{
			for (; number < next_number; number++, date.day++)
			{
				if (day_matches(cron, &date, number))
				{
					*found = number;
					return true;
				}
			}
		}

		number = next_number;
		date = (Date){next_year, next_month, 1};
	}

	return false;
}

/* The first bit of a set from "from" on; -1 if there is none. */
static int
next_bit(uint64 set, int from)
{
	for (int i = from; i < 64; i++)
	{
		if ((set & BIT(i)) != 0)
			return i;
	}

	return -1;
}

/* The first second of the day from "from" on; -1 if there is none. */
static int64
next_second_of_day(const CronTimes *cron, int64 from)
{
	int hour = (int) (from / HOUR);
	int minute = (int) (from % HOUR / MINUTE);
	int second = (int) (from % MINUTE);

	second = next_bit(cron->seconds, second);
	if (second < 0)
		minute++;
	if (second < 0 || (cron->minutes & BIT(minute)) == 0)
		second = next_bit(cron->seconds, 0);

	minute = next_bit(cron->minutes, minute);
	if (minute < 0)
		hour++;
	if (minute < 0 || (cron->hours & BIT(hour)) == 0)
	{
		minute = next_bit(cron->minutes, 0);
		second = next_bit(cron->seconds, 0);
	}

	hour = next_bit(cron->hours, hour);
	return hour < 0 ? -1 : hour * HOUR + minute * MINUTE + second;
}

/* The first second of the wall from "from" on that the cron names. */
static bool
next_on_wall(const CronTimes *cron, int64 from, int64 *wall)
{
	int64 today = divide_down(from, DAY);
	int64 day;
	int64 second;

	if (!next_day(cron, today, &day))
		return false;

	second = next_second_of_day(cron, day == today ? from - today * DAY : 0);
	if (second < 0)
	{
		if (!next_day(cron, today + 1, &day))
			return false;
		second = next_second_of_day(cron, 0);
	}

	*wall = day * DAY + second;
	return true;
}

/* ---- zone ---- */

static int64
offset(const ZoneRules *zone, int64 utc)
{
	return zone->offset_at(zone->arg, utc);
}

/*
 * The first instant after "from", up to "upto", at which the offset is not
 * that of "from" any more; false if it does not change.
 */
static bool
next_change(const ZoneRules *zone, int64 from, int64 upto, int64 *change)
{
	int64 old = offset(zone, from);

	while (from < upto)
	{
		int64 next = Min(from + GLANCE, upto);

		if (offset(zone, next) == old)
		{
			from = next;
			continue;
		}

		while (next - from > 1)
		{
			int64 middle = from + (next - from) / 2;

			if (offset(zone, middle) == old)
				from = middle;
			else
				next = middle;
		}

		*change = next;
		return true;
	}

	return false;
}

/* The latest second that the wall has shown up to now. */
static int64
latest_on_wall(const ZoneRules *zone, int64 now)
{
	int64 time = now - REACH;
	int64 latest = PG_INT64_MIN;
	int64 change;

	while (next_change(zone, time, now, &change))
	{
		latest = Max(latest, change - 1 + offset(zone, time));
		time = change;
	}

	return Max(latest, now + offset(zone, now));
}

/* The first instant at which the wall shows "wall" or later. */
static int64
first_reached(const ZoneRules *zone, int64 wall)
{
	int64 time = wall - REACH;

	for (;;)
	{
		int64 guess = wall - offset(zone, time);
		int64 change;

		if (!next_change(zone, time, guess, &change))
			return guess;
		if (change + offset(zone, change) >= wall)
			return change; /* it was skipped */
		time = change;
	}
}

/* ---- the two ways ---- */

/* Each time of the wall counts once. */
static bool
next_once(const CronTimes *cron, const ZoneRules *zone, int64 after,
		  int64 *next)
{
	int64 wall;

	if (!next_on_wall(cron, latest_on_wall(zone, after) + 1, &wall))
		return false;

	*next = first_reached(zone, wall);
	return true;
}

/* Whenever the wall shows it. */
static bool
next_shown(const CronTimes *cron, const ZoneRules *zone, int64 after,
		   int64 *next)
{
	int64 time = after + 1;

	for (;;)
	{
		int64 now = offset(zone, time);
		int64 wall;
		int64 guess;
		int64 change;

		if (!next_on_wall(cron, time + now, &wall))
			return false;
		guess = wall - now;
		if (next_change(zone, time, Min(guess, time + REACH), &change))
		{
			time = change;
			continue;
		}
		if (guess <= time + REACH)
		{
			*next = guess;
			return true;
		}

		/*
		 * Far away.  No change on the way can make the wall show a time of
		 * the cron before it nears the guess: none is within its reach.
		 */
		time = Max(time + REACH, guess - REACH);
	}
}

/*
 * See cron.h.
 */
bool
pgt_cron_next(const CronTimes *cron, const ZoneRules *zone,
			  TimestampTz after, TimestampTz *next)
{
	bool rhythm = cron->hours == BIT(24) - 1;
	int64 seconds = divide_down(after, USECS_PER_SEC) + EPOCH;
	int64 found;
	bool found_one;

	if (rhythm)
		found_one = next_shown(cron, zone, seconds, &found);
	else
		found_one = next_once(cron, zone, seconds, &found);
	if (!found_one || found - EPOCH > PG_INT64_MAX / USECS_PER_SEC)
		return false;

	*next = (found - EPOCH) * USECS_PER_SEC;
	return true;
}
