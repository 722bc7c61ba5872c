/*-------------------------------------------------------------------------
 *
 * due.c
 *	  Which stream tables are to be refreshed now, and when to look again.
 *
 *		orders --> clean (calculated) --> hourly (0 * * * *)
 *		                              '-> live (0s)
 *
 * A look goes three times through the stream tables.  Downwards: what is the
 * oldest change that would reach each, counting those that still sit in front
 * of "clean"?  Upwards: when is it wanted, "clean" being wanted as soon as one
 * of its consumers is?  Downwards again: whose refresh comes now, so that its
 * consumers wait for it?  README, "When a stream table is due", has the rules
 * and why nothing is forgotten.
 *
 * This file depends on nothing but C and palloc, so that test/unit can
 * exercise it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg_trickle/due.h"

#define SECOND ((int64) USECS_PER_SEC)
#define MINUTE (60 * SECOND)

/* Without a period, untracked inputs count as changed so often. */
#define UNTRACKED_PERIOD MINUTE

/*
 * A table under steady load is refreshed half of the time, or so often; the
 * second one if that costs as much whatever has changed.
 */
#define LONGEST_PAUSE (SECOND / 10)
#define LONGEST_RECOMPUTED_PAUSE (5 * MINUTE)

/* After an error: 10 s, 50 s, 250 s, then every 5 minutes. */
#define FIRST_RETRY (10 * SECOND)
#define RETRY_FACTOR 5
#define LAST_RETRY (5 * MINUTE)

/* What becomes of a period in each tier. */
static const struct
{
	int64 factor;
	int64 least;
} tiers[] = {
	[TIER_HOT] = {1, 0},
	[TIER_WARM] = {2, 10 * SECOND},
	[TIER_COLD] = {10, MINUTE},
	[TIER_FROZEN] = {1, 0}, /* without meaning */
};

/* ---- one stream table by itself ---- */

/* A time that is unknown stays so. */
static TimestampTz
plus(TimestampTz time, int64 duration)
{
	return TIMESTAMP_IS_NOBEGIN(time) ? time : time + duration;
}

/*
 * What a tier makes of a period, both in microseconds.
 */
int64
pgt_tier_period(Tier tier, int64 period)
{
	return Max(period * tiers[tier].factor, tiers[tier].least);
}

static int64
period_of(const DueNode *node)
{
	int64 period = 0;

	if (node->schedule.kind == SCHEDULE_INTERVAL)
		period = node->schedule.seconds * SECOND;

	return pgt_tier_period(node->tier, period);
}

/* Does it follow its sources rather than the clock? */
static bool
is_prompt(const DueNode *node)
{
	return node->schedule.kind == SCHEDULE_CALCULATED ||
		   (node->schedule.kind == SCHEDULE_INTERVAL &&
			node->schedule.seconds == 0);
}

/* Its content is as of then, or will be. */
static TimestampTz
fresh_from(const DueNode *node)
{
	return node->running ? node->run_start : node->last_start;
}

/* The oldest change in what it reads itself. */
static TimestampTz
own_change(const DueNode *node)
{
	TimestampTz change = node->dirty ? node->dirty_since : DT_NOEND;

	if (node->untracked_inputs)
		change = Min(change, plus(fresh_from(node),
								  is_prompt(node) ? UNTRACKED_PERIOD : 0));
	return change;
}

static bool
has_work(const DueNode *node, TimestampTz now)
{
	return own_change(node) <= now;
}

/* The first time of the cron after "after". */
static TimestampTz
next_cron(const DueModel *model, DueNode *node, TimestampTz after)
{
	if (after >= node->cron_from && after < node->cron_next)
		return node->cron_next;

	node->cron_from = after;
	if (!pgt_cron_next(&node->schedule.cron, model->zone, after,
					   &node->cron_next))
		node->cron_next = DT_NOEND;
	return node->cron_next;
}

/*
 * When the schedule of its own wants a refresh for a change: the first of its
 * times since the last refresh that is not before the change.
 */
static TimestampTz
own_time(const DueModel *model, DueNode *node, TimestampTz change)
{
	TimestampTz from = fresh_from(node);

	if (TIMESTAMP_IS_NOEND(change))
		return DT_NOEND;

	switch (node->schedule.kind)
	{
		case SCHEDULE_MANUAL:
		case SCHEDULE_CALCULATED:
			return DT_NOEND;
		case SCHEDULE_INTERVAL:
			if (period_of(node) == 0)
				return change;
			return Max(plus(from, period_of(node)), change);
		case SCHEDULE_CRON:
			if (TIMESTAMP_IS_NOBEGIN(from))
				return change;
			return next_cron(model, node, Max(from, plus(change, -1)));
	}

	pg_unreachable();
}

/* For as long as its last refresh took, but not longer than that. */
static TimestampTz
rests_until(const DueNode *node, int64 longest)
{
	if (!is_prompt(node))
		return DT_NOBEGIN;

	return plus(node->last_end, Min(node->last_duration_us, longest));
}

/* Until when it is not to be tried, whoever wants it; nobody waits for it. */
static TimestampTz
barred_until(const DueNode *node)
{
	TimestampTz until = node->retry_at;

	if (node->recomputed)
		until = Max(until, rests_until(node, LONGEST_RECOMPUTED_PAUSE));
	if (node->schedule.kind == SCHEDULE_CALCULATED)
		until = Max(until, plus(fresh_from(node), period_of(node)));

	return until;
}

/* ---- units ---- */

static DueNode *
member(const DueModel *model, const DueUnit *unit, int i)
{
	return &model->nodes[model->order[unit->first + i]];
}

/* What is refreshed as one is held as one. */
static bool
is_held(const DueModel *model, const DueUnit *unit)
{
	for (int i = 0; i < unit->n; i++)
	{
		if (member(model, unit, i)->held ||
			member(model, unit, i)->tier == TIER_FROZEN)
			return true;
	}

	return false;
}

static bool
is_running(const DueModel *model, const DueUnit *unit)
{
	for (int i = 0; i < unit->n; i++)
	{
		if (member(model, unit, i)->running)
			return true;
	}

	return false;
}

static bool
unit_has_work(const DueModel *model, const DueUnit *unit, TimestampTz now)
{
	for (int i = 0; i < unit->n; i++)
	{
		if (has_work(member(model, unit, i), now))
			return true;
	}

	return false;
}

/* ---- downwards: changes ---- */

/*
 * The oldest change in front of what a node reads that will come through: if
 * it is refreshed whenever the node wants it, or about to be refreshed anyway.
 */
static TimestampTz
change_through(const DueModel *model, DueNode *read, TimestampTz now)
{
	TimestampTz change = read->running ? read->run_since : DT_NOEND;

	if (is_held(model, &model->units[read->unit]))
		return change;
	if (read->schedule.kind == SCHEDULE_CALCULATED ||
		Max(own_time(model, read, read->change_at), barred_until(read)) <= now)
		change = Min(change, read->change_at);

	return change;
}

static void
find_changes(DueModel *model, TimestampTz now)
{
	for (int place = 0; place < model->nnodes; place++)
	{
		DueNode *node = &model->nodes[model->order[place]];

		node->change_at = own_change(node);
		for (int u = 0; u < node->nupstream; u++)
		{
			TimestampTz change =
				change_through(model, &model->nodes[node->upstream[u]], now);

			node->change_at = Min(node->change_at, change);
		}
	}
}

/* ---- upwards: when it is wanted ---- */

/*
 * When one that has no schedule of its own is wanted by those that read it.
 * Others' can but make it sooner than it would be without them.
 */
static TimestampTz
demand(const DueModel *model, const DueNode *node)
{
	TimestampTz soonest = DT_NOEND;
	bool only_others = true;

	for (int c = 0; c < node->nconsumers; c++)
	{
		const DueNode *consumer = &model->nodes[node->consumers[c]];

		soonest = Min(soonest, consumer->due_at);
		only_others &= consumer->owner != node->owner;
	}

	return only_others ? node->change_at : Max(soonest, node->change_at);
}

/* When all members that have a schedule of their own have come to it. */
static TimestampTz
slowest_time(const DueModel *model, const DueUnit *unit)
{
	TimestampTz change = DT_NOEND;
	TimestampTz slowest = DT_NOBEGIN;
	bool any = false;

	for (int i = 0; i < unit->n; i++)
		change = Min(change, member(model, unit, i)->change_at);
	for (int i = 0; i < unit->n; i++)
	{
		DueNode *node = member(model, unit, i);

		if (node->schedule.kind != SCHEDULE_INTERVAL &&
			node->schedule.kind != SCHEDULE_CRON)
			continue;
		any = true;
		slowest = Max(slowest, own_time(model, node, change));
	}

	return any ? slowest : DT_NOEND;
}

static void
find_unit_due(DueModel *model, const DueUnit *unit)
{
	bool held = is_held(model, unit);
	TimestampTz wanted = DT_NOEND;
	TimestampTz barred = DT_NOBEGIN;
	TimestampTz rests = DT_NOBEGIN;

	for (int i = unit->n - 1; i >= 0; i--)
	{
		DueNode *node = member(model, unit, i);

		if (node->schedule.kind == SCHEDULE_CALCULATED)
			node->due_at = demand(model, node);
		else
			node->due_at = own_time(model, node, node->change_at);
		wanted = Min(wanted, node->due_at);
		barred = Max(barred, barred_until(node));
		rests = Max(rests, rests_until(node, LONGEST_PAUSE));
	}

	if (unit->n > 1 && unit->policy == DIAMOND_SLOWEST)
	{
		TimestampTz slowest = slowest_time(model, unit);

		if (!TIMESTAMP_IS_NOEND(slowest))
			wanted = slowest;
	}

	if (held)
		wanted = DT_NOEND;
	for (int i = 0; i < unit->n; i++)
	{
		DueNode *node = member(model, unit, i);

		node->wanted_at = wanted;
		node->comes_at = Max(wanted, barred);
		node->due_at = Max(node->comes_at, rests);
	}
}

/* ---- downwards: who waits ---- */

static bool
is_due(const DueModel *model, const DueUnit *unit, TimestampTz now)
{
	return member(model, unit, 0)->due_at <= now;
}

/*
 * Does it read something outside of the unit whose refresh comes, and that was
 * not refreshed since?
 */
static bool
reads_what_comes(const DueModel *model, const DueUnit *unit, TimestampTz since)
{
	for (int i = 0; i < unit->n; i++)
	{
		const DueNode *node = member(model, unit, i);

		for (int u = 0; u < node->nupstream; u++)
		{
			const DueNode *read = &model->nodes[node->upstream[u]];

			if (read->unit != node->unit && read->comes &&
				read->last_start < since)
				return true;
		}
	}

	return false;
}

static void
find_coming(DueModel *model, TimestampTz now)
{
	for (int u = 0; u < model->nunits; u++)
	{
		const DueUnit *unit = &model->units[u];
		bool comes_now = member(model, unit, 0)->comes_at <= now;
		bool comes = is_running(model, unit) ||
					 (comes_now &&
					  (unit_has_work(model, unit, now) ||
					   reads_what_comes(model, unit, DT_NOEND)));

		for (int i = 0; i < unit->n; i++)
			member(model, unit, i)->comes = comes;
	}
}

/* May its refresh start?  See README, "Who waits for whom". */
static bool
may_start(const DueModel *model, const DueUnit *unit, TimestampTz now)
{
	TimestampTz comes_at = member(model, unit, 0)->comes_at;

	return is_due(model, unit, now) && !is_running(model, unit) &&
		   unit_has_work(model, unit, now) &&
		   !reads_what_comes(model, unit, Max(comes_at, model->loaded_at));
}

static void
look(DueModel *model, TimestampTz now)
{
	find_changes(model, now);
	for (int u = model->nunits - 1; u >= 0; u--)
		find_unit_due(model, &model->units[u]);
	find_coming(model, now);
}

/* ---- the scheduler's questions ---- */

typedef struct Candidate
{
	TimestampTz due_at;
	int unit;
} Candidate;

static int
compare_candidates(const void *a, const void *b)
{
	const Candidate *left = a;
	const Candidate *right = b;

	if (left->due_at != right->due_at)
		return left->due_at < right->due_at ? -1 : 1;
	return left->unit - right->unit;
}

/*
 * See due.h.
 */
int
pgt_due_now(DueModel *model, TimestampTz now, int *out)
{
	Candidate *candidates = palloc(sizeof(Candidate) * (model->nunits + 1));
	int ncandidates = 0;
	int n = 0;

	look(model, now);
	for (int u = 0; u < model->nunits; u++)
	{
		if (may_start(model, &model->units[u], now))
			candidates[ncandidates++] =
				(Candidate){member(model, &model->units[u], 0)->due_at, u};
	}
	qsort(candidates, ncandidates, sizeof(Candidate), compare_candidates);

	for (int c = 0; c < ncandidates; c++)
	{
		const DueUnit *unit = &model->units[candidates[c].unit];

		for (int i = 0; i < unit->n; i++)
			out[n++] = model->order[unit->first + i];
	}

	pfree(candidates);
	return n;
}

/*
 * See due.h.
 */
TimestampTz
pgt_next_due(DueModel *model, TimestampTz now)
{
	TimestampTz next = DT_NOEND;

	look(model, now);
	for (int u = 0; u < model->nunits; u++)
	{
		const DueUnit *unit = &model->units[u];

		if (!is_running(model, unit) && !is_due(model, unit, now))
			next = Min(next, member(model, unit, 0)->due_at);
	}

	return next;
}

/*
 * See due.h.
 */
TimestampTz
pgt_due_at(DueModel *model, int node, TimestampTz now)
{
	look(model, now);
	return model->nodes[node].due_at;
}

/* ---- what happens ---- */

/*
 * See due.h.
 */
void
pgt_note_dirty(DueModel *model, int node, TimestampTz since)
{
	DueNode *n = &model->nodes[node];

	n->dirty_since = n->dirty ? Min(n->dirty_since, since) : since;
	n->dirty = true;
}

/*
 * See due.h.
 */
void
pgt_note_started(DueModel *model, int node, TimestampTz now)
{
	DueNode *n = &model->nodes[node];

	/* The members of a unit start in turn, but were wanted as one. */
	if (!is_running(model, &model->units[n->unit]))
		look(model, now);

	n->running = true;
	n->run_start = now;
	n->run_since = Min(n->wanted_at, now);
	n->run_dirty = n->dirty ? n->dirty_since : DT_NOEND;
	n->dirty = false;
}

static void
note_end(DueNode *node, TimestampTz now)
{
	node->running = false;
	node->last_end = now;
	node->last_duration_us = Max(now - node->run_start, 0);
}

/*
 * See due.h.
 */
void
pgt_note_finished(DueModel *model, int node, TimestampTz now, bool changed)
{
	DueNode *n = &model->nodes[node];

	note_end(n, now);
	n->last_start = n->run_start;
	n->consecutive_errors = 0;
	n->retry_at = DT_NOBEGIN;

	for (int c = 0; changed && c < n->nconsumers; c++)
	{
		const DueNode *consumer = &model->nodes[n->consumers[c]];

		/* One of the same transaction has seen the change. */
		if (consumer->unit != n->unit || consumer->run_start < n->run_start)
			pgt_note_dirty(model, n->consumers[c], n->run_since);
	}
}

/*
 * See due.h.
 */
void
pgt_note_failed(DueModel *model, int node, TimestampTz now)
{
	DueNode *n = &model->nodes[node];

	note_end(n, now);
	n->recomputed = false;
	n->consecutive_errors++;
	n->retry_at = now + pgt_error_wait(n->consecutive_errors);
	if (!TIMESTAMP_IS_NOEND(n->run_dirty))
		pgt_note_dirty(model, node, n->run_dirty);
}

/*
 * See due.h.  What has happened was not later than now.
 */
void
pgt_note_clock(DueModel *model, TimestampTz now)
{
	model->loaded_at = Min(model->loaded_at, now);
	for (int i = 0; i < model->nnodes; i++)
	{
		DueNode *n = &model->nodes[i];

		n->dirty_since = Min(n->dirty_since, now);
		n->last_start = Min(n->last_start, now);
		n->last_end = Min(n->last_end, now);
		n->retry_at = Min(n->retry_at, now + LAST_RETRY);
		n->run_start = Min(n->run_start, now);
		n->run_since = Min(n->run_since, now);
		if (!TIMESTAMP_IS_NOEND(n->run_dirty))
			n->run_dirty = Min(n->run_dirty, now);
	}
}

/* The nth wait if each is that many times as long as the one before. */
static int64
nth_wait(int64 wait, int factor, int n)
{
	for (int i = 1; i < n && wait < LAST_RETRY; i++)
		wait *= factor;

	return Min(wait, LAST_RETRY);
}

/*
 * See due.h.
 */
int64
pgt_error_wait(int nerrors)
{
	return nth_wait(FIRST_RETRY, RETRY_FACTOR, nerrors);
}

/*
 * See due.h.
 */
int64
pgt_backoff(int64 base_us, int n)
{
	return nth_wait(base_us, 2, n);
}

/* Mostly the next one after *place, where the last one was found. */
static const DueNode *
find_older(const DueModel *older, int64 pgt_id, int *place)
{
	for (int k = 0; k < older->nnodes; k++)
	{
		int next = (*place + 1 + k) % older->nnodes;

		if (older->nodes[next].pgt_id != pgt_id)
			continue;
		*place = next;
		return &older->nodes[next];
	}

	return NULL;
}

/*
 * See due.h.
 */
void
pgt_inherit_model(DueModel *model, const DueModel *older)
{
	int place = -1;

	for (int i = 0; i < model->nnodes; i++)
	{
		DueNode *node = &model->nodes[i];
		const DueNode *was = find_older(older, node->pgt_id, &place);

		if (was == NULL)
			continue;

		if (was->dirty)
			pgt_note_dirty(model, i, was->dirty_since);
		node->last_start = was->last_start;
		node->last_end = was->last_end;
		node->last_duration_us = was->last_duration_us;
		node->recomputed = was->recomputed;
		node->consecutive_errors = was->consecutive_errors;
		node->retry_at = was->retry_at;
		node->running = was->running;
		node->run_start = was->run_start;
		node->run_dirty = was->run_dirty;
		node->run_since = was->run_since;
	}
}
