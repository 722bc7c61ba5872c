/*-------------------------------------------------------------------------
 *
 * row_index.c
 *	  The index by which apply finds rows.
 *
 * A stream table is searched for rows that are the same as a given one, which
 * needs an index (names are examples):
 *
 *		keyed by (region varchar(20), day date): all values fit into a btree
 *			CREATE UNIQUE INDEX ON st (region, day) NULLS NOT DISTINCT;
 *		keyed by (title text): a title of 9 kB would not fit
 *			CREATE INDEX ON st (pgtrickle.key_hash(title));
 *		a bag with the columns a, b
 *			CREATE INDEX ON st (pgtrickle.row_hash(a, b));
 *		keyed by nothing (SELECT count(*) FROM t): one row, no index
 *
 * The index is an ordinary one: pg_dump carries it, and the owner may drop,
 * rename or rebuild it.  Before a refresh pgt_apply_ensure_index() therefore
 * looks whether it is still there and still what it was; if not, it takes
 * another one that will do (REINDEX CONCURRENTLY leaves one with another OID)
 * or makes a new one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type_d.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/row_index.h"

/* What all keys of a btree entry may take, leaving room for its header. */
#define MAX_KEYS_SIZE 2600

/* The operator class of a column of an index, which is a row of pg_index. */
static Oid
class_of(HeapTuple index, int column)
{
	bool isnull;
	Datum classes = SysCacheGetAttr(INDEXRELID, index,
									Anum_pg_index_indclass, &isnull);

	return ((oidvector *) DatumGetPointer(classes))->values[column];
}

/*
 * Is it the one that btrees of just this type have by default?  To ask which
 * that is takes a look at all operator classes, the first time in a session.
 */
static bool
is_default_class(Oid class_oid, Oid type)
{
	HeapTuple tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(class_oid));
	Form_pg_opclass class;
	bool is_default;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator class %u", class_oid);
	class = (Form_pg_opclass) GETSTRUCT(tuple);
	is_default = class->opcmethod == BTREE_AM_OID && class->opcdefault &&
				 class->opcintype == type;
	ReleaseSysCache(tuple);

	return is_default;
}

/* Has the type an order?  If it has, the index that there is may show it. */
static bool
has_order(const ApplyTarget *target, int key, Oid type)
{
	HeapTuple index = SearchSysCache1(INDEXRELID,
									  ObjectIdGetDatum(target->index));
	bool shown = HeapTupleIsValid(index) &&
				 key < ((Form_pg_index) GETSTRUCT(index))->indnkeyatts &&
				 is_default_class(class_of(index, key), type);

	if (HeapTupleIsValid(index))
		ReleaseSysCache(index);
	return shown ||
		   OidIsValid(
			   lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf);
}

static bool
fits_btree(const ApplyTarget *target, TupleDesc desc)
{
	Size size = 0;

	if (target->nkeys > INDEX_MAX_KEYS)
		return false;

	for (int i = 0; i < target->nkeys; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, target->keys[i] - 1);

		if (!pgt_type_is_bounded(attr->atttypid, attr->atttypmod))
			return false;
		size += MAXALIGN(pgt_type_max_size(attr->atttypid, attr->atttypmod));

		if (!has_order(target, i, getBaseType(attr->atttypid)))
			return false;
	}

	return size <= MAX_KEYS_SIZE;
}

RowIndexKind
pgt_row_index_kind(const ApplyTarget *target, TupleDesc desc)
{
	int ncolumns;

	pfree(pgt_hashed_columns(target, desc, &ncolumns));
	if (ncolumns == 0)
		return ROW_INDEX_NONE;
	if (!target->keyed)
		return ROW_INDEX_IMAGE_HASH;
	return fits_btree(target, desc) ? ROW_INDEX_UNIQUE : ROW_INDEX_KEY_HASH;
}

AttrNumber *
pgt_hashed_columns(const ApplyTarget *target, TupleDesc desc, int *ncolumns)
{
	AttrNumber *columns = palloc(FUNC_MAX_ARGS * sizeof(AttrNumber));
	int n = 0;

	if (target->keyed)
	{
		n = Min(target->nkeys, FUNC_MAX_ARGS);
		memcpy(columns, target->keys, n * sizeof(AttrNumber));
	}
	else
	{
		for (int i = 0; i < desc->natts && n < FUNC_MAX_ARGS; i++)
		{
			if (!TupleDescAttr(desc, i)->attisdropped)
				columns[n++] = i + 1;
		}
	}

	*ncolumns = n;
	return columns;
}

static const char *
hash_function_name(RowIndexKind kind)
{
	return kind == ROW_INDEX_KEY_HASH ? "key_hash" : "row_hash";
}

/* Without regard to what the owner may use: it is our function. */
static Oid
hash_function(RowIndexKind kind)
{
	const char *name = hash_function_name(kind);
	Oid schema = get_namespace_oid("pgtrickle", false);
	Oid argument = ANYOID;
	Oid oid;

	oid = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						  CStringGetDatum(name),
						  PointerGetDatum(buildoidvector(&argument, 1)),
						  ObjectIdGetDatum(schema));
	if (!OidIsValid(oid))
		elog(ERROR, "cache lookup failed for function pgtrickle.%s", name);
	return oid;
}

/* The index expression pgtrickle.row_hash(c1, c2, ...) or key_hash(...). */
static FuncExpr *
hash_expression(const ApplyTarget *target, TupleDesc desc, RowIndexKind kind)
{
	int n;
	AttrNumber *columns = pgt_hashed_columns(target, desc, &n);
	List *args = NIL;

	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, columns[i] - 1);

		args = lappend(args, makeVar(1, columns[i], attr->atttypid,
									 attr->atttypmod, attr->attcollation, 0));
	}

	return makeFuncExpr(hash_function(kind), INT8OID, args, InvalidOid,
						InvalidOid, COERCE_EXPLICIT_CALL);
}

static IndexElem *
index_element(void)
{
	IndexElem *element = makeNode(IndexElem);

	element->ordering = SORTBY_DEFAULT;
	element->nulls_ordering = SORTBY_NULLS_DEFAULT;
	return element;
}

static List *
hash_elements(const ApplyTarget *target, TupleDesc desc, RowIndexKind kind)
{
	IndexElem *element = index_element();

	element->expr = (Node *) hash_expression(target, desc, kind);
	element->indexcolname = pstrdup(hash_function_name(kind));
	return list_make1(element);
}

static List *
key_elements(const ApplyTarget *target, TupleDesc desc)
{
	List *elements = NIL;

	for (int i = 0; i < target->nkeys; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, target->keys[i] - 1);
		IndexElem *element = index_element();

		element->name = pstrdup(NameStr(attr->attname));
		elements = lappend(elements, element);
	}

	return elements;
}

static IndexStmt *
index_statement(const ApplyTarget *target, Relation rel, RowIndexKind kind)
{
	IndexStmt *stmt = makeNode(IndexStmt);
	TupleDesc desc = RelationGetDescr(rel);

	stmt->relation =
		makeRangeVar(get_namespace_name(RelationGetNamespace(rel)),
					 pstrdup(RelationGetRelationName(rel)), -1);
	stmt->accessMethod = "btree";
	stmt->transformed = true; /* the expression is */
	if (kind == ROW_INDEX_UNIQUE)
	{
		stmt->indexParams = key_elements(target, desc);
		stmt->unique = true;
		stmt->nulls_not_distinct = true;
	}
	else
		stmt->indexParams = hash_elements(target, desc, kind);

	return stmt;
}

/*
 * Create the index by which rows are found and set target->index; InvalidOid
 * if none is needed.  As the owner of the table.
 */
void
pgt_apply_create_index(ApplyTarget *target)
{
	Relation rel = table_open(target->relid, ShareLock);
	RowIndexKind kind = pgt_row_index_kind(target, RelationGetDescr(rel));
	IndexStmt *stmt;

	target->index = InvalidOid;
	if (kind != ROW_INDEX_NONE)
	{
		stmt = index_statement(target, rel, kind);
		target->index = pgt_define_index(target->relid, stmt);
		CommandCounterIncrement();
	}
	table_close(rel, NoLock);
}

/* Does a column of the index have the order of its type? */
static bool
has_order_of_type(Relation index, int column, Oid type)
{
	return is_default_class(class_of(index->rd_indextuple, column), type) ||
		   index->rd_opfamily[column] ==
			   lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
}

/* Is it a unique index on the key columns, by their "=", NULLs being equal? */
static bool
suits_keys(Relation index, const ApplyTarget *target, TupleDesc desc)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisunique || !form->indnullsnotdistinct ||
		!form->indimmediate || form->indnkeyatts != target->nkeys)
		return false;

	for (int i = 0; i < target->nkeys; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, target->keys[i] - 1);

		if (form->indkey.values[i] != target->keys[i] ||
			index->rd_indcollation[i] != attr->attcollation ||
			!has_order_of_type(index, i, getBaseType(attr->atttypid)))
			return false;
	}

	return true;
}

/*
 * Is it an index on our hash of our columns?  Not by equal(): a restored
 * expression has gone through the parser, which notes a collation as well.
 */
static bool
suits_hash(Relation index, const ApplyTarget *target, TupleDesc desc,
		   RowIndexKind kind)
{
	FuncExpr *call;
	int n;
	AttrNumber *columns = pgt_hashed_columns(target, desc, &n);

	if (index->rd_index->indnkeyatts != 1 ||
		index->rd_index->indkey.values[0] != 0 ||
		index->rd_opcintype[0] != INT8OID)
		return false;

	call = linitial(RelationGetIndexExpressions(index));
	if (!IsA(call, FuncExpr) || call->funcid != hash_function(kind) ||
		list_length(call->args) != n)
		return false;

	for (int i = 0; i < n; i++)
	{
		Var *var = list_nth(call->args, i);

		if (!IsA(var, Var) || var->varattno != columns[i] ||
			var->varcollid != TupleDescAttr(desc, columns[i] - 1)->attcollation)
			return false;
	}

	return true;
}

/* Can rows be found by this index of the table? */
static bool
suits(Oid indexid, const ApplyTarget *target, TupleDesc desc,
	  RowIndexKind kind)
{
	Relation index = index_open(indexid, AccessShareLock);
	Form_pg_index form = index->rd_index;
	bool result;

	result = index->rd_rel->relam == BTREE_AM_OID &&
			 form->indisvalid && form->indisready &&
			 RelationGetIndexPredicate(index) == NIL &&
			 (kind == ROW_INDEX_UNIQUE ? suits_keys(index, target, desc) :
										 suits_hash(index, target, desc, kind));
	index_close(index, AccessShareLock);
	return result;
}

/* The index that is registered if it will do, else another one that will. */
static Oid
find_index(Relation rel, const ApplyTarget *target, RowIndexKind kind)
{
	TupleDesc desc = RelationGetDescr(rel);
	List *indexes = RelationGetIndexList(rel);
	Oid found = InvalidOid;
	ListCell *lc;

	if (list_member_oid(indexes, target->index) &&
		suits(target->index, target, desc, kind))
		found = target->index;

	foreach (lc, indexes)
	{
		if (OidIsValid(found))
			break;
		if (suits(lfirst_oid(lc), target, desc, kind))
			found = lfirst_oid(lc);
	}

	list_free(indexes);
	return found;
}

/*
 * Make sure that the table has the index by which rows are found.  True if
 * target->index had to be changed, which the caller then stores.  As the
 * owner of the table.
 */
bool
pgt_apply_ensure_index(ApplyTarget *target)
{
	Relation rel = table_open(target->relid, AccessShareLock);
	RowIndexKind kind;
	Oid before = target->index;

	/* If there is such an index, it shows that the keys can have one. */
	if (target->keyed && !OidIsValid(target->index))
		target->index = find_index(rel, target, ROW_INDEX_UNIQUE);
	kind = pgt_row_index_kind(target, RelationGetDescr(rel));
	target->index = kind == ROW_INDEX_NONE ? InvalidOid :
											 find_index(rel, target, kind);
	if (kind != ROW_INDEX_NONE && !OidIsValid(target->index))
	{
		ereport(LOG,
				errmsg("creating the index by which rows of stream table \"%s\" are found",
					   RelationGetRelationName(rel)),
				errdetail("The former one was dropped or changed."));
		pgt_apply_create_index(target);
	}
	table_close(rel, NoLock);

	return target->index != before;
}

/*
 * See apply.h.
 */
void
pgt_apply_rebuild_index(const ApplyTarget *target)
{
	if (!OidIsValid(target->index))
		return;

	pgt_reindex(target->index);
	CommandCounterIncrement();
}
