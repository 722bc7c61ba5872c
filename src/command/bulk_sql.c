/*-------------------------------------------------------------------------
 *
 * bulk_sql.c
 *	  Many stream tables by one call, all or nothing.
 *
 * Arguments come as JSON objects, whose keys are the names of the arguments of
 * the function that does one:
 *
 *		bulk_create('[{"name": "b", "query": "SELECT * FROM a"},
 *					  {"name": "a", "query": "SELECT * FROM t"}]')
 *
 * That function is called through SQL, by those names: it has the same
 * arguments, defaults and errors here and there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg_trickle/command.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/sql.h"

PG_FUNCTION_INFO_V1(pgt_sql_bulk_create);
PG_FUNCTION_INFO_V1(pgt_sql_bulk_alter);
PG_FUNCTION_INFO_V1(pgt_sql_bulk_drop);

/* ---- the function that does one ---- */

typedef struct OneFunction
{
	const char *name;
	const char *reserved; /* an argument that is not given as a key */
	int nargs;
	char **names;
	Oid *types;
} OneFunction;

/* Its arguments, as the catalog has them. */
static void
find_function(OneFunction *function)
{
	List *qualified = list_make2(makeString("pgtrickle"),
								 makeString(pstrdup(function->name)));
	Oid any = InvalidOid; /* there is but one function of the name */
	Oid oid = LookupFuncName(qualified, -1, &any, false);
	HeapTuple tuple = SearchSysCacheCopy1(PROCOID, ObjectIdGetDatum(oid));
	char *modes;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", oid);
	function->nargs = get_func_arg_info(tuple, &function->types,
										&function->names, &modes);
}

static bool
is_key(const OneFunction *function, int i)
{
	return function->reserved == NULL ||
		   strcmp(function->names[i], function->reserved) != 0;
}

static char *
keys_of(const OneFunction *function)
{
	StringInfoData keys;

	initStringInfo(&keys);
	for (int i = 0; i < function->nargs; i++)
	{
		if (is_key(function, i))
			appendStringInfo(&keys, "%s%s", keys.len > 0 ? ", " : "",
							 function->names[i]);
	}

	return keys.data;
}

static int
find_key(const OneFunction *function, const char *key)
{
	for (int i = 0; i < function->nargs; i++)
	{
		if (is_key(function, i) && strcmp(function->names[i], key) == 0)
			return i;
	}

	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unrecognized key \"%s\"", key),
			errhint("Available keys: %s.", keys_of(function)));
}

/* ---- arguments from JSON ---- */

/* Values by the place of the argument; NULL: not given. */
typedef struct Arguments
{
	const OneFunction *function;
	char **values;
} Arguments;

/* JSON null is an argument that is not given. */
static char *
text_of_value(const char *key, const JsonbValue *value)
{
	Datum number;

	switch (value->type)
	{
		case jbvNull:
			return NULL;
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		case jbvNumeric:
			number = NumericGetDatum(value->val.numeric);
			return DatumGetCString(DirectFunctionCall1(numeric_out, number));
		default:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("value of key \"%s\" must be a string, number, boolean or null",
						   key));
	}
}

static Arguments *
read_object(const OneFunction *function, JsonbContainer *object)
{
	Arguments *arguments = palloc(sizeof(Arguments));
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue value;

	arguments->function = function;
	arguments->values = palloc0(sizeof(char *) * function->nargs);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		char *key;
		int place;

		if (token != WJB_KEY)
			continue;
		key = pnstrdup(value.val.string.val, value.val.string.len);
		place = find_key(function, key);
		(void) JsonbIteratorNext(&it, &value, true);
		arguments->values[place] = text_of_value(key, &value);
	}

	return arguments;
}

static char *
required_value(const Arguments *arguments, const char *key)
{
	char *value = arguments->values[find_key(arguments->function, key)];

	if (value == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("key \"%s\" is missing", key));

	return value;
}

/* Call the function by the names of what is given. */
static void
call(const Arguments *arguments)
{
	const OneFunction *function = arguments->function;
	Oid *types = palloc(sizeof(Oid) * function->nargs);
	Datum *values = palloc(sizeof(Datum) * function->nargs);
	StringInfoData sql;
	int n = 0;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT pgtrickle.%s(",
					 quote_identifier(function->name));
	for (int i = 0; i < function->nargs; i++)
	{
		Oid input;
		Oid element;

		if (arguments->values[i] == NULL)
			continue;
		getTypeInputInfo(function->types[i], &input, &element);
		types[n] = function->types[i];
		values[n] = OidInputFunctionCall(input, arguments->values[i], element,
										 -1);
		appendStringInfo(&sql, "%s%s => $%d", n > 0 ? ", " : "",
						 quote_identifier(function->names[i]), n + 1);
		n++;
	}
	appendStringInfoChar(&sql, ')');

	SPI_connect();
	if (SPI_execute_with_args(sql.data, n, types, values, NULL, false, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not call %s()", function->name);
	SPI_finish();
}

/* ---- the order of definitions ---- */

typedef struct Definition
{
	int number; /* as given, from 1 */
	Arguments *arguments;
	char *name;
	RangeVar *range;
	List *reads; /* of RangeVar: what the query names */
	bool done;
	bool visiting;
} Definition;

/* A schema that is not written may be any. */
static bool
may_be_same(const RangeVar *a, const RangeVar *b)
{
	return strcmp(a->relname, b->relname) == 0 &&
		   (a->schemaname == NULL || b->schemaname == NULL ||
			strcmp(a->schemaname, b->schemaname) == 0);
}

static bool
reads(const Definition *a, const Definition *b)
{
	ListCell *lc;

	foreach (lc, a->reads)
	{
		if (may_be_same(lfirst(lc), b->range))
			return true;
	}

	return false;
}

/*
 * Append a definition, those that it reads before it.  Where they read each
 * other, or only seem to (the name of a CTE), they stay as given; the server
 * says then what does not exist.
 */
static List *
add_in_order(List *ordered, List *definitions, Definition *definition)
{
	ListCell *lc;

	check_stack_depth();
	if (definition->done || definition->visiting)
		return ordered;

	definition->visiting = true;
	foreach (lc, definitions)
	{
		if (reads(definition, lfirst(lc)))
			ordered = add_in_order(ordered, definitions, lfirst(lc));
	}
	definition->visiting = false;
	definition->done = true;
	return lappend(ordered, definition);
}

static List *
in_order(List *definitions)
{
	List *ordered = NIL;
	ListCell *lc;

	foreach (lc, definitions)
		ordered = add_in_order(ordered, definitions, lfirst(lc));

	return ordered;
}

/* ---- bulk_create ---- */

static void
name_definition(void *arg)
{
	const Definition *definition = arg;

	if (definition->name == NULL)
		errcontext("definition %d of bulk_create()", definition->number);
	else
		errcontext("definition %d of bulk_create(), stream table \"%s\"",
				   definition->number, definition->name);
}

/* For messages, before the other keys are read; NULL: it has none. */
static char *
name_in(JsonbContainer *object)
{
	JsonbValue *name = getKeyJsonValueFromContainer(object, "name", 4, NULL);

	if (name == NULL || name->type != jbvString)
		return NULL;

	return pnstrdup(name->val.string.val, name->val.string.len);
}

static void
read_definition(const OneFunction *function, Definition *definition,
				const JsonbValue *value)
{
	ErrorContextCallback context = {
		.callback = name_definition,
		.arg = definition,
		.previous = error_context_stack,
	};
	JsonbContainer *object;
	char *name;
	char *query;

	error_context_stack = &context;
	if (value->type != jbvBinary ||
		!JsonContainerIsObject(value->val.binary.data))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("definition %d is not a JSON object",
					   definition->number),
				errhint("Available keys: %s.", keys_of(function)));

	object = value->val.binary.data;
	definition->name = name_in(object);
	definition->arguments = read_object(function, object);
	name = required_value(definition->arguments, "name");
	query = required_value(definition->arguments, "query");
	definition->range = pgt_range_var(cstring_to_text(name));
	definition->reads = pgt_named_relations(query);
	error_context_stack = context.previous;
}

static List *
read_definitions(const OneFunction *function, Jsonb *definitions)
{
	List *result = NIL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue value;

	if (!JB_ROOT_IS_ARRAY(definitions) || JB_ROOT_IS_SCALAR(definitions))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("definitions must be a JSON array of objects"));

	it = JsonbIteratorInit(&definitions->root);
	(void) JsonbIteratorNext(&it, &value, true); /* the array begins */
	while ((token = JsonbIteratorNext(&it, &value, true)) == WJB_ELEM)
	{
		Definition *definition = palloc0(sizeof(Definition));

		definition->number = list_length(result) + 1;
		read_definition(function, definition, &value);
		result = lappend(result, definition);
	}

	return result;
}

/*
 * bulk_create(definitions jsonb) returns int: create stream tables, those
 * that others read first; how many.
 */
Datum
pgt_sql_bulk_create(PG_FUNCTION_ARGS)
{
	OneFunction function = {.name = "create_stream_table"};
	List *definitions;
	ListCell *lc;

	pgt_require_argument(fcinfo, 0, "definitions");
	find_function(&function);
	definitions = in_order(read_definitions(&function, PG_GETARG_JSONB_P(0)));
	foreach (lc, definitions)
	{
		Definition *definition = lfirst(lc);
		ErrorContextCallback context = {
			.callback = name_definition,
			.arg = definition,
			.previous = error_context_stack,
		};

		error_context_stack = &context;
		call(definition->arguments);
		error_context_stack = context.previous;
	}

	PG_RETURN_INT32(list_length(definitions));
}

/* ---- those that there are ---- */

/*
 * The members of a text[], as text; error 22004 if one is NULL.
 */
List *
pgt_text_members(ArrayType *array, const char *name)
{
	Datum *datums;
	bool *nulls;
	int n;
	List *members = NIL;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &datums,
					  &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("argument \"%s\" must not contain nulls", name));
		members = lappend(members, DatumGetTextPP(datums[i]));
	}

	return members;
}

static int
compare_ids(const ListCell *a, const ListCell *b)
{
	int64 x = ((StreamTable *) lfirst(a))->pgt_id;
	int64 y = ((StreamTable *) lfirst(b))->pgt_id;

	return x < y ? -1 : x > y;
}

/*
 * The stream tables of these names, each once, by pgt_id: the order in which
 * refreshes lock them, too.
 */
static List *
named_streams(FunctionCallInfo fcinfo, LOCKMODE mode)
{
	List *streams = NIL;
	List *relids = NIL;
	ListCell *lc;

	pgt_require_argument(fcinfo, 0, "names");
	foreach (lc, pgt_text_members(PG_GETARG_ARRAYTYPE_P(0), "names"))
	{
		StreamTable *st = pgt_stream_by_name(lfirst(lc), mode, true);

		if (list_member_oid(relids, st->relid))
			continue;
		relids = lappend_oid(relids, st->relid);
		streams = lappend(streams, st);
	}
	list_sort(streams, compare_ids);
	return streams;
}

static void
name_stream(void *arg)
{
	errcontext("bulk_alter_stream_tables(), stream table %s",
			   (const char *) arg);
}

/*
 * bulk_alter_stream_tables(names text[], params jsonb) returns int: the same
 * arguments of alter_stream_table() for all of them; how many they are.
 */
Datum
pgt_sql_bulk_alter(PG_FUNCTION_ARGS)
{
	OneFunction one = {.name = "alter_stream_table", .reserved = "name"};
	Jsonb *params;
	Arguments *arguments;
	List *streams = named_streams(fcinfo, AccessShareLock);
	ListCell *lc;

	pgt_require_argument(fcinfo, 1, "params");
	params = PG_GETARG_JSONB_P(1);
	find_function(&one);
	if (!JB_ROOT_IS_OBJECT(params))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("params must be a JSON object"),
				errhint("Available keys: %s.", keys_of(&one)));
	arguments = read_object(&one, &params->root);
	one.reserved = NULL;
	foreach (lc, streams)
	{
		StreamTable *st = lfirst(lc);
		char *name = pgt_relation_text(st->relid);
		ErrorContextCallback context = {
			.callback = name_stream,
			.arg = name,
			.previous = error_context_stack,
		};

		error_context_stack = &context;
		arguments->values[find_key(&one, "name")] = name;
		call(arguments);
		error_context_stack = context.previous;
	}

	PG_RETURN_INT32(list_length(streams));
}

/*
 * bulk_drop_stream_tables(names text[]) returns int: one DROP TABLE, to which
 * it is no matter which of them reads which; how many they are.
 */
Datum
pgt_sql_bulk_drop(PG_FUNCTION_ARGS)
{
	List *streams = named_streams(fcinfo, AccessExclusiveLock);
	StringInfoData sql;
	ListCell *lc;

	if (streams == NIL)
		PG_RETURN_INT32(0);

	initStringInfo(&sql);
	appendStringInfoString(&sql, "DROP TABLE ");
	foreach (lc, streams)
	{
		if (foreach_current_index(lc) > 0)
			appendStringInfoString(&sql, ", ");
		pgt_sql_relation(&sql, ((StreamTable *) lfirst(lc))->relid);
	}

	/* As a command, so that event triggers see it: ours too. */
	SPI_connect();
	SPI_execute(sql.data, false, 0);
	SPI_finish();
	PG_RETURN_INT32(list_length(streams));
}
