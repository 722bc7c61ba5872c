/*-------------------------------------------------------------------------
 *
 * execute.c
 *	  Running the texts of delta queries.
 *
 * A text is planned by its first run, and the plan is kept.  A plan must not
 * become wrong with time: a table that was small when it was planned is
 * scanned whole, and so it would be with a million rows.  What is done:
 *
 *	- Two plans per text.  For few changed rows the cost must not depend on the
 *	  size of tables, so that the plan is made with enable_seqscan = off: an
 *	  index is used if there is one, and if there is none, the table is scanned
 *	  once and not once per changed row.  That takes two rows as estimate: with
 *	  one row, a nested loop over a scan looks as good as a hash join.  And
 *	  see join_estimate.c.
 *	  Only the rows of groups may also be looked for by the plan for many,
 *	  if that is cheaper: see pgt_scan_is_cheaper().
 *	- The plan for many changed rows is the planner's choice, made anew when
 *	  the number of changed rows has grown or shrunk tenfold.  It knows the
 *	  changed rows: see delta_statistics.c.  If they are thousands and the
 *	  tables few, a plan is made for each run.
 *	- Either is made anew when a table has outgrown what it was planned for.
 *	  ANALYZE, new indexes and the like are seen by the server itself.
 *
 * Rows go from the executor to their receiver, without a store between.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "parser/parse_coerce.h"
#include "storage/bufmgr.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"

#include "pg_trickle/progress.h"

#include "delta_statistics.h"
#include "execute.h"
#include "given_plan.h"
#include "join_estimate.h"

#define SMALL_DELTA 100 /* rows */
#define SMALL_ESTIMATE 2

#define MUCH 1000	   /* in the units of the planner: some milliseconds */
#define MUCH_CHEAPER 3 /* times; random access is rarely as bad as it thinks */

#define MAX_GROWTH 2	  /* of a table, before it is planned anew */
#define FREE_GROWTH 8	  /* blocks, whatever the factor */
#define MAX_ROW_FACTOR 10 /* of the rows of large deltas */

#define FRESH_PLAN_ROWS 5000 /* so many make planning cheap ... */
#define FRESH_PLAN_TABLES 4	 /* ... if there are few ways to join */

/* A table that a plan reads, with its size when it was planned. */
typedef struct PlannedTable
{
	Oid relid;
	BlockNumber nblocks;
} PlannedTable;

struct SavedPlan
{
	MemoryContext memory;
	SPIPlanPtr plan;
	GivenPlan *given; /* instead of that: made by another session */
	char *text;		  /* for other sessions, NULL until asked for */
	bool told;		  /* they have it */
	int64 nrows;	  /* of the deltas it was made for */
	bool for_one_run; /* made for the very rows of one run */
	int ntables;	  /* -1: not planned yet */
	PlannedTable *tables;
};

/* Settings under which plans are made, the first for both kinds. */
static const struct
{
	bool small_only;
	const char *name;
	const char *value;
} plan_settings[] = {
	{false, "from_collapse_limit", "100"}, /* subqueries hide no indexes */
	{true, "enable_seqscan", "off"},
	{true, "jit", "off"}, /* which would follow from the cost of that */
};

/* ---- changes ---- */

static int64
count_rows(List *deltas)
{
	int64 nrows = 0;
	ListCell *lc;

	foreach (lc, deltas)
		nrows += ((Delta *) lfirst(lc))->nrows;
	return nrows;
}

/*
 * Are so few rows in the deltas that a plan for few rows is right?
 */
bool
pgt_deltas_are_small(List *deltas)
{
	return count_rows(deltas) <= SMALL_DELTA;
}

/*
 * Connect to SPI and bind the deltas to their names.
 */
void
pgt_execute_begin(List *deltas, bool small)
{
	ListCell *lc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");

	foreach (lc, deltas)
	{
		Delta *delta = lfirst(lc);
		EphemeralNamedRelation enr = palloc0(sizeof(*enr));

		enr->md.name = delta->name;
		enr->md.tupdesc = delta->desc;
		enr->md.enrtype = ENR_NAMED_TUPLESTORE;
		enr->md.enrtuples = small ? SMALL_ESTIMATE : delta->nrows;
		enr->reldata = delta->rows;
		if (SPI_register_relation(enr) != SPI_OK_REL_REGISTER)
			elog(ERROR, "could not bind \"%s\"", delta->name);
	}
}

void
pgt_execute_end(void)
{
	SPI_finish();
}

/* ---- plans ---- */

static SavedPlan *
make_plan(const char *sql, List *deltas)
{
	MemoryContext memory = AllocSetContextCreate(CacheMemoryContext,
												 "pg_trickle plan",
												 ALLOCSET_SMALL_SIZES);
	SavedPlan *saved = MemoryContextAllocZero(memory, sizeof(SavedPlan));

	saved->memory = memory;
	saved->nrows = count_rows(deltas);
	saved->ntables = -1;
	saved->plan = SPI_prepare(sql, 0, NULL);
	if (saved->plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", sql,
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(saved->plan);
	return saved;
}

/*
 * Free a plan; NULL is fine.
 */
void
pgt_free_plan(SavedPlan *plan)
{
	if (plan == NULL)
		return;
	if (plan->plan != NULL)
		SPI_freeplan(plan->plan);
	MemoryContextDelete(plan->memory);
}

/* The size of a table, 0 if it has none or is gone. */
static BlockNumber
table_blocks(Oid relid)
{
	Relation rel = try_relation_open(relid, AccessShareLock);
	BlockNumber nblocks = 0;

	if (rel == NULL)
		return 0;
	if (RELKIND_HAS_TABLE_AM(rel->rd_rel->relkind))
		nblocks = RelationGetNumberOfBlocks(rel);
	relation_close(rel, NoLock);
	return nblocks;
}

static bool
has_outgrown_plan(const SavedPlan *saved)
{
	for (int i = 0; i < saved->ntables; i++)
	{
		double planned = saved->tables[i].nblocks;

		if (table_blocks(saved->tables[i].relid) >
			planned * MAX_GROWTH + FREE_GROWTH)
			return true;
	}

	return false;
}

static bool
is_outdated(const SavedPlan *saved, bool small, List *deltas)
{
	double nrows = count_rows(deltas);

	if (!small && (nrows > (double) saved->nrows * MAX_ROW_FACTOR ||
				   nrows * MAX_ROW_FACTOR < (double) saved->nrows))
		return true;
	if (saved->given != NULL && !pgt_given_plan_is_valid(saved->given))
		return true;
	return has_outgrown_plan(saved);
}

static void
note_sizes(SavedPlan *saved, const PlannedStmt *stmt)
{
	int ntables = list_length(stmt->relationOids);
	ListCell *lc;

	if (saved->tables != NULL)
		pfree(saved->tables);
	saved->tables = MemoryContextAlloc(saved->memory,
									   sizeof(PlannedTable) * (ntables + 1));
	saved->ntables = 0;
	foreach (lc, stmt->relationOids)
	{
		PlannedTable *table = &saved->tables[saved->ntables++];

		table->relid = lfirst_oid(lc);
		table->nblocks = table_blocks(table->relid);
	}
}

static CachedPlanSource *
plan_source(const SavedPlan *saved)
{
	return linitial(SPI_plan_get_plan_sources(saved->plan));
}

/*
 * Is it worth while to plan for just these rows?  Where their values lie can
 * make another plan the best.
 */
static bool
deserves_own_plan(const SavedPlan *saved, bool small, List *deltas)
{
	return !small && saved->given == NULL &&
		   count_rows(deltas) >= FRESH_PLAN_ROWS &&
		   list_length(plan_source(saved)->relationOids) <= FRESH_PLAN_TABLES;
}

static bool
is_planned(const SavedPlan *saved)
{
	CachedPlanSource *source;

	if (saved->given != NULL)
		return true;
	source = plan_source(saved);
	return saved->ntables >= 0 && source->is_valid &&
		   source->gplan != NULL && source->gplan->is_valid;
}

/*
 * Let the server plan, under our settings; the executor will find the plan in
 * the cache, without them: they must not reach functions that are called.
 */
static void
plan_now(SavedPlan *saved, bool small, List *deltas)
{
	int level = NewGUCNestLevel();
	CachedPlan *plan;

	if (saved->text != NULL)
		pfree(saved->text);
	saved->text = NULL;
	saved->told = false;
	saved->for_one_run = deserves_own_plan(saved, small, deltas);
	for (int i = 0; i < (int) lengthof(plan_settings); i++)
		if (small || !plan_settings[i].small_only)
			(void) set_config_option(plan_settings[i].name,
									 plan_settings[i].value,
									 PGC_USERSET, PGC_S_SESSION,
									 GUC_ACTION_SAVE, true, 0, false);

	plan = small ? pgt_plan_for_few_rows(saved->plan) :
				   pgt_plan_for_many_rows(saved->plan, deltas,
										  saved->for_one_run);
	note_sizes(saved, linitial_node(PlannedStmt, plan->stmt_list));
	ReleaseCachedPlan(plan, CurrentResourceOwner);
	AtEOXact_GUC(true, level);
}

/* Of one that is planned. */
static const PlannedStmt *
planned_stmt(const SavedPlan *saved)
{
	if (saved->given != NULL)
		return pgt_given_plan_stmt(saved->given);
	return linitial_node(PlannedStmt, plan_source(saved)->gplan->stmt_list);
}

/* How many rows the planner expects, for those who watch. */
static double
planned_rows(const SavedPlan *saved)
{
	if (!is_planned(saved))
		return -1;
	return planned_stmt(saved)->planTree->plan_rows;
}

/* As an invalidation does. */
static void
discard_plan(SavedPlan *saved)
{
	CachedPlanSource *source = plan_source(saved);

	if (source->gplan != NULL)
		source->gplan->is_valid = false;
}

/* ---- plans of other sessions ---- */

static const char *
plan_text(SavedPlan *saved)
{
	char *text;

	if (saved->given != NULL)
		return pgt_given_plan_text(saved->given);
	if (saved->text == NULL)
	{
		text = nodeToString(planned_stmt(saved));
		saved->text = MemoryContextStrdup(saved->memory, text);
		pfree(text);
	}
	return saved->text;
}

static bool
is_of_use(SavedPlan *saved)
{
	if (saved == NULL || !is_planned(saved))
		return false;
	return saved->given != NULL ||
		   (pgt_plan_can_be_given(planned_stmt(saved)) &&
			pgt_plan_text_can_be_given(plan_text(saved)));
}

/*
 * Can others be given the plan, and were not?
 */
bool
pgt_plan_is_new(SavedPlan *saved)
{
	return saved != NULL && saved->given == NULL && !saved->told &&
		   is_of_use(saved);
}

/*
 * Append a plan to an image, or that there is none.
 */
void
pgt_plan_write(SavedPlan *saved, StringInfo image)
{
	bool written = is_of_use(saved);

	pgt_image_put_int(image, written);
	if (!written)
		return;

	pgt_image_put_text(image, plan_text(saved));
	pgt_image_put_int(image, saved->nrows);
	pgt_image_put_int(image, saved->ntables);
	for (int i = 0; i < saved->ntables; i++)
	{
		pgt_image_put_int(image, saved->tables[i].relid);
		pgt_image_put_int(image, saved->tables[i].nblocks);
	}
	saved->told = true;
}

/*
 * Read a plan of "sql", which lives as long; NULL if there is none.
 */
SavedPlan *
pgt_plan_read(const char *sql, ImageReader *image)
{
	MemoryContext memory;
	MemoryContext before;
	SavedPlan *saved;
	List *relids = NIL;
	const char *text;

	if (pgt_image_int(image) == 0)
		return NULL;

	memory = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle plan",
								   ALLOCSET_SMALL_SIZES);
	before = MemoryContextSwitchTo(memory);
	saved = palloc0(sizeof(SavedPlan));
	saved->memory = memory;
	text = pgt_image_text(image);
	saved->nrows = pgt_image_int(image);
	saved->ntables = (int) pgt_image_int(image);
	saved->tables = palloc(sizeof(PlannedTable) * (saved->ntables + 1));
	for (int i = 0; i < saved->ntables; i++)
	{
		saved->tables[i].relid = (Oid) pgt_image_int(image);
		saved->tables[i].nblocks = (BlockNumber) pgt_image_int(image);
		relids = lappend_oid(relids, saved->tables[i].relid);
	}
	saved->given = pgt_given_plan(sql, text, relids);
	MemoryContextSwitchTo(before);
	return saved;
}

/* ---- rows ---- */

typedef struct RowDest
{
	DestReceiver pub;
	RowReceiver receive;
	void *arg;
	MemoryContext memory; /* reset after each row */
} RowDest;

static void
dest_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	Oid type = TupleDescAttr(desc, desc->natts - 1)->atttypid;

	if (type != INT8OID)
		elog(ERROR, "last column of a delta query has type %u, not int8", type);
}

static bool
dest_receive(TupleTableSlot *slot, DestReceiver *self)
{
	RowDest *dest = (RowDest *) self;
	MemoryContext before = MemoryContextSwitchTo(dest->memory);
	bool isnull;
	Datum weight = slot_getattr(slot,
								slot->tts_tupleDescriptor->natts,
								&isnull);

	Assert(!isnull);
	pgt_progress_row();
	dest->receive(slot, DatumGetInt64(weight), dest->arg);
	MemoryContextSwitchTo(before);
	MemoryContextReset(dest->memory);
	return true;
}

static void
dest_shutdown(DestReceiver *self)
{
}

static void
run_plan(SavedPlan *saved, List *deltas, RowReceiver receive, void *arg)
{
	RowDest dest = {
		.pub = {
			.receiveSlot = dest_receive,
			.rStartup = dest_startup,
			.rShutdown = dest_shutdown,
			.rDestroy = dest_shutdown,
			.mydest = DestNone,
		},
		.receive = receive,
		.arg = arg,
	};
	SPIExecuteOptions options = {.read_only = true, .dest = &dest.pub};
	int result = SPI_OK_SELECT;

	dest.memory = AllocSetContextCreate(CurrentMemoryContext,
										"pg_trickle row",
										ALLOCSET_SMALL_SIZES);
	if (saved->given != NULL)
		pgt_given_plan_run(saved->given, deltas, &dest.pub);
	else
		result = SPI_execute_plan_extended(saved->plan, &options);
	if (result < 0)
		elog(ERROR, "could not run a delta query: %s",
			 SPI_result_code_string(result));
	MemoryContextDelete(dest.memory);
}

/* ---- all of it ---- */

/*
 * Types must not get lost on the way through the text: what is stored as the
 * columns of a table has to be of their types.  "expected" are those of the
 * first columns.
 */
static void
verify_columns(SavedPlan *saved, TupleDesc expected)
{
	TupleDesc found = plan_source(saved)->resultDesc;

	for (int i = 0; i < expected->natts; i++)
	{
		Oid want = TupleDescAttr(expected, i)->atttypid;
		Oid have = i < found->natts ? TupleDescAttr(found, i)->atttypid :
									  InvalidOid;

		if (have == want || IsBinaryCoercible(have, want))
			continue;
		discard_plan(saved); /* nobody is to run it */
		elog(ERROR, "column %d of a delta query has type %s, not %s", i + 1,
			 format_type_be(have), format_type_be(want));
	}
}

/*
 * See to it that *plan is a plan that fits; "desc", unless NULL, is what its
 * first columns are.
 */
static void
prepare(const char *sql, TupleDesc desc, SavedPlan **plan, bool small,
		List *deltas)
{
	if (*plan != NULL && is_outdated(*plan, small, deltas))
	{
		pgt_free_plan(*plan);
		*plan = NULL;
	}

	if (*plan == NULL)
		*plan = make_plan(sql, deltas);
	else if ((*plan)->for_one_run ||
			 deserves_own_plan(*plan, small, deltas))
		discard_plan(*plan);
	if (is_planned(*plan))
		return;
	plan_now(*plan, small, deltas);
	if (desc != NULL)
		verify_columns(*plan, desc);
}

static void
run_prepared(SavedPlan *saved, List *deltas, RowReceiver receive, void *arg)
{
	if (pgt_progress_is_on)
		pgt_progress_expect(planned_rows(saved));
	run_plan(saved, deltas, receive, arg);
}

/*
 * Run a text between pgt_execute_begin() and pgt_execute_end().
 */
void
pgt_execute_text(QueryText *text, bool small, List *deltas,
				 RowReceiver receive, void *arg)
{
	SavedPlan **plan = small ? &text->small : &text->large;

	prepare(text->sql, text->desc, plan, small, deltas);
	run_prepared(*plan, deltas, receive, arg);
}

/*
 * Plans for few rows avoid sequential scans; where there is no other way,
 * servers before PostgreSQL 18 say so by adding 1e10 to the cost, which is no
 * cost.
 */
static double
known_cost(const SavedPlan *saved, bool small)
{
	double cost = planned_stmt(saved)->planTree->total_cost;

	return small ? fmod(cost, 1.0e10) : cost;
}

static double
plan_cost(const char *sql, TupleDesc desc, SavedPlan **plan, bool small,
		  List *deltas)
{
	double cost;

	pgt_execute_begin(deltas, small);
	prepare(sql, desc, plan, small, deltas);
	cost = known_cost(*plan, small);
	pgt_execute_end();
	return cost;
}

/*
 * What the planner thinks it costs to run a text that reads no deltas, in its
 * units; see program.h.
 */
double
pgt_query_cost(const char *sql, SavedPlan **plan)
{
	return plan_cost(sql, NULL, plan, false, NIL);
}

/*
 * The same for a text that reads some of "deltas", which have few rows.
 */
double
pgt_delta_cost(const char *sql, List *deltas)
{
	SavedPlan *plan = NULL;
	double cost = plan_cost(sql, NULL, &plan, true, deltas);

	pgt_free_plan(plan);
	return cost;
}

/*
 * Does a text cost much less with a plan for as many rows as "deltas" have,
 * though they are few?  So it is where an index leads to a large part of a
 * table, once per row of the delta.
 */
bool
pgt_scan_is_cheaper(QueryText *text, List *deltas)
{
	double cost;

	if (text->small != NULL && is_planned(text->small))
		cost = known_cost(text->small, true);
	else
		cost = plan_cost(text->sql, text->desc, &text->small, true, deltas);
	cost *= (double) count_rows(deltas) / SMALL_ESTIMATE;
	if (cost <= MUCH)
		return false;
	return plan_cost(text->sql, text->desc, &text->large, false, deltas) *
			   MUCH_CHEAPER <
		   cost;
}

/*
 * Run any text whose last column is the weight; see program.h.
 */
void
pgt_run_query(const char *sql, SavedPlan **plan, bool small, List *deltas,
			  RowReceiver receive, void *arg)
{
	pgt_execute_begin(deltas, small);
	prepare(sql, NULL, plan, small, deltas);
	run_prepared(*plan, deltas, receive, arg);
	pgt_execute_end();
}

/*
 * Run a text that was made of a query; see program.h.
 */
void
pgt_run_text(QueryText *text, bool small, List *deltas, RowReceiver receive,
			 void *arg)
{
	pgt_execute_begin(deltas, small);
	pgt_execute_text(text, small, deltas, receive, arg);
	pgt_execute_end();
}

/*
 * Make the text of a query and note what it yields, in "memory".
 */
void
pgt_make_text(QueryText *text, const Query *query, MemoryContext memory)
{
	MemoryContext before = CurrentMemoryContext;

	text->sql = MemoryContextStrdup(memory, pgt_query_text(query));
	MemoryContextSwitchTo(memory);
	text->desc = ExecCleanTypeFromTL(query->targetList);
	MemoryContextSwitchTo(before);
}
