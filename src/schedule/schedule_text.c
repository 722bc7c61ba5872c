/*-------------------------------------------------------------------------
 *
 * schedule_text.c
 *	  Reading the text of a schedule.
 *
 *		1h30m				at most 5400 seconds behind
 *		0s					as soon as possible after a commit
 *		0 9-17/2 * * mon-fri	cron: 9, 11, 13, 15 and 17 o'clock on workdays
 *		30 * * * * *		cron with seconds: at second 30 of each minute
 *		@daily				the same as 0 0 * * *
 *		calculated			when a consumer needs it
 *		manual				only on request
 *
 * This file depends on nothing but C and palloc, so that test/unit can
 * exercise it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>
#include <limits.h>

#include "pg_trickle/schedule.h"

/* Keywords, and cron expressions that have a name. */
static const struct
{
	const char *name;
	ScheduleKind kind;
	const char *cron;
} keywords[] = {
	{"manual", SCHEDULE_MANUAL, NULL},
	{"calculated", SCHEDULE_CALCULATED, NULL},
	{"@hourly", SCHEDULE_CRON, "0 * * * *"},
	{"@daily", SCHEDULE_CRON, "0 0 * * *"},
	{"@midnight", SCHEDULE_CRON, "0 0 * * *"},
	{"@weekly", SCHEDULE_CRON, "0 0 * * 0"},
	{"@monthly", SCHEDULE_CRON, "0 0 1 * *"},
	{"@yearly", SCHEDULE_CRON, "0 0 1 1 *"},
	{"@annually", SCHEDULE_CRON, "0 0 1 1 *"},
};

/* Largest first, the order in which a duration names them. */
static const struct
{
	char letter;
	int64 seconds;
} units[] = {
	{'w', 7 * 24 * 60 * 60},
	{'d', 24 * 60 * 60},
	{'h', 60 * 60},
	{'m', 60},
	{'s', 1},
};

/* 68 years; so that it can be added to any time without a thought. */
#define MAX_SECONDS ((int64) INT_MAX)

typedef enum CronFieldNumber
{
	FIELD_SECOND,
	FIELD_MINUTE,
	FIELD_HOUR,
	FIELD_DAY,
	FIELD_MONTH,
	FIELD_WEEKDAY,
	NUM_FIELDS,
} CronFieldNumber;

typedef struct CronField
{
	const char *what;
	int min;
	int max;
	const char *names; /* of three letters each, from min on; or NULL */
} CronField;

/* Sunday is 0 and 7. */
static const CronField fields[NUM_FIELDS] = {
	[FIELD_SECOND] = {"second", 0, 59, NULL},
	[FIELD_MINUTE] = {"minute", 0, 59, NULL},
	[FIELD_HOUR] = {"hour", 0, 23, NULL},
	[FIELD_DAY] = {"day of the month", 1, 31, NULL},
	[FIELD_MONTH] = {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
	[FIELD_WEEKDAY] = {"day of the week", 0, 7, "sunmontuewedthufrisat"},
};

/* ---- numbers ---- */

/*
 * Read a number and move *pos behind it; -1 if there is none.  What is too
 * large for any use comes out as MAX_SECONDS + 1.
 */
static int64
read_number(const char **pos)
{
	int64 number = 0;

	if (!isdigit((unsigned char) **pos))
		return -1;
	for (; isdigit((unsigned char) **pos); (*pos)++)
		number = Min(number * 10 + (**pos - '0'), MAX_SECONDS + 1);

	return number;
}

/* ---- durations ---- */

static int
letters_at(const char *pos)
{
	int n = 0;

	while (isalpha((unsigned char) pos[n]))
		n++;
	return n;
}

/* The place of a unit at or behind "from" in the table; -1 if none is. */
static int
find_unit(char letter, int from)
{
	for (int i = from; i < (int) lengthof(units); i++)
	{
		if (units[i].letter == letter)
			return i;
	}

	return -1;
}

static char *
parse_duration(const char *text, Schedule *schedule)
{
	const char *pos = text;
	int unit = -1;

	schedule->kind = SCHEDULE_INTERVAL;
	schedule->seconds = 0;
	do
	{
		int64 number = read_number(&pos);

		if (number < 0)
			return psprintf("A number was expected at \"%s\".", pos);
		if (*pos == '\0')
			return psprintf("The number at the end has no unit.");
		if (letters_at(pos) > 1)
			return psprintf("Expected a unit of one letter, not \"%.*s\".",
							letters_at(pos), pos);
		if (find_unit(*pos, 0) < 0)
			return psprintf("Expected a unit, not \"%s\".", pos);
		unit = find_unit(*pos, unit + 1);
		if (unit < 0)
			return psprintf("Larger units come first, and each at most once.");

		schedule->seconds += number * units[unit].seconds;
		if (schedule->seconds > MAX_SECONDS)
			return psprintf("A schedule cannot be longer than 68 years.");
		pos++;
	} while (*pos != '\0');

	return NULL;
}

/* ---- cron ---- */

/* Read a number or a name of the field; -1 if there is neither. */
static int
read_value(const CronField *field, const char **pos)
{
	if (field->names == NULL || !isalpha((unsigned char) **pos))
		return (int) read_number(pos);

	for (int i = 0; field->names[i * 3] != '\0'; i++)
	{
		if (pg_strncasecmp(*pos, &field->names[i * 3], 3) == 0)
		{
			*pos += 3;
			return field->min + i;
		}
	}

	return -1;
}

/* A star, a value or a range of values: what a step is taken from. */
static char *
read_range(const CronField *field, const char **pos, int *low, int *high)
{
	*low = field->min;
	*high = field->max;
	if (**pos == '*')
	{
		(*pos)++;
		return NULL;
	}

	*low = read_value(field, pos);
	if (*low < 0)
		return psprintf("Expected the %s at \"%s\".", field->what, *pos);
	if (**pos == '-')
	{
		(*pos)++;
		*high = read_value(field, pos);
		if (*high < 0)
			return psprintf("Expected the %s at \"%s\".", field->what, *pos);
	}
	else if (**pos != '/')
		*high = *low;

	if (*low < field->min || *low > field->max || *high > field->max)
		return psprintf("The %s lies between %d and %d.", field->what,
						field->min, field->max);
	if (*high == 0 && *low > 0 && field->max == 7)
		*high = 7; /* fri-sun */
	if (*high < *low)
		return psprintf("The range of the %s ends before it begins.",
						field->what);
	return NULL;
}

static char *
read_step(const CronField *field, const char **pos, int *step)
{
	int64 number;

	*step = 1;
	if (**pos != '/')
		return NULL;

	(*pos)++;
	number = read_number(pos);
	*step = (int) Min(number, field->max + 1);
	if (*step <= 0)
		return psprintf("The step of the %s must be at least 1.", field->what);
	return NULL;
}

/* Parse a list of ranges with steps into a set of bits. */
static char *
parse_field(const CronField *field, const char *text, uint64 *set)
{
	const char *pos = text;

	*set = 0;
	for (;;)
	{
		int low;
		int high;
		int step;
		char *fault = read_range(field, &pos, &low, &high);

		if (fault == NULL)
			fault = read_step(field, &pos, &step);
		if (fault != NULL)
			return fault;
		for (int i = low; i <= high; i += step)
			*set |= UINT64CONST(1) << i;

		if (*pos == '\0')
			return NULL;
		if (*pos != ',')
			return psprintf("Expected a comma in the %s, not \"%s\".",
							field->what, pos);
		pos++;
	}
}

/* Is there a day that the sets name at all, or is it the 30th of February? */
static bool
some_day_comes(const CronTimes *cron)
{
	static const int longest[] = {0, 31, 29, 31, 30, 31, 30,
								  31, 31, 30, 31, 30, 31};

	if (!cron->any_weekday)
		return true;
	for (int month = 1; month <= 12; month++)
	{
		uint64 days = (UINT64CONST(1) << (longest[month] + 1)) - 1;

		if ((cron->months & (UINT64CONST(1) << month)) != 0 &&
			(cron->days & days) != 0)
			return true;
	}

	return false;
}

/*
 * Split the text at blanks; the number of words, of which the first "max" are
 * stored.
 */
static int
split(char *text, char **words, int max)
{
	int n = 0;

	for (char *pos = text; *pos != '\0';)
	{
		if (isspace((unsigned char) *pos))
		{
			*pos++ = '\0';
			continue;
		}
		if (n < max)
			words[n] = pos;
		n++;
		while (*pos != '\0' && !isspace((unsigned char) *pos))
			pos++;
	}

	return n;
}

static char *
parse_cron(const char *text, Schedule *schedule)
{
	CronTimes *cron = &schedule->cron;
	uint64 *const sets[NUM_FIELDS] = {
		&cron->seconds, &cron->minutes, &cron->hours,
		&cron->days, &cron->months, &cron->weekdays};
	char *words[NUM_FIELDS];
	char *fault = NULL;
	int n = split(pstrdup(text), words, NUM_FIELDS);
	int skipped = NUM_FIELDS - n; /* five fields: the second is missing */

	if (n != NUM_FIELDS && n != NUM_FIELDS - 1)
		return psprintf("A cron expression has 5 or 6 fields, not %d.", n);

	schedule->kind = SCHEDULE_CRON;
	cron->seconds = 1;
	for (int i = skipped; i < NUM_FIELDS && fault == NULL; i++)
		fault = parse_field(&fields[i], words[i - skipped], sets[i]);
	if (fault != NULL)
		return fault;

	cron->any_day = words[FIELD_DAY - skipped][0] == '*';
	cron->any_weekday = words[FIELD_WEEKDAY - skipped][0] == '*';
	if ((cron->weekdays & (1 << 7)) != 0)
		cron->weekdays = (cron->weekdays & ~(uint64) (1 << 7)) | 1;
	if (!some_day_comes(cron))
		return psprintf("No month of those given has such a day.");
	return NULL;
}

/* ---- all of it ---- */

/* The text without the blanks around it, palloc'd. */
static char *
trim(const char *text)
{
	char *copy;
	size_t len;

	while (isspace((unsigned char) *text))
		text++;
	copy = pstrdup(text);
	len = strlen(copy);
	while (len > 0 && isspace((unsigned char) copy[len - 1]))
		copy[--len] = '\0';

	return copy;
}

/*
 * See schedule.h.
 */
char *
pgt_parse_schedule(const char *text, Schedule *schedule)
{
	char *trimmed = trim(text);

	memset(schedule, 0, sizeof(Schedule));
	for (int i = 0; i < (int) lengthof(keywords); i++)
	{
		if (pg_strcasecmp(trimmed, keywords[i].name) != 0)
			continue;
		if (keywords[i].cron != NULL)
			return parse_cron(keywords[i].cron, schedule);
		schedule->kind = keywords[i].kind;
		return NULL;
	}

	if (trimmed[0] == '\0')
		return pstrdup("It is empty.");
	if (trimmed[0] == '@')
		return psprintf("There is no alias \"%s\".", trimmed);
	if (strpbrk(trimmed, " \t\r\n") != NULL)
		return parse_cron(trimmed, schedule);
	return parse_duration(trimmed, schedule);
}
