/*-------------------------------------------------------------------------
 *
 * log_limit.c
 *	  What happens to a log that gets too large for who reads it too slowly.
 *
 * A segment stays until every consumer has passed it.  One that is suspended,
 * or never refreshed, would keep the log of its source growing for ever.  When
 * the log exceeds pg_trickle.max_log_size, the consumer that keeps most of it
 * loses its claim: nobody waits for it any more, and since it may have missed
 * changes then, its next refresh recomputes.
 *
 *		segments		1		2		3		4 (open)
 *		fast			passed	passed	passed
 *		slow			passed	claims	claims				loses its claim
 *
 * What an open segment has, nobody could give back by that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "lib/stringinfo.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg_trickle/refresh.h"
#include "pg_trickle/refresh_log.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/sql.h"

static int64
segment_size(const Segment *segment)
{
	Relation log = table_open(segment->relid, AccessShareLock);
	int64 size = (int64) RelationGetNumberOfBlocks(log) * BLCKSZ;

	table_close(log, AccessShareLock);
	return size;
}

/* How much of the log is kept for a consumer. */
static int64
claimed_by(const StreamTable *st, List *segments)
{
	int64 size = 0;
	ListCell *lc;

	foreach (lc, segments)
	{
		const Segment *segment = lfirst(lc);

		if (segment->state == SEGMENT_CLOSED &&
			!pgt_consumer_has_passed(st, segment))
			size += segment_size(segment);
	}

	return size;
}

static bool
is_claimed(const Segment *segment, List *consumers)
{
	ListCell *lc;

	foreach (lc, consumers)
	{
		if (!pgt_consumer_has_passed(lfirst(lc), segment))
			return true;
	}

	return false;
}

/* Without what will be emptied soon. */
static int64
claimed_by_any(List *consumers, List *segments)
{
	int64 size = 0;
	ListCell *lc;

	foreach (lc, segments)
	{
		const Segment *segment = lfirst(lc);

		if (segment->state == SEGMENT_OPEN ||
			segment->state == SEGMENT_CLOSING ||
			(segment->state == SEGMENT_CLOSED &&
			 is_claimed(segment, consumers)))
			size += segment_size(segment);
	}

	return size;
}

/* Those who read the log, of StreamTable. */
static List *
find_consumers(const Source *source)
{
	List *consumers = NIL;
	ListCell *lc;

	foreach (lc, pgt_dependents(source->relid))
	{
		Dependency *dep = lfirst(lc);
		StreamTable *st = pgt_lookup_stream_by_id(dep->pgt_id, true);

		if (st != NULL && strcmp(dep->cdc_mode, "trigger") == 0)
			consumers = lappend(consumers, st);
	}

	return consumers;
}

static StreamTable *
slowest(List *consumers, List *segments)
{
	StreamTable *found = NULL;
	int64 most = 0;
	ListCell *lc;

	foreach (lc, consumers)
	{
		int64 size = claimed_by(lfirst(lc), segments);

		if (size > most)
		{
			found = lfirst(lc);
			most = size;
		}
	}

	return found;
}

static void
log_loss(const StreamTable *st, const Source *source)
{
	StringInfoData msg;

	initStringInfo(&msg);
	appendStringInfo(&msg,
					 "lost its changes because the log of %s exceeds pg_trickle.max_log_size; its next refresh recomputes",
					 pgt_relation_text(source->relid));
	pgt_log_event(&(RefreshEvent){
		.event = "claim_lost",
		.pgt_id = st->pgt_id,
		.name = pgt_relation_text(st->relid),
		.msg = msg.data,
	});
}

/*
 * Whoever is being refreshed or changed right now, by this transaction
 * perhaps, is spared: it may be past the log in a moment.
 */
static void
take_claim(const StreamTable *consumer, const Source *source)
{
	StreamTable *st;

	if (!pgt_try_lock_stream(consumer->pgt_id) ||
		!ConditionalLockRelationOid(consumer->relid, AccessShareLock))
		return;

	st = pgt_lookup_stream_by_id(consumer->pgt_id, true);
	if (st == NULL || !st->is_populated)
		return;

	st->frontier->lost = true;
	pgt_update_stream(st);
	log_loss(st, source);
}

/*
 * See to it that a log can become smaller than max_log_size.  The caller
 * holds pgt_lock_segments(); "segments" is the log.
 */
void
pgt_limit_log(const Source *source, List *segments)
{
	List *consumers;

	if (pgt_max_log_size == 0)
		return;

	consumers = find_consumers(source);
	while (claimed_by_any(consumers, segments) >
		   (int64) pgt_max_log_size * 1024)
	{
		StreamTable *st = slowest(consumers, segments);

		if (st == NULL)
			break;
		take_claim(st, source);
		consumers = list_delete_ptr(consumers, st);
	}
	list_free_deep(consumers);
}
