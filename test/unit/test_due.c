/*
 * test_due.c
 *	  Which stream tables are due, by a clock of our own.
 *
 * The clock jumps from event to event: a change, the end of a refresh, or what
 * pgt_next_due() says.  So a time that is forgotten there never comes.
 *
 * Objects: src/schedule/due.o src/schedule/due_order.o src/schedule/diamond.o src/schedule/cron.o src/schedule/schedule_text.o
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "postgres.h"

#include "pg_trickle/due.h"

#define MS ((int64) 1000)
#define SEC (1000 * MS)
#define MIN (60 * SEC)
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)

/* ---- a database ---- */

#define MAX_NODES 40
#define MAX_BASES 3
#define MAX_STARTS 20000
#define MAX_CHANGES 100000

typedef struct Start
{
	int node;
	TimestampTz at;
	TimestampTz comes_at;
	TimestampTz last_start;
} Start;

/* What a test runs; bases are the tables that nobody refreshes. */
static DueNode nodes[MAX_NODES];
static DueModel model;
static TimestampTz now;
static int64 duration[MAX_NODES];
static TimestampTz ends_at[MAX_NODES];
static bool fails[MAX_NODES];
static int64 change_every[MAX_BASES]; /* 0: never */
static int workers;
static Start starts[MAX_STARTS];
static int nstarts;
static void (*check_start)(const Start *start); /* or NULL */

/* The versions of the bases that a content is made of; -1: has none of it. */
static int version[MAX_BASES];
static TimestampTz change_times[MAX_BASES][MAX_CHANGES];
static int content[MAX_NODES][MAX_BASES];
static int next_content[MAX_NODES][MAX_BASES];

static int32
utc_offset(void *arg, int64 utc_seconds)
{
	return 0;
}

static const ZoneRules utc = {utc_offset, NULL};

/* The tests begin at noon, when all is fresh. */
static void
begin(void)
{
	memset(nodes, 0, sizeof(nodes));
	memset(&model, 0, sizeof(model));
	memset(fails, 0, sizeof(fails));
	memset(change_every, 0, sizeof(change_every));
	memset(version, 0, sizeof(version));
	memset(content, -1, sizeof(content));
	now = DAY / 2;
	nstarts = 0;
	check_start = NULL;
	workers = MAX_NODES;
	model.nodes = nodes;
	model.zone = &utc;
	model.loaded_at = now;
}

/* One that reads those, which -1 ends. */
static int
add(const char *schedule, ...)
{
	int i = model.nnodes++;
	DueNode *node = &nodes[i];
	va_list args;
	int read;

	assert_null(pgt_parse_schedule(schedule, &node->schedule));
	node->pgt_id = 100 + i;
	node->upstream = palloc(sizeof(int) * MAX_NODES);
	node->sources = palloc(sizeof(int64) * MAX_BASES);
	node->last_start = now;
	node->last_end = now;
	node->retry_at = DT_NOBEGIN;
	duration[i] = 10 * MS;

	va_start(args, schedule);
	while ((read = va_arg(args, int)) >= 0)
		node->upstream[node->nupstream++] = read;
	va_end(args);
	return i;
}

static int
reads(int node, int base)
{
	nodes[node].sources[nodes[node].nsources++] = base;
	return node;
}

static void
prepare(void)
{
	int cycle[MAX_NODES];

	assert_int_equal(pgt_prepare_model(&model, cycle), 0);
	for (int place = 0; place < model.nnodes; place++)
	{
		int i = model.order[place];

		for (int s = 0; s < nodes[i].nsources; s++)
			content[i][nodes[i].sources[s]] = 0;
		for (int u = 0; u < nodes[i].nupstream; u++)
		{
			for (int b = 0; b < MAX_BASES; b++)
				content[i][b] = Max(content[i][b],
									content[nodes[i].upstream[u]][b]);
		}
	}
}

static void
change(int base)
{
	assert_true(version[base] < MAX_CHANGES - 1);
	change_times[base][++version[base]] = now;
	for (int i = 0; i < model.nnodes; i++)
	{
		for (int s = 0; s < nodes[i].nsources; s++)
		{
			if (nodes[i].sources[s] == base)
				pgt_note_dirty(&model, i, now);
		}
	}
}

/* ---- refreshes ---- */

/* What it reads, the oldest version of each base. */
static void
read_content(int i)
{
	for (int b = 0; b < MAX_BASES; b++)
		next_content[i][b] = content[i][b] < 0 ? -1 : version[b];
	for (int u = 0; u < nodes[i].nupstream; u++)
	{
		int read = nodes[i].upstream[u];
		bool as_one = nodes[read].unit == nodes[i].unit;
		const int *from = as_one ? next_content[read] : content[read];

		for (int b = 0; b < MAX_BASES; b++)
		{
			if (from[b] >= 0)
				next_content[i][b] = Min(next_content[i][b], from[b]);
		}
	}
}

static void
start(int i)
{
	assert_false(nodes[i].running);
	assert_false(nodes[i].held);
	assert_int_not_equal(nodes[i].tier, TIER_FROZEN);
	read_content(i);
	assert_true(nstarts < MAX_STARTS);
	starts[nstarts++] =
		(Start){i, now, nodes[i].comes_at, nodes[i].last_start};
	pgt_note_started(&model, i, now);
	ends_at[i] = now + duration[i];
}

static void
finish(int i)
{
	if (fails[i])
	{
		pgt_note_failed(&model, i, now);
		return;
	}

	pgt_note_finished(&model, i, now,
					  memcmp(content[i], next_content[i],
							 sizeof(content[i])) != 0);
	memcpy(content[i], next_content[i], sizeof(content[i]));
}

static int
count_running(void)
{
	int n = 0;

	for (int i = 0; i < model.nnodes; i++)
		n += nodes[i].running;
	return n;
}

static void
start_due(void)
{
	int out[MAX_NODES];
	int n = pgt_due_now(&model, now, out);
	int known = nstarts;

	for (int i = 0; i < n; i++)
	{
		bool goes_on = i > 0 && nodes[out[i]].unit == nodes[out[i - 1]].unit;

		if (!goes_on && count_running() >= workers)
			break;
		start(out[i]);
	}
	for (int i = known; check_start != NULL && i < nstarts; i++)
		check_start(&starts[i]);
}

/* When the next thing happens. */
static TimestampTz
next_event(void)
{
	TimestampTz next = pgt_next_due(&model, now);

	assert_true(next > now); /* or the scheduler would spin */
	for (int i = 0; i < model.nnodes; i++)
	{
		if (nodes[i].running)
			next = Min(next, ends_at[i]);
	}
	for (int b = 0; b < MAX_BASES; b++)
	{
		if (change_every[b] > 0)
			next = Min(next, (now / change_every[b] + 1) * change_every[b]);
	}

	return next;
}

/* Let the time pass until then. */
static void
run_until(TimestampTz end)
{
	start_due();
	for (;;)
	{
		TimestampTz next = next_event();

		if (next > end)
			break;
		now = next;
		for (int place = 0; place < model.nnodes; place++)
		{
			int i = model.order[place];

			if (nodes[i].running && ends_at[i] <= now)
				finish(i);
		}
		for (int b = 0; b < MAX_BASES; b++)
		{
			if (change_every[b] > 0 && now % change_every[b] == 0)
				change(b);
		}
		start_due();
	}
	now = end;
}

static void
run_for(int64 time)
{
	run_until(now + time);
}

/* ---- what is to be seen ---- */

/* Since the last question, this one started then and then; -1 ends. */
static void
assert_starts(int node, ...)
{
	va_list args;
	int64 at;
	int place = 0;

	va_start(args, node);
	for (;;)
	{
		at = va_arg(args, int64);
		while (place < nstarts && starts[place].node != node)
			place++;
		if (at < 0)
			break;
		if (place == nstarts)
			fail_msg("no start at %ld", (long) at);
		assert_int_equal(starts[place].at, at);
		place++;
	}
	va_end(args);
	if (place < nstarts)
		fail_msg("one start more, at %ld", (long) starts[place].at);
}

#define NO_MORE INT64CONST(-1)

static int
count_starts(int node)
{
	int n = 0;

	for (int i = 0; i < nstarts; i++)
		n += starts[i].node == node;
	return n;
}

static void
assert_fresh(int node)
{
	for (int b = 0; b < MAX_BASES; b++)
	{
		if (content[node][b] >= 0 && content[node][b] != version[b])
			fail_msg("%d has version %d of %d, not %d", node,
					 content[node][b], b, version[b]);
	}
}

static void
assert_idle(void)
{
	int out[MAX_NODES];

	assert_int_equal(pgt_due_now(&model, now, out), 0);
	assert_true(TIMESTAMP_IS_NOEND(pgt_next_due(&model, now)));
}

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
	assert_starts(0, noon + 20 * SEC, noon + 40 * SEC, noon + 60 * SEC, NO_MORE);
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
	assert_in_range(count_starts(0), 499, 501);
	assert_in_range(count_starts(1), 19, 21);
	assert_in_range(count_starts(2), 499, 501);
}

static void
tiers(void **state)
{
	static const struct
	{
		const char *schedule;
		ScheduleTier tier;
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
		assert_int_equal(count_starts(i), cases[i].period == 0 ? 0 : 10 * MIN / cases[i].period);
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
		run_for(10 * SEC);
		assert_starts(0, at, at + SEC + 10 * MS, at + 3 * SEC + 20 * MS,
					  at + 7 * SEC + 30 * MS, NO_MORE);
		assert_int_equal(nodes[0].consecutive_errors, 4);
		change(0); /* is no reason to hurry */
		fails[0] = false;
		run_for(10 * MIN);
		assert_int_equal(nstarts, 5);
		assert_int_equal(starts[4].at, at + 15 * SEC + 40 * MS);
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
	duration[0] = 5 * SEC;
	prepare();
	run_for(MIN);
	change(0);
	change(1);
	run_for(3 * HOUR);
	assert_starts(0, noon + HOUR, NO_MORE);
	assert_starts(1, noon + HOUR + 5 * SEC, NO_MORE);
	assert_starts(2, noon + HOUR + 5 * SEC + 10 * MS, NO_MORE);
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
	assert_in_range(count_starts(2), 9, 12);
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

/* 103 reads 101 reads 102 reads 103; the others only hang on. */
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
	assert_int_equal(pgt_prepare_model(&model, cycle), 3);
	assert_int_equal(nodes[cycle[0]].pgt_id, 101);
	assert_int_equal(nodes[cycle[1]].pgt_id, 102);
	assert_int_equal(nodes[cycle[2]].pgt_id, 103);

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
		assert_in_range(count_starts(i), 29, 31);
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
	assert_int_equal(pgt_due_at(&model, 2, now), DAY / 2 + 2 * SEC);
}

/* ---- diamonds ---- */

static void
assert_diamond(int apex, ...)
{
	bool member[MAX_NODES];
	bool expected[MAX_NODES] = {false};
	int n = 0;
	va_list args;
	int i;

	va_start(args, apex);
	for (; (i = va_arg(args, int)) >= 0; n++)
		expected[i] = true;
	va_end(args);
	assert_int_equal(pgt_find_diamond(&model, apex, member), n);
	assert_memory_equal(member, expected, sizeof(bool) * model.nnodes);
}

static void
diamonds(void **state)
{
	/* The example of diamond.c, on a table and on a stream table. */
	begin();
	reads(add("0s", -1), 0);
	reads(add("0s", -1), 0);
	add("0s", 0, 1, -1);
	add("0s", 2, -1);
	prepare();
	assert_diamond(0, -1);
	assert_diamond(2, 0, 1, -1);
	assert_diamond(3, -1);
	assert_int_equal(model.ngroups, 0); /* none is atomic */

	begin();
	reads(add("0s", -1), 0);
	add("0s", 0, -1);
	add("0s", 0, -1);
	add("0s", 1, 2, -1);
	prepare();
	assert_diamond(3, 1, 2, -1);

	/* One way is direct, the other forks again; a third comes from aside. */
	begin();
	reads(add("0s", -1), 0);
	add("0s", 0, -1);
	add("0s", 0, -1);
	reads(add("0s", -1), 1);
	reads(add("0s", 1, 2, 3, -1), 0);
	prepare();
	assert_diamond(4, 0, 1, 2, -1);

	/* Two inputs of different sources; one that is read twice at once. */
	begin();
	reads(add("0s", -1), 0);
	reads(add("0s", -1), 1);
	add("0s", 0, 1, -1);
	reads(reads(add("0s", -1), 2), 2);
	prepare();
	assert_diamond(2, -1);
	assert_diamond(3, -1);
}

/* days and hours of the same table, and a report of both. */
static void
add_diamond(const char *days, const char *hours, const char *report,
			DiamondPolicy policy)
{
	begin();
	reads(add(days, -1), 0);
	reads(add(hours, -1), 0);
	add(report, 0, 1, -1);
	add("0s", 1, -1); /* not of the diamond */
	nodes[2].atomic = true;
	nodes[2].policy = policy;
	prepare();
}

static void
assert_group_starts(TimestampTz at)
{
	for (int i = 0; i < 3; i++)
		assert_starts(i, at, NO_MORE);
}

static void
atomic_diamond(void **state)
{
	add_diamond("calculated", "calculated", "calculated", DIAMOND_FASTEST);
	assert_int_equal(model.ngroups, 1);
	assert_int_equal(nodes[0].group, 0);
	assert_int_equal(nodes[1].group, 0);
	assert_int_equal(nodes[2].group, 0);
	assert_int_equal(nodes[3].group, -1);
	change(0);
	run_for(10 * MS);
	assert_group_starts(DAY / 2);
	run_for(HOUR);
	assert_group_starts(DAY / 2);
	assert_starts(3, DAY / 2 + 10 * MS, NO_MORE);
	assert_fresh(2);
	assert_idle();
}

static void
fastest_and_slowest(void **state)
{
	TimestampTz noon;

	add_diamond("1m", "5m", "calculated", DIAMOND_FASTEST);
	noon = now;
	change(0);
	run_for(4 * MIN);
	assert_group_starts(noon + MIN);

	add_diamond("1m", "5m", "calculated", DIAMOND_SLOWEST);
	change(0);
	run_for(HOUR);
	assert_group_starts(noon + 5 * MIN);

	add_diamond("1m", "@hourly", "0s", DIAMOND_SLOWEST);
	change(0);
	run_for(2 * HOUR);
	assert_group_starts(noon + HOUR);

	/* A change that only one of them sees is enough. */
	add_diamond("1m", "5m", "calculated", DIAMOND_SLOWEST);
	pgt_note_dirty(&model, 1, now);
	run_for(HOUR);
	assert_group_starts(noon + 5 * MIN);

	/* No schedules: as their consumers want it. */
	add_diamond("calculated", "calculated", "manual", DIAMOND_SLOWEST);
	change(0);
	run_for(HOUR);
	assert_group_starts(noon);
}

/* One that may not run holds all of them; an error is everybody's. */
static void
group_as_one(void **state)
{
	TimestampTz noon;

	add_diamond("0s", "0s", "0s", DIAMOND_FASTEST);
	noon = now;
	nodes[0].held = true;
	change(0);
	run_for(HOUR);
	assert_int_equal(nstarts, 0);
	assert_idle();
	nodes[0].held = false;
	nodes[1].tier = TIER_FROZEN;
	run_for(HOUR);
	assert_int_equal(nstarts, 0);
	nodes[1].tier = TIER_HOT;
	run_for(HOUR);
	assert_group_starts(noon + 2 * HOUR);

	add_diamond("0s", "0s", "0s", DIAMOND_FASTEST);
	fails[0] = fails[1] = fails[2] = true;
	change(0);
	run_for(SEC);
	assert_group_starts(noon);
	nodes[0].retry_at = noon + HOUR;
	run_for(MIN);
	assert_group_starts(noon);
}

/* A refresh of one member by hand makes the rest follow. */
static void
member_on_request(void **state)
{
	add_diamond("0s", "0s", "0s", DIAMOND_FASTEST);
	version[0]++;
	start(0);
	change_every[0] = 0;
	run_for(SEC);
	assert_int_equal(count_starts(2), 1);
	assert_int_equal(count_starts(0), 2);
	assert_idle();
}

/* Groups that share a member, and groups that wait for each other, are one. */
static void
merged_groups(void **state)
{
	int out[MAX_NODES];

	begin();
	reads(add("0s", -1), 0);
	reads(add("0s", -1), 0);
	reads(add("0s", -1), 0);
	add("0s", 0, 1, -1);
	add("0s", 1, 2, -1);
	nodes[3].atomic = nodes[4].atomic = true;
	nodes[3].policy = DIAMOND_SLOWEST;
	prepare();
	assert_int_equal(model.nunits, 1);
	assert_int_equal(model.units[0].policy, DIAMOND_FASTEST);
	nodes[4].policy = DIAMOND_SLOWEST;
	prepare();
	assert_int_equal(model.units[0].policy, DIAMOND_SLOWEST);

	begin();
	reads(add("0s", -1), 1);	/* 0, 1 -> 2; 2 reads 4 by 0's way: */
	reads(add("0s", 0, -1), 0); /* 1 of the second reads 0 of the first */
	reads(add("0s", -1), 0);
	reads(add("0s", 2, -1), 1); /* 3 of the first reads 2 of the second */
	add("0s", 0, 3, -1);
	add("0s", 1, 2, -1);
	reads(add("0s", 5, -1), 2);
	nodes[4].atomic = nodes[5].atomic = true;
	prepare();
	assert_diamond(4, 0, 3, -1);
	assert_diamond(5, 1, 2, -1);
	assert_int_equal(model.ngroups, 1);
	assert_int_equal(model.nunits, 2);
	assert_int_equal(nodes[6].group, -1);
	change(0);
	assert_int_equal(pgt_due_now(&model, now, out), 6);
}

/* ---- many databases, by chance ---- */

static int
chance(int n)
{
	return (int) (random() % n);
}

static void
random_database(bool simple)
{
	static const char *const schedules[] = {
		"0s", "1s", "20s", "1m", "10m", "* * * * *", "*/7 * * * *",
		"30 * * * *", "*/20 * * * * *", "manual", "calculated", "calculated",
		"calculated", "calculated", "calculated"};
	int n = 2 + chance(14);

	begin();
	for (int i = 0; i < n; i++)
	{
		DueNode *node = &nodes[add(schedules[chance(lengthof(schedules))], -1)];

		for (int r = chance(4); r > 0 && i > 0; r--)
		{
			int read = chance(i);
			bool twice = false;

			for (int u = 0; u < node->nupstream; u++)
				twice |= node->upstream[u] == read;
			if (!twice)
				node->upstream[node->nupstream++] = read;
		}
		if (node->nupstream == 0 || chance(3) == 0)
			reads(i, chance(MAX_BASES));
		duration[i] = (1 + chance(chance(4) == 0 ? 3000 : 50)) * MS;
		if (simple)
			continue;
		node->tier = chance(5) == 0 ? chance(4) : TIER_HOT;
		node->atomic = chance(3) == 0;
		node->policy = chance(2);
	}
	for (int b = 0; b < MAX_BASES; b++)
		change_every[b] = chance(3) == 0 ? 0 : (1 + chance(300)) * SEC + 3 * MS;
	workers = 1 + chance(4);
	prepare();
	for (int u = 0; u < model.nunits; u++)
	{
		for (int i = 1; i < model.units[u].n; i++)
			duration[model.order[model.units[u].first + i]] =
				duration[model.order[model.units[u].first]];
	}
}

/* Is all that it reads, directly or not, refreshed for it? */
static bool
rests_on_calculated(int i)
{
	for (int u = 0; u < nodes[i].nupstream; u++)
	{
		int read = nodes[i].upstream[u];

		if (nodes[read].schedule.kind != SCHEDULE_CALCULATED ||
			!rests_on_calculated(read))
			return false;
	}

	return true;
}

/* Its times are kept: no two starts too close, none off the calendar. */
static void
assert_on_time(const Start *start)
{
	static const int factors[] = {1, 2, 10};
	static const int64 least[] = {0, 10 * SEC, MIN};
	const DueNode *node = &nodes[start->node];
	const Schedule *schedule = &node->schedule;
	TimestampTz tick;

	assert_int_not_equal(schedule->kind, SCHEDULE_MANUAL);
	if (schedule->kind == SCHEDULE_CRON)
	{
		assert_true(pgt_cron_next(&schedule->cron, &utc, start->last_start,
								  &tick));
		assert_true(tick <= start->at);
		return;
	}
	assert_true(start->at - start->last_start >=
				Max(schedule->seconds * SEC * factors[node->tier],
					least[node->tier]));
}

/*
 * What it is due for is in: no change from before that time is missing, be it
 * behind ever so many calculated ones.
 */
static void
check_calm_start(const Start *start)
{
	assert_on_time(start);
	for (int b = 0; b < MAX_BASES; b++)
	{
		int got = next_content[start->node][b];

		if (rests_on_calculated(start->node) &&
			got >= 0 && got < version[b] &&
			change_times[b][got + 1] <= start->comes_at)
			fail_msg("%d starts at %ld without the change of %ld",
					 start->node, (long) now,
					 (long) change_times[b][got + 1]);
	}
}

/* The members of a group start as one. */
static void
check_troubled_start(const Start *start)
{
	int unit = nodes[start->node].unit;

	for (int i = 0; i < model.nnodes; i++)
	{
		if (nodes[i].unit == unit)
			assert_true(nodes[i].running && nodes[i].run_start == now);
	}
	if (nodes[start->node].group < 0)
		assert_on_time(start);
}

/* Will it be refreshed, if it has to? */
static bool
is_live(int i)
{
	bool wanted = false;
	const DueUnit *unit = &model.units[nodes[i].unit];

	if (nodes[i].schedule.kind == SCHEDULE_MANUAL)
		return false;
	for (int k = unit->first; k < unit->first + unit->n; k++)
	{
		const DueNode *node = &nodes[model.order[k]];

		if (node->tier == TIER_FROZEN)
			return false;
		if (node->schedule.kind == SCHEDULE_CALCULATED)
		{
			wanted |= node->nconsumers == 0;
			for (int c = 0; c < node->nconsumers; c++)
				wanted |= nodes[node->consumers[c]].unit != nodes[i].unit &&
						  is_live(node->consumers[c]);
		}
		else
			wanted |= node->schedule.kind != SCHEDULE_MANUAL;
	}

	return wanted;
}

/* In the end all is fresh and nothing happens any more. */
static void
assert_settled(void)
{
	memset(change_every, 0, sizeof(change_every));
	memset(fails, 0, sizeof(fails));
	for (int i = 0; i < model.nnodes; i++)
		nodes[i].held = false;
	run_for(6 * HOUR);
	for (int place = 0; place < model.nnodes; place++)
		read_content(model.order[place]);
	for (int i = 0; i < model.nnodes; i++)
	{
		bool fresh = memcmp(content[i], next_content[i],
							sizeof(content[i])) == 0;

		if (is_live(i) && !fresh)
			fail_msg("%d is behind for ever", i);
	}
	assert_idle();
}

/* Nothing is missed and nothing is late while nothing fails. */
static void
random_lives(void **state)
{
	srandom(1);
	for (int i = 0; i < 150; i++)
	{
		random_database(true);
		check_start = check_calm_start;
		run_for(40 * MIN);
		assert_settled();
	}
}

/* Errors, holds, tiers and groups: times are kept, and all ends well. */
static void
random_troubles(void **state)
{
	srandom(2);
	for (int i = 0; i < 150; i++)
	{
		random_database(false);
		check_start = check_troubled_start;
		for (int k = 0; k < 15; k++)
		{
			int node = chance(model.nnodes);
			const DueUnit *unit = &model.units[nodes[node].unit];
			bool fail = chance(2);

			nodes[chance(model.nnodes)].held = chance(3) == 0;
			for (int m = unit->first; m < unit->first + unit->n; m++)
				fails[model.order[m]] = fail;
			run_for(5 * MIN);
		}
		assert_settled();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle),
		cmocka_unit_test(as_soon_as_possible),
		cmocka_unit_test(intervals),
		cmocka_unit_test(cron_times),
		cmocka_unit_test(never_refreshed_yet),
		cmocka_unit_test(missed_while_down),
		cmocka_unit_test(untracked_inputs),
		cmocka_unit_test(coalescing),
		cmocka_unit_test(tiers),
		cmocka_unit_test(backoff),
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
		cmocka_unit_test(diamonds),
		cmocka_unit_test(atomic_diamond),
		cmocka_unit_test(fastest_and_slowest),
		cmocka_unit_test(group_as_one),
		cmocka_unit_test(member_on_request),
		cmocka_unit_test(merged_groups),
		cmocka_unit_test(random_lives),
		cmocka_unit_test(random_troubles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
