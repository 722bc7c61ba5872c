/*-------------------------------------------------------------------------
 *
 * utility.c
 *	  What commands mean for the processes of the extension.
 *
 * DROP DATABASE, and what else needs a database without connections, would
 * fail because of our processes; so they are sent away first.  Who creates or
 * drops the extension, or changes a database, tells the launcher or the
 * scheduler at commit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/syscache.h"

#include "database.h"
#include "pg_trickle/wake.h"

PG_FUNCTION_INFO_V1(pgt_on_create_extension);

static ProcessUtility_hook_type next_utility_hook = NULL;
static object_access_hook_type next_access_hook = NULL;

/* What to say when this transaction commits. */
static bool created_extension = false;
static bool may_run = false; /* a scheduler that has failed before */
static bool changed_databases = false;

/* ---- commands that need a database for themselves ---- */

static bool
may_create_databases(void)
{
	bool result = false;
	HeapTuple role;

	if (superuser())
		return true;

	role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	if (HeapTupleIsValid(role))
	{
		result = ((Form_pg_authid) GETSTRUCT(role))->rolcreatedb;
		ReleaseSysCache(role);
	}
	return result;
}

/*
 * Not for somebody whose command will be refused; what else may be wrong with
 * it costs the owner of the database a restart of the scheduler.
 */
static void
take_database(const char *name)
{
	Oid database = get_database_oid(name, true);

	if (OidIsValid(database) &&
		object_ownercheck(DatabaseRelationId, database, GetUserId()))
		pgt_hold_database(database);
}

static const char *
find_option(List *options, const char *name)
{
	ListCell *lc;

	foreach (lc, options)
	{
		DefElem *option = lfirst(lc);

		if (strcmp(option->defname, name) == 0 && option->arg != NULL)
			return defGetString(option);
	}

	return NULL;
}

/* The database that a command needs for itself, or NULL. */
static const char *
database_wanted(Node *stmt, bool alone)
{
	if (IsA(stmt, RenameStmt) &&
		((RenameStmt *) stmt)->renameType == OBJECT_DATABASE)
		return may_create_databases() ? ((RenameStmt *) stmt)->subname : NULL;

	/* The others fail within a transaction. */
	if (!alone)
		return NULL;
	if (IsA(stmt, DropdbStmt))
		return ((DropdbStmt *) stmt)->dbname;
	if (IsA(stmt, AlterDatabaseStmt) &&
		find_option(((AlterDatabaseStmt *) stmt)->options, "tablespace"))
		return ((AlterDatabaseStmt *) stmt)->dbname;
	if (IsA(stmt, CreatedbStmt) && may_create_databases())
		return find_option(((CreatedbStmt *) stmt)->options, "template");
	return NULL;
}

static void
before_command(Node *stmt, ProcessUtilityContext context)
{
	bool alone = context == PROCESS_UTILITY_TOPLEVEL && !IsTransactionBlock();
	const char *name = database_wanted(stmt, alone);

	if (name != NULL)
		take_database(name);
}

/*
 * What the prepared transaction did, nobody knows any more: it may have
 * written to any source, and created or dropped anything, the extension too.
 */
static void
after_commit_prepared(void)
{
	pgt_wake_for(WAKE_ALL | WAKE_CATALOG | WAKE_PARTS);
	if (pgt_scheduler_status(MyDatabaseId).state == SCHEDULER_UNKNOWN &&
		OidIsValid(get_extension_oid("pg_trickle", true)))
		created_extension = true;
}

static bool
commits_prepared(Node *stmt)
{
	return IsA(stmt, TransactionStmt) &&
		   ((TransactionStmt *) stmt)->kind == TRANS_STMT_COMMIT_PREPARED;
}

static void
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	/* The tree may be gone afterwards. */
	bool commits = commits_prepared(pstmt->utilityStmt);

	before_command(pstmt->utilityStmt, context);
	if (next_utility_hook != NULL)
		next_utility_hook(pstmt, query, read_only_tree, context, params, env,
						  dest, qc);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params,
								env, dest, qc);
	if (commits)
		after_commit_prepared();
}

/* ---- what to say at commit ---- */

/*
 * The ways to drop an extension are many: by name, with its schema, with its
 * owner.  They all come along here.
 */
static void
access_object(ObjectAccessType access, Oid class, Oid object, int sub,
			  void *arg)
{
	if (next_access_hook != NULL)
		next_access_hook(access, class, object, sub, arg);

	if (class == DatabaseRelationId &&
		(access == OAT_POST_CREATE || access == OAT_POST_ALTER ||
		 access == OAT_DROP))
		changed_databases = true;
	if (class == ExtensionRelationId &&
		(access == OAT_DROP || access == OAT_POST_ALTER))
		pgt_wake_for(WAKE_CATALOG);
	if (class == ExtensionRelationId && access == OAT_POST_ALTER)
		may_run = true;
}

static void
say_once(void)
{
	created_extension = false;
	if (pgt_is_preloaded())
		return;

	ereport(NOTICE,
			errcode(ERRCODE_WARNING),
			errmsg("stream tables are not refreshed automatically"),
			errdetail("The library \"pg_trickle\" is not preloaded, so that there is no process to do it."),
			errhint("Add pg_trickle to shared_preload_libraries and restart the server."));
}

static void
tell_launcher(void)
{
	if (created_extension || may_run)
		pgt_tell_launcher(MyDatabaseId);
	if (changed_databases)
		pgt_tell_launcher(InvalidOid);
}

static void
at_end_of_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT && created_extension &&
		!pgt_is_preloaded())
		say_once();
	if (event == XACT_EVENT_COMMIT)
		tell_launcher();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		created_extension = may_run = changed_databases = false;
}

/*
 * Called by the install script.  That hides notices, so the one about
 * preloading waits for the commit.
 */
Datum
pgt_on_create_extension(PG_FUNCTION_ARGS)
{
	static bool registered = false;

	if (!registered && !pgt_is_preloaded())
		RegisterXactCallback(at_end_of_transaction, NULL);
	registered = true;
	created_extension = true;
	PG_RETURN_VOID();
}

/*
 * Install the hooks; called once by _PG_init().  They are for servers with
 * processes of ours only.
 */
void
pgt_utility_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;

	RegisterXactCallback(at_end_of_transaction, NULL);
	next_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	next_access_hook = object_access_hook;
	object_access_hook = access_object;
}
