/*-------------------------------------------------------------------------
 *
 * rights.c
 *	  May the current user run a query?
 *
 * The executor is asked as EXPLAIN asks it: it looks at the privileges on all
 * tables, views and functions when it starts, before it reads anything.  SPI
 * would do, but would show the user a text of ours as context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"

#include "pg_trickle/refresh.h"

/* Error context: whose privileges count, and what helps. */
static void
advise(void *arg)
{
	if (geterrcode() != ERRCODE_INSUFFICIENT_PRIVILEGE)
		return;
	errdetail("The query of a stream table is run with the rights of its owner, role \"%s\".",
			  GetUserNameFromId(GetUserId(), false));
	errhint("Grant the role SELECT on what the query reads, and EXECUTE on the functions that it calls.");
}

static void
start_and_end(const char *sql)
{
	RawStmt *raw = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));
	List *queries = pg_analyze_and_rewrite_fixedparams(raw, sql, NULL, 0, NULL);
	PlannedStmt *stmt = pg_plan_query(linitial_node(Query, queries), sql, 0,
									  NULL);
	QueryDesc *desc = CreateQueryDesc(stmt, sql, GetActiveSnapshot(),
									  InvalidSnapshot, None_Receiver, NULL,
									  NULL, 0);

	ExecutorStart(desc, EXEC_FLAG_EXPLAIN_ONLY);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
}

/*
 * See refresh.h.
 */
void
pgt_check_rights(const char *sql)
{
	ErrorContextCallback context = {
		.callback = advise,
		.previous = error_context_stack,
	};

	error_context_stack = &context;
	start_and_end(sql);
	error_context_stack = context.previous;
}
