/*-------------------------------------------------------------------------
 *
 * rowload.c
 *	  Loading a table that is empty.
 *
 * A table that nobody else can see, because this transaction has created it,
 * gets its rows many at a time, and its indexes are built at the end:
 *
 *		rows			insert, insert, insert, ...		build the index
 *		row by row		insert, index entry, insert, index entry, ...
 *
 * A table that others can see is written row by row: they must not have to
 * wait for its indexes.  So is one with triggers that want to see the rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/rowload.h"
#include "pg_trickle/rowstore.h"

#define ROWS_PER_INSERT 500

struct RowLoad
{
	MemoryContext memory;
	TupleTableSlot *row; /* the columns of the table only */

	/* row by row */
	RowStore *store; /* NULL: many at a time */

	/* many at a time */
	Relation rel;
	BulkInsertState bulk;
	MemoryContext batch; /* what one insert leaves */
	TupleTableSlot *slots[ROWS_PER_INSERT];
	int nslots;
	bool any;
};

static bool
wants_rows(const TriggerDesc *triggers)
{
	return triggers->trig_insert_after_row ||
		   triggers->trig_insert_before_statement ||
		   triggers->trig_insert_after_statement ||
		   triggers->trig_insert_new_table;
}

static bool
can_be_bulk(Relation rel)
{
	return rel->rd_createSubid != InvalidSubTransactionId &&
		   RelationGetDescr(rel)->constr == NULL &&
		   (rel->trigdesc == NULL || !wants_rows(rel->trigdesc));
}

/* In a memory context of its own, which becomes the current one. */
static RowLoad *
make_load(TupleDesc desc)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle row load",
												 ALLOCSET_DEFAULT_SIZES);
	RowLoad *load;

	MemoryContextSwitchTo(memory);
	load = palloc0(sizeof(RowLoad));
	load->memory = memory;
	load->row = MakeSingleTupleTableSlot(CreateTupleDescCopy(desc),
										 &TTSOpsVirtual);
	return load;
}

RowLoad *
pgt_rowload_begin(Oid relid)
{
	MemoryContext before = CurrentMemoryContext;
	Relation rel = table_open(relid, RowExclusiveLock);
	RowLoad *load = make_load(RelationGetDescr(rel));

	if (can_be_bulk(rel))
	{
		load->rel = rel;
		load->bulk = GetBulkInsertState();
		load->batch = AllocSetContextCreate(load->memory,
											"pg_trickle row batch",
											ALLOCSET_DEFAULT_SIZES);
	}
	else
	{
		load->store = pgt_rowstore_open(relid);
		table_close(rel, NoLock);
	}

	MemoryContextSwitchTo(before);
	return load;
}

static int64
delete_all(RowStore *store)
{
	TupleTableSlot *row = pgt_rowstore_slot(store);
	int64 n = 0;

	pgt_rowstore_lookup(store, InvalidOid, 0, NULL);
	while (pgt_rowstore_fetch(store, row))
	{
		CHECK_FOR_INTERRUPTS();
		pgt_rowstore_delete(store, row);
		n++;
	}

	return n;
}

RowLoad *
pgt_rowload_replace(Oid relid, int64 *deleted)
{
	MemoryContext before = CurrentMemoryContext;
	RowStore *store = pgt_rowstore_open(relid);
	RowLoad *load;

	*deleted = delete_all(store);
	load = make_load(RelationGetDescr(pgt_rowstore_relation(store)));
	load->store = store;
	MemoryContextSwitchTo(before);
	return load;
}

static void
write_batch(RowLoad *load)
{
	MemoryContext before = MemoryContextSwitchTo(load->batch);

	table_multi_insert(load->rel, load->slots, load->nslots,
					   GetCurrentCommandId(true), TABLE_INSERT_SKIP_FSM,
					   load->bulk);
	for (int i = 0; i < load->nslots; i++)
		ExecClearTuple(load->slots[i]);
	load->nslots = 0;
	load->any = true;

	MemoryContextSwitchTo(before);
	MemoryContextReset(load->batch);
}

static void
put_into_batch(RowLoad *load)
{
	TupleTableSlot **slot = &load->slots[load->nslots++];

	if (*slot == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(load->memory);

		*slot = table_slot_create(load->rel, NULL);
		MemoryContextSwitchTo(before);
	}
	ExecCopySlot(*slot, load->row);
	if (load->nslots == ROWS_PER_INSERT)
		write_batch(load);
}

void
pgt_rowload_put(RowLoad *load, TupleTableSlot *row)
{
	int natts = load->row->tts_tupleDescriptor->natts;

	slot_getsomeattrs(row, natts);
	ExecClearTuple(load->row);
	memcpy(load->row->tts_values, row->tts_values, natts * sizeof(Datum));
	memcpy(load->row->tts_isnull, row->tts_isnull, natts * sizeof(bool));
	ExecStoreVirtualTuple(load->row);

	if (load->store != NULL)
		pgt_rowstore_insert(load->store, load->row);
	else
		put_into_batch(load);
}

static void
build_indexes(RowLoad *load)
{
	ListCell *lc;

	CommandCounterIncrement();
	foreach (lc, RelationGetIndexList(load->rel))
		pgt_reindex(lfirst_oid(lc));
	CommandCounterIncrement();
}

static void
end_bulk(RowLoad *load)
{
	if (load->nslots > 0)
		write_batch(load);
	for (int i = 0; i < ROWS_PER_INSERT && load->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(load->slots[i]);
	FreeBulkInsertState(load->bulk);
	table_finish_bulk_insert(load->rel, TABLE_INSERT_SKIP_FSM);
	if (load->any)
		build_indexes(load);
	table_close(load->rel, NoLock);
}

void
pgt_rowload_end(RowLoad *load)
{
	if (load->store != NULL)
		pgt_rowstore_close(load->store);
	else
		end_bulk(load);
	ExecDropSingleTupleTableSlot(load->row);
	MemoryContextDelete(load->memory);
}
