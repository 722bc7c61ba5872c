/*-------------------------------------------------------------------------
 *
 * new_column.c
 *	  A source gets a column that stream tables read, without naming it.
 *
 *		CREATE STREAM TABLE st AS SELECT id, to_jsonb(t) FROM t;
 *		ALTER TABLE t ADD COLUMN c int;		-- is in to_jsonb(t) from now on
 *
 * From the end of the command on, the log of t has the column, too.  Here it
 * costs nothing: the command has all of t's family for itself, so that no
 * writer is half-way; a refresh, which finds out later, would have to wait
 * for writers.  What was logged before lacks the column, and need not have
 * it: the query means something else now, so that the next refresh
 * recomputes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_attribute.h"
#include "utils/rel.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/normal_form.h"

#include "family.h"

/* Those who read whole rows from the log: a list of Dependency. */
static List *
row_readers(const Source *source)
{
	List *readers = NIL;
	ListCell *lc;

	foreach (lc, pgt_dependents(source->relid))
	{
		Dependency *dep = lfirst(lc);
		StreamTable *st;

		if (strcmp(dep->cdc_mode, "trigger") != 0)
			continue;
		st = pgt_lookup_stream_by_id(dep->pgt_id, true);
		if (st != NULL &&
			pgt_view_reads_rows(st->query_relid, source->relid))
			readers = lappend(readers, dep);
	}

	return readers;
}

/* All columns but those that are computed when they are read (since PG18). */
static AttrNumber *
stored_columns(Oid relid, int *n)
{
	Relation rel = table_open(relid, AccessShareLock);
	TupleDesc desc = RelationGetDescr(rel);
	AttrNumber *columns = palloc(sizeof(AttrNumber) * (desc->natts + 1));

	*n = 0;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && att->attgenerated != 'v')
			columns[(*n)++] = att->attnum;
	}
	table_close(rel, NoLock);
	return columns;
}

/*
 * See capture.h.  A log without an open segment comes from a dump: the first
 * refresh, which knows whether all of that is there, brings it up to date.
 */
void
pgt_capture_new_columns(const Source *source)
{
	int n;
	AttrNumber *columns;
	List *readers;
	ListCell *lc;

	if (pgt_open_segment(source->track_id) == NULL)
		return;
	columns = stored_columns(source->relid, &n);
	readers = row_readers(source);
	foreach (lc, readers)
		pgt_widen_dependency(((Dependency *) lfirst(lc))->pgt_id,
							 source->relid, n, columns);
	if (readers == NIL || pgt_source_covers(source, n, columns))
		return;

	(void) pgt_family(source->relid, ShareRowExclusiveLock);
	pgt_capture_flush();
	(void) pgt_track_source(source->relid, n, columns);
}
