/*-------------------------------------------------------------------------
 *
 * program.h
 *	  The delta program of a stream table: how changes of its sources become
 *	  the change of its result.
 *
 * Layer: dvm
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_PROGRAM_H
#define PGT_PROGRAM_H

#include "pg_trickle/delta.h"
#include "pg_trickle/image.h"
#include "pg_trickle/normal_form.h"
#include "pg_trickle/zset.h"

/*
 * A saved plan and what it was made for; see execute.c for when it is made
 * anew.
 */
typedef struct SavedPlan SavedPlan;

/* A text with two plans, NULL until first used: deltas few rows, or many. */
typedef struct QueryText
{
	char *sql;
	TupleDesc desc; /* what its first columns are; or NULL */
	SavedPlan *small;
	SavedPlan *large;
} QueryText;

/*
 * One term of the change of a linear query: one leaf is replaced by its
 * change, leaves before it are as they are now, leaves behind it as they
 * were.  The text yields the columns of the query and, last, the weight.
 */
typedef struct Term
{
	Oid relid;		 /* whose change it reads: a source table, or */
	int node_id;	 /* the output of a node (relid invalid) */
	char *delta;	 /* the name of that change */
	List *old;		 /* of String: changes of the leaves behind */
	QueryText alone; /* for when none of "old" has rows */
	QueryText full;
} Term;

/* A linear query with its terms (src/dvm/linear.c). */
typedef struct Linear
{
	Query *query;	/* leaves bound to tables; by pgt_linear_query() */
	char *image;	/* of that, if it was not read yet */
	TupleDesc desc; /* its columns, without the weight */
	List *terms;
	char *sql; /* the query itself, as text */
} Linear;

typedef struct Program Program;

/*
 * node_width.c: the normal form of a query, as pgt_normalize(); an obstacle,
 * too, if what a node would have to keep does not fit a table.
 */
extern NormalForm *pgt_form_of_query(const Query *query, Oid owner);

/*
 * Build the program for a normal form without obstacle.  "node_states" is the
 * list of NodeState of the stream table (pgt_node_states()).  Everything
 * lives in a memory context of its own below "parent".
 */
extern Program *pgt_program_build(const NormalForm *form, List *node_states,
								  MemoryContext parent);
extern void pgt_program_free(Program *program); /* with its saved plans */

/*
 * A program as bytes, for another backend of this server: what is derived and
 * deparsed is in them, functions and tables are looked up by who reads.
 */
extern void pgt_program_write(const Program *program, StringInfo image);
extern Program *pgt_program_read(ImageReader *image, MemoryContext parent);

/* Are there plans that were not in the bytes written before? */
extern bool pgt_program_has_new_plans(const Program *program);

/*
 * Create the state tables of all nodes and register them (pgt_nodes); run as
 * the owner of the stream table "relid", on which they depend.
 */
extern void pgt_program_create_state(int64 pgt_id, const NormalForm *form,
									 Oid relid, Oid owner);

/* The name by which delta queries call the change of a source; palloc'd. */
extern char *pgt_source_delta_name(Oid relid);

/*
 * The descriptor of the change of a source: exactly the columns the program
 * references, in the order of SourceUse.columns, then the weight.  The column
 * of attribute 7 is called c7 (whatever its place), the weight w.
 */
extern TupleDesc pgt_source_delta_desc(const SourceUse *use);

/*
 * Run the program: "deltas" is a list of Delta, one per source with changes
 * (named by pgt_source_delta_name()).  Updates the node states, puts the
 * change of the result into "result".  The active snapshot is the snapshot
 * of the refresh, whose command id is advanced.  Under pgt_run_as(owner).
 * Returns NULL, or what did not fit (the name of a node), in which case the
 * caller recomputes.
 */
extern const char *pgt_program_run(Program *program, List *deltas,
								   ZSet *result);

/*
 * Make the state tables what they should be under the active snapshot, by
 * comparing and writing the differences (also fills empty ones).  With
 * "report" nothing is written; differences are handed to it.
 */
typedef void (*StateDifference)(int node_id, TupleTableSlot *row,
								int64 weight, void *arg);
extern void pgt_program_rebuild(Program *program);

extern void pgt_program_compare(Program *program, StateDifference report,
								void *arg);

/* For explain_st(): lists of (property, value) pairs, strings palloc'd. */
typedef struct Property
{
	char *name;
	char *value;
	double cost; /* of a query, in units of the planner; -1: not known */
} Property;
extern List *pgt_program_explain(Program *program);

/*
 * The same for a normal form without obstacle, of which nothing exists.  The
 * cost of a change is that of one row; what reads states has no cost yet.
 */
extern List *pgt_form_explain(const NormalForm *form);

/*
 * ---- between the parts of dvm ----
 */

/*
 * linear.c: derive the terms; node leaves are bound to the columns k1.. and
 * a1.. (by name) of the tables state_relids[node id].
 */
extern Linear *pgt_linear_build(const Query *query, const Oid *state_relids);
extern void pgt_linear_free(Linear *linear); /* with its saved plans */
extern bool pgt_linear_has_new_plans(const Linear *linear);
extern Query *pgt_linear_query(Linear *linear); /* not to be changed */

/* The same as bytes, in an image; without saved plans. */
extern void pgt_linear_write(const Linear *linear, StringInfo image);
extern Linear *pgt_linear_read(ImageReader *image);

/*
 * Gets a row of a delta query: "slot" has the columns of the query and, as
 * last column, the weight, which is also given as "weight".  Called in a
 * memory context that is reset after each row; may use SPI.
 */
typedef void (*RowReceiver)(TupleTableSlot *slot, int64 weight, void *arg);

/*
 * Do the states know a choice that the query leaves open, so that a run of it
 * might take another?  Then the content is what pgt_program_content() hands to
 * "receive": the result of the query on top of the states.
 */
extern bool pgt_program_has_choices(const Program *program);
extern void pgt_program_content(Program *program, RowReceiver receive,
								void *arg);

/*
 * Run the terms whose leaf has rows in "deltas" and hand each row to
 * "receive".  "deltas" (List of Delta) must name the change of every leaf,
 * be it empty: pgt_program_run() sees to it that the list it hands to the
 * nodes has one member per source and one per node below.
 */
extern void pgt_linear_run(Linear *linear, List *deltas,
						   RowReceiver receive, void *arg);

/* execute.c: plans in images. */
extern bool pgt_plan_is_new(SavedPlan *plan);
extern void pgt_plan_write(SavedPlan *plan, StringInfo image);
extern SavedPlan *pgt_plan_read(const char *sql, ImageReader *image);

/*
 * execute.c: run any query text whose last column is the weight (int8), under
 * the active snapshot, under pgt_run_as(), with the members of "deltas" bound
 * to their names.  The plan is made at the first call, kept in *plan (which
 * is NULL at first) and made anew when it no longer fits.  "small": plan for
 * few rows in the deltas.
 */
extern void pgt_run_query(const char *sql, SavedPlan **plan, bool small,
						  List *deltas, RowReceiver receive, void *arg);

/* The same for a text made of a query, which has to yield its columns. */
extern void pgt_run_text(QueryText *text, bool small, List *deltas,
						 RowReceiver receive, void *arg);

/* Make the text of a query, in "memory". */
extern void pgt_make_text(QueryText *text, const Query *query,
						  MemoryContext memory);

/* The planner's estimate for a text without deltas; same plan as a run. */
extern double pgt_query_cost(const char *sql, SavedPlan **plan);
extern double pgt_delta_cost(const char *sql, List *deltas);
/* Is the text's plan for many rows far better, although the deltas have few? */
extern bool pgt_scan_is_cheaper(QueryText *text, List *deltas);
extern void pgt_free_plan(SavedPlan *plan); /* NULL is fine */

/* Are so few rows in the deltas that a plan for few rows is right? */
extern bool pgt_deltas_are_small(List *deltas);

/* node.c and friends: one non-linear node at run time. */
typedef struct NodeProgram NodeProgram;
struct NodeState;
extern NodeProgram *pgt_node_build(const QueryNode *node,
								   struct NodeState *state,
								   const Oid *state_relids);
extern void pgt_node_write(const NodeProgram *node, StringInfo image);
extern NodeProgram *pgt_node_read(ImageReader *image);

/*
 * The change of the node's output, for use by nodes and top above; never
 * NULL, but maybe without rows.
 */
extern Delta *pgt_node_run(NodeProgram *node, List *deltas,
						   const char **mismatch);
extern void pgt_node_rebuild(NodeProgram *node);
extern void pgt_node_compare(NodeProgram *node, StateDifference report,
							 void *arg);
extern List *pgt_node_explain(NodeProgram *node);
extern List *pgt_node_explain_plan(const QueryNode *query);
extern void pgt_node_free(NodeProgram *node);
extern struct NodeState *pgt_node_create_state(int64 pgt_id,
											   const QueryNode *node,
											   Oid relid, Oid owner);

/* What NodeState has of it once its tables are filled; palloc'd. */
extern char *pgt_node_signature(const QueryNode *node);

/* False: the state has to be created anew, e.g. after pg_upgrade. */
extern bool pgt_node_state_fits(const QueryNode *node,
								const struct NodeState *state);

/* linear.c: what delta queries call the change of a node; palloc'd. */
extern char *pgt_node_delta_name(int node_id);

/* node.c: the columns of a node's output: k1.., a1.. (without the weight). */
extern TupleDesc pgt_node_output_desc(const QueryNode *node);

#endif /* PGT_PROGRAM_H */
