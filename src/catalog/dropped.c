/*-------------------------------------------------------------------------
 *
 * dropped.c
 *	  What a command has dropped, for the event triggers sql_drop.
 *
 * The event trigger hears of every way in which something goes: DROP, CASCADE,
 * DROP OWNED, DROP EXTENSION.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"

#include "pg_trickle/catalog.h"

/* Relations with their columns, and triggers. */
#define DROPPED_OBJECTS \
	"SELECT classid, objid, objsubid," \
	" COALESCE(pg_catalog.starts_with(schema_name, 'pgtrickle_'), false)," \
	" address_names[1], address_names[2], address_names[3]" \
	" FROM pg_catalog.pg_event_trigger_dropped_objects()" \
	" WHERE classid OPERATOR(pg_catalog.=) 1259" \
	" OR classid OPERATOR(pg_catalog.=) 2620"

static Datum
column_of(HeapTuple tuple, int column)
{
	bool isnull;

	return SPI_getbinval(tuple, SPI_tuptable->tupdesc, column, &isnull);
}

static void
add_relation(Dropped *dropped, HeapTuple tuple)
{
	DroppedRelation *relation = palloc(sizeof(DroppedRelation));

	relation->relid = DatumGetObjectId(column_of(tuple, 2));
	relation->column = DatumGetInt32(column_of(tuple, 3));
	relation->is_part = DatumGetBool(column_of(tuple, 4));
	dropped->relations = lappend(dropped->relations, relation);
}

/*
 * Only if its table is still there.  The names are those of catalogs, but for
 * the schema of a temporary table, which cannot be looked up.
 */
static void
add_trigger(Dropped *dropped, HeapTuple tuple)
{
	char *schema = SPI_getvalue(tuple, SPI_tuptable->tupdesc, 5);
	char *table = SPI_getvalue(tuple, SPI_tuptable->tupdesc, 6);
	Oid namespace = get_namespace_oid(schema, true);
	DroppedTrigger *trigger;

	if (!OidIsValid(namespace) ||
		!OidIsValid(get_relname_relid(table, namespace)))
		return;

	trigger = palloc(sizeof(DroppedTrigger));
	trigger->relid = get_relname_relid(table, namespace);
	trigger->name = SPI_getvalue(tuple, SPI_tuptable->tupdesc, 7);
	dropped->triggers = lappend(dropped->triggers, trigger);
}

/*
 * See catalog.h.
 */
Dropped
pgt_dropped(void)
{
	MemoryContext context = CurrentMemoryContext;
	Dropped dropped = {0};

	SPI_connect();
	if (SPI_execute(DROPPED_OBJECTS, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the dropped objects");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		MemoryContext before = MemoryContextSwitchTo(context);

		if (DatumGetObjectId(column_of(tuple, 1)) == RelationRelationId)
			add_relation(&dropped, tuple);
		else
			add_trigger(&dropped, tuple);
		MemoryContextSwitchTo(before);
	}
	SPI_finish();
	return dropped;
}
