/*-------------------------------------------------------------------------
 *
 * syntax.h
 *	  SQL statements on stream tables: CREATE STREAM TABLE and its kin, and
 *	  the forms of the stock grammar that they are translated into.
 *
 * Layer: syntax
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SYNTAX_H
#define PGT_SYNTAX_H

/* Called first by _PG_init(): is there a library before us? */
extern void pgt_syntax_check_order(void);

/* Called once by _PG_init(): the hooks and, if preloading, the parser. */
extern void pgt_syntax_init(void);

/*
 * NULL if this server takes CREATE STREAM TABLE, else why it does not: a
 * sentence without its full stop.
 */
extern const char *pgt_syntax_obstacle(void);

#endif /* PGT_SYNTAX_H */
