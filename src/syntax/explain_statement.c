/*-------------------------------------------------------------------------
 *
 * explain_statement.c
 *	  EXPLAIN CREATE STREAM TABLE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "syntax.h"

/*
 * Explain the creation of a stream table; false if the statement explains
 * something else.
 */
bool
pgt_explain_statement(const Statement *statement)
{
	return false;
}
