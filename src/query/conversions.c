/*-------------------------------------------------------------------------
 *
 * conversions.c
 *	  Does a value always give the same text, and a text the same value?
 *
 * Functions that take values of any type call its output function, as in
 *
 *		format('%s', r)		to_jsonb(t)		ARRAY[r]::text
 *
 * and others its input function.  If r is of type regclass, the text is the
 * name that a table has now, and search_path decides how it is written: no
 * better than r::text, however deep in arrays, rows, ranges and domains r is.
 * So each type that values of the type are made of must have a function that
 * always gives the same answer.
 *
 * A row of no named type has what types its maker gave it.  That may be far
 * away, in a subquery of a subquery, so that all types count that occur in the
 * query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/type_shape.h"

#include "query.h"

typedef struct Conversion
{
	Survey *survey;
	const char *construct; /* that converts */
	bool reads;			   /* texts; or writes them */
	int location;
} Conversion;

/* ---- types ---- */

/* Note it if this function, of a type, may give another answer. */
static void
check_converter(Oid funcid, Oid type, const Conversion *c)
{
	if (pgt_is_steady(funcid))
		return;

	pgt_note_obstacle(c->survey,
					  func_volatile(funcid) == PROVOLATILE_VOLATILE ?
						  OBSTACLE_VOLATILE :
						  OBSTACLE_EVERY_REFRESH,
					  c->construct,
					  psprintf(c->reads ?
								   "Which value of type %s a text means may depend on more than the text." :
								   "The text of a value of type %s may depend on more than the value.",
							   format_type_be(type)),
					  c->location);
}

static void
check_io_function(Oid type, const Conversion *c)
{
	Oid funcid;
	Oid parameter;
	bool is_varlena;

	if (c->reads)
		getTypeInputInfo(type, &funcid, &parameter);
	else
		getTypeOutputInfo(type, &funcid, &is_varlena);
	check_converter(funcid, type, c);
}

/* JSON of a user's type is what its cast says, if it has one. */
static void
check_json_cast(Oid type, const Conversion *c)
{
	Oid funcid = pgt_json_cast(type);

	if (OidIsValid(funcid))
		check_converter(funcid, type, c);
}

static void check_type(Oid type, const Conversion *c);

static void
check_attributes(TupleDesc desc, const Conversion *c)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			check_type(TupleDescAttr(desc, i)->atttypid, c);
	}
}

static void
check_type(Oid type, const Conversion *c)
{
	Oid part = pgt_type_component(type);

	check_stack_depth();
	if (!c->reads)
		check_json_cast(type, c);
	else if (get_typtype(type) == TYPTYPE_DOMAIN)
		pgt_survey_domain(type, c->survey);
	if (OidIsValid(part))
		check_type(part, c);
	else if (get_typtype(type) == TYPTYPE_COMPOSITE)
	{
		TupleDesc desc = lookup_rowtype_tupdesc(type, -1);

		check_attributes(desc, c);
		ReleaseTupleDesc(desc);
	}
	else
		check_io_function(type, c);
}

/* ---- expressions ---- */

static bool
is_anonymous(Oid type)
{
	return type == RECORDOID || type == RECORDARRAYOID;
}

/* The columns of a function that say what its rows are made of. */
static void
check_function_columns(Node *function, const Conversion *c)
{
	TupleDesc desc;

	if (get_expr_result_type(function, NULL, &desc) == TYPEFUNC_COMPOSITE)
		check_attributes(desc, c);
}

static void
check_types(List *types, const Conversion *c)
{
	ListCell *lc;

	foreach (lc, types)
		check_type(lfirst_oid(lc), c);
}

/* All that rows can be made of is in a column, or in one of these. */
static bool
check_all_types(Node *node, void *context)
{
	if (node == NULL)
		return false;

	switch (nodeTag(node))
	{
		case T_Query:
			return query_tree_walker((Query *) node, check_all_types, context,
									 0);
		case T_RangeTblFunction:
			check_types(((RangeTblFunction *) node)->funccoltypes, context);
			break;
		case T_FuncExpr:
			if (exprType(node) == RECORDOID)
				check_function_columns(node, context);
			/* FALLTHROUGH */
		case T_Aggref:
		case T_CoerceToDomain:
		case T_CoerceViaIO:
		case T_Const:
		case T_OpExpr:
		case T_RelabelType:
		case T_Var:
			if (!is_anonymous(exprType(node)))
				check_type(exprType(node), context);
			break;
		default:
			break;
	}

	return expression_tree_walker(node, check_all_types, context);
}

static void
check_value(Node *expr, Conversion *c)
{
	ListCell *lc;

	if (!is_anonymous(exprType(expr)))
		check_type(exprType(expr), c);
	else if (IsA(expr, RowExpr))
	{
		foreach (lc, ((RowExpr *) expr)->args)
			check_value(lfirst(lc), c);
	}
	else
		(void) check_all_types((Node *) c->survey->query, c);
}

static bool
check_argument(Node *node, void *context)
{
	if (node == NULL || IsA(node, SortGroupClause))
		return false;
	if (IsA(node, List) || IsA(node, TargetEntry))
		return expression_tree_walker(node, check_argument, context);

	check_value(node, context);
	return false;
}

/*
 * Note what stands in the way of a node that makes texts of its arguments;
 * "construct" is its name.
 */
void
pgt_survey_texts(Node *node, const char *construct, Survey *survey)
{
	Conversion c = {
		.survey = survey,
		.construct = construct,
		.location = exprLocation(node),
	};

	(void) expression_tree_walker(node, check_argument, &c);
}

/*
 * The same of a node that makes its value of a text.
 */
void
pgt_survey_value(Node *node, const char *construct, Survey *survey)
{
	Conversion c = {
		.survey = survey,
		.construct = construct,
		.reads = true,
		.location = exprLocation(node),
	};

	check_value(node, &c);
}

/* The same of one that makes columns of a text. */
static void
survey_columns(List *types, const char *construct, int location,
			   Survey *survey)
{
	Conversion c = {
		.survey = survey,
		.construct = construct,
		.reads = true,
		.location = location,
	};

	check_types(types, &c);
}

/* ---- the clock ---- */

static bool
names_day(const char *text)
{
	static const char *const words[] = {"now", "today", "tomorrow",
										"yesterday"};
	char *lower = asc_tolower(text, strlen(text));

	for (int i = 0; i < (int) lengthof(words); i++)
		if (strstr(lower, words[i]) != NULL)
			return true;

	return false;
}

static bool
is_time_type(Oid type)
{
	Oid element = get_base_element_type(type);

	if (!OidIsValid(element))
		element = getBaseType(type);

	return element == DATEOID || element == TIMEOID ||
		   element == TIMESTAMPOID || element == TIMESTAMPTZOID;
}

/*
 * 'today'::date is a date as soon as it is parsed, 'today'::text::date whenever
 * it is computed.
 */
static void
survey_clock(const CoerceViaIO *coercion, Survey *survey)
{
	Node *arg = (Node *) coercion->arg;
	Const *text;
	Oid output;
	bool is_varlena;

	while (IsA(arg, RelabelType))
		arg = (Node *) ((RelabelType *) arg)->arg;
	text = (Const *) arg;
	if (!IsA(arg, Const) || text->constisnull ||
		!is_time_type(coercion->resulttype))
		return;

	getTypeOutputInfo(text->consttype, &output, &is_varlena);
	if (names_day(OidOutputFunctionCall(output, text->constvalue)))
		pgt_note_obstacle(survey, OBSTACLE_EVERY_REFRESH,
						  psprintf("cast of a text to %s",
								   format_type_be(coercion->resulttype)),
						  "Its answer depends on the time.",
						  coercion->location);
}

/* ---- nodes that call no function that could be seen ---- */

static void
survey_json(Node *node, Survey *survey)
{
	if (pgt_is_json_constructor(node))
		pgt_survey_texts(node, "JSON constructor", survey);
	if (!pgt_is_json_function(node))
		return;

	pgt_survey_value(node, "JSON function", survey);
	if (pgt_json_function_is_mutable(node))
		pgt_note_obstacle(survey, OBSTACLE_EVERY_REFRESH, "JSON function",
						  "The answer of its path may depend on the time.",
						  exprLocation(node));
}

/* As json_to_record() and its kin do, which are built in. */
static void
survey_record_columns(const RangeTblFunction *function, Survey *survey)
{
	const FuncExpr *call = (const FuncExpr *) function->funcexpr;

	if (IsA(call, FuncExpr) && call->funcid < FirstUnpinnedObjectId)
		survey_columns(function->funccoltypes,
					   psprintf("%s()", get_func_name(call->funcid)),
					   call->location, survey);
}

/*
 * The conversions that a node of an expression makes by itself, leaving its
 * arguments to the caller's walker.
 */
void
pgt_survey_conversions(Node *node, Survey *survey)
{
	switch (nodeTag(node))
	{
		case T_CoerceViaIO:
			survey_clock((CoerceViaIO *) node, survey);
			break;
		case T_XmlExpr:
			pgt_survey_texts(node, "XML expression", survey);
			break;
		case T_TableFunc:
			survey_columns(((TableFunc *) node)->coltypes,
						   "column of a table function",
						   exprLocation(node), survey);
			break;
		case T_RangeTblFunction:
			survey_record_columns((RangeTblFunction *) node, survey);
			break;
		default:
			survey_json(node, survey);
			break;
	}
}
