/*
 * dag.h
 *	  Who reads whom, as far as the current user may see it.
 */
#ifndef PGT_DAG_H
#define PGT_DAG_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

#include "pg_trickle/catalog.h"

typedef struct DagNode
{
	int number; /* 1.. in the order of names */
	Oid relid;
	Oid owner;
	char *name;		   /* qualified and quoted */
	char *type;		   /* as in pgt_dependencies: STREAM_TABLE, TABLE, ... */
	StreamTable *st;   /* NULL: it is none */
	List *inputs;	   /* of DagNode, by name: what it reads */
	List *consumers;   /* of DagNode, by name: what reads it */
	const char *state; /* of a stream table: see pgt_stream_state() */
	int depth;		   /* 0: reads nothing; else above its deepest input */
	bool visited;	   /* for walks */

	/* lateness.c: the last answers, for many ways lead to the same node */
	TimestampTz own_since;
	TimestampTz own_until;
	TimestampTz since;
	TimestampTz until;
} DagNode;

typedef struct Dag
{
	List *nodes; /* of DagNode, by name */
} Dag;

/*
 * The stream tables that the user may see, and what those read whose parts it
 * may see.
 */
extern Dag *pgt_visible_dag(void);

/* All there is: to find something out, not to be shown. */
extern Dag *pgt_whole_dag(void);

/*
 * In one word, for pictures: active, unfilled, suspended, error, blown (its
 * fuse).
 */
extern const char *pgt_stream_state(const StreamTable *st);

/*
 * A relation's name on one line: control characters as \n, \t, \x01.
 */
extern char *pgt_one_line(const char *name);

#endif /* PGT_DAG_H */
