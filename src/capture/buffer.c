/*-------------------------------------------------------------------------
 *
 * buffer.c
 *	  The rows that this transaction has captured and not yet written.
 *
 * Rows wait in memory and are written many at a time: when the transaction
 * commits or is prepared, when there are too many, and when a refresh of the
 * same transaction wants to read them.  They are kept in chunks, one per log
 * and level of subtransactions:
 *
 *		BEGIN;						level 1
 *		INSERT ... (1);				chunk of level 1: {1}
 *		SAVEPOINT a;				level 2
 *		INSERT ... (2);				chunk of level 2: {2}
 *		ROLLBACK TO a;				chunk of level 2 is dropped
 *		INSERT ... (3);				chunk of level 2: {3}
 *		RELEASE a;					{3} goes to the chunk of level 1: {1, 3}
 *		COMMIT;						{1, 3} is written
 *
 * What is written at level 2 vanishes when level 2 is rolled back.  So a full
 * chunk is written only by its own level, and if a refresh inside "a" makes
 * us write {1}, we keep it, marked as written by level 2: ROLLBACK TO a makes
 * it unwritten again, RELEASE makes it written by level 1, which is its own,
 * and it is forgotten.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/tupmacs.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "lib/ilist.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/part.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/wake.h"

#include "backpressure.h"
#include "buffer.h"

#define CHUNK_BYTES (256 * 1024)
#define ROWS_PER_INSERT 128
#define KEPT_SLOTS 8
#define NOT_WRITTEN 0

typedef struct Chunk
{
	dlist_node node;
	CaptureLog *log;
	uint32 layout;	   /* of the log when the rows were formed */
	int level;		   /* of the subtransaction that they belong to */
	int written_level; /* of the one that wrote them */
	bool writing;	   /* rows may be freed already */
	bool toasting;	   /* some of the rows will be */
	bool marked;	   /* has a reset mark of mark_part */
	int32 mark_part;
	Size bytes;
	int nrows;
	int maxrows;
	HeapTuple *rows;
} Chunk;

/*
 * All in buffer_context, which is emptied at the end of a transaction; what
 * writing needs is in flush_context, emptied each time.  They stay, for to
 * make them would be a fifth of what a transaction of one row costs.
 */
static MemoryContext buffer_context;
static MemoryContext flush_context;
static dlist_head chunks = DLIST_STATIC_INIT(chunks);
static Chunk *current; /* took the last row */

static void add_row(Chunk *chunk, HeapTuple row);
static void write_chunk(Chunk *chunk, bool keep);
static void empty_chunk(Chunk *chunk);
static void drop_chunk(Chunk *chunk);

/* ---- putting rows ---- */

static Chunk *
search_chunk(const CaptureLog *log, int level)
{
	dlist_iter iter;

	dlist_foreach (iter, &chunks)
	{
		Chunk *chunk = dlist_container(Chunk, node, iter.cur);

		if (chunk->log == log && chunk->level == level &&
			chunk->written_level == NOT_WRITTEN)
			return chunk;
	}

	return NULL;
}

static void
make_contexts(void)
{
	if (flush_context != NULL)
		return;

	buffer_context = AllocSetContextCreate(TopMemoryContext,
										   "pg_trickle capture buffer",
										   ALLOCSET_DEFAULT_SIZES);
	/* Its first block has room for the page that insertions use. */
	flush_context = AllocSetContextCreate(TopMemoryContext,
										  "pg_trickle capture flush", 0,
										  4 * BLCKSZ, ALLOCSET_DEFAULT_MAXSIZE);
}

static Chunk *
make_chunk(CaptureLog *log, int level)
{
	Chunk *chunk;

	make_contexts();
	chunk = MemoryContextAllocZero(buffer_context, sizeof(Chunk));
	chunk->log = log;
	chunk->layout = log->layout;
	chunk->level = level;
	dlist_push_tail(&chunks, &chunk->node);
	return chunk;
}

/* The chunk that takes rows of the running subtransaction. */
static Chunk *
chunk_for(CaptureLog *log)
{
	int level = GetCurrentTransactionNestLevel();

	if (unlikely(current == NULL || current->log != log ||
				 current->level != level ||
				 current->written_level != NOT_WRITTEN))
	{
		current = search_chunk(log, level);
		if (current == NULL)
			current = make_chunk(log, level);
	}

	/* Only this transaction itself can have changed the log's columns. */
	if (unlikely(current->layout != log->layout))
	{
		if (current->nrows > 0)
			write_chunk(current, false);
		current->layout = log->layout;
	}

	return current;
}

static bool
is_full(const Chunk *chunk)
{
	return chunk->nrows >= pgt_capture_buffer_rows ||
		   chunk->bytes >= CHUNK_BYTES;
}

/* Fills in xid and part. */
static HeapTuple
form_row(TupleDesc desc, Datum *values, bool *nulls)
{
	MemoryContext before = MemoryContextSwitchTo(buffer_context);
	HeapTuple row;

	values[Anum_log_xid - 1] =
		FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[Anum_log_part - 1] = Int32GetDatum(pgt_current_part());
	nulls[Anum_log_xid - 1] = nulls[Anum_log_part - 1] = false;
	row = heap_form_tuple(desc, values, nulls);
	MemoryContextSwitchTo(before);
	return row;
}

static void
put_row(Chunk *chunk, HeapTuple row)
{
	add_row(chunk, row);
	if (unlikely(is_full(chunk)))
		write_chunk(chunk, false);
}

/* How small can the server make a row by storing values elsewhere? */
static Size
toasted_size(TupleDesc desc, const Datum *values, const bool *nulls, int n)
{
	Size size = 0;

	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Size width;

		if (nulls[i])
			continue;
		width = att_addlength_datum(0, att->attlen, values[i]);
		if (att->attlen == -1 && att->attstorage != TYPSTORAGE_PLAIN &&
			width > MAXALIGN(TOAST_POINTER_SIZE))
			width = TOAST_POINTER_SIZE;
		size = att_align_nominal(size, att->attalign) + width;
	}

	/* When it stores values elsewhere it fills in the missing columns. */
	return MAXALIGN(SizeofHeapTupleHeader + BITMAPLEN(desc->natts)) + size;
}

/*
 * Does a row fit into a page, perhaps without what can be stored elsewhere?
 * One of the source always does, but ours has columns of its own.
 */
static bool
fits_into_page(CaptureLog *log, HeapTuple row, const Datum *values,
			   const bool *nulls)
{
	return row->t_len <= TOAST_TUPLE_THRESHOLD ||
		   toasted_size(log->desc, values, nulls, log->image_desc->natts) <=
			   MaxHeapTupleSize;
}

/*
 * Add a row of the log with one image; "values" and "nulls" have a member for
 * each of its columns, of which xid and part are filled in here.  The values
 * are copied; none of them may be an external toast pointer.  A row that is too
 * large for the log becomes a reset mark.
 */
void
pgt_buffer_put(CaptureLog *log, Datum *values, bool *nulls)
{
	Chunk *chunk = chunk_for(log);
	HeapTuple row = form_row(log->image_desc, values, nulls);

	if (likely(fits_into_page(log, row, values, nulls)))
		put_row(chunk, row);
	else
	{
		heap_freetuple(row);
		pgt_buffer_mark(log);
	}
}

/*
 * The same for a row with both images, of a log that has columns for that.
 * False if it would have to be toasted, or be too large for a page although
 * each of them fits.
 */
bool
pgt_buffer_put_update(CaptureLog *log, Datum *values, bool *nulls)
{
	Chunk *chunk = chunk_for(log);
	HeapTuple row = form_row(log->desc, values, nulls);

	if (row->t_len > TOAST_TUPLE_THRESHOLD)
	{
		heap_freetuple(row);
		return false;
	}

	put_row(chunk, row);
	return true;
}

static void
form_mark(Chunk *chunk)
{
	TupleDesc desc = chunk->log->image_desc;
	Datum *values = palloc0(sizeof(Datum) * desc->natts);
	bool *nulls = palloc(sizeof(bool) * desc->natts);

	memset(nulls, true, sizeof(bool) * desc->natts);
	values[Anum_log_weight - 1] = Int16GetDatum(WEIGHT_MARK);
	nulls[Anum_log_weight - 1] = false;
	add_row(chunk, form_row(desc, values, nulls));
	chunk->marked = true;
	chunk->mark_part = pgt_current_part();
}

/*
 * Put a reset mark; one per part and chunk is enough.
 */
void
pgt_buffer_mark(CaptureLog *log)
{
	Chunk *chunk = chunk_for(log);

	if (!chunk->marked || chunk->mark_part != pgt_current_part())
		form_mark(chunk);
}

/* The row is in buffer_context. */
static void
add_row(Chunk *chunk, HeapTuple row)
{
	if (chunk->nrows == chunk->maxrows)
	{
		Size size;

		chunk->maxrows = Max(chunk->maxrows * 2, 8);
		size = sizeof(HeapTuple) * chunk->maxrows;
		chunk->rows = chunk->rows == NULL ?
						  MemoryContextAlloc(buffer_context, size) :
						  repalloc(chunk->rows, size);
	}
	chunk->rows[chunk->nrows++] = row;
	chunk->bytes += row->t_len;
	chunk->toasting |= row->t_len > TOAST_TUPLE_THRESHOLD;
}

/* ---- writing rows ---- */

static TupleTableSlot **
make_slots(MemoryContext memory, TupleDesc desc, int n)
{
	MemoryContext before = MemoryContextSwitchTo(memory);
	TupleTableSlot **slots = palloc(sizeof(TupleTableSlot *) * n);

	for (int i = 0; i < n; i++)
		slots[i] = MakeSingleTupleTableSlot(desc, &TTSOpsHeapTuple);
	MemoryContextSwitchTo(before);
	return slots;
}

/*
 * Those for a few rows are kept with the log.  Who takes them puts them back;
 * after an error they are lost, with what is in them.
 */
static TupleTableSlot **
take_slots(CaptureLog *log, int n)
{
	TupleTableSlot **slots = log->slots;

	if (n > KEPT_SLOTS)
		return make_slots(buffer_context, log->desc, n);
	if (slots == NULL)
		return make_slots(log->context, log->desc, KEPT_SLOTS);

	log->slots = NULL;
	return slots;
}

static void
put_back_slots(CaptureLog *log, TupleTableSlot **slots, int n)
{
	if (n <= KEPT_SLOTS)
	{
		for (int i = 0; i < n; i++)
			ExecClearTuple(slots[i]);
		log->slots = slots;
		return;
	}

	for (int i = 0; i < n; i++)
		ExecDropSingleTupleTableSlot(slots[i]);
	pfree(slots);
}

/* Without "keep" the rows are freed as they are written. */
static void
insert_rows(Relation segment, const Chunk *chunk, bool keep)
{
	int nslots = Min(chunk->nrows, ROWS_PER_INSERT);
	TupleTableSlot **slots = take_slots(chunk->log, nslots);
	MemoryContext before = MemoryContextSwitchTo(flush_context);
	int n;

	for (int done = 0; done < chunk->nrows; done += n)
	{
		n = Min(chunk->nrows - done, nslots);
		for (int i = 0; i < n; i++)
			ExecStoreHeapTuple(chunk->rows[done + i], slots[i], !keep);
		if (n == 1)
			table_tuple_insert(segment, slots[0], GetCurrentCommandId(true),
							   0, NULL);
		else
			table_multi_insert(segment, slots, n, GetCurrentCommandId(true),
							   0, NULL);
		/* Insertions leave a pointer and a toasted copy per row. */
		MemoryContextReset(flush_context);
	}

	MemoryContextSwitchTo(before);
	put_back_slots(chunk->log, slots, nslots);
}

/*
 * A mark says of the rows of a chunk that there are some.  Its part is not
 * less than theirs, and no refresh has come in between, which would have
 * written them: whoever has not seen them has not seen the mark.
 *
 * Rows whose columns are not those that the log has now become one.  Callers
 * see to it that this never happens: they write what is buffered before they
 * change the columns.
 */
static void
replace_by_mark(Chunk *chunk)
{
	empty_chunk(chunk);
	chunk->layout = chunk->log->layout;
	form_mark(chunk);
}

/*
 * Write a chunk into the segment that is open now.  If the source or its log
 * is gone (dropped by this transaction, for nobody else could), its changes
 * interest nobody.
 */
static void
write_chunk(Chunk *chunk, bool keep)
{
	bool overloaded = pgt_log_is_overloaded(chunk->log);
	Relation segment = pgt_log_open(chunk->log);

	if (segment == NULL)
	{
		empty_chunk(chunk);
		return;
	}

	if (overloaded || chunk->layout != chunk->log->layout)
		replace_by_mark(chunk);
	pgt_wake_for_log(chunk->log->track_id);
	chunk->writing = !keep;
	insert_rows(segment, chunk, keep);
	pgt_log_written(chunk->log, segment);
	table_close(segment, NoLock);
	if (keep)
		chunk->written_level = GetCurrentTransactionNestLevel();
	else
	{
		chunk->nrows = 0;
		empty_chunk(chunk);
	}
}

/* Only the memory of the chunk itself stays, for the rows to come. */
static void
empty_chunk(Chunk *chunk)
{
	/* After an error half of the rows may be gone; the context frees all. */
	if (!chunk->writing)
	{
		for (int i = 0; i < chunk->nrows; i++)
			heap_freetuple(chunk->rows[i]);
	}
	chunk->writing = false;
	chunk->toasting = false;
	chunk->marked = false;
	chunk->nrows = 0;
	chunk->bytes = 0;
}

static void
drop_chunk(Chunk *chunk)
{
	empty_chunk(chunk);
	dlist_delete(&chunk->node);
	if (current == chunk)
		current = NULL;
	if (chunk->rows != NULL)
		pfree(chunk->rows);
	pfree(chunk);
}

/*
 * Write what the transaction has buffered, so that it can read its own log;
 * also what outer levels have, which may have to be written again.
 */
void
pgt_capture_flush(void)
{
	int level = GetCurrentTransactionNestLevel();
	dlist_mutable_iter iter;

	dlist_foreach_modify (iter, &chunks)
	{
		Chunk *chunk = dlist_container(Chunk, node, iter.cur);

		if (chunk->nrows > 0 && chunk->written_level == NOT_WRITTEN)
			write_chunk(chunk, chunk->level < level);
	}
}

/* ---- transactions and subtransactions ---- */

/*
 * At the end of a transaction there is no snapshot any more, and the server
 * never toasts without one.  To take one costs a seventh of writing a row, and
 * a lock that all who commit want.
 */
static bool
needs_snapshot(void)
{
	dlist_iter iter;

	if (pgt_enforce_backpressure || PGT_INSERT_ASSERTS_SNAPSHOT)
		return true;

	dlist_foreach (iter, &chunks)
	{
		if (dlist_container(Chunk, node, iter.cur)->toasting)
			return true;
	}

	return false;
}

static void
flush_at_end(void)
{
	bool pushed;

	if (dlist_is_empty(&chunks))
		return;

	pushed = needs_snapshot();
	if (pushed)
		PushActiveSnapshot(GetTransactionSnapshot());
	pgt_capture_flush();
	if (pushed)
		PopActiveSnapshot();
}

static void
at_end_of_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			flush_at_end();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			dlist_init(&chunks);
			current = NULL;
			if (buffer_context != NULL)
				MemoryContextReset(buffer_context);
			pgt_routes_at_end_of_transaction();
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;
	}
}

/* What is released has no snapshot, either. */
static void
write_when_released(Chunk *chunk)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	write_chunk(chunk, false);
	PopActiveSnapshot();
}

/*
 * A loop that writes one row per subtransaction must not fill our memory:
 * what would make the parent's chunk too large is written by the child.
 */
static void
write_before_promotion(int level)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify (iter, &chunks)
	{
		Chunk *chunk = dlist_container(Chunk, node, iter.cur);
		Chunk *parent;

		if (chunk->level != level || chunk->nrows == 0)
			continue;
		parent = search_chunk(chunk->log, level - 1);
		if (parent != NULL &&
			(parent->nrows + chunk->nrows >= pgt_capture_buffer_rows ||
			 parent->bytes + chunk->bytes >= CHUNK_BYTES))
			write_when_released(chunk);
	}
}

static void
append_rows(Chunk *to, Chunk *from)
{
	for (int i = 0; i < from->nrows; i++)
		add_row(to, from->rows[i]);
	if (from->marked)
	{
		to->marked = true;
		to->mark_part = from->mark_part;
	}
	from->nrows = 0;
}

/* What the child wrote or captured is now the parent's. */
static void
promote(int level)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify (iter, &chunks)
	{
		Chunk *chunk = dlist_container(Chunk, node, iter.cur);

		if (chunk->written_level == level)
		{
			chunk->written_level--;
			if (chunk->written_level == chunk->level)
				drop_chunk(chunk);
		}
		else if (chunk->level == level)
		{
			Chunk *parent = search_chunk(chunk->log, level - 1);

			if (parent == NULL || parent->layout != chunk->layout)
			{
				chunk->level--;
				continue;
			}
			append_rows(parent, chunk);
			drop_chunk(chunk);
		}
	}
}

/* What the child captured never happened, what it wrote is not written. */
static void
forget(int level)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify (iter, &chunks)
	{
		Chunk *chunk = dlist_container(Chunk, node, iter.cur);

		if (chunk->level >= level)
			drop_chunk(chunk);
		else if (chunk->written_level >= level)
			chunk->written_level = NOT_WRITTEN;
	}
}

static void
at_end_of_subtransaction(SubXactEvent event, SubTransactionId subid,
						 SubTransactionId parent, void *arg)
{
	int level = GetCurrentTransactionNestLevel();

	if (dlist_is_empty(&chunks))
		return;

	switch (event)
	{
		case SUBXACT_EVENT_PRE_COMMIT_SUB:
			write_before_promotion(level);
			break;
		case SUBXACT_EVENT_COMMIT_SUB:
			promote(level);
			break;
		case SUBXACT_EVENT_ABORT_SUB:
			forget(level);
			break;
		case SUBXACT_EVENT_START_SUB:
			break;
	}
}

/*
 * Register for the ends of transactions; once per backend.
 */
void
pgt_buffer_init(void)
{
	RegisterXactCallback(at_end_of_transaction, NULL);
	RegisterSubXactCallback(at_end_of_subtransaction, NULL);
}
