/*-------------------------------------------------------------------------
 *
 * sql.c
 *	  Pieces of SQL text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg_trickle/sql.h"

/*
 * Append the qualified and quoted name of a relation; an internal error if
 * it does not exist.
 */
void
pgt_sql_relation(StringInfo sql, Oid relid)
{
	appendStringInfoString(sql, pgt_relation_text(relid));
}

/*
 * The qualified and quoted name of a relation, palloc'd.
 */
char *
pgt_relation_text(Oid relid)
{
	char *text = pgt_relation_text_or_null(relid);

	if (text == NULL)
		elog(ERROR, "cache lookup failed for relation %u", relid);
	return text;
}

/*
 * The same; NULL if there is no such relation.
 */
char *
pgt_relation_text_or_null(Oid relid)
{
	char *name = get_rel_name(relid);
	char *schema;

	if (name == NULL)
		return NULL;

	schema = get_namespace_name(get_rel_namespace(relid));
	return quote_qualified_identifier(schema, name);
}
