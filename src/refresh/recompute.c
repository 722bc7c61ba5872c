/*-------------------------------------------------------------------------
 *
 * recompute.c
 *	  The difference between a query and what its stream table holds.
 *
 * The query's rows count +1, the stream table's -1; what does not cancel is
 * the change to apply.  Only differences are written: readers with an older
 * snapshot (pg_dump, for one) keep what they see, and a recomputation that
 * finds nothing new leaves no trace.  Where there is nothing to compare with,
 * the rows go straight into the table.
 *
 * Where SQL leaves a choice (which of 1.0 and 1.00 is shown by a group), the
 * states have made one, and deltas will refer to it: then the query's rows
 * are made from the states.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg_trickle/progress.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/rowload.h"
#include "pg_trickle/subtransaction.h"

static void
run_query(Compiled *compiled, RowReceiver receive, void *arg)
{
	if (compiled->program != NULL && pgt_program_has_choices(compiled->program))
		pgt_program_content(compiled->program, receive, arg);
	else
		pgt_run_query(compiled->recompute_sql, &compiled->recompute_plan,
					  false, NIL, receive, arg);
}

static void
put_row(TupleTableSlot *slot, int64 weight, void *arg)
{
	pgt_zset_put(arg, slot, weight);
}

static void
subtract_content(Relation rel, ZSet *zset)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		pgt_progress_row();
		pgt_zset_put(zset, slot, -1);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * See refresh.h.  Runs as the owner, under the active snapshot; the Z-set is
 * in the current memory context.
 */
ZSet *
pgt_recompute_difference(Compiled *compiled)
{
	const ApplyTarget *target = &compiled->target;
	Relation rel = table_open(target->relid, AccessShareLock);
	TupleDesc desc = RelationGetDescr(rel);
	ZSet *zset = pgt_zset_create(desc, pgt_apply_identity(target, desc));

	pgt_progress_phase(PROGRESS_COMPUTING, -1);
	run_query(compiled, put_row, zset);
	pgt_progress_phase(PROGRESS_COMPARING, rel->rd_rel->reltuples);
	subtract_content(rel, zset);
	table_close(rel, NoLock);
	return zset;
}

typedef struct Fill
{
	RowLoad *load;
	int64 nrows;
} Fill;

static void
load_row(TupleTableSlot *slot, int64 weight, void *arg)
{
	Fill *fill = arg;

	for (int64 i = 0; i < weight; i++)
	{
		CHECK_FOR_INTERRUPTS();
		pgt_rowload_put(fill->load, slot);
		fill->nrows++;
	}
}

/*
 * See refresh.h.  Runs as the owner, under the active snapshot.
 */
bool
pgt_recompute_fill(Compiled *compiled, int64 *inserted)
{
	Fill fill = {0};

	if (!pgt_apply_can_fill(&compiled->target))
		return false;

	fill.load = pgt_rowload_begin(compiled->target.relid);
	pgt_progress_phase(PROGRESS_FILLING, -1);
	run_query(compiled, load_row, &fill);
	pgt_progress_phase(PROGRESS_INDEXING, -1);
	pgt_rowload_end(fill.load);
	*inserted = fill.nrows;
	return true;
}

/*
 * Not unique by key any more, for a type has lost an attribute: delete all
 * rows and insert those of the query.
 */
static ApplyResult
write_anew(Compiled *compiled)
{
	Fill fill = {0};
	ApplyResult result = {0};

	fill.load = pgt_rowload_replace(compiled->target.relid, &result.deleted);
	run_query(compiled, load_row, &fill);
	pgt_rowload_end(fill.load);
	pgt_advance_refresh_snapshot();

	result.inserted = fill.nrows;
	return result;
}

typedef struct Correction
{
	Compiled *compiled;
	ApplyResult result;
} Correction;

/* A step for pgt_try(). */
static bool
apply_difference(void *arg)
{
	Correction *correction = arg;
	ZSet *changes = pgt_recompute_difference(correction->compiled);

	pgt_progress_phase(PROGRESS_APPLYING, -1);
	correction->result = pgt_apply(&correction->compiled->target, changes);
	pgt_zset_free(changes);
	pgt_advance_refresh_snapshot();
	return !correction->result.mismatch;
}

/*
 * If the difference does not fit, what was written is undone, with all that
 * triggers have done.  What they wrote into a source belongs to a later part
 * than this refresh, but who reads on in this transaction would see it.
 */
static ApplyResult
write_difference(Compiled *compiled)
{
	Correction correction = {.compiled = compiled};
	ErrorData *error = pgt_try(apply_difference, &correction);

	if (error != NULL)
		ReThrowError(error);
	return correction.result;
}

/*
 * See refresh.h.  Runs as the owner, under the active snapshot.
 */
ApplyResult
pgt_recompute_correct(Compiled *compiled)
{
	ApplyResult result = write_difference(compiled);

	if (result.mismatch)
	{
		/* Hashes of old values: a collation or a composite type changed. */
		pgt_apply_rebuild_index(&compiled->target);
		result = write_difference(compiled);
	}
	if (result.mismatch && compiled->row_types != NIL)
		result = write_anew(compiled);
	if (result.mismatch)
		ereport(ERROR,
				errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("stream table \"%s\" does not take its own query's result",
					   get_rel_name(compiled->target.relid)),
				errdetail("Its key or its index does not fit its content."),
				errhint("Run pgtrickle.repair_stream_table() or create it again."));

	return result;
}
