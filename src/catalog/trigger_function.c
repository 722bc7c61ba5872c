/*-------------------------------------------------------------------------
 *
 * trigger_function.c
 *	  Triggers, and the functions that those of ours call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

#include "pg_trickle/catalog.h"

/*
 * See catalog.h.  Without regard to what anybody may use.
 */
Oid
pgt_trigger_function(const char *name)
{
	Oid schema = get_namespace_oid("pgtrickle", false);
	Oid oid = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
							  CStringGetDatum(name),
							  PointerGetDatum(buildoidvector(NULL, 0)),
							  ObjectIdGetDatum(schema));

	if (!OidIsValid(oid))
		elog(ERROR, "cache lookup failed for function pgtrickle.%s", name);
	return oid;
}

/*
 * See catalog.h.
 */
bool
pgt_look_up_trigger(Oid trigger, Oid *function, Oid *parent)
{
	Relation triggers = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	bool found;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(triggers, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		*function = form->tgfoid;
		*parent = form->tgparentid;
	}
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);

	return found;
}
