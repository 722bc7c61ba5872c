/*-------------------------------------------------------------------------
 *
 * links.c
 *	  Who goes when somebody is dropped: entries of pg_depend.
 *
 *		DROP TABLE source			fails, naming the stream table; CASCADE
 *									drops it
 *		DROP TABLE stream_table		takes its view and its states along
 *		DROP EXTENSION .. CASCADE	takes view and states, leaves the table
 *
 * Hence the stream table depends on what its query depends on, not on the
 * view.  A dump does not carry these entries: they are made again when a
 * restored stream table is refreshed for the first time, or something is
 * dropped before that.  Nothing is locked for it (src/refresh/README.md,
 * "Links in a restored database").
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_rewrite.h"
#include "rewrite/rewriteSupport.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "pg_trickle/catalog.h"

/* What an object depends on by "type", as a list of ObjectAddress. */
static List *
referenced_objects(Oid classid, Oid objid, DependencyType type)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	List *objects = NIL;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(classid));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(objid));
	scan = systable_beginscan(depend, DependDependerIndexId, true, NULL, 2,
							  keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress *object = palloc(sizeof(ObjectAddress));

		if (form->deptype != (char) type)
			continue;
		object->classId = form->refclassid;
		object->objectId = form->refobjid;
		object->objectSubId = form->refobjsubid;
		objects = lappend(objects, object);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return objects;
}

/*
 * As recordDependencyOn() does, but without its lock on what is referred to,
 * which newer servers keep to the end of the transaction.
 */
static void
record_link(const ObjectAddress *self, const ObjectAddress *other,
			DependencyType type)
{
	Relation depend;
	Datum values[Natts_pg_depend];
	bool nulls[Natts_pg_depend] = {0};

	if (IsPinnedObject(other->classId, other->objectId))
		return;

	values[Anum_pg_depend_classid - 1] = ObjectIdGetDatum(self->classId);
	values[Anum_pg_depend_objid - 1] = ObjectIdGetDatum(self->objectId);
	values[Anum_pg_depend_objsubid - 1] = Int32GetDatum(self->objectSubId);
	values[Anum_pg_depend_refclassid - 1] = ObjectIdGetDatum(other->classId);
	values[Anum_pg_depend_refobjid - 1] = ObjectIdGetDatum(other->objectId);
	values[Anum_pg_depend_refobjsubid - 1] = Int32GetDatum(other->objectSubId);
	values[Anum_pg_depend_deptype - 1] = CharGetDatum((char) type);

	depend = table_open(DependRelationId, RowExclusiveLock);
	CatalogTupleInsert(depend,
					   heap_form_tuple(RelationGetDescr(depend), values,
									   nulls));
	table_close(depend, RowExclusiveLock);
}

/*
 * See catalog.h.
 */
bool
pgt_is_linked(Oid relid, Oid owner_of)
{
	ListCell *lc;

	foreach (lc, referenced_objects(RelationRelationId, relid, DEPENDENCY_AUTO))
	{
		ObjectAddress *object = lfirst(lc);

		if (object->classId == RelationRelationId &&
			object->objectId == owner_of)
			return true;
	}

	return false;
}

/*
 * See catalog.h.
 */
void
pgt_link_part(Oid relid, Oid owner_of)
{
	ObjectAddress self;
	ObjectAddress other;

	if (pgt_is_linked(relid, owner_of))
		return;

	ObjectAddressSet(self, RelationRelationId, relid);
	ObjectAddressSet(other, RelationRelationId, owner_of);
	record_link(&self, &other, DEPENDENCY_AUTO);
}

/*
 * See catalog.h; nothing if it is recorded already.
 */
void
pgt_link_stream(Oid relid, Oid view)
{
	ObjectAddress self;
	ListCell *lc;

	if (pgt_is_linked(view, relid))
		return;

	pgt_link_part(view, relid);
	ObjectAddressSet(self, RelationRelationId, relid);
	foreach (lc, referenced_objects(RewriteRelationId,
									get_rewrite_oid(view, "_RETURN", false),
									DEPENDENCY_NORMAL))
	{
		ObjectAddress *other = lfirst(lc);

		/* pg_dump cannot cut a loop through a constraint; the view has it. */
		if (other->classId == ConstraintRelationId)
			continue;
		if (other->classId != RelationRelationId || other->objectId != view)
			record_link(&self, other, DEPENDENCY_NORMAL);
	}
}

/* Forget that a relation as a whole depends on an object. */
static void
forget_reference(Relation depend, Oid relid, const ObjectAddress *object)
{
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[2], Anum_pg_depend_objsubid, BTEqualStrategyNumber,
				F_INT4EQ, Int32GetDatum(0));
	scan = systable_beginscan(depend, DependDependerIndexId, true, NULL, 3,
							  keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->deptype == DEPENDENCY_NORMAL &&
			form->refclassid == object->classId &&
			form->refobjid == object->objectId &&
			form->refobjsubid == object->objectSubId)
			CatalogTupleDelete(depend, &tuple->t_self);
	}
	systable_endscan(scan);
}

/*
 * See catalog.h.
 */
void
pgt_unlink_stream(Oid relid, Oid view)
{
	Oid rule = get_rewrite_oid(view, "_RETURN", false);
	Relation depend = table_open(DependRelationId, RowExclusiveLock);
	ListCell *lc;

	foreach (lc, referenced_objects(RewriteRelationId, rule, DEPENDENCY_NORMAL))
		forget_reference(depend, relid, lfirst(lc));
	table_close(depend, RowExclusiveLock);
	CommandCounterIncrement();
}

/*
 * See catalog.h.
 */
bool
pgt_view_uses_column(Oid view, Oid relid, AttrNumber attno)
{
	Oid rule = get_rewrite_oid(view, "_RETURN", true);
	ListCell *lc;

	foreach (lc, referenced_objects(RewriteRelationId, rule, DEPENDENCY_NORMAL))
	{
		ObjectAddress *object = lfirst(lc);

		if (object->classId == RelationRelationId &&
			object->objectId == relid &&
			(attno == InvalidAttrNumber || object->objectSubId == attno))
			return true;
	}

	return false;
}
