/*
 * test_due.c
 *	  Which stream tables are due.
 *
 * Objects: src/schedule/due.o src/schedule/due_order.o
 * Objects: src/schedule/diamond.o src/schedule/cron.o
 * Objects: src/schedule/schedule_text.o
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "postgres.h"

#include "cmocka_compat.h"
#include "due_world.h"

/* ---- one stream table ---- */

/* Nothing changes: no timer, for none of the kinds. */
static void
idle(void **state)
{
	begin();
	reads(add("0s", -1), 0);
	reads(add("30s", 0, -1), 0);
	reads(add("* * * * *", 0, -1), 0);
	reads(add("calculated", 1, -1), 0);
	reads(add("manual", 1, -1), 0);
	prepare();
	assert_idle();
	run_for(DAY);
	assert_int_equal(nstarts, 0);
	assert_idle();
	assert_true(TIMESTAMP_IS_NOEND(pgt_due_at(&model, 0, now)));
}

static void
as_soon_as_possible(void **state)
{
	TimestampTz noon;

	begin();
	noon = now;
	reads(add("0s", -1), 0);
	prepare();
	run_for(5 * SEC);
	change(0);
	run_for(5 * SEC);
	change(0);
	run_for(5 * SEC);
	assert_starts(0, noon + 5 * SEC, noon + 10 * SEC, NO_MORE);
	assert_fresh(0);
	assert_idle();
}

/* Due a minute after the last; armed when nothing has changed by then. */
static void
intervals(void **state)
{
	TimestampTz noon;

	begin();
	noon = now;
	reads(add("1m", -1), 0);
	prepare();
	run_for(10 * SEC);
	change(0);
	assert_int_equal(pgt_due_at(&model, 0, now), noon + MIN);
	run_for(10 * SEC);
	change(0);
	run_for(10 * MIN);
	assert_starts(0, noon + MIN, NO_MORE);
	assert_idle();
	change(0);
	run_for(10 * SEC);
	assert_starts(0, noon + MIN, noon + 10 * MIN + 20 * SEC, NO_MORE);
	change(0);
	run_for(2 * MIN);
	assert_starts(0, noon + MIN, noon + 10 * MIN + 20 * SEC,
				  noon + 11 * MIN + 20 * SEC, NO_MORE);
}

/* Set back by a day, the clock makes nobody wait for a day. */
static void
clock_set_back(void **state)
{
	TimestampTz before;

	begin();
	reads(add("0s", -1), 0);
	reads(add("1m", -1), 0);
	reads(add("0 * * * *", -1), 0);
	reads(add("0s", -1), 0);
	prepare();
	change(0);
	run_for(10 * SEC);
	change(0);
	nodes[3].retry_at = now + 2 * MIN;

	before = now -= DAY;
	pgt_note_clock(&model, now);
	assert_true(pgt_due_at(&model, 0, now) <= now + MIN);
	assert_true(pgt_due_at(&model, 1, now) <= now + MIN);
	assert_true(pgt_due_at(&model, 2, now) <= now + HOUR);
	assert_true(pgt_due_at(&model, 3, now) <= now + 5 * MIN);
	run_for(2 * HOUR);
	assert_fresh(0);
	assert_fresh(1);
	assert_fresh(2);
	assert_fresh(3);
	assert_true(nodes[2].last_start < before + 2 * HOUR);
}

/* At its times only, and not when nothing has changed. */
static void
cron_times(void **state)
{
	TimestampTz noon;

	begin();
	noon = now;
	reads(add("15 * * * *", -1), 0);
	prepare();
	run_for(20 * MIN); /* 12:15 passes: clean */
	change(0);
	run_for(10 * MIN);
	change(0);
	run_for(DAY);
	assert_starts(0, noon + HOUR + 15 * MIN, NO_MORE);
	assert_idle();
	now = noon + 2 * DAY + 15 * MIN;
	change(0); /* at the time itself */
	run_for(HOUR);
	assert_starts(0, noon + HOUR + 15 * MIN, noon + 2 * DAY + 15 * MIN,
				  NO_MORE);
}

static void
never_refreshed_yet(void **state)
{
	int out[MAX_NODES];

	begin();
	reads(add("1h", -1), 0);
	reads(add("@yearly", -1), 0);
	nodes[0].last_start = nodes[1].last_start = DT_NOBEGIN;
	nodes[0].last_end = nodes[1].last_end = DT_NOBEGIN;
	prepare();
	pgt_note_dirty(&model, 0, DT_NOBEGIN);
	pgt_note_dirty(&model, 1, DT_NOBEGIN);
	assert_int_equal(pgt_due_now(&model, now, out), 2);
	run_for(2 * HOUR);
	assert_int_equal(nstarts, 2);
}

/* A change of unknown age, as after a restart: the missed time is made up. */
static void
missed_while_down(void **state)
{
	begin();
	reads(add("0 2 * * *", -1), 0);
	nodes[0].last_start = now - 2 * DAY;
	prepare();
	pgt_note_dirty(&model, 0, DT_NOBEGIN);
	run_for(DAY);
	assert_starts(0, DAY / 2, NO_MORE);
}

/* Nothing is known of changes before a restart: upstream comes first. */
static void
restart(void **state)
{
	begin();
	reads(add("0s", -1), 0);
	reads(add("0s", 0, -1), 1);
	nodes[0].last_start = nodes[0].last_end = now - SEC;
	nodes[1].last_start = nodes[1].last_end = now - HOUR;
	prepare();
	pgt_note_dirty(&model, 0, DT_NOBEGIN);
	pgt_note_dirty(&model, 1, DT_NOBEGIN);
	run_for(HOUR);
	assert_starts(0, DAY / 2, NO_MORE);
	assert_starts(1, DAY / 2 + 10 * MS, NO_MORE);
}

/* While it runs, the next of its times counts, and calculated ones wait. */
static void
changes_during_a_refresh(void **state)
{
	TimestampTz noon;

	begin();
	noon = now;
	reads(add("calculated", -1), 0);
	reads(add("1m", 0, -1), 1);
	duration[1] = 20 * SEC;
	prepare();
	change(1);
	run_until(noon + 70 * SEC);
	change(0);
	run_for(HOUR);
	assert_starts(1, noon + MIN, noon + 2 * MIN + 10 * MS, NO_MORE);
	assert_starts(0, noon + 2 * MIN, NO_MORE);
}

/* The content changes without a sign. */
static void
untracked_inputs(void **state)
{
	TimestampTz noon;

	begin();
	noon = now;
	add("20s", -1);
	add("*/30 * * * * *", -1);
	add("0s", -1);
	add("calculated", -1);
	add("manual", -1);
	add("calculated", -1);
	add("@hourly", 5, -1);
	for (int i = 0; i < 6; i++)
		nodes[i].untracked_inputs = true;
	prepare();
	run_until(noon + 61 * SEC);
	assert_starts(0, noon + 20 * SEC, noon + 40 * SEC, noon + 60 * SEC,
				  NO_MORE);
	assert_starts(1, noon + 30 * SEC, noon + 60 * SEC, NO_MORE);
	assert_starts(2, noon + MIN, NO_MORE);
	assert_starts(3, noon + MIN, NO_MORE);
	run_until(noon + 2 * HOUR + SEC);
	assert_int_equal(count_starts(0), 360);
	assert_int_equal(count_starts(1), 240);
	assert_int_equal(count_starts(2), 120);
	assert_int_equal(count_starts(3), 120);
	assert_int_equal(count_starts(4), 0);
	assert_starts(5, noon + HOUR, noon + 2 * HOUR, NO_MORE);
	nodes[2].held = true;
	run_for(10 * MIN);
	assert_int_equal(count_starts(2), 120);
}

/* Under steady load: as long at rest as at work, but at most 100 ms. */
static void
coalescing(void **state)
{
	begin();
	reads(add("0s", -1), 0);
	reads(add("0s", -1), 0);
	reads(add("calculated", -1), 0);
	duration[0] = duration[2] = 20 * MS;
	duration[1] = 900 * MS;
	change_every[0] = MS;
	prepare();
	run_for(20 * SEC);
	assert_int_in_range(count_starts(0), 499, 501);
	assert_int_in_range(count_starts(1), 19, 21);
	assert_int_in_range(count_starts(2), 499, 501);
}

/*
 * What costs the same whatever has changed rests for as long as it took, but
 * at most 5 minutes; what follows the clock comes at its times.
 */
static void
recomputed(void **state)
{
	begin();
	reads(add("0s", -1), 0);
	reads(add("calculated", -1), 0);
	reads(add("0s", -1), 0);
	reads(add("1m", -1), 0);
	duration[0] = duration[1] = 2 * SEC;
	duration[2] = 10 * MIN;
	duration[3] = 40 * SEC;
	for (int i = 0; i < 4; i++)
		nodes[i].recomputed = true;
	change_every[0] = 100 * MS;
	prepare();
	run_for(3 * MIN);
	assert_int_in_range(count_starts(0), 45, 46);
	assert_int_in_range(count_starts(1), 45, 46);
	run_for(57 * MIN);
	assert_int_equal(count_starts(2), 4);
	assert_int_equal(count_starts(3), 60);
}

/* Nobody waits for it while it rests; after an error it does not. */
static void
recomputed_upstream(void **state)
{
	TimestampTz noon;

	begin();
	noon = now;
	reads(add("0s", -1), 0);
	reads(add("0s", 0, -1), 1);
	duration[0] = MIN;
	nodes[0].recomputed = true;
	prepare();
	change(0);
	run_for(MIN + 10 * SEC);
	change(0);
	change(1);
	run_for(5 * MIN);
	assert_starts(0, noon, noon + 2 * MIN, NO_MORE);
	assert_starts(1, noon + MIN, noon + MIN + 10 * SEC, noon + 3 * MIN,
				  NO_MORE);
	assert_fresh(1);

	fails[0] = true;
	change(0);
	run_for(MIN);
	fails[0] = false;
	run_for(MIN + 10 * SEC);
	assert_int_equal(count_starts(0), 4);
}

static void
tiers(void **state)
{
	static const struct
	{
		const char *schedule;
		Tier tier;
		int64 period;
	} cases[] = {
		{"30s", TIER_HOT, 30 * SEC},
		{"30s", TIER_WARM, MIN},
		{"30s", TIER_COLD, 5 * MIN},
		{"2s", TIER_WARM, 10 * SEC},
		{"2s", TIER_COLD, MIN},
		{"0s", TIER_WARM, 10 * SEC},
		{"0s", TIER_COLD, MIN},
		{"calculated", TIER_WARM, 10 * SEC},
		{"calculated", TIER_COLD, MIN},
		{"*/5 * * * *", TIER_WARM, 5 * MIN},
		{"*/5 * * * *", TIER_COLD, 5 * MIN},
		{"30s", TIER_FROZEN, 0},
		{"* * * * *", TIER_FROZEN, 0},
		{"calculated", TIER_FROZEN, 0},
	};

	begin();
	for (int i = 0; i < (int) lengthof(cases); i++)
		nodes[reads(add(cases[i].schedule, -1), 0)].tier = cases[i].tier;
	change_every[0] = SEC;
	prepare();
	run_for(10 * MIN);
	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		int64 period = cases[i].period;

		assert_int_equal(count_starts(i), period == 0 ? 0 : 10 * MIN / period);
	}
}

/* ---- errors ---- */

static void
backoff(void **state)
{
	static const int seconds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};

	for (int i = 0; i < (int) lengthof(seconds); i++)
		assert_int_equal(pgt_backoff(SEC, i + 1), seconds[i] * SEC);
	assert_int_equal(pgt_backoff(SEC, 1000000), 300 * SEC);
	assert_int_equal(pgt_backoff(10 * MS, 3), 40 * MS);
}

/*
 * Three errors in a row suspend a stream table by default: whoever breaks a
 * source for a moment has a minute.
 */
static void
waits_after_errors(void **state)
{
	static const int seconds[] = {10, 50, 250, 300, 300};

	for (int i = 0; i < (int) lengthof(seconds); i++)
		assert_int_equal(pgt_error_wait(i + 1), seconds[i] * SEC);
	assert_int_equal(pgt_error_wait(1000000), 300 * SEC);
	assert_true(pgt_error_wait(1) + pgt_error_wait(2) >= MIN);
}

/* It is tried again when the backoff ends, whatever its schedule. */
static void
retries(void **state)
{
	static const char *const schedules[] = {"0s", "1h", "@hourly",
											"calculated"};

	for (int i = 0; i < (int) lengthof(schedules); i++)
	{
		TimestampTz at;

		begin();
		reads(add(schedules[i], -1), 0);
		prepare();
		change(0);
		now += HOUR;
		at = now;
		fails[0] = true;
		run_for(2 * MIN);
		assert_starts(0, at, at + 10 * SEC + 10 * MS, at + MIN + 20 * MS,
					  NO_MORE);
		assert_int_equal(nodes[0].consecutive_errors, 3);
		change(0); /* is no reason to hurry */
		fails[0] = false;
		run_for(10 * MIN);
		assert_int_equal(nstarts, 4);
		assert_int_equal(starts[3].at, at + 310 * SEC + 30 * MS);
		assert_int_equal(nodes[0].consecutive_errors, 0);
		assert_fresh(0);
		assert_idle();
	}
}

/* Consumers of what fails go on with the content that is there. */
static void
failing_upstream(void **state)
{
	begin();
	reads(add("calculated", -1), 0);
	add("calculated", 0, -1);
	reads(add("0s", 1, -1), 1);
	prepare();
	fails[0] = true;
	change(0);
	run_for(MIN);
	assert_int_equal(count_starts(1) + count_starts(2), 0);
	change(1);
	run_for(SEC);
	assert_int_equal(count_starts(2), 1);
	assert_int_equal(content[2][1], 1);
	fails[0] = false;
	run_for(5 * MIN);
	assert_fresh(2);
	assert_idle();
}

/* ---- held ---- */

static void
held(void **state)
{
	begin();
	reads(add("calculated", -1), 0);
	reads(add("0s", 0, -1), 1);
	reads(add("1m", 0, -1), 1);
	nodes[0].held = true;
	prepare();
	change(0);
	assert_idle();
	run_for(HOUR);
	assert_int_equal(nstarts, 0);
	assert_idle();
	change(1);
	run_for(HOUR);
	assert_int_equal(count_starts(0), 0);
	assert_int_equal(count_starts(1), 1);
	assert_int_equal(count_starts(2), 1);
	nodes[0].held = false;
	run_for(HOUR);
	for (int i = 0; i < 3; i++)
		assert_fresh(i);
	assert_int_equal(nstarts, 5);
}

/* A time of the calendar that came while it was held is made up for, once. */
static void
held_over_its_time(void **state)
{
	TimestampTz noon;

	begin();
	noon = now;
	reads(add("0 13-15 * * *", -1), 0);
	nodes[0].held = true;
	prepare();
	change(0);
	run_for(4 * HOUR);
	nodes[0].held = false;
	run_for(DAY / 2);
	assert_starts(0, noon + 4 * HOUR, NO_MORE);
}

/* ---- chains ---- */

/* Ten in a row follow a change one after the other, without a wait. */
static void
chain(void **state)
{
	begin();
	reads(add("calculated", -1), 0);
	for (int i = 1; i < 10; i++)
		add("calculated", i - 1, -1);
	prepare();
	run_for(SEC);
	for (int round = 0; round < 2; round++)
	{
		TimestampTz at = now;

		nstarts = 0;
		change(0);
		run_for(SEC);
		assert_int_equal(nstarts, 10);
		for (int i = 0; i < 10; i++)
		{
			assert_int_equal(starts[i].node, i);
			assert_int_equal(starts[i].at, at + i * 10 * MS);
			assert_fresh(i);
		}
		assert_idle();
	}
}

/* What does not change ends it. */
static void
chain_without_change(void **state)
{
	begin();
	reads(add("calculated", -1), 0);
	add("0s", 0, -1);
	prepare();
	pgt_note_dirty(&model, 0, now);
	run_for(SEC);
	assert_starts(0, DAY / 2, NO_MORE);
	assert_starts(1, NO_MORE);
	assert_idle();
}

/* Calculated: right before each consumer that is due, and not else. */
static void
calculated_for_consumers(void **state)
{
	TimestampTz noon;

	begin();
	noon = now;
	reads(add("calculated", -1), 0);
	add("calculated", 0, -1);
	add("10m", 1, -1);
	add("5 13 * * *", 1, -1);
	prepare();
	run_for(MIN);
	change(0);
	assert_int_equal(pgt_due_at(&model, 0, now), noon + 10 * MIN);
	run_for(HOUR);
	assert_starts(0, noon + 10 * MIN, NO_MORE);
	assert_starts(1, noon + 10 * MIN + 10 * MS, NO_MORE);
	assert_starts(2, noon + 10 * MIN + 20 * MS, NO_MORE);
	assert_starts(3, NO_MORE);
	run_until(noon + 63 * MIN);
	nstarts = 0;
	change(0); /* 2 is armed; 3 is due in two minutes, and clean by itself */
	run_for(HOUR);
	assert_starts(0, noon + 63 * MIN, NO_MORE);
	assert_starts(2, noon + 63 * MIN + 20 * MS, NO_MORE);
	assert_starts(3, noon + 65 * MIN, NO_MORE);
	assert_fresh(3);
	assert_idle();
}

/* Consumers that ask for nothing. */
static void
calculated_for_nobody(void **state)
{
	begin();
	reads(add("calculated", -1), 0);
	add("manual", 0, -1);
	nodes[add("1m", 0, -1)].held = true;
	nodes[add("0s", 0, -1)].tier = TIER_FROZEN;
	prepare();
	change(0);
	run_for(HOUR);
	assert_int_equal(nstarts, 0);
	assert_idle();
	nodes[3].tier = TIER_HOT;
	run_for(SEC);
	assert_int_equal(count_starts(0), 1);
	assert_int_equal(count_starts(3), 1);
}

/* Two of the same hour: the one that reads the other waits, and runs once. */
static void
same_hour(void **state)
{
	TimestampTz noon;

	begin();
	noon = now;
	reads(add("@hourly", -1), 0);
	add("@hourly", 0, -1);			 /* clean by itself */
	reads(add("@hourly", 1, -1), 1); /* dirty by another, too */
	add("@hourly", 1, -1);
	duration[0] = 5 * SEC;
	prepare();
	run_for(MIN);
	change(0);
	change(1);
	run_for(3 * HOUR);
	assert_starts(0, noon + HOUR, NO_MORE);
	assert_starts(1, noon + HOUR + 5 * SEC, NO_MORE);
	assert_starts(2, noon + HOUR + 5 * SEC + 10 * MS, NO_MORE);
	assert_starts(3, noon + HOUR + 5 * SEC + 10 * MS, NO_MORE);
	assert_fresh(2);
	assert_idle();
}

/* A refresh on request of what nobody schedules does not shift its consumer. */
static void
request(void **state)
{
	TimestampTz noon;

	begin();
	noon = now;
	reads(add("manual", -1), 0);
	add("0 2 * * *", 0, -1);
	add("0s", 0, -1);
	prepare();
	change(0);
	run_until(noon + DAY);
	assert_int_equal(nstarts, 0);
	start(0);
	run_until(noon + 2 * DAY);
	assert_starts(2, noon + DAY + 10 * MS, NO_MORE);
	assert_starts(1, noon + DAY + 14 * HOUR, NO_MORE);
}

/* Upstream is never clean for long; consumers get their turns. */
static void
no_starvation(void **state)
{
	begin();
	reads(add("0s", -1), 0);
	reads(add("0s", 0, -1), 1);
	reads(add("5s", 1, -1), 1);
	reads(add("calculated", 2, -1), 1);
	duration[0] = 700 * MS;
	duration[1] = 350 * MS;
	change_every[0] = 3 * MS;
	change_every[1] = 500 * MS;
	prepare();
	run_for(MIN);
	assert_true(count_starts(0) > 50);
	assert_true(count_starts(1) > 50);
	assert_int_in_range(count_starts(2), 9, 12);
	assert_true(count_starts(3) > 50);
}

/* ---- order ---- */

static void
order(void **state)
{
	static const int64 ids[] = {9, 3, 7, 5, 1};

	begin();
	add("0s", 3, -1);
	add("0s", 2, -1);
	add("0s", -1);
	add("0s", -1);
	add("0s", 0, 1, -1);
	for (int i = 0; i < 5; i++)
		nodes[i].pgt_id = ids[i];
	prepare();
	assert_int_equal(model.order[0], 3); /* 5 */
	assert_int_equal(model.order[1], 2); /* 7 frees 3 */
	assert_int_equal(model.order[2], 1); /* 3 */
	assert_int_equal(model.order[3], 0); /* 9 */
	assert_int_equal(model.order[4], 4); /* 1 */
}

/* 1 reads 2 reads 3 reads 1; the others only hang on. */
static void
circles(void **state)
{
	int cycle[MAX_NODES];

	begin();
	add("0s", 1, -1);
	add("0s", 4, 2, -1);
	add("0s", 3, -1);
	add("0s", 1, -1);
	add("0s", -1);
	add("0s", 0, -1);
	nodes[2].pgt_id = 50;
	assert_int_equal(pgt_prepare_model(&model, cycle), 3);
	assert_int_equal(cycle[0], 2);
	assert_int_equal(cycle[1], 3);
	assert_int_equal(cycle[2], 1);

	begin();
	add("0s", 0, -1);
	assert_int_equal(pgt_prepare_model(&model, cycle), 1);
	assert_int_equal(cycle[0], 0);
}

/* The longest due comes first; free workers are few. */
static void
fairness(void **state)
{
	int out[MAX_NODES];

	begin();
	reads(add("0s", -1), 0);
	reads(add("0s", -1), 1);
	prepare();
	nodes[0].last_end = nodes[1].last_end = now - HOUR;
	pgt_note_dirty(&model, 0, now - SEC);
	pgt_note_dirty(&model, 1, now - MIN);
	assert_int_equal(pgt_due_now(&model, now, out), 2);
	assert_int_equal(out[0], 1);

	begin();
	for (int i = 0; i < 10; i++)
		reads(add("0s", -1), 0);
	for (int i = 0; i < 10; i++)
		duration[i] = 200 * MS;
	workers = 1;
	change_every[0] = MS;
	prepare();
	run_for(MIN);
	for (int i = 0; i < 10; i++)
		assert_int_in_range(count_starts(i), 29, 31);
}

static void
inherited(void **state)
{
	DueModel older;
	DueNode was[MAX_NODES];
	int out[MAX_NODES];

	begin();
	reads(add("0s", -1), 0);
	reads(add("1m", -1), 0);
	reads(add("0s", -1), 0);
	prepare();
	change(0);
	start(0);
	fails[2] = true;
	start(2);
	now += SEC;
	finish(2);
	older = model;
	memcpy(was, nodes, sizeof(nodes));
	older.nodes = was;

	begin();
	now += SEC;
	add("0s", -1);
	reads(add("1m", -1), 0);
	reads(add("0s", -1), 0);
	reads(add("0s", -1), 0);
	nodes[0].pgt_id = 500;
	nodes[3].pgt_id = 100;
	prepare();
	pgt_inherit_model(&model, &older);
	assert_false(nodes[0].running || nodes[0].dirty);
	assert_true(nodes[3].running);
	assert_int_equal(nodes[2].consecutive_errors, 1);
	assert_int_equal(pgt_due_at(&model, 1, now), DAY / 2 + MIN);
	assert_int_equal(pgt_due_now(&model, now, out), 0);
	assert_int_equal(pgt_due_at(&model, 2, now), DAY / 2 + 11 * SEC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle),
		cmocka_unit_test(as_soon_as_possible),
		cmocka_unit_test(intervals),
		cmocka_unit_test(clock_set_back),
		cmocka_unit_test(cron_times),
		cmocka_unit_test(never_refreshed_yet),
		cmocka_unit_test(missed_while_down),
		cmocka_unit_test(restart),
		cmocka_unit_test(changes_during_a_refresh),
		cmocka_unit_test(untracked_inputs),
		cmocka_unit_test(coalescing),
		cmocka_unit_test(recomputed),
		cmocka_unit_test(recomputed_upstream),
		cmocka_unit_test(tiers),
		cmocka_unit_test(backoff),
		cmocka_unit_test(waits_after_errors),
		cmocka_unit_test(retries),
		cmocka_unit_test(failing_upstream),
		cmocka_unit_test(held),
		cmocka_unit_test(held_over_its_time),
		cmocka_unit_test(chain),
		cmocka_unit_test(chain_without_change),
		cmocka_unit_test(calculated_for_consumers),
		cmocka_unit_test(calculated_for_nobody),
		cmocka_unit_test(same_hour),
		cmocka_unit_test(request),
		cmocka_unit_test(no_starvation),
		cmocka_unit_test(order),
		cmocka_unit_test(circles),
		cmocka_unit_test(fairness),
		cmocka_unit_test(inherited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
