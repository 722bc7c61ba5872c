/*
 * query.h
 *	  Between the files of src/query.
 */
#ifndef PGT_QUERY_H
#define PGT_QUERY_H

#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"

#include "pg_trickle/normal_form.h"

/* ---- analyze.c ---- */

/* The raw parse tree of a defining query; error 42601. */
extern RawStmt *pgt_parse_query(const char *text);

/* ---- expand.c: views and CTEs become subqueries ---- */

/*
 * A copy of the query without views (their OIDs are added to *views), without
 * join aliases and without ORDER BY where it has no effect; CTEs are still
 * there if used more than once.
 */
extern Query *pgt_expand(const Query *query, List **views);

/* Copy in the other CTEs, but those that are recursive or grow too large. */
extern void pgt_inline_ctes(Query *query);

/* Remove range table entries that are in no FROM; Vars are renumbered. */
extern void pgt_compact_range_table(Query *query);

/* ---- order.c: ORDER BY ---- */

/* Drop what has no effect: ORDER BY without LIMIT, LIMIT ALL, OFFSET 0. */
extern void pgt_drop_order(Query *query);

/* Aggregates over an ordered subquery get its order. */
extern void pgt_order_aggregates(Query *query);

/* ---- prune.c: what no one reads is not computed ---- */

extern void pgt_prune_columns(Query *query);

/* ---- survey.c: sources and obstacles of an expanded query ---- */

typedef struct Survey
{
	NormalForm *form;	/* gets sources and obstacle */
	const Query *query; /* the whole of it */
	Oid owner;			/* who will run the query */
	Oid view;			/* innermost view around; or InvalidOid */
	Oid named;			/* outermost, or the table; or InvalidOid */
	Oid reader;			/* who has to have the right to read */
} Survey;

extern void pgt_survey(Query *query, NormalForm *form, Oid owner);

/* Keep an obstacle, unless one as grave is known; "detail" may be NULL. */
extern void pgt_note_obstacle(Survey *survey, ObstacleKind kind,
							  const char *construct, const char *detail,
							  int location);

/* The obstacle in an expression node itself (not in its arguments). */
extern void pgt_survey_functions(Node *node, Survey *survey);

/* The obstacles in the constraints of a domain. */
extern void pgt_survey_domain(Oid type, Survey *survey);

/* Has it no obstacle but what values of any type may be made of? */
extern bool pgt_is_steady(Oid funcid);

/* What an expression node (not its arguments), or a table, is called by. */
extern void pgt_survey_names(Node *node, Survey *survey);
extern void pgt_survey_table_name(Oid relid, Survey *survey);

/* ---- conversions.c ---- */

/* The obstacles that types are whose texts "construct", a node, makes... */
extern void pgt_survey_texts(Node *node, const char *construct,
							 Survey *survey);

/* ... or reads. */
extern void pgt_survey_value(Node *node, const char *construct,
							 Survey *survey);

/* Those of nodes that convert without a function. */
extern void pgt_survey_conversions(Node *node, Survey *survey);

/* ---- constructs.c ---- */

/* The obstacles in a query itself (not in its subqueries). */
extern void pgt_survey_constructs(Query *query, Survey *survey);

/* ---- normalize.c and rules ---- */

typedef struct Normalizer
{
	NormalForm *form;
} Normalizer;

/*
 * An operator of a query with what it needs of it.  Rules are applied in the
 * order in which SQL evaluates the operators; each removes its operator from
 * the query, so that in the end a linear one is left.
 */
typedef struct QueryRule
{
	const char *name;
	bool (*matches)(const Query *query);

	/* The construct that stands in the way, with its location; or NULL. */
	const char *(*obstacle)(const Query *query, const char **detail,
							int *location);
	Query *(*derive)(Query *query, Normalizer *normalizer);
} QueryRule;

extern const QueryRule pgt_rule_union;
extern const QueryRule pgt_rule_aggregate;
extern const QueryRule pgt_rule_distinct;

/* The rules in order, ended by NULL. */
extern const QueryRule *const pgt_query_rules[];

extern Query *pgt_normalize_block(Query *query, Normalizer *normalizer);

/* ---- whole_row.c ---- */

/* References to whole rows of tables and subqueries become columns. */
extern void pgt_replace_whole_rows(Query *query);

/* ---- node.c: what nodes of all rules have in common ---- */

/*
 * Add "node" (which has no id yet) to the normal form, or find the one that is
 * the same.  Returns a query that reads its output, with nothing in its
 * target list yet.
 */
extern Query *pgt_query_of_node(Normalizer *normalizer, QueryNode *node);

/* A Var on column "attno" of a node's output, as varno 1. */
extern Var *pgt_node_output(const QueryNode *node, AttrNumber attno);
extern int pgt_node_natts(const QueryNode *node);

/* A SortGroupClause that groups a type; NULL if it cannot be a key. */
extern SortGroupClause *pgt_group_clause(Oid type, Index ref);

/* Can values be stored in a column of this type? */
extern bool pgt_is_storable(Oid type);

/* What stands in the way of a node: for the rules' obstacle functions. */
extern const char *pgt_node_obstacle(const Query *query, const char **detail,
									 int *location);
extern const char *pgt_key_obstacle(Oid type, const char **detail);

/* ---- rule_distinct.c ---- */

/* The query "input", which is linear, without duplicates. */
extern Query *pgt_distinct_query(Query *input, Normalizer *normalizer);

/* ---- columns.c ---- */

/* Does the query refer to columns of a query around it? */
extern bool pgt_has_outer_vars(const Query *query, int *location);

/* Name the output columns; "names" is a list of String. */
extern void pgt_name_columns(Query *query, List *names);

/* ---- key.c ---- */

/* Sets keyed, nkeys, keys. */
extern void pgt_find_key(NormalForm *form);

/* ---- verify.c ---- */

/* Raise XX000 if the parts of a normal form do not fit together. */
extern void pgt_verify_form(const NormalForm *form);

#endif /* PGT_QUERY_H */
