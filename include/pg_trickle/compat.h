/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The differences between PostgreSQL 15, 16, 17 and 18, in the shape of
 *	  the newest: the only place where a server version is tested.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_COMPAT_H
#define PGT_COMPAT_H

#include "access/stratnum.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/defrem.h"
#include "commands/explain.h"
#include "commands/tablecmds.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "utils/acl.h"
#include "utils/jsonpath.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

/* PG18 took explain.h apart. */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "pg_trickle needs PostgreSQL 15, 16, 17 or 18"
#endif

/* PG18 wants the attribute in front of the declaration. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* PG18 names the meanings of strategies, those of btrees. */
#if PG_VERSION_NUM < 180000
typedef int16 CompareType;
#define COMPARE_GT BTGreaterStrategyNumber
#endif

/* PG18 asks no longer whether a query is run once. */
static inline void
pgt_executor_run(QueryDesc *desc)
{
#if PG_VERSION_NUM >= 180000
	ExecutorRun(desc, ForwardScanDirection, 0);
#else
	ExecutorRun(desc, ForwardScanDirection, 0, true);
#endif
}

/* PG16 replaced the per-catalog ownership checks by one. */
#if PG_VERSION_NUM < 160000
static inline bool
object_ownercheck(Oid classid, Oid objectid, Oid roleid)
{
	if (classid == DatabaseRelationId)
		return pg_database_ownercheck(objectid, roleid);
	if (classid == NamespaceRelationId)
		return pg_namespace_ownercheck(objectid, roleid);
	Assert(classid == RelationRelationId);
	return pg_class_ownercheck(objectid, roleid);
}
#endif

/* PG16 did the same to the checks of privileges. */
#if PG_VERSION_NUM < 160000
static inline AclResult
object_aclcheck(Oid classid, Oid objectid, Oid roleid, AclMode mode)
{
	if (classid == NamespaceRelationId)
		return pg_namespace_aclcheck(objectid, roleid, mode);
	Assert(classid == ProcedureRelationId);
	return pg_proc_aclcheck(objectid, roleid, mode);
}
#endif

/* PG18 can put something before the tuple. */
static inline MinimalTuple
pgt_form_minimal_tuple(TupleDesc desc, Datum *values, bool *nulls)
{
#if PG_VERSION_NUM < 180000
	return heap_form_minimal_tuple(desc, values, nulls);
#else
	return heap_form_minimal_tuple(desc, values, nulls, 0);
#endif
}

/* PG16 brought constructors of JSON. */
static inline bool
pgt_is_json_constructor(const Node *node)
{
#if PG_VERSION_NUM >= 160000
	return IsA(node, JsonConstructorExpr);
#else
	return false;
#endif
}

/* PG17 brought functions that take JSON apart. */
static inline bool
pgt_is_json_function(const Node *node)
{
#if PG_VERSION_NUM >= 170000
	return IsA(node, JsonExpr);
#else
	return false;
#endif
}

/* They may ask the clock which offset a time zone has. */
static inline bool
pgt_json_function_is_mutable(const Node *node)
{
#if PG_VERSION_NUM >= 170000
	const JsonExpr *json = (const JsonExpr *) node;
	const Const *path = (const Const *) json->path_spec;

	return !IsA(path, Const) ||
		   (!path->constisnull &&
			jspIsMutable(DatumGetJsonPathP(path->constvalue),
						 json->passing_names, json->passing_values));
#else
	return false;
#endif
}

/* Minor releases of 2023 brought databases that are half dropped. */
#ifndef DATCONNLIMIT_INVALID_DB
#define DATCONNLIMIT_INVALID_DB -2
#endif

/* PG16 renamed relfilenodes to relfilenumbers. */
#if PG_VERSION_NUM < 160000
#define RelationSetNewRelfilenumber(rel, persistence) \
	RelationSetNewRelfilenode(rel, persistence)
#endif

/* PG16 gave flatten_join_alias_vars() the planner's root as well. */
#if PG_VERSION_NUM < 160000
#define pgt_flatten_join_alias_vars(query, node) \
	flatten_join_alias_vars(query, node)
#else
#define pgt_flatten_join_alias_vars(query, node) \
	flatten_join_alias_vars(NULL, query, node)
#endif

/*
 * PG18 puts grouping expressions behind a range table entry of their own;
 * after this they are where they were before.
 */
static inline void
pgt_flatten_group_exprs(Query *query)
{
#if PG_VERSION_NUM >= 180000
	if (!query->hasGroupRTE)
		return;
	query->targetList = (List *)
		flatten_group_exprs(NULL, query, (Node *) query->targetList);
	query->havingQual = flatten_group_exprs(NULL, query, query->havingQual);
	query->hasGroupRTE = false;
#endif
}

/* PG16 made DefineIndex() count partitions. */
static inline Oid
pgt_define_index(Oid relid, IndexStmt *stmt)
{
#if PG_VERSION_NUM < 160000
	return DefineIndex(relid, stmt, InvalidOid, InvalidOid, InvalidOid,
					   false, false, false, false, true)
		.objectId;
#else
	return DefineIndex(relid, stmt, InvalidOid, InvalidOid, InvalidOid, -1,
					   false, false, false, false, true)
		.objectId;
#endif
}

/* PG18 counts index searches for EXPLAIN. */
#if PG_VERSION_NUM < 180000
#define pgt_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#else
#define pgt_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#endif

/*
 * Make "rel" the one entry of an executor's range table; the answer is where
 * the executor looks for the set of updated columns.  PG16 moved that from
 * the entry to its permission info, and PG18 wants to know what is unpruned.
 */
static inline Bitmapset **
pgt_init_range_table(EState *estate, Relation rel)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
#if PG_VERSION_NUM >= 160000
	List *perminfos = NIL;
	RTEPermissionInfo *perminfo;
#endif

	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(rel);
	rte->relkind = rel->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM < 160000
	ExecInitRangeTable(estate, list_make1(rte));
	return &rte->updatedCols;
#else
	perminfo = addRTEPermissionInfo(&perminfos, rte);
#if PG_VERSION_NUM < 180000
	ExecInitRangeTable(estate, list_make1(rte), perminfos);
#else
	ExecInitRangeTable(estate, list_make1(rte), perminfos,
					   bms_make_singleton(1));
#endif
	return &perminfo->updatedCols;
#endif
}

/* PG17 has a second provider whose locales are in this column. */
#if PG_VERSION_NUM < 170000
#define Anum_pg_collation_colllocale Anum_pg_collation_colliculocale
#endif

/* The column attstattarget got narrower in PG17. */
#if PG_VERSION_NUM < 170000
#define StatisticsTargetGetDatum(target) Int32GetDatum(target)
#else
#define StatisticsTargetGetDatum(target) Int16GetDatum(target)
#endif

/* PG17 gave reindex_index() the statement. */
static inline void
pgt_reindex(Oid index)
{
	ReindexParams params = {0};

#if PG_VERSION_NUM < 170000
	reindex_index(index, false, get_rel_persistence(index), &params);
#else
	reindex_index(NULL, index, false, get_rel_persistence(index), &params);
#endif
}

/* PG18 knows constraints that are not enforced. */
#if PG_VERSION_NUM < 180000
#define pgt_set_enforced(constraint) ((void) 0)
#else
#define pgt_set_enforced(constraint) ((constraint)->is_enforced = true)
#endif

/* PG16 gave EnableDisableTrigger() the arguments of its recursion. */
static inline void
pgt_enable_trigger(Relation rel, const char *name, char fires_when)
{
#if PG_VERSION_NUM < 160000
	EnableDisableTrigger(rel, name, fires_when, false, ShareRowExclusiveLock);
#else
	EnableDisableTrigger(rel, name, InvalidOid, fires_when, false, true,
						 ShareRowExclusiveLock);
#endif
}

/*
 * The bytes of a column were copied into a row type.  PG18 keeps a digest of
 * them, and what was known about places in tuples, elsewhere.
 */
static inline void
pgt_attribute_is_copied(TupleDesc desc, int i)
{
#if PG_VERSION_NUM < 180000
	TupleDescAttr(desc, i)->attcacheoff = -1;
#else
	populate_compact_attribute(desc, i);
#endif
}

/* PG17 lets a shared hash table copy its keys in ways of its own. */
#if PG_VERSION_NUM < 170000
#define PGT_DSHASH_COPY
#else
#define PGT_DSHASH_COPY .copy_function = dshash_memcpy,
#endif

/*
 * PG17 ends whoever is in a transaction for too long, background workers, too:
 * one more of the settings that are for people.
 */
#if PG_VERSION_NUM < 170000
#define PGT_NO_TRANSACTION_TIMEOUT
#else
#define PGT_NO_TRANSACTION_TIMEOUT {"transaction_timeout", "0"},
#endif

/* The type of a collected subcommand; PG15 has another if it recurses. */
static inline AlterTableType
pgt_alter_table_type(const AlterTableCmd *cmd)
{
#if PG_VERSION_NUM < 160000
	if (cmd->subtype == AT_AddColumnRecurse)
		return AT_AddColumn;
#endif
	return cmd->subtype;
}

/*
 * How many tokens of the grammar lie between the last keyword and those that
 * stand for modes of raw_parser(): NOT_LA and its kin.
 */
#if PG_VERSION_NUM < 160000
#define PGT_LOOKAHEAD_TOKENS 3
#else
#define PGT_LOOKAHEAD_TOKENS 5
#endif

/*
 * PG18 and later minor releases of all others, built with assertions, want a
 * snapshot of whoever inserts into a table that could have toasted values,
 * although only toasting needs it.
 */
#ifdef USE_ASSERT_CHECKING
#define PGT_INSERT_ASSERTS_SNAPSHOT true
#else
#define PGT_INSERT_ASSERTS_SNAPSHOT false
#endif

/*
 * What serialize functions of aggregates write is the same within a major
 * version only; this is its name, as text.
 */
#define PGT_SERIALIZED_BY PG_MAJORVERSION

#endif /* PGT_COMPAT_H */
