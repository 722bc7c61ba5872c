/*-------------------------------------------------------------------------
 *
 * statement.c
 *	  Utility statements on stream tables, taken from ProcessUtility_hook.
 *
 * The statements arrive in stock parse trees, whoever wrote them: the stock
 * grammar itself (CREATE TABLE ... USING stream) or our translation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaddress.h"
#include "commands/event_trigger.h"
#include "miscadmin.h"
#include "tcop/utility.h"

#include "pg_trickle/catalog_table.h"
#include "pg_trickle/command.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/syntax.h"

#include "syntax.h"

static ProcessUtility_hook_type next_hook = NULL;
static const char *obstacle = "the library is not in shared_preload_libraries";

/*
 * Hand a statement to whoever comes next: another hook, or the server.
 */
void
pgt_next_utility(const Statement *statement)
{
	ProcessUtility_hook_type next = next_hook != NULL ?
										next_hook :
										standard_ProcessUtility;

	next(statement->pstmt, statement->text, statement->read_only_tree,
		 statement->context, statement->params, statement->environment,
		 statement->dest, statement->qc);
}

/* ---- event triggers ---- */

/*
 * As the server does before each command: before we lock anything.
 */
void
pgt_check_writable(const Statement *statement)
{
	const char *tag = CreateCommandName(statement->pstmt->utilityStmt);

	PreventCommandIfReadOnly(tag);
	PreventCommandIfParallelMode(tag);
	PreventCommandDuringRecovery(tag);
}

static void
run_between_triggers(const Statement *statement, DdlCommand command, void *arg)
{
	Node *tree = statement->pstmt->utilityStmt;
	bool complete = statement->context != PROCESS_UTILITY_SUBCOMMAND;
	ObjectAddress address;

	if (complete)
		EventTriggerDDLCommandStart(tree);
	address = command(statement, arg);
	if (OidIsValid(address.objectId))
		EventTriggerCollectSimpleCommand(address, InvalidObjectAddress, tree);
	if (complete)
	{
		EventTriggerSQLDrop(tree);
		EventTriggerDDLCommandEnd(tree);
	}
}

/*
 * Run "command" as a DDL command that event triggers see.
 */
void
pgt_run_ddl(const Statement *statement, DdlCommand command, void *arg)
{
	bool started;

	pgt_check_writable(statement);
	started = statement->context != PROCESS_UTILITY_SUBCOMMAND &&
			  EventTriggerBeginCompleteQuery();
	PG_TRY();
	{
		run_between_triggers(statement, command, arg);
	}
	PG_FINALLY();
	{
		if (started)
			EventTriggerEndCompleteQuery();
	}
	PG_END_TRY();
}

/* ---- the hook ---- */

/* Not ours; but event triggers do not see it. */
static bool
reassign_owned(const Statement *statement)
{
	pgt_next_utility(statement);
	if (pgt_catalog_is_active())
		pgt_follow_owners();
	return true;
}

/* True if the statement was one of ours, and has been run. */
static bool
take_over(const Statement *statement)
{
	switch (nodeTag(statement->pstmt->utilityStmt))
	{
		case T_CreateTableAsStmt:
			return pgt_create_statement(statement);
		case T_AlterTableStmt:
			return pgt_alter_statement(statement);
		case T_RenameStmt:
		case T_AlterObjectSchemaStmt:
			return pgt_rename_statement(statement);
		case T_DropStmt:
			return pgt_drop_statement(statement);
		case T_RefreshMatViewStmt:
			return pgt_refresh_statement(statement);
		case T_ExplainStmt:
			return pgt_explain_statement(statement);
		case T_ReassignOwnedStmt:
			return reassign_owned(statement);
		default:
			return false;
	}
}

static void
process_utility(PlannedStmt *pstmt, const char *text, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *dest,
				QueryCompletion *qc)
{
	Statement statement = {
		.pstmt = pstmt,
		.text = text,
		.read_only_tree = read_only_tree,
		.context = context,
		.params = params,
		.environment = environment,
		.dest = dest,
		.qc = qc,
	};

	if (!take_over(&statement))
		pgt_next_utility(&statement);
}

/* ---- what there is ---- */

/*
 * NULL, or why CREATE STREAM TABLE is not there; see syntax.h in include.
 */
const char *
pgt_syntax_obstacle(void)
{
	return obstacle;
}

/*
 * Libraries that are loaded later see a statement before we do.  Those that
 * were loaded earlier would see it after us, but what we take over ends with
 * us: say so.  Called before any hook of ours is there.
 */
void
pgt_syntax_check_order(void)
{
	if (process_shared_preload_libraries_in_progress &&
		ProcessUtility_hook != NULL)
		ereport(LOG,
				errcode(ERRCODE_WARNING),
				errmsg("pg_trickle is not the first library that handles statements in shared_preload_libraries"),
				errdetail("Libraries named before it do not see statements on stream tables."),
				errhint("Name pg_trickle first."));
}

/*
 * Install the hooks, which take the stock forms; in the postmaster also the
 * parser.  In doubt about the parser there is one line in the log.
 */
void
pgt_syntax_init(void)
{
	pgt_hint_init();
	next_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	if (!process_shared_preload_libraries_in_progress)
		return;

	if (!pgt_sql_syntax)
	{
		obstacle = "pg_trickle.sql_syntax is off";
		return;
	}
	obstacle = pgt_interpose();
	if (obstacle != NULL)
		ereport(LOG,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("CREATE STREAM TABLE is not available: %s", obstacle),
				errdetail("The functions of pg_trickle and CREATE TABLE ... USING stream are."));
}
