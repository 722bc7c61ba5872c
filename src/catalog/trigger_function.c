/*-------------------------------------------------------------------------
 *
 * trigger_function.c
 *	  The functions that triggers of ours call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "utils/builtins.h"
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
