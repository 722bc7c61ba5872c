/*-------------------------------------------------------------------------
 *
 * route.h
 *	  From a trigger to the log that takes its rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ROUTE_H
#define PGT_ROUTE_H

#include "access/attnum.h"
#include "access/transam.h"
#include "access/tupdesc.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

/*
 * The open segment of the log of a source, as this backend knows it.  The
 * struct stays where it is until the end of the transaction at least.
 */
typedef struct CaptureLog
{
	int64 track_id; /* hash key */
	bool valid;
	uint32 layout; /* rows formed under one number fit together */
	Oid source;
	Oid segment;
	int ncolumns;
	AttrNumber *columns;	/* of the source */
	TupleDesc desc;			/* of the segment */
	TupleDesc image_desc;	/* of its first columns: those of one image */
	bool has_old_columns;	/* for the old image of an UPDATE */
	TupleTableSlot **slots; /* for buffer.c, NULL: none */
	MemoryContext context;	/* of what is above */

	/* For backpressure.c. */
	FullTransactionId writer; /* the last of this backend */
	BlockNumber last_block;	  /* that it wrote to */
	Oid measured_segment;	  /* when the log was measured */
	BlockNumber measured_block;
	bool too_large;
	bool waited_in_vain;
} CaptureLog;

/* One logged column as a relation of the family has it. */
typedef struct RouteColumn
{
	AttrNumber attno; /* 0: it has none; NULL is logged */
	int16 typlen;
	bool typbyval;
} RouteColumn;

/* How the rows of one relation become rows of one log. */
typedef struct CaptureRoute
{
	Oid trigger; /* hash key */
	bool valid;
	Oid relid;
	Oid source;
	CaptureLog *log;	   /* NULL: the relation left the family */
	uint32 layout;		   /* of the log, for which the rest was made */
	AttrNumber last_attno; /* the highest of columns[] */
	RouteColumn *columns;  /* log->ncolumns of them */
	Datum *values;		   /* scratch: a row of the log */
	bool *nulls;
	MemoryContext context; /* of the three above */
} CaptureRoute;

extern void pgt_route_init(void);
extern CaptureRoute *pgt_route(TriggerData *trigdata);
extern CaptureLog *pgt_log(int64 track_id);
extern Relation pgt_log_open(CaptureLog *log);
extern void pgt_routes_at_end_of_transaction(void);

#endif /* PGT_ROUTE_H */
