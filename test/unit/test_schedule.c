/*
 * test_schedule.c
 *	  What schedules mean, and what is none.
 *
 * Objects: src/schedule/schedule_text.o
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "postgres.h"

#include "pg_trickle/schedule.h"

#define BIT(n) (UINT64CONST(1) << (n))

static Schedule
parse(const char *text)
{
	Schedule schedule;
	char *fault = pgt_parse_schedule(text, &schedule);

	if (fault != NULL)
		fail_msg("\"%s\": %s", text, fault);
	return schedule;
}

static void
assert_seconds(const char *text, int64 seconds)
{
	Schedule schedule = parse(text);

	assert_int_equal(schedule.kind, SCHEDULE_INTERVAL);
	assert_int_equal(schedule.seconds, seconds);
}

static void
assert_fault(const char *text, const char *expected)
{
	Schedule schedule;
	char *fault = pgt_parse_schedule(text, &schedule);

	if (fault == NULL)
		fail_msg("\"%s\" was accepted", text);
	assert_string_equal(fault, expected);
}

static void
durations(void **state)
{
	assert_seconds("0s", 0);
	assert_seconds("30s", 30);
	assert_seconds("5m", 300);
	assert_seconds("1h30m", 5400);
	assert_seconds("2d", 172800);
	assert_seconds("1w", 604800);
	assert_seconds("1w2d3h4m5s", 788645);
	assert_seconds("90m", 5400);
	assert_seconds(" 1s\n", 1);
	assert_seconds("2147483647s", 2147483647);
}

static void
wrong_durations(void **state)
{
	assert_fault("", "It is empty.");
	assert_fault(" ", "It is empty.");
	assert_fault("soon", "A number was expected at \"soon\".");
	assert_fault("-5m", "A number was expected at \"-5m\".");
	assert_fault("5", "The number at the end has no unit.");
	assert_fault("1h30", "The number at the end has no unit.");
	assert_fault("5x", "Expected a unit, not \"x\".");
	assert_fault("1.5h", "Expected a unit, not \".5h\".");
	assert_fault("500ms", "Expected a unit of one letter, not \"ms\".");
	assert_fault("1h30min", "Expected a unit of one letter, not \"min\".");
	assert_fault("5M", "Expected a unit, not \"M\".");
	assert_fault("30m1h", "Larger units come first, and each at most once.");
	assert_fault("1h1h", "Larger units come first, and each at most once.");
	assert_fault("2147483648s", "A schedule cannot be longer than 68 years.");
	assert_fault("99999999999999999999w",
				 "A schedule cannot be longer than 68 years.");
}

static void
keywords(void **state)
{
	assert_int_equal(parse("manual").kind, SCHEDULE_MANUAL);
	assert_int_equal(parse("calculated").kind, SCHEDULE_CALCULATED);
	assert_int_equal(parse("CALCULATED").kind, SCHEDULE_CALCULATED);
	assert_fault("@often", "There is no alias \"@often\".");
}

static void
aliases_are_cron_expressions(void **state)
{
	static const char *const pairs[][2] = {
		{"@hourly", "0 * * * *"},
		{"@daily", "0 0 * * *"},
		{"@midnight", "@daily"},
		{"@weekly", "0 0 * * sun"},
		{"@monthly", "0 0 1 * *"},
		{"@yearly", "0 0 1 jan *"},
		{"@annually", "@YEARLY"},
	};

	for (size_t i = 0; i < lengthof(pairs); i++)
	{
		Schedule alias = parse(pairs[i][0]);
		Schedule meaning = parse(pairs[i][1]);

		assert_int_equal(alias.kind, SCHEDULE_CRON);
		assert_memory_equal(&alias, &meaning, sizeof(Schedule));
	}
}

static void
example_of_the_head_comment(void **state)
{
	CronTimes cron = parse("0 9-17/2 * * mon-fri").cron;

	assert_int_equal(cron.seconds, BIT(0));
	assert_int_equal(cron.minutes, BIT(0));
	assert_int_equal(cron.hours,
					 BIT(9) | BIT(11) | BIT(13) | BIT(15) | BIT(17));
	assert_int_equal(cron.days, BIT(32) - BIT(1));
	assert_int_equal(cron.months, BIT(13) - BIT(1));
	assert_int_equal(cron.weekdays, BIT(6) - BIT(1));
	assert_true(cron.any_day);
	assert_false(cron.any_weekday);
}

static void
lists_steps_and_names(void **state)
{
	assert_int_equal(parse("1,5-7,50/5 * * * *").cron.minutes,
					 BIT(1) | BIT(5) | BIT(6) | BIT(7) | BIT(50) | BIT(55));
	assert_int_equal(parse("*/20 * * * *").cron.minutes,
					 BIT(0) | BIT(20) | BIT(40));
	assert_int_equal(parse("0 0 1 JAN,dec *").cron.months, BIT(1) | BIT(12));
	assert_true(parse("0 0 */2 * 1").cron.any_day);
	assert_int_equal(parse("*/99 * * * *").cron.minutes, BIT(0));
}

static void
sunday_is_0_and_7(void **state)
{
	assert_int_equal(parse("0 0 * * 7").cron.weekdays, BIT(0));
	assert_int_equal(parse("0 0 * * 0").cron.weekdays, BIT(0));
	assert_int_equal(parse("0 0 * * fri-sun").cron.weekdays,
					 BIT(5) | BIT(6) | BIT(0));
	assert_int_equal(parse("0 0 * * *").cron.weekdays, BIT(7) - BIT(0));
}

static void
six_fields_begin_with_the_second(void **state)
{
	CronTimes cron = parse("30  *\t* * * *").cron;

	assert_int_equal(cron.seconds, BIT(30));
	assert_int_equal(cron.minutes, BIT(60) - BIT(0));
}

static void
wrong_cron_expressions(void **state)
{
	assert_fault("* * *", "A cron expression has 5 or 6 fields, not 3.");
	assert_fault("* * * * * * *",
				 "A cron expression has 5 or 6 fields, not 7.");
	assert_fault("60 * * * *", "The minute lies between 0 and 59.");
	assert_fault("60 0 * * * *", "The second lies between 0 and 59.");
	assert_fault("0 24 * * *", "The hour lies between 0 and 23.");
	assert_fault("0 0 0 * *", "The day of the month lies between 1 and 31.");
	assert_fault("0 0 1 13 *", "The month lies between 1 and 12.");
	assert_fault("0 0 * * 8", "The day of the week lies between 0 and 7.");
	assert_fault("0 0 * * fri-mon",
				 "The range of the day of the week ends before it begins.");
	assert_fault("5- * * * *", "Expected the minute at \"\".");
	assert_fault("0 0 1 foo *", "Expected the month at \"foo\".");
	assert_fault("jan * * * *", "Expected the minute at \"jan\".");
	assert_fault("1;2 * * * *",
				 "Expected a comma in the minute, not \";2\".");
	assert_fault("*/0 * * * *", "The step of the minute must be at least 1.");
	assert_fault("*/ * * * *", "The step of the minute must be at least 1.");
	assert_fault("1, * * * *", "Expected the minute at \"\".");
}

static void
days_that_never_come(void **state)
{
	const char *never = "No month of those given has such a day.";

	assert_fault("0 0 30 2 *", never);
	assert_fault("0 0 31 2,4,6,9,11 *", never);
	parse("0 0 29 2 *");
	parse("0 0 30 2,3 *");
	parse("0 0 30 2 mon"); /* on Mondays of February */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(wrong_durations),
		cmocka_unit_test(keywords),
		cmocka_unit_test(aliases_are_cron_expressions),
		cmocka_unit_test(example_of_the_head_comment),
		cmocka_unit_test(lists_steps_and_names),
		cmocka_unit_test(sunday_is_0_and_7),
		cmocka_unit_test(six_fields_begin_with_the_second),
		cmocka_unit_test(wrong_cron_expressions),
		cmocka_unit_test(days_that_never_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
