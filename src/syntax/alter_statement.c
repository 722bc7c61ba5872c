/*-------------------------------------------------------------------------
 *
 * alter_statement.c
 *	  ALTER TABLE name SET (pg_trickle.option = value) | RESET (...), and
 *	  ALTER STREAM TABLE, which becomes that or a stock ALTER TABLE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "nodes/value.h"

#include "pg_trickle/command.h"

#include "syntax.h"

/* What an ALTER TABLE is about besides what the server does itself. */
typedef struct AlterParts
{
	List *set; /* of DefElem, ours */
	List *reset;
	AlterTableStmt *rest; /* copy without those; NULL: nothing is left */
} AlterParts;

static bool
is_ours(const DefElem *option)
{
	return option->defnamespace != NULL &&
		   strcmp(option->defnamespace, OPTION_NAMESPACE) == 0;
}

/* Take our options out of a command; false if it has no others. */
static bool
split_command(AlterTableCmd *command, AlterParts *parts)
{
	List *others = NIL;
	ListCell *lc;

	if (command->subtype != AT_SetRelOptions &&
		command->subtype != AT_ResetRelOptions)
		return true;

	foreach (lc, (List *) command->def)
	{
		DefElem *option = lfirst(lc);

		if (!is_ours(option))
			others = lappend(others, option);
		else if (command->subtype == AT_SetRelOptions)
			parts->set = lappend(parts->set, option);
		else
			parts->reset = lappend(parts->reset, option);
	}
	command->def = (Node *) others;
	return others != NIL;
}

static void
split(const AlterTableStmt *alter, AlterParts *parts)
{
	AlterTableStmt *rest = copyObject(unconstify(AlterTableStmt *, alter));
	List *commands = NIL;
	ListCell *lc;

	foreach (lc, rest->cmds)
	{
		AlterTableCmd *command = lfirst(lc);

		if (split_command(command, parts))
			commands = lappend(commands, command);
	}
	rest->cmds = commands;
	rest->relation->alias = NULL;
	parts->rest = commands == NIL ? NULL : rest;
}

/* A quick look: most ALTER TABLE are none of ours. */
static bool
concerns_us(const AlterTableStmt *alter)
{
	ListCell *lc;
	ListCell *lc2;

	if (alter->objtype != OBJECT_TABLE)
		return false;
	if (pgt_relation_has_mark(alter->relation, MARK_STREAM))
		return true;

	foreach (lc, alter->cmds)
	{
		AlterTableCmd *command = lfirst(lc);

		if (command->subtype != AT_SetRelOptions &&
			command->subtype != AT_ResetRelOptions)
			continue;
		foreach (lc2, (List *) command->def)
		{
			if (is_ours(lfirst(lc2)))
				return true;
		}
	}

	return false;
}

/* Run a changed copy of a statement as the server would the original. */
static void
run_instead(const Statement *statement, Node *tree)
{
	Statement changed = *statement;

	changed.pstmt = makeNode(PlannedStmt);
	memcpy(changed.pstmt, statement->pstmt, sizeof(PlannedStmt));
	changed.pstmt->utilityStmt = tree;
	changed.read_only_tree = false;
	pgt_next_utility(&changed);
}

typedef struct AlterTask
{
	Oid relid;
	AlterRequest request;
} AlterTask;

static ObjectAddress
alter_stream(const Statement *statement, void *arg)
{
	AlterTask *task = arg;
	ObjectAddress address;

	pgt_alter_stream_table(task->relid, &task->request);
	ObjectAddressSet(address, RelationRelationId, task->relid);
	return address;
}

static void
set_request(AlterRequest *request, const OptionValues *values)
{
	*request = (AlterRequest){
		.schedule = values->schedule,
		.mode = values->has_mode ? &values->mode : NULL,
		.status = values->has_status ? &values->status : NULL,
		.tier = values->has_tier ? &values->tier : NULL,
		.diamond_consistency =
			values->has_consistency ? &values->consistency : NULL,
		.diamond_policy = values->has_policy ? &values->policy : NULL,
		.fuse_ceiling = values->has_ceiling ? &values->ceiling : NULL,
	};
}

/* The query of ALTER ... AS, or of SET (pg_trickle.query = '...'). */
static QueryPart *
query_part(const Statement *statement, const OptionValues *values)
{
	QueryPart *part;

	if (!IsA(values->query, String))
		return pgt_query_part(statement);

	part = palloc0(sizeof(QueryPart));
	part->text = strVal(values->query);
	return part;
}

static void
alter_options(const Statement *statement, Oid relid, const AlterParts *parts)
{
	OptionValues values = {0};
	AlterTask task = {.relid = relid};
	QueryPart *part = NULL;
	ErrorContextCallback context = {
		.callback = pgt_move_position,
		.previous = error_context_stack,
	};

	pgt_read_options(&values, parts->set, statement->text, false);
	pgt_reset_options(&values, parts->reset, statement->text);
	set_request(&task.request, &values);
	if (values.query != NULL)
	{
		part = query_part(statement, &values);
		task.request.query = part->text;
	}
	if (part != NULL && part->source != NULL)
	{
		context.arg = part;
		error_context_stack = &context;
	}
	pgt_run_ddl(statement, alter_stream, &task);
	error_context_stack = context.previous;
}

/*
 * What the server itself does to a stream table takes the lock for that at
 * once: two sessions that got a weaker one would both wait for the other.
 */
static StreamTable *
find_stream(RangeVar *relation, LOCKMODE mode, bool missing_ok)
{
	const char *hint = pgt_relation_has_mark(relation, MARK_STREAM) ?
						   "Use ALTER TABLE to alter a table." :
						   "Only stream tables have options of pg_trickle.";

	return pgt_stream_by_range_var(relation, mode, true, missing_ok, hint);
}

/* IF EXISTS, and it does not: a command all the same, as event triggers see. */
static ObjectAddress
alter_nothing(const Statement *statement, void *arg)
{
	return InvalidObjectAddress;
}

/*
 * Alter a stream table; false if the statement alters something else.
 */
bool
pgt_alter_statement(const Statement *statement)
{
	AlterTableStmt *alter = (AlterTableStmt *) statement->pstmt->utilityStmt;
	AlterParts parts = {0};
	bool ours;
	StreamTable *st;

	if (!concerns_us(alter))
		return false;

	pgt_check_writable(statement);
	split(alter, &parts);
	ours = parts.set != NIL || parts.reset != NIL;
	st = find_stream(alter->relation,
					 ours ? AccessShareLock : AccessExclusiveLock,
					 alter->missing_ok);
	if (st == NULL)
	{
		pgt_run_ddl(statement, alter_nothing, NULL);
		return true;
	}

	if (ours)
		alter_options(statement, st->relid, &parts);
	if (parts.rest != NULL)
		run_instead(statement, (Node *) parts.rest);
	return true;
}

/*
 * ALTER STREAM TABLE ... RENAME TO, SET SCHEMA: the server does it, once we
 * know that it is a stream table.  False for other statements.
 */
bool
pgt_rename_statement(const Statement *statement)
{
	Node *tree = statement->pstmt->utilityStmt;
	bool renames = IsA(tree, RenameStmt);
	RangeVar *relation = renames ? ((RenameStmt *) tree)->relation :
								   ((AlterObjectSchemaStmt *) tree)->relation;
	bool missing_ok = renames ? ((RenameStmt *) tree)->missing_ok :
								((AlterObjectSchemaStmt *) tree)->missing_ok;

	if (!pgt_relation_has_mark(relation, MARK_STREAM))
		return false;
	pgt_check_writable(statement);
	if (find_stream(relation, AccessExclusiveLock, missing_ok) == NULL)
	{
		pgt_run_ddl(statement, alter_nothing, NULL);
		return true;
	}

	tree = copyObject(tree);
	if (renames)
		((RenameStmt *) tree)->relation->alias = NULL;
	else
		((AlterObjectSchemaStmt *) tree)->relation->alias = NULL;
	run_instead(statement, tree);
	return true;
}

/*
 * DROP STREAM TABLE: the same.  That a name is missing the server says.
 */
bool
pgt_drop_statement(const Statement *statement)
{
	DropStmt *drop = (DropStmt *) statement->pstmt->utilityStmt;
	ListCell *lc;

	if (drop->removeType != OBJECT_TABLE || !drop->concurrent)
		return false;

	pgt_check_writable(statement);
	foreach (lc, drop->objects)
		(void) pgt_lock_dropped_stream(makeRangeVarFromNameList(lfirst(lc)),
									   true);
	drop = copyObject(drop);
	drop->concurrent = false;
	run_instead(statement, (Node *) drop);
	return true;
}
