/*-------------------------------------------------------------------------
 *
 * planning.c
 *	  Between the planner's hooks and those who tell it about our queries.
 *
 * Planning runs user code: a function with constant arguments is called to
 * have a constant, and what it calls may refresh another stream table, whose
 * query is then planned meanwhile.  So what is told belongs to one query:
 *
 *		refresh of a			planning of a's query		current = a
 *			f() is called		planning of its query		current = NULL
 *				refresh of b	planning of b's query		current = b
 *			f() goes on										current = NULL
 *		...													current = a
 *
 * The hooks stay once they are installed, as those of any library; with no
 * query of ours they pass on the question.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "optimizer/planner.h"

#include "planning.h"

static get_relation_stats_hook_type next_statistics = NULL;
static planner_hook_type next_planner = NULL;
static Planning *current = NULL;

static bool
describe(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attnum,
		 VariableStatData *vardata)
{
	if (next_statistics != NULL && next_statistics(root, rte, attnum, vardata))
		return true;

	return current != NULL && current->begun &&
		   current->describe(current, root, rte, attnum, vardata);
}

static PlannedStmt *
plan_further(Query *query, const char *text, int options,
			 ParamListInfo parameters)
{
	if (next_planner != NULL)
		return next_planner(query, text, options, parameters);
	return standard_planner(query, text, options, parameters);
}

/* A query of a function that has been called meanwhile: none of ours. */
static PlannedStmt *
plan_apart(Query *query, const char *text, int options,
		   ParamListInfo parameters)
{
	Planning *outer = current;
	PlannedStmt *result;

	current = NULL;
	PG_TRY();
	{
		result = plan_further(query, text, options, parameters);
	}
	PG_FINALLY();
	{
		current = outer;
	}
	PG_END_TRY();

	return result;
}

static PlannedStmt *
plan(Query *query, const char *text, int options, ParamListInfo parameters)
{
	if (current == NULL)
		return plan_further(query, text, options, parameters);
	if (current->begun || text != current->text)
		return plan_apart(query, text, options, parameters);

	current->begun = true;
	if (current->begin != NULL)
		current->begin(current, query);
	return plan_further(query, text, options, parameters);
}

static void
install_hooks(void)
{
	static bool installed = false;

	if (installed)
		return;
	next_statistics = get_relation_stats_hook;
	get_relation_stats_hook = describe;
	next_planner = planner_hook;
	planner_hook = plan;
	installed = true;
}

/*
 * See planning.h.
 */
CachedPlan *
pgt_plan_with(Planning *planning, SPIPlanPtr plan)
{
	Planning *outer = current;
	CachedPlan *result;

	install_hooks();
	planning->text =
		((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))
			->query_string;
	planning->begun = false;
	current = planning;
	PG_TRY();
	{
		result = SPI_plan_get_cached_plan(plan);
	}
	PG_FINALLY();
	{
		current = outer;
	}
	PG_END_TRY();

	return result;
}
