/*-------------------------------------------------------------------------
 *
 * meaning.c
 *	  What was the content of a stream table computed by?
 *
 * A delta says how the result of a query changes while the query stays what
 * it is.  But it may come to mean something else, behind an unchanged text:
 *
 *		CREATE OR REPLACE VIEW ... AS ...			of a view that it reads
 *		CREATE OR REPLACE FUNCTION ...				that it calls
 *		ALTER TABLE ... DISABLE ROW LEVEL SECURITY	of a source
 *		ALTER TABLE ... DROP COLUMN ...				of a source read as a whole
 *		ALTER TYPE ... DROP ATTRIBUTE ...			of a type of its values
 *		ALTER TYPE ... RENAME VALUE ...				where it makes text of them
 *		CREATE CAST (... AS json) ...				where it makes JSON of them
 *
 * So each refresh stores what it computed by: the versions (xmin) of the rules
 * of views, hashes of functions and of types, and whether changes could be
 * followed.  If
 * that is no longer so, the next refresh recomputes.  All this means nothing
 * in another database (a restore, be it into the same cluster) or in another
 * cluster (pg_upgrade), which got the content and the definitions together:
 * there they are taken as they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/type_shape.h"

/* What the expressions of a query use. */
typedef struct Uses
{
	List *functions; /* OIDs of those that users made */
	List *types;	 /* of those, too */
	bool whole_rows; /* of tables: every column counts, and its name */
	bool converts;	 /* makes something else of values of any type */
} Uses;

static bool
add_function(Oid funcid, void *context)
{
	Uses *uses = context;

	if (funcid < FirstNormalObjectId)
		return false;

	uses->functions = list_append_unique_oid(uses->functions, funcid);
	if (get_func_prokind(funcid) == PROKIND_AGGREGATE)
	{
		ListCell *lc;

		foreach (lc, pgt_aggregate_functions(funcid))
			(void) add_function(lfirst_oid(lc), context);
	}
	return false;
}

/* Of expressions whose text may name their type. */
static void
add_type(Node *node, Uses *uses)
{
	Oid type;

	switch (nodeTag(node))
	{
		case T_Aggref:
		case T_ArrayCoerceExpr:
		case T_ArrayExpr:
		case T_CoerceToDomain:
		case T_CoerceViaIO:
		case T_Const:
		case T_ConvertRowtypeExpr:
		case T_FieldSelect:
		case T_FieldStore:
		case T_FuncExpr:
		case T_Param:
		case T_RelabelType:
		case T_RowExpr:
		case T_SubscriptingRef:
		case T_Var:
			type = exprType(node);
			break;
		default:
			return;
	}

	if (type >= FirstNormalObjectId)
		uses->types = list_append_unique_oid(uses->types, type);
}

/* A type of users', or the row of no type? */
static bool
is_own_type(Oid type)
{
	return type >= FirstNormalObjectId || type == RECORDOID ||
		   type == RECORDARRAYOID;
}

static bool
takes_own_types(List *args)
{
	ListCell *lc;

	foreach (lc, args)
	{
		Node *arg = lfirst(lc);

		if (is_own_type(exprType(IsA(arg, TargetEntry) ?
									 (Node *) ((TargetEntry *) arg)->expr :
									 arg)))
			return true;
	}
	return false;
}

/* Not those that count or choose values: they make nothing of them. */
static bool
aggregate_converts(Oid result, List *args)
{
	return takes_own_types(args) && result != INT8OID && !is_own_type(result);
}

/*
 * May this make a text of an enum's value, or of what contains one, or such a
 * value of a text?  Comparing does not.
 */
static bool
may_convert(Node *node)
{
	switch (nodeTag(node))
	{
		case T_CoerceViaIO:
			return is_own_type(exprType(node)) ||
				   is_own_type(exprType((Node *) ((CoerceViaIO *) node)->arg));
		case T_ArrayCoerceExpr:
			return is_own_type(exprType(node)) ||
				   is_own_type(
					   exprType((Node *) ((ArrayCoerceExpr *) node)->arg));
		case T_FuncExpr:
			return is_own_type(exprType(node)) ||
				   takes_own_types(((FuncExpr *) node)->args);
		case T_Aggref:
			return aggregate_converts(exprType(node), ((Aggref *) node)->args);
		case T_WindowFunc:
			return aggregate_converts(exprType(node),
									  ((WindowFunc *) node)->args);
		case T_XmlExpr:
			return true;
		case T_OpExpr:
			return ((OpExpr *) node)->opresulttype != BOOLOID &&
				   takes_own_types(((OpExpr *) node)->args);
		default:
			return pgt_is_json_constructor(node) || pgt_is_json_function(node);
	}
}

static bool
collect_uses(Node *node, void *context)
{
	Uses *uses = context;

	if (node == NULL)
		return false;

	add_type(node, uses);
	uses->converts |= may_convert(node);
	if (IsA(node, Var))
	{
		uses->whole_rows |= ((Var *) node)->varattno == 0;
		return false;
	}
	(void) check_functions_in_node(node, add_function, context);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_uses, context, 0);

	return expression_tree_walker(node, collect_uses, context);
}

/* ---- columns ---- */

static void
append_columns(StringInfo text, Oid relid)
{
	Relation rel = table_open(relid, AccessShareLock);
	TupleDesc desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped)
			appendStringInfo(text, " c%u.%d=%s", relid, att->attnum,
							 NameStr(att->attname));
	}
	table_close(rel, NoLock);
}

/* ---- functions ---- */

/* Whoever may call a function is no part of what it does. */
static const AttrNumber function_columns[] = {
	Anum_pg_proc_prolang,
	Anum_pg_proc_provolatile,
	Anum_pg_proc_proisstrict,
	Anum_pg_proc_prorettype,
	Anum_pg_proc_prosrc,
	Anum_pg_proc_probin,
	Anum_pg_proc_prosqlbody,
	Anum_pg_proc_proconfig,
	Anum_pg_proc_proargdefaults,
};

static uint64
hash_function(HeapTuple tuple)
{
	Relation procs = table_open(ProcedureRelationId, AccessShareLock);
	TupleDesc desc = RelationGetDescr(procs);
	uint64 hash = 0;

	for (size_t i = 0; i < lengthof(function_columns); i++)
	{
		AttrNumber attno = function_columns[i];
		Oid type = TupleDescAttr(desc, attno - 1)->atttypid;
		bool isnull;
		Datum value = heap_getattr(tuple, attno, desc, &isnull);

		if (!isnull)
			hash = hash_combine64(hash, pgt_datum_image_hash(value, type));
	}
	table_close(procs, NoLock);
	return hash;
}

static uint64
hash_aggregate(HeapTuple tuple)
{
	return hash_bytes_extended((unsigned char *) tuple->t_data +
								   tuple->t_data->t_hoff,
							   tuple->t_len - tuple->t_data->t_hoff, 0);
}

/* "f" or "a", OID, and a hash of what the function does, if it is there. */
static void
append_function(StringInfo text, char kind, int cache, Oid funcid,
				uint64 (*hash)(HeapTuple tuple))
{
	HeapTuple tuple = SearchSysCache1(cache, ObjectIdGetDatum(funcid));

	if (!HeapTupleIsValid(tuple))
		return;

	appendStringInfo(text, " %c%u/" UINT64_FORMAT, kind, funcid, hash(tuple));
	ReleaseSysCache(tuple);
}

static void
append_functions(StringInfo text, List *functions)
{
	ListCell *lc;

	list_sort(functions, list_oid_cmp);
	foreach (lc, functions)
	{
		append_function(text, 'f', PROCOID, lfirst_oid(lc), hash_function);
		append_function(text, 'a', AGGFNOID, lfirst_oid(lc), hash_aggregate);
	}
}

/* ---- types ---- */

static void
append_types(StringInfo text, const Uses *uses, Compiled *compiled)
{
	const NormalForm *form = compiled->form;
	TypeDetail detail = uses->converts					  ? TYPE_TEXTS :
						form->nodes != NIL || form->keyed ? TYPE_EQUALS :
															TYPE_IMAGES;
	List *types = list_copy(uses->types);
	List *seen = NIL;
	ListCell *lc;

	list_sort(types, list_oid_cmp);
	foreach (lc, types)
		pgt_append_type_shape(text, lfirst_oid(lc), detail, &seen,
							  &compiled->row_types);
}

/* ---- views ---- */

/* Renaming a table or a column leaves the rule of a view as it is. */
static void
append_view(StringInfo text, Oid view)
{
	Relation rules = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_rewrite_ev_class, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(view));
	scan = systable_beginscan(rules, RewriteRelRulenameIndexId, true, NULL, 1,
							  &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		appendStringInfo(text, " v%u/%u", view,
						 HeapTupleHeaderGetRawXmin(tuple->t_data));
	systable_endscan(scan);
	table_close(rules, AccessShareLock);
}

/*
 * What a stream table is computed by, as text in the current memory context;
 * "query" is that of its view.  Notes the types that it names.
 */
char *
pgt_meaning(Compiled *compiled, const Query *query)
{
	StringInfoData text;
	Uses uses = {0};
	List *views = list_copy(compiled->form->views);
	ListCell *lc;

	initStringInfo(&text);
	appendStringInfo(&text, UINT64_FORMAT ": %d %s", GetSystemIdentifier(),
					 compiled->form->obstacle.kind,
					 compiled->tracked ? "tracked" : "untracked");

	(void) collect_uses((Node *) query, &uses);
	list_sort(views, list_oid_cmp);
	foreach (lc, views)
	{
		append_view(&text, lfirst_oid(lc));
		(void) collect_uses((Node *) pgt_view_query(lfirst_oid(lc)), &uses);
	}
	compiled->types = uses.types;
	append_functions(&text, uses.functions);
	append_types(&text, &uses, compiled);
	if (uses.whole_rows)
	{
		foreach (lc, compiled->form->sources)
			append_columns(&text, ((SourceUse *) lfirst(lc))->relid);
	}
	return text.data;
}

/*
 * Could the last refresh follow the changes of all sources?
 */
bool
pgt_was_tracked(const StreamTable *st)
{
	const char *form = st->meaning == NULL ? NULL : strchr(st->meaning, ':');
	char word[16];

	return form != NULL && sscanf(form, ": %*d %15s", word) == 1 &&
		   strcmp(word, "tracked") == 0;
}

/*
 * Is the content of a stream table still what its query means?  True if that
 * cannot be compared.
 */
bool
pgt_meaning_is_kept(const StreamTable *st, const Compiled *compiled)
{
	char cluster[32];

	if (st->meaning == NULL || st->frontier == NULL ||
		strcmp(st->frontier->era, pgt_current_era()) != 0)
		return true;

	snprintf(cluster, sizeof(cluster), UINT64_FORMAT ":",
			 GetSystemIdentifier());
	if (strncmp(st->meaning, cluster, strlen(cluster)) != 0)
		return true;

	return strcmp(st->meaning, compiled->meaning) == 0;
}
