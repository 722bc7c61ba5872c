/*-------------------------------------------------------------------------
 *
 * parts.c
 *	  What a definition consists of besides the table: the view that holds the
 *	  query, the logs of its sources, the states of its nodes.
 *
 * Creating a stream table makes the parts, changing its query drops them and
 * makes others, changing its mode does so with some of them.  The current
 * user is the owner of the stream table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "pg_trickle/command.h"
#include "pg_trickle/refresh.h"

static Oid
create_view(const StreamTable *st, const Query *query)
{
	ObjectAddress stream;
	char id[32];
	Oid view;

	snprintf(id, sizeof(id), INT64_FORMAT, st->pgt_id);
	view = pgt_create_query_view(makeObjectName(get_rel_name(st->relid), id,
												NULL),
								 query, GetUserId());
	CommandCounterIncrement();
	pgt_link_stream(st->relid, view);
	CommandCounterIncrement();
	ObjectAddressSet(stream, RelationRelationId, st->relid);
	pgt_check_references(&stream);
	pgt_refuse_temporary_objects(st->relid);
	return view;
}

/*
 * Make the parts of a stream table, whose mode is set, and set what its row
 * says about them.  Error 42501 without TRIGGER on the sources.
 */
void
pgt_create_parts(StreamTable *st, const Query *query, const NormalForm *form)
{
	st->keyed = form->keyed;
	st->nkeys = form->nkeys;
	st->keys = form->keys;
	st->query_relid = create_view(st, query);
	pgt_track_sources(st, form);
	pgt_create_states(st, form);
}

/*
 * Drop the parts of a stream table but the logs of its sources: once the new
 * parts are made, pgt_untrack_unused_sources() drops those not needed.
 */
void
pgt_drop_parts(const StreamTable *st)
{
	pgt_drop_states(st);
	pgt_delete_dependencies(st->pgt_id);
	pgt_unlink_stream(st->relid, st->query_relid);
	pgt_drop_internal_relation(st->query_relid);
}
