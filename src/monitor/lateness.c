/*-------------------------------------------------------------------------
 *
 * lateness.c
 *	  Should a stream table have been refreshed already?
 *
 * A change has to arrive by a certain time:
 *
 *		30s				30 seconds after it was made (tiers stretch that)
 *		cron			at the next of these times
 *		calculated		when its first consumer wants it; at once, if it has
 *						no consumers of its owner
 *		manual, frozen	never
 *
 * and not before it arrived in the stream tables that are read.  When it was
 * made is known as far as the age of the content is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "pg_trickle/due.h"
#include "pg_trickle/schedule.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/zone.h"

#include "health.h"

#define SECOND INT64CONST(1000000)

/* Refreshes take time, and wait for each other and for workers. */
#define GRACE (60 * SECOND)

static TimestampTz deadline(DagNode *node, TimestampTz since);
static TimestampTz own_deadline(DagNode *node, TimestampTz since);

static TimestampTz
after_period(DagNode *node, int64 seconds, TimestampTz since)
{
	return since + pgt_tier_period(node->st->options.tier, seconds * SECOND);
}

static TimestampTz
by_calendar(const Schedule *schedule, TimestampTz since)
{
	ZoneRules zone;
	TimestampTz next;

	if (!pgt_zone_rules(pgt_timezone, &zone) ||
		!pgt_cron_next(&schedule->cron, &zone, since, &next))
		return DT_NOEND;

	return next;
}

/* When the first consumer wants it; see demand() in src/schedule/due.c. */
static TimestampTz
for_consumers(DagNode *node, TimestampTz since)
{
	TimestampTz first = DT_NOEND;
	bool only_others = true;
	ListCell *lc;

	check_stack_depth();
	foreach (lc, node->consumers)
	{
		DagNode *consumer = lfirst(lc);

		first = Min(first, own_deadline(consumer, since));
		only_others &= consumer->owner != node->owner;
	}

	return only_others ? after_period(node, 0, since) : first;
}

static TimestampTz
find_own_deadline(DagNode *node, TimestampTz since)
{
	Schedule schedule;

	if (node->st->options.tier == TIER_FROZEN ||
		pgt_parse_schedule(node->st->schedule, &schedule) != NULL)
		return DT_NOEND;
	switch (schedule.kind)
	{
		case SCHEDULE_MANUAL:
			return DT_NOEND;
		case SCHEDULE_CALCULATED:
			return for_consumers(node, since);
		case SCHEDULE_INTERVAL:
			return after_period(node, schedule.seconds, since);
		case SCHEDULE_CRON:
			return by_calendar(&schedule, since);
	}

	return DT_NOEND;
}

/* By its own schedule, and of those for whom it is refreshed. */
static TimestampTz
own_deadline(DagNode *node, TimestampTz since)
{
	if (node->own_since != since)
		node->own_until = find_own_deadline(node, since);
	node->own_since = since;
	return node->own_until;
}

static TimestampTz
find_deadline(DagNode *node, TimestampTz since)
{
	TimestampTz arrived = since;
	ListCell *lc;

	check_stack_depth();
	foreach (lc, node->inputs)
	{
		DagNode *input = lfirst(lc);

		if (input->st != NULL)
			arrived = Max(arrived, deadline(input, since));
	}

	return TIMESTAMP_IS_NOEND(arrived) ? arrived : own_deadline(node, arrived);
}

/* The same, where it has to come by way of others. */
static TimestampTz
deadline(DagNode *node, TimestampTz since)
{
	if (node->since != since)
		node->until = find_deadline(node, since);
	node->since = since;
	return node->until;
}

int64
pgt_lateness(Ages *ages, DagNode *node)
{
	int64 age = pgt_age(ages, node->st);
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz until;

	if (age <= 0)
		return 0;

	until = deadline(node, now - age);
	return until >= now ? 0 : now - until;
}

bool
pgt_is_late(Ages *ages, DagNode *node)
{
	return pgt_lateness(ages, node) > GRACE;
}
