/*-------------------------------------------------------------------------
 *
 * references.c
 *	  Nothing of others may depend on logs, states and query views.
 *
 * The extension replaces and drops these as it needs, in refreshes too.
 * Whoever may name one could make a view of it, without any right to read it,
 * or a table with a column of its row type; and the refreshes of somebody
 * else would fail because of that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/lsyscache.h"

#include "pg_trickle/catalog_table.h"
#include "pg_trickle/command.h"
#include "pg_trickle/normal_form.h"

PG_FUNCTION_INFO_V1(pgt_on_new_references);

/* The catalog and the functions may be used in views; they stay. */
static bool
is_replaceable(Oid relid)
{
	Oid schema = OidIsValid(relid) ? get_rel_namespace(relid) : InvalidOid;

	return OidIsValid(schema) && pgt_is_own_schema(schema) &&
		   schema != get_namespace_oid("pgtrickle", true);
}

/* The relation that an object is, or is the row type of, also in arrays. */
static Oid
relation_of(const ObjectAddress *object)
{
	Oid type = object->objectId;
	Oid element;

	if (object->classId == RelationRelationId)
		return object->objectId;
	if (object->classId != TypeRelationId)
		return InvalidOid;

	element = get_element_type(type);
	return get_typ_typrelid(OidIsValid(element) ? element : type);
}

static void
check_own_references(const ObjectAddress *whole, const ObjectAddress *part)
{
	ListCell *lc;

	foreach (lc, pgt_references(part))
	{
		Oid relid = relation_of(lfirst(lc));

		if (!is_replaceable(relid) || relid == relation_of(whole))
			continue;
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("%s cannot depend on internal relation \"%s\"",
					   getObjectDescription(whole, false),
					   get_rel_name(relid)),
				errdetail("It belongs to pg_trickle, which replaces and drops it as it needs."));
	}
}

/* Rules, defaults, constraints and the like are objects of their own. */
static void
check_with_components(const ObjectAddress *whole, const ObjectAddress *part)
{
	ListCell *lc;

	check_own_references(whole, part);
	foreach (lc, pgt_components(part))
		check_own_references(whole, lfirst(lc));
}

/*
 * See command.h.
 */
void
pgt_check_references(const ObjectAddress *object)
{
	ObjectAddress relation;

	if (is_replaceable(relation_of(object)))
		return;

	check_with_components(object, object);
	if (object->classId != TypeRelationId)
		return;
	ObjectAddressSet(relation, RelationRelationId, relation_of(object));
	if (OidIsValid(relation.objectId))
		check_with_components(object, &relation);
}

/* What a stream table depends on, or the type of a column of that. */
static bool
temporary_part(const ObjectAddress *object, ObjectAddress *part)
{
	Oid schema;

	*part = *object;
	if (object->classId == RelationRelationId && object->objectSubId > 0)
		ObjectAddressSet(*part, TypeRelationId,
						 get_atttype(object->objectId, object->objectSubId));
	schema = get_object_namespace(part);
	return OidIsValid(schema) && isAnyTempNamespace(schema);
}

/*
 * See command.h.  Core drops a view that uses something temporary at the end
 * of the session, and event triggers do not hear of it.
 */
void
pgt_refuse_temporary_objects(Oid relid)
{
	ObjectAddress stream;
	ObjectAddress part;
	ListCell *lc;

	ObjectAddressSet(stream, RelationRelationId, relid);
	foreach (lc, pgt_references(&stream))
	{
		if (!temporary_part(lfirst(lc), &part))
			continue;
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("a stream table cannot use %s",
					   getObjectDescription(&part, false)),
				errdetail("It is temporary, and goes at the end of the session."));
	}
}

/*
 * Event trigger function for ddl_command_end, of commands that make objects
 * which can depend on relations or types.  Error 42809.
 */
Datum
pgt_on_new_references(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function \"on_new_references\" was not called by an event trigger"));
	if (!pgt_catalog_is_active())
		PG_RETURN_NULL();

	SPI_connect();
	if (SPI_execute("SELECT classid, objid"
					" FROM pg_catalog.pg_event_trigger_ddl_commands()",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what the command did");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Oid ids[2];
		ObjectAddress object;
		bool isnull = false;

		for (int column = 0; column < 2 && !isnull; column++)
			ids[column] = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i],
														 SPI_tuptable->tupdesc,
														 column + 1, &isnull));
		/* What concerns no single object, as GRANT, is told without. */
		if (isnull)
			continue;
		ObjectAddressSet(object, ids[0], ids[1]);
		pgt_check_references(&object);
	}
	SPI_finish();
	PG_RETURN_NULL();
}
