/*-------------------------------------------------------------------------
 *
 * named_objects.c
 *	  May the owner of a stream table name what its query uses?
 *
 * A view was analyzed when it was created: whoever may read it needs no right
 * to the schemas of what it uses.  But a delta query is a text, which names
 * the tables behind the view, its functions and types,
 *
 *		SELECT hidden.f(t.id) FROM hidden.t JOIN "delta 7" d ON ...
 *
 * and the server looks such names up for those only who have USAGE on their
 * schema.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/normal_form.h"

#include "query.h"

/* What check_functions_in_node() hands on. */
typedef struct NamedNode
{
	Survey *survey;
	int location;
} NamedNode;

static void
check_schema(Oid schema, Survey *survey, int location)
{
	if (object_aclcheck(NamespaceRelationId, schema, survey->owner,
						ACL_USAGE) != ACLCHECK_OK)
		pgt_note_obstacle(survey, OBSTACLE_NO_RULE,
						  psprintf("schema \"%s\"",
								   get_namespace_name(schema)),
						  "The owner may not use it.", location);
}

static void
check_type(Oid type, Survey *survey, int location)
{
	HeapTuple tuple;
	Oid schema;

	if (type < FirstNormalObjectId)
		return;

	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	schema = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace;
	ReleaseSysCache(tuple);
	check_schema(schema, survey, location);
}

static bool
check_function_in_node(Oid funcid, void *context)
{
	NamedNode *named = context;

	if (funcid >= FirstNormalObjectId)
		check_schema(get_func_namespace(funcid), named->survey,
					 named->location);
	return false;
}

/* Does the text of an expression tell its type? */
static bool
names_its_type(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_ArrayCoerceExpr:
		case T_ArrayExpr:
		case T_CoerceToDomain:
		case T_CoerceViaIO:
		case T_Const:
		case T_ConvertRowtypeExpr:
		case T_RelabelType:
		case T_RowExpr:
			return true;
		case T_Var:
			return ((const Var *) node)->varattno == InvalidAttrNumber;
		default:
			return false;
	}
}

/*
 * Note the obstacle that what an expression node names is to the owner,
 * leaving its arguments to the caller's walker.
 */
void
pgt_survey_names(Node *node, Survey *survey)
{
	NamedNode named = {
		.survey = survey,
		.location = exprLocation(node),
	};

	if (names_its_type(node))
		check_type(exprType(node), survey, named.location);
	check_functions_in_node(node, check_function_in_node, &named);
}

/*
 * The same for a table.
 */
void
pgt_survey_table_name(Oid relid, Survey *survey)
{
	check_schema(get_rel_namespace(relid), survey, -1);
}
