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
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg_trickle/refresh.h"

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
 * The query as text, or analyzed.  All that is made of it is garbage, and the
 * caller's memory may last as long as the session.
 */
static void
check(const char *sql, const Query *query)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle rights",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(memory);

	if (query == NULL)
	{
		RawStmt *raw = linitial_node(RawStmt,
									 raw_parser(sql, RAW_PARSE_DEFAULT));

		start_and_end(pg_analyze_and_rewrite_fixedparams(raw, sql, NULL, 0,
														 NULL),
					  sql);
	}
	else
	{
		Query *copy = copyObject(unconstify(Query *, query));

		/* It has places in a text that is not at hand: not for statistics. */
		copy->queryId = 0;
		copy->stmt_location = -1;
		copy->stmt_len = 0;
		AcquireRewriteLocks(copy, true, false);
		start_and_end(pg_rewrite_query(copy), "");
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(memory);
}

/*
 * Say whose privileges count, and what helps.  Only of what the server itself
 * refuses: a function may raise such an error with other advice.
 */
static void
advise(ErrorData *error)
{
	if (error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE ||
		error->funcname == NULL ||
		strncmp(error->funcname, "aclcheck_error",
				strlen("aclcheck_error")) != 0)
		return;

	error->detail =
		psprintf(_("The query of a stream table is run with the rights of its owner, role \"%s\"."),
				 GetUserNameFromId(GetUserId(), false));
	error->hint =
		pstrdup(_("Grant the role SELECT on what the query reads, and EXECUTE on the functions that it calls."));
}

static void
check_with_advice(const char *sql, const Query *query)
{
	MemoryContext before = CurrentMemoryContext;

	PG_TRY();
	{
		check(sql, query);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(before);
		error = CopyErrorData();
		FlushErrorState();
		advise(error);
		ReThrowError(error);
	}
	PG_END_TRY();
}

/*
 * See refresh.h.
 */
void
pgt_check_rights(const char *sql)
{
	check_with_advice(sql, NULL);
}

/*
 * See refresh.h.
 */
void
pgt_check_rights_of(const Query *query)
{
	check_with_advice("", query);
}
