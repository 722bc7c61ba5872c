/*
 * test_due_groups.c
 *	  Diamonds that are refreshed as one, and databases made by chance.
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

#include "due_world.h"

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

	/* A long way and a direct one. */
	begin();
	reads(add("0s", -1), 0);
	add("0s", 0, -1);
	add("0s", 1, -1);
	reads(add("0s", 2, -1), 0);
	prepare();
	assert_diamond(3, 0, 1, 2, -1);

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
	pgt_note_dirty(&model, 0, now);
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
	nodes[2].retry_at = noon + HOUR;
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

/* ---- several owners ---- */

/* A unit for each; those that have more members have these. */
static void
assert_unit(int node, ...)
{
	bool expected[MAX_NODES] = {false};
	va_list args;
	int i;

	expected[node] = true;
	va_start(args, node);
	while ((i = va_arg(args, int)) >= 0)
		expected[i] = true;
	va_end(args);
	for (i = 0; i < model.nnodes; i++)
		assert_int_equal(nodes[i].unit == nodes[node].unit, expected[i]);
}

/* Reading what others own does not change when it is refreshed. */
static void
diamond_of_others(void **state)
{
	TimestampTz noon;

	add_diamond("1m", "1m", "5h", DIAMOND_SLOWEST);
	noon = now;
	nodes[2].owner = 1;
	prepare();
	assert_int_equal(model.ngroups, 0);
	change(0);
	run_for(HOUR);
	assert_starts(0, noon + MIN, NO_MORE);
	assert_starts(1, noon + MIN, NO_MORE);

	/* Held, failing, frozen: it is so by itself. */
	nodes[2].held = true;
	change(0);
	run_for(HOUR);
	assert_int_equal(count_starts(0), 2);
	nodes[2].held = false;
	fails[2] = true;
	nodes[2].retry_at = now + DAY;
	change(0);
	run_for(HOUR);
	assert_int_equal(count_starts(1), 3);
	nodes[2].tier = TIER_FROZEN;
	change(0);
	run_for(HOUR);
	assert_int_equal(count_starts(0), 4);
	assert_int_equal(count_starts(2), 0);
	assert_fresh(0);
	assert_fresh(1);
}

/* What lies behind a member of others comes before it, by itself. */
static void
diamonds_of_several(void **state)
{
	/* 0 -> 1 -> 3, 0 -> 2 -> 3 */
	begin();
	reads(add("0s", -1), 0);
	reads(add("0s", 0, -1), 0);
	add("0s", 0, -1);
	add("0s", 1, 2, -1);
	nodes[3].atomic = true;
	prepare();
	assert_unit(0, 1, 2, 3, -1);
	nodes[1].owner = 1;
	prepare();
	assert_unit(0, -1);
	assert_unit(1, -1);
	assert_unit(2, 3, -1);
	change(0);
	run_for(HOUR);
	assert_fresh(3);
	assert_idle();

	/*
	 * Each has a diamond, 0 1 -> 3 and 2 4 -> 5, that needs the other's to be
	 * refreshed first: 1 reads 2, 4 reads 0.
	 */
	begin();
	reads(add("0s", -1), 0);
	reads(add("0s", 2, -1), 0);
	reads(add("0s", -1), 1);
	add("0s", 0, 1, -1);
	reads(add("0s", 0, -1), 1);
	add("0s", 2, 4, -1);
	nodes[3].atomic = nodes[5].atomic = true;
	prepare();
	assert_int_equal(model.nunits, 1);
	nodes[2].owner = nodes[4].owner = nodes[5].owner = 1;
	prepare();
	assert_unit(0, 1, 3, -1); /* the older one */
	assert_unit(2, -1);
	assert_unit(4, -1);
	assert_unit(5, -1);
	nodes[3].pgt_id = 999;
	prepare();
	assert_unit(2, 4, 5, -1);
	assert_unit(0, -1);
	change(0);
	change(1);
	run_for(HOUR);
	assert_fresh(3);
	assert_fresh(5);
	assert_idle();
}

/* Others want it sooner, or nothing. */
static void
demand_of_others(void **state)
{
	TimestampTz noon;

	begin();
	noon = now;
	reads(add("calculated", -1), 0);
	nodes[add("manual", 0, -1)].owner = 1;
	nodes[add("1h", 0, -1)].owner = 2;
	prepare();
	change(0);
	run_for(MIN);
	assert_starts(0, noon, NO_MORE);

	begin();
	reads(add("calculated", -1), 0);
	add("1h", 0, -1);
	nodes[add("1m", 0, -1)].owner = 2;
	nodes[add("2h", 0, -1)].owner = 2;
	prepare();
	change(0);
	run_for(30 * MIN);
	assert_starts(0, noon + MIN, NO_MORE);
}

/* ---- many databases, by chance ---- */

static int
chance(int n)
{
	return (int) (random() % n);
}

/* Each has one owner, and comes after all that it reads. */
static void
check_units(void)
{
	int n = 0;

	for (int u = 0; u < model.nunits; u++)
	{
		const DueUnit *unit = &model.units[u];

		for (int i = unit->first; i < unit->first + unit->n; i++, n++)
		{
			const DueNode *node = &nodes[model.order[i]];

			assert_int_equal(node->owner,
							 nodes[model.order[unit->first]].owner);
			for (int k = 0; k < node->nupstream; k++)
				assert_true(nodes[node->upstream[k]].unit <= u);
		}
	}
	assert_int_equal(n, model.nnodes);
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
		node->owner = chance(3) / 2;
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
	check_units();
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

static bool
has_own_consumer(const DueNode *node)
{
	for (int c = 0; c < node->nconsumers; c++)
	{
		if (nodes[node->consumers[c]].owner == node->owner)
			return true;
	}

	return false;
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
			wanted |= !has_own_consumer(node);
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
		cmocka_unit_test(diamonds),
		cmocka_unit_test(atomic_diamond),
		cmocka_unit_test(fastest_and_slowest),
		cmocka_unit_test(group_as_one),
		cmocka_unit_test(member_on_request),
		cmocka_unit_test(merged_groups),
		cmocka_unit_test(diamond_of_others),
		cmocka_unit_test(diamonds_of_several),
		cmocka_unit_test(demand_of_others),
		cmocka_unit_test(random_lives),
		cmocka_unit_test(random_troubles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
