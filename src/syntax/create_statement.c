/*-------------------------------------------------------------------------
 *
 * create_statement.c
 *	  CREATE TABLE name [(columns)] USING stream [WITH (...)] AS query
 *		[WITH [NO] DATA], and CREATE STREAM TABLE, which becomes that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "parser/parse_param.h"

#include "pg_trickle/command.h"
#include "pg_trickle/settings.h"

#include "syntax.h"

/* The hint says what to do instead. */
static void
refuse(const char *what, const char *hint)
{
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("a stream table cannot be created with %s", what),
			errhint("%s", hint));
}

/*
 * Raise error 0A000 for what CREATE TABLE AS has and stream tables do not.
 */
void
pgt_check_create(const CreateTableAsStmt *create)
{
	const IntoClause *into = create->into;
	const Query *query = castNode(Query, create->query);

	if (into->rel->relpersistence == RELPERSISTENCE_UNLOGGED)
		refuse("UNLOGGED", "Leave out UNLOGGED.");
	if (into->onCommit != ONCOMMIT_NOOP)
		refuse("ON COMMIT", "Leave out ON COMMIT.");
	if (into->tableSpaceName != NULL)
		refuse("TABLESPACE",
			   "Move it afterwards by ALTER TABLE ... SET TABLESPACE.");
	if (query->commandType == CMD_UTILITY)
		refuse("EXECUTE", "Write the query itself after AS.");
	if (query_contains_extern_params(unconstify(Query *, query)))
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("stream tables may not be defined using bound parameters"));
}

/* What the SQL functions and the statement have in common. */
static void
make_request(CreateRequest *request, const OptionValues *values,
			 const Statement *statement, const QueryPart *part)
{
	CreateTableAsStmt *create =
		(CreateTableAsStmt *) statement->pstmt->utilityStmt;

	*request = (CreateRequest){
		.name = create->into->rel,
		.column_names = create->into->colNames,
		.query = part->text,
		.schedule = values->schedule != NULL ? values->schedule : "calculated",
		.mode = values->has_mode ? values->mode :
								   (RefreshMode) pgt_default_refresh_mode,
		.initialize = !create->into->skipData,
		.if_not_exists = create->if_not_exists,
		.options = {
			.tier = values->tier,
			.diamond_consistency = values->consistency,
			.diamond_policy = values->policy,
			.fuse_ceiling = values->ceiling,
		},
	};
}

/* What creates a stream table; InvalidOid if there was nothing to do. */
typedef Oid (*Creator)(const CreateRequest *request);

/*
 * The tag has a count of rows as that of CREATE TABLE AS.  SPI asserts that
 * one without it was IF NOT EXISTS or WITH NO DATA.
 */
static ObjectAddress
run_creator(const Statement *statement, CreateRequest *request,
			Creator creator)
{
	uint64 rows = 0;
	ObjectAddress address;

	request->rows = &rows;
	ObjectAddressSet(address, RelationRelationId, creator(request));
	if (OidIsValid(address.objectId) && request->initialize &&
		statement->qc != NULL)
		SetQueryCompletion(statement->qc, CMDTAG_SELECT, rows);
	return address;
}

static ObjectAddress
create_stream(const Statement *statement, void *arg)
{
	return run_creator(statement, arg, pgt_create_stream_table);
}

static ObjectAddress
create_or_replace_stream(const Statement *statement, void *arg)
{
	return run_creator(statement, arg, pgt_create_or_replace);
}

/*
 * Is it a stream table that is created?  An access method that has the name
 * goes first; a materialized view is none.
 */
bool
pgt_creates_stream(const CreateTableAsStmt *create)
{
	const char *method = create->into->accessMethod;

	return create->objtype == OBJECT_TABLE && method != NULL &&
		   strcmp(method, STREAM_METHOD) == 0 &&
		   !OidIsValid(get_table_am_oid(STREAM_METHOD, true));
}

/*
 * Create a stream table; false if the statement creates something else.
 */
bool
pgt_create_statement(const Statement *statement)
{
	CreateTableAsStmt *create =
		(CreateTableAsStmt *) statement->pstmt->utilityStmt;
	ErrorContextCallback context;
	OptionValues values = {0};
	CreateRequest request;
	QueryPart *part;

	if (!pgt_creates_stream(create))
		return false;

	pgt_check_writable(statement);
	pgt_check_create(create);
	part = pgt_query_part(statement);
	pgt_read_options(&values, create->into->options, statement->text, true);
	if (values.or_replace && create->if_not_exists)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("or_replace and IF NOT EXISTS cannot be used together"));
	make_request(&request, &values, statement, part);
	context.callback = pgt_move_position;
	context.arg = part;
	context.previous = error_context_stack;
	error_context_stack = &context;
	pgt_run_ddl(statement,
				values.or_replace ? create_or_replace_stream : create_stream,
				&request);
	error_context_stack = context.previous;
	return true;
}
