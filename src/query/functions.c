/*-------------------------------------------------------------------------
 *
 * functions.c
 *	  Does an expression always give the same answer for the same row?
 *
 * IMMUTABLE functions do, by the word of whoever declared them.  VOLATILE
 * ones have no defined answer for a stored result.  STABLE ones may look at
 * anything but their arguments, so that a refresh must recompute: except for
 * the built-in ones that look at nothing but settings that pgt_run_as() pins
 * for each refresh.  These are listed here by name.
 *
 * The list was made from pg_proc (pg_catalog, provolatile = 's', not a
 * support function) by leaving out what looks at
 *
 *	- the clock or the transaction: now, age, txid_..., and what asks which
 *	  offset a time has today: timetz, timetz_in, timezone(text, timetz),
 *	  jsonb_path_..._tz (comparing a time with a time of a time zone)
 *	- the session or who is asking: current_..., has_..._privilege, inet_...
 *	- catalogs and other tables: reg... and to_reg..., pg_get_...,
 *	  format_type, table_to_xml and its kin, enum_first, ts_debug
 *	- how a value happens to be stored: pg_column_size
 *	- settings that are not pinned, or only to what the server itself has:
 *	  default_text_search_config (to_tsvector and its kin with one argument),
 *	  xmloption (xml)
 *
 * What is left looks at TimeZone, DateStyle, IntervalStyle, lc_*,
 * extra_float_digits and bytea_output, and at names in types (of enum values
 * and fields).  The words "now", "today", "tomorrow" and "yesterday" as text
 * in a row are read when the row is; those in the query, see conversions.c.
 * Who takes values of any type is no better than the functions that make texts
 * of them: these are looked at, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

/* A built-in function, by name: all of that name are alike in this. */
typedef struct PinnedFunction
{
	const char *name;
	bool writes; /* texts of arguments of any type: by output functions */
	bool reads;	 /* values of its type from texts: by input functions */
} PinnedFunction;

static const PinnedFunction pinned_functions[] = {
	{"anytextcat", .writes = true},
	{"array_in", .reads = true},
	{"array_out", .writes = true},
	{"array_to_json", .writes = true},
	{"array_to_string", .writes = true},
	{"cash_in"},
	{"cash_out"},
	{"concat", .writes = true},
	{"concat_ws", .writes = true},
	{"convert"},
	{"convert_from"},
	{"convert_to"},
	{"date"},
	{"date_add"},
	{"date_cmp_timestamptz"},
	{"date_eq_timestamptz"},
	{"date_ge_timestamptz"},
	{"date_gt_timestamptz"},
	{"date_in"},
	{"date_le_timestamptz"},
	{"date_lt_timestamptz"},
	{"date_ne_timestamptz"},
	{"date_out"},
	{"date_part"},
	{"date_subtract"},
	{"date_trunc"},
	{"enum_in"},
	{"enum_out"},
	{"extract"},
	{"format", .writes = true},
	{"generate_series"},
	{"in_range"},
	{"interval_in"},
	{"interval_out"},
	{"interval_pl_timestamptz"},
	{"json_agg", .writes = true},
	{"json_agg_strict", .writes = true},
	{"json_build_array", .writes = true},
	{"json_build_object", .writes = true},
	{"json_object_agg", .writes = true},
	{"json_object_agg_strict", .writes = true},
	{"json_object_agg_unique", .writes = true},
	{"json_object_agg_unique_strict", .writes = true},
	{"json_populate_record", .reads = true},
	{"json_populate_recordset", .reads = true},
	{"json_to_record"},
	{"json_to_recordset"},
	{"jsonb_agg", .writes = true},
	{"jsonb_agg_strict", .writes = true},
	{"jsonb_build_array", .writes = true},
	{"jsonb_build_object", .writes = true},
	{"jsonb_object_agg", .writes = true},
	{"jsonb_object_agg_strict", .writes = true},
	{"jsonb_object_agg_unique", .writes = true},
	{"jsonb_object_agg_unique_strict", .writes = true},
	{"jsonb_populate_record", .reads = true},
	{"jsonb_populate_recordset", .reads = true},
	{"jsonb_to_record"},
	{"jsonb_to_recordset"},
	{"length"},
	{"make_timestamptz"},
	{"money"},
	{"multirange_in", .reads = true},
	{"multirange_out", .writes = true},
	{"numeric"},
	{"overlaps"},
	{"pg_typeof"},
	{"quote_literal", .writes = true},
	{"quote_nullable", .writes = true},
	{"range_in", .reads = true},
	{"range_out", .writes = true},
	{"record_in", .reads = true},
	{"record_out", .writes = true},
	{"row_to_json", .writes = true},
	{"textanycat", .writes = true},
	{"time"},
	{"time_in"},
	{"timestamp"},
	{"timestamp_cmp_timestamptz"},
	{"timestamp_eq_timestamptz"},
	{"timestamp_ge_timestamptz"},
	{"timestamp_gt_timestamptz"},
	{"timestamp_in"},
	{"timestamp_le_timestamptz"},
	{"timestamp_lt_timestamptz"},
	{"timestamp_ne_timestamptz"},
	{"timestamp_out"},
	{"timestamptz"},
	{"timestamptz_cmp_date"},
	{"timestamptz_cmp_timestamp"},
	{"timestamptz_eq_date"},
	{"timestamptz_eq_timestamp"},
	{"timestamptz_ge_date"},
	{"timestamptz_ge_timestamp"},
	{"timestamptz_gt_date"},
	{"timestamptz_gt_timestamp"},
	{"timestamptz_in"},
	{"timestamptz_le_date"},
	{"timestamptz_le_timestamp"},
	{"timestamptz_lt_date"},
	{"timestamptz_lt_timestamp"},
	{"timestamptz_mi_interval"},
	{"timestamptz_ne_date"},
	{"timestamptz_ne_timestamp"},
	{"timestamptz_out"},
	{"timestamptz_pl_interval"},
	{"to_char"},
	{"to_date"},
	{"to_json", .writes = true},
	{"to_jsonb", .writes = true},
	{"to_number"},
	{"to_timestamp"},
};

/* The kinds of SQLValueFunction, which all look at clock or session. */
static const char *const value_functions[] = {
	[SVFOP_CURRENT_DATE] = "CURRENT_DATE",
	[SVFOP_CURRENT_TIME] = "CURRENT_TIME",
	[SVFOP_CURRENT_TIME_N] = "CURRENT_TIME",
	[SVFOP_CURRENT_TIMESTAMP] = "CURRENT_TIMESTAMP",
	[SVFOP_CURRENT_TIMESTAMP_N] = "CURRENT_TIMESTAMP",
	[SVFOP_LOCALTIME] = "LOCALTIME",
	[SVFOP_LOCALTIME_N] = "LOCALTIME",
	[SVFOP_LOCALTIMESTAMP] = "LOCALTIMESTAMP",
	[SVFOP_LOCALTIMESTAMP_N] = "LOCALTIMESTAMP",
	[SVFOP_CURRENT_ROLE] = "CURRENT_ROLE",
	[SVFOP_CURRENT_USER] = "CURRENT_USER",
	[SVFOP_USER] = "USER",
	[SVFOP_SESSION_USER] = "SESSION_USER",
	[SVFOP_CURRENT_CATALOG] = "CURRENT_CATALOG",
	[SVFOP_CURRENT_SCHEMA] = "CURRENT_SCHEMA",
};

/*
 * A built-in function whose answer depends on its arguments and on pinned
 * settings only; NULL: it is none.
 */
static const PinnedFunction *
find_pinned(Oid funcid)
{
	const char *name;

	if (funcid >= FirstUnpinnedObjectId ||
		get_func_namespace(funcid) != PG_CATALOG_NAMESPACE)
		return NULL;

	name = get_func_name(funcid);
	for (int i = 0; i < (int) lengthof(pinned_functions); i++)
		if (strcmp(pinned_functions[i].name, name) == 0)
			return &pinned_functions[i];

	return NULL;
}

/*
 * Does a function always give the same answer for the same arguments?  It is
 * for the caller to look at what values of any type are made of.
 */
bool
pgt_is_steady(Oid funcid)
{
	char volatility = func_volatile(funcid);

	return volatility == PROVOLATILE_IMMUTABLE ||
		   (volatility == PROVOLATILE_STABLE && find_pinned(funcid) != NULL);
}

/* What check_functions_in_node() hands on. */
typedef struct FunctionCheck
{
	Survey *survey;
	Node *node; /* that calls it */
	int location;
} FunctionCheck;

static void
check_pinned(const PinnedFunction *pinned, const char *name,
			 const FunctionCheck *check)
{
	if (pinned->writes)
		pgt_survey_texts(check->node, name, check->survey);
	if (pinned->reads)
		pgt_survey_value(check->node, name, check->survey);
}

static void
check_function(Oid funcid, const FunctionCheck *check)
{
	char volatility = func_volatile(funcid);
	char *name;

	if (volatility == PROVOLATILE_IMMUTABLE)
		return;
	name = psprintf("%s()", get_func_name(funcid));
	if (pgt_is_steady(funcid))
		check_pinned(find_pinned(funcid), name, check);
	else if (volatility == PROVOLATILE_VOLATILE)
		pgt_note_obstacle(check->survey, OBSTACLE_VOLATILE, name,
						  "The function is VOLATILE: its answer differs from one call to the next.",
						  check->location);
	else
		pgt_note_obstacle(check->survey, OBSTACLE_EVERY_REFRESH, name,
						  "The function is STABLE: its answer may depend on more than its arguments.",
						  check->location);
}

/*
 * The OIDs of the functions that an aggregate computes its result by.
 */
List *
pgt_aggregate_functions(Oid aggfnoid)
{
	HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggfnoid));
	Form_pg_aggregate form;
	Oid functions[6];
	List *result = NIL;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for aggregate %u", aggfnoid);

	form = (Form_pg_aggregate) GETSTRUCT(tuple);
	functions[0] = form->aggtransfn;
	functions[1] = form->aggfinalfn;
	functions[2] = form->aggcombinefn;
	functions[3] = form->aggmtransfn;
	functions[4] = form->aggminvtransfn;
	functions[5] = form->aggmfinalfn;
	ReleaseSysCache(tuple);

	for (int i = 0; i < (int) lengthof(functions); i++)
		if (OidIsValid(functions[i]))
			result = list_append_unique_oid(result, functions[i]);

	return result;
}

/*
 * An aggregate is called IMMUTABLE whatever its functions are.  Built-in ones
 * that are not make texts of values, as jsonb_agg_transfn() does, which any
 * aggregate may use.
 */
static void
check_aggregate(Oid aggfnoid, const FunctionCheck *check)
{
	ListCell *lc;

	foreach (lc, pgt_aggregate_functions(aggfnoid))
	{
		Oid funcid = lfirst_oid(lc);

		if (funcid >= FirstUnpinnedObjectId)
			check_function(funcid, check);
		else if (func_volatile(funcid) != PROVOLATILE_IMMUTABLE)
			pgt_survey_texts(check->node,
							 psprintf("%s()", get_func_name(aggfnoid)),
							 check->survey);
	}
}

static bool
check_function_in_node(Oid funcid, void *context)
{
	check_function(funcid, context);
	return false;
}

static bool
survey_functions_walker(Node *node, void *survey)
{
	if (node == NULL)
		return false;

	pgt_survey_functions(node, survey);
	return expression_tree_walker(node, survey_functions_walker, survey);
}

/*
 * The constraints of a domain are expressions, too.
 */
void
pgt_survey_domain(Oid type, Survey *survey)
{
	DomainConstraintRef *domain = palloc(sizeof(DomainConstraintRef));
	ListCell *lc;

	/* The memory context keeps a pointer to it until it is reset. */
	InitDomainConstraintRef(type, domain, CurrentMemoryContext, false);
	foreach (lc, domain->constraints)
	{
		DomainConstraintState *constraint = lfirst(lc);

		if (constraint->constrainttype == DOM_CONSTRAINT_CHECK)
			survey_functions_walker((Node *) constraint->check_expr, survey);
	}
}

/*
 * Note the obstacle that a node of an expression is, leaving its arguments to
 * the caller's walker.
 */
void
pgt_survey_functions(Node *node, Survey *survey)
{
	FunctionCheck check = {
		.survey = survey,
		.node = node,
		.location = exprLocation(node),
	};

	switch (nodeTag(node))
	{
		case T_SQLValueFunction:
			pgt_note_obstacle(survey, OBSTACLE_EVERY_REFRESH,
							  value_functions[((SQLValueFunction *) node)->op],
							  "Its answer depends on the time or the session.",
							  check.location);
			break;
		case T_NextValueExpr:
			pgt_note_obstacle(survey, OBSTACLE_VOLATILE, "nextval()", NULL,
							  check.location);
			break;
		case T_Aggref:
			check_aggregate(((Aggref *) node)->aggfnoid, &check);
			break;
		case T_WindowFunc:
			if (((WindowFunc *) node)->winagg)
				check_aggregate(((WindowFunc *) node)->winfnoid, &check);
			break;
		case T_CoerceToDomain:
			pgt_survey_domain(((CoerceToDomain *) node)->resulttype, survey);
			break;
		default:
			break;
	}

	check_functions_in_node(node, check_function_in_node, &check);
	pgt_survey_conversions(node, survey);
}
