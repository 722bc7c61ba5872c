/*-------------------------------------------------------------------------
 *
 * normal_form.h
 *	  A query as linear parts between non-linear nodes.
 *
 * For example
 *
 *		SELECT r.name, t.total FROM regions r
 *		JOIN (SELECT region, sum(amount) AS total FROM sales
 *			  GROUP BY region HAVING count(*) > 1) t ON t.region = r.id
 *
 * becomes
 *
 *		node 1:	input	SELECT region, amount FROM sales
 *				keys 1, aggregates sum(amount), count(*)
 *		top:	SELECT r.name, t.total FROM regions r,
 *				(SELECT k1 AS region, a1 AS total FROM "node 1"
 *				 WHERE a2 > 1) t WHERE t.region = r.id
 *
 * "input" and "top" are linear: their change is a sum of terms in each of
 * which one leaf is replaced by its change.  Their leaves are tables
 * (RTE_RELATION) and node outputs (RTE_CTE with ctename "node <id>").  Views
 * are expanded, CTEs and join aliases resolved, ORDER BY without LIMIT is
 * dropped.
 *
 * DISTINCT is a node with all columns as keys and no aggregates.  A scalar
 * aggregate is a node without keys: it always has exactly one row.
 *
 * Layer: query
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_NORMAL_FORM_H
#define PGT_NORMAL_FORM_H

#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"

typedef enum ObstacleKind
{
	OBSTACLE_NONE,
	OBSTACLE_NO_RULE,		/* exact by recompute-and-diff when a source
								 * changed */
	OBSTACLE_EVERY_REFRESH, /* the result can change without a change of a
								 * source: recompute at each refresh */
	OBSTACLE_VOLATILE,		/* no defined answer: FULL only */
} ObstacleKind;

typedef struct Obstacle
{
	ObstacleKind kind;
	char *construct; /* e.g. "LEFT JOIN", "now()" */
	char *detail;	 /* a sentence; or NULL */
	int location;	 /* in the query text, -1 unknown */
	Oid named;		 /* view, or table, by which the text leads to it;
								 * or InvalidOid */
	Oid view;		 /* innermost view that it is part of; or InvalidOid */
} Obstacle;

/* One aggregate of a node. */
typedef struct NodeAgg
{
	Aggref *aggref; /* its arguments and filter are Vars (varno 1)
								 * on columns of the node's input, or
								 * constants; its direct arguments are
								 * expressions over such Vars on key columns */
} NodeAgg;

typedef struct QueryNode
{
	int id;			  /* 1.. ; inputs have smaller ids */
	const char *rule; /* "aggregate", "distinct" */
	Query *input;	  /* linear; columns: keys, then arguments */
	int nkeys;
	List *keys; /* of SortGroupClause, one per key in order
								 * (tleSortGroupRef is that of the input's
								 * target entry) */
	List *aggs; /* of NodeAgg; output columns after the keys */
} QueryNode;

/* A table that the query reads. */
typedef struct SourceUse
{
	Oid relid;
	char relkind;
	bool inh; /* with partitions and children */
	int ncolumns;
	AttrNumber *columns; /* referenced, ascending; whole-row: all */
} SourceUse;

typedef struct NormalForm
{
	Obstacle obstacle; /* if any, nodes and top are NULL */
	List *sources;	   /* of SourceUse; always complete */
	List *views;	   /* OIDs of the views expanded */
	List *nodes;	   /* of QueryNode, inputs before users */
	Query *top;		   /* linear */
	bool keyed;		   /* rows of the result have a provable key */
	int nkeys;
	AttrNumber *keys; /* columns of top */
} NormalForm;

/*
 * The normal form of an analyzed query (which is not changed), in the current
 * memory context; "owner" is who will run it (rights and RLS are judged for
 * that role).  Raises no error for what has no rule: that is an obstacle.
 */
extern NormalForm *pgt_normalize(const Query *query, Oid owner);

/*
 * The analyzed query stored in the view "view_relid", ready for
 * pgt_normalize(): locked, dropped columns fixed.
 */
extern Query *pgt_view_query(Oid view_relid);

/*
 * Parse and analyze the text of a defining query as the current user does,
 * under the current search_path.  Errors have their position in "text";
 * refused: anything but one SELECT, VALUES, TABLE or WITH ... SELECT (42601,
 * 0A000), parameters, SELECT INTO, data-modifying CTEs, FOR UPDATE/SHARE,
 * temporary and system relations (by name), duplicate or empty output names
 * (42701, 42602), no columns.
 */
extern Query *pgt_analyze_query(const char *text, List *column_names);

/*
 * The relations that the text names, a list of RangeVar; they need not exist.
 * Errors: 42601.
 */
extern List *pgt_named_relations(const char *text);

/*
 * Where the text first names a relation, its names being looked up under the
 * current search_path: an offset in bytes, -1 if nowhere.
 */
extern int pgt_name_location(const char *text, Oid relid);

/*
 * Create the view that holds the query of a stream table: schema
 * pgtrickle_query, owned by "owner".  Needs no privilege of the current user.
 */
extern Oid pgt_create_query_view(const char *name, const Query *query,
								 Oid owner);

/* Does the schema hold internal relations of the extension? */
extern bool pgt_is_own_schema(Oid schema);

/* A column of a table, also a system column. */
typedef struct LineageColumn
{
	Oid relid;
	AttrNumber attno;
} LineageColumn;

/*
 * The columns of tables that each column of the result is computed from: one
 * list of LineageColumn, maybe NIL, per column.  "owner" runs what users wrote,
 * as for pgt_normalize().
 */
extern List *pgt_lineage(const Query *query, Oid owner);

/*
 * Does the query of a view read whole rows of the table "relid", itself or
 * through other views?  Locks only views, and waits for nobody: of one that is
 * being changed, the answer is true.
 */
extern bool pgt_view_reads_rows(Oid view_relid, Oid relid);

/* The query as text, all names qualified; palloc'd. */
extern char *pgt_query_text(const Query *query);

/* The OIDs of the functions that an aggregate computes its result by. */
extern List *pgt_aggregate_functions(Oid aggfnoid);

/* Is this range table entry the output of a node, and of which? */
extern bool pgt_is_node_leaf(const RangeTblEntry *rte, int *node_id);

/* It is an error if there is no node "id". */
extern const QueryNode *pgt_find_node(const NormalForm *form, int id);

/*
 * The columns of range table entry "varno" of "query" that are referenced
 * anywhere in it (also by its subqueries), offset by
 * FirstLowInvalidHeapAttributeNumber as in pull_varattnos().
 */
extern Bitmapset *pgt_referenced_columns(const Query *query, int varno);

/*
 * For ereport(): the error is at "location" (-1: somewhere) of the query
 * text, which is shown as internal query.
 */
extern int pgt_query_errposition(const char *text, int location);

#endif /* PGT_NORMAL_FORM_H */
