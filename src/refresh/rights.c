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
#include "rewrite/rewriteHandler.h"
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

/* The text is for those who watch. */
static void
start_and_end(List *rewritten, const char *sql)
{
	PlannedStmt *stmt = pg_plan_query(linitial_node(Query, rewritten), sql, 0,
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
	RawStmt *raw = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));

	error_context_stack = &context;
	start_and_end(pg_analyze_and_rewrite_fixedparams(raw, sql, NULL, 0, NULL),
				  sql);
	error_context_stack = context.previous;
}

/*
 * See refresh.h.
 */
void
pgt_check_rights_of(const Query *query)
{
	ErrorContextCallback context = {
		.callback = advise,
		.previous = error_context_stack,
	};
	Query *copy = copyObject(unconstify(Query *, query));

	/* It has places in a text that is not at hand: not for statistics. */
	copy->queryId = 0;
	copy->stmt_location = -1;
	copy->stmt_len = 0;

	error_context_stack = &context;
	AcquireRewriteLocks(copy, true, false);
	start_and_end(pg_rewrite_query(copy), "");
	error_context_stack = context.previous;
}
