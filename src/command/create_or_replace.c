/*-------------------------------------------------------------------------
 *
 * create_or_replace.c
 *	  CREATE OR REPLACE STREAM TABLE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"

#include "pg_trickle/command.h"

/*
 * The relation that CREATE would collide with, by its qualified name; NULL if
 * there is none.
 */
static RangeVar *
existing_relation(RangeVar *name)
{
	Oid schema = RangeVarGetCreationNamespace(name);

	if (!OidIsValid(get_relname_relid(name->relname, schema)))
		return NULL;

	return makeRangeVar(get_namespace_name(schema), pstrdup(name->relname),
						-1);
}

/*
 * Create a stream table, or give the one of that name this definition, in
 * place; it is filled then, "initialize" or not, for it would show the rows of
 * its former definition.  Returns its OID.  Errors: those of creating and of
 * altering, and 42809 if the name is that of something else.
 */
Oid
pgt_create_or_replace(const CreateRequest *request)
{
	RangeVar *existing = existing_relation(request->name);
	const StreamOptions *options = &request->options;
	StreamTable *st;

	if (existing == NULL)
		return pgt_create_stream_table(request);

	st = pgt_stream_by_range_var(existing, AccessShareLock, true, false,
								 "Drop it first, or choose another name.");
	pgt_alter_stream_table(st->relid,
						   &(AlterRequest){
							   .query = request->query,
							   .column_names = request->column_names,
							   .schedule = request->schedule,
							   .mode = &request->mode,
							   .tier = &options->tier,
							   .diamond_consistency =
								   &options->diamond_consistency,
							   .diamond_policy = &options->diamond_policy,
							   .fuse_ceiling = &options->fuse_ceiling,
							   .rows = request->rows,
						   });
	return st->relid;
}
