/*
 * due_world.h
 *	  A database whose stream tables are refreshed by a clock of our own.
 *
 * The clock jumps from event to event: a change, the end of a refresh, or what
 * pgt_next_due() says.  So a time that is forgotten there never comes.
 */
#ifndef DUE_WORLD_H
#define DUE_WORLD_H

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

static inline int32
utc_offset(void *arg, int64 utc_seconds)
{
	return 0;
}

static const ZoneRules utc = {utc_offset, NULL};

/* The tests begin at noon, when all is fresh. */
static inline void
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
static inline int
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

static inline int
reads(int node, int base)
{
	nodes[node].sources[nodes[node].nsources++] = base;
	return node;
}

static inline void
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

static inline void
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
static inline void
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

static inline void
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

static inline void
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

static inline int
count_running(void)
{
	int n = 0;

	for (int i = 0; i < model.nnodes; i++)
		n += nodes[i].running;
	return n;
}

static inline void
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
static inline TimestampTz
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
static inline void
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

static inline void
run_for(int64 time)
{
	run_until(now + time);
}

/* ---- what is to be seen ---- */

/* Since the last question, this one started then and then; -1 ends. */
static inline void
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

static inline int
count_starts(int node)
{
	int n = 0;

	for (int i = 0; i < nstarts; i++)
		n += starts[i].node == node;
	return n;
}

static inline void
assert_fresh(int node)
{
	for (int b = 0; b < MAX_BASES; b++)
	{
		if (content[node][b] >= 0 && content[node][b] != version[b])
			fail_msg("%d has version %d of %d, not %d", node,
					 content[node][b], b, version[b]);
	}
}

static inline void
assert_idle(void)
{
	int out[MAX_NODES];

	assert_int_equal(pgt_due_now(&model, now, out), 0);
	assert_true(TIMESTAMP_IS_NOEND(pgt_next_due(&model, now)));
}

#endif /* DUE_WORLD_H */
