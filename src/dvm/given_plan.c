/*-------------------------------------------------------------------------
 *
 * given_plan.c
 *	  Plans of delta queries that another session has made.
 *
 * To parse, analyze and plan the texts of a delta program is the larger part
 * of what a session pays for its first refresh.  The tree of a plan, which is
 * what a parallel worker gets, takes a fifth of that to read.
 *
 * Such a plan is right as long as none of its relations, functions and types
 * changes, as the server has it for its own saved plans (plancache.c).  It
 * does not know how to be made anew: when it is no longer right it is thrown
 * away, and the text is planned.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "lib/ilist.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg_trickle/compat.h"

#include "given_plan.h"

struct GivenPlan
{
	dlist_node node; /* of all */
	MemoryContext memory;
	const char *sql;
	const char *text;
	List *relids;
	PlannedStmt *stmt; /* NULL until first used */
	bool valid;
	MemoryContextCallback end;
};

static dlist_head all = DLIST_STATIC_INIT(all);

/* ---- what makes it invalid ---- */

static void
forget_relation(Datum arg, Oid relid)
{
	dlist_iter iter;

	dlist_foreach (iter, &all)
	{
		GivenPlan *given = dlist_container(GivenPlan, node, iter.cur);

		if (relid == InvalidOid || list_member_oid(given->relids, relid))
			given->valid = false;
	}
}

static bool
depends_on(const GivenPlan *given, int cacheid, uint32 hashvalue)
{
	ListCell *lc;

	/* What it depends on is written in it. */
	if (given->stmt == NULL || hashvalue == 0)
		return true;

	foreach (lc, given->stmt->invalItems)
	{
		const PlanInvalItem *item = lfirst(lc);

		if (item->cacheId == cacheid && item->hashValue == hashvalue)
			return true;
	}

	return false;
}

static void
forget_object(Datum arg, int cacheid, uint32 hashvalue)
{
	dlist_iter iter;

	dlist_foreach (iter, &all)
	{
		GivenPlan *given = dlist_container(GivenPlan, node, iter.cur);

		if (depends_on(given, cacheid, hashvalue))
			given->valid = false;
	}
}

static void
forget_all(Datum arg, int cacheid, uint32 hashvalue)
{
	forget_relation((Datum) 0, InvalidOid);
}

static void
register_forgetting(void)
{
	static bool registered = false;

	if (registered)
		return;
	CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, forget_object, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, forget_object, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_all, (Datum) 0);
	CacheRegisterSyscacheCallback(OPEROID, forget_all, (Datum) 0);
	CacheRegisterSyscacheCallback(AMOPOPID, forget_all, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, forget_all, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNDATAWRAPPEROID, forget_all,
								  (Datum) 0);
	registered = true;
}

/* ---- having one ---- */

/*
 * May others run it?  Not what depends on who runs it, or on what is visible
 * now, nor what reads children of a table: their changes are not among those
 * that make an image invalid.
 */
bool
pgt_plan_can_be_given(const PlannedStmt *stmt)
{
	return !stmt->dependsOnRole && !stmt->transientPlan &&
		   stmt->appendRelations == NIL && stmt->rowMarks == NIL &&
		   stmt->utilityStmt == NULL;
}

/*
 * Does it consist of what every session can read?  The code behind other
 * nodes may be loaded here and not there.
 */
bool
pgt_plan_text_can_be_given(const char *text)
{
	return strstr(text, "{CUSTOMSCAN") == NULL &&
		   strstr(text, "{FOREIGNSCAN") == NULL &&
		   strstr(text, "{EXTENSIBLENODE") == NULL;
}

static void
unlink_plan(void *given)
{
	dlist_delete(&((GivenPlan *) given)->node);
}

/*
 * A plan from the text that nodeToString() made of it, to run in place of
 * "sql"; the lists and strings are the caller's and live as long.  It is
 * watched as long as the current memory context lives.
 */
GivenPlan *
pgt_given_plan(const char *sql, const char *text, List *relids)
{
	GivenPlan *given = palloc0(sizeof(GivenPlan));

	register_forgetting();
	given->memory = CurrentMemoryContext;
	given->sql = sql;
	given->text = text;
	given->relids = relids;
	given->valid = true;
	dlist_push_head(&all, &given->node);
	given->end.func = unlink_plan;
	given->end.arg = given;
	MemoryContextRegisterResetCallback(given->memory, &given->end);
	return given;
}

/*
 * Lock its tables, as the executor expects and as the server does for its own
 * saved plans: then what has changed them is known, and nothing more does.  Is
 * it right?
 */
bool
pgt_given_plan_is_valid(GivenPlan *given)
{
	ListCell *lc;

	foreach (lc, given->relids)
		LockRelationOid(lfirst_oid(lc), AccessShareLock);
	return given->valid;
}

/*
 * What it was made from.
 */
const char *
pgt_given_plan_text(const GivenPlan *given)
{
	return given->text;
}

/*
 * The plan, not to be changed.
 */
const PlannedStmt *
pgt_given_plan_stmt(GivenPlan *given)
{
	if (given->stmt == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(given->memory);

		given->stmt = stringToNode(given->text);
		MemoryContextSwitchTo(before);
	}

	return given->stmt;
}

/* ---- running it ---- */

static QueryEnvironment *
environment_of(List *deltas)
{
	QueryEnvironment *env = create_queryEnv();
	ListCell *lc;

	foreach (lc, deltas)
	{
		Delta *delta = lfirst(lc);
		EphemeralNamedRelation enr = palloc0(sizeof(*enr));

		enr->md.name = delta->name;
		enr->md.tupdesc = delta->desc;
		enr->md.enrtype = ENR_NAMED_TUPLESTORE;
		enr->md.enrtuples = delta->nrows;
		enr->reldata = delta->rows;
		register_ENR(env, enr);
	}

	return env;
}

/*
 * Run it under the active snapshot, as SPI would.
 */
void
pgt_given_plan_run(GivenPlan *given, List *deltas, DestReceiver *dest)
{
	PlannedStmt *stmt = unconstify(PlannedStmt *, pgt_given_plan_stmt(given));
	QueryDesc *desc = CreateQueryDesc(stmt, given->sql, GetActiveSnapshot(),
									  InvalidSnapshot, dest, NULL,
									  environment_of(deltas), 0);

	ExecutorStart(desc, 0);
	pgt_executor_run(desc);
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
}
