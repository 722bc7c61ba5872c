/*-------------------------------------------------------------------------
 *
 * sql.h
 *	  Pieces of SQL text: names are always qualified and quoted.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SQL_H
#define PGT_SQL_H

#include "lib/stringinfo.h"

extern void pgt_sql_relation(StringInfo sql, Oid relid);

/* The same as a palloc'd string, for messages and explanations. */
extern char *pgt_relation_text(Oid relid);
extern char *pgt_relation_text_or_null(Oid relid); /* if it is dropped */

#endif /* PGT_SQL_H */
