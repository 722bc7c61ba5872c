/*-------------------------------------------------------------------------
 *
 * dependency.c
 *	  Rows of pgt_dependencies: what a stream table reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "pg_trickle/arrays.h"
#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"
#include "pg_trickle/wake.h"

enum
{
	Anum_id = 1,
	Anum_source,
	Anum_type,
	Anum_columns,
	Anum_cdc_mode,
	Natts_dependencies = Anum_cdc_mode,
};

static void *
form_dependency(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	Dependency *dep = palloc0(sizeof(Dependency));

	dep->pgt_id = DatumGetInt64(values[Anum_id - 1]);
	dep->source_relid = DatumGetObjectId(values[Anum_source - 1]);
	dep->source_type = TextDatumGetCString(values[Anum_type - 1]);
	dep->columns = pgt_string_members(values[Anum_columns - 1]);
	dep->cdc_mode = TextDatumGetCString(values[Anum_cdc_mode - 1]);
	return dep;
}

/*
 * What a stream table reads, as a list of Dependency in the caller's memory
 * context.
 */
List *
pgt_dependencies(int64 pgt_id)
{
	ScanKeyData key;

	ScanKeyInit(&key, Anum_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(pgt_id));
	return pgt_scan_catalog(TABLE_DEPENDENCIES, INDEX_DEPENDENCIES, 1, &key,
							ForwardScanDirection, false, form_dependency);
}

/*
 * Who reads a relation, as a list of Dependency in the caller's memory
 * context.
 */
List *
pgt_dependents(Oid source_relid)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(source_relid));
	key.sk_attno = Anum_source;
	return pgt_scan_catalog(TABLE_DEPENDENCIES, INDEX_DEPENDENCIES_SOURCE,
							1, &key, ForwardScanDirection, false,
							form_dependency);
}

/*
 * Store a dependency.
 */
void
pgt_insert_dependency(const Dependency *dep)
{
	Datum values[Natts_dependencies];
	bool nulls[Natts_dependencies] = {0};

	values[Anum_id - 1] = Int64GetDatum(dep->pgt_id);
	values[Anum_source - 1] = ObjectIdGetDatum(dep->source_relid);
	values[Anum_type - 1] = CStringGetTextDatum(dep->source_type);
	values[Anum_columns - 1] = pgt_string_array(dep->columns);
	values[Anum_cdc_mode - 1] = CStringGetTextDatum(dep->cdc_mode);
	pgt_insert_row(TABLE_DEPENDENCIES, values, nulls);
	pgt_wake_for(WAKE_CATALOG);
}

/*
 * Forget what a stream table reads (its definition changes).
 */
void
pgt_delete_dependencies(int64 pgt_id)
{
	ScanKeyData key;

	ScanKeyInit(&key, Anum_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(pgt_id));
	pgt_delete_rows(TABLE_DEPENDENCIES, INDEX_DEPENDENCIES, 1, &key);
	pgt_wake_for(WAKE_CATALOG);
}

/*
 * See catalog.h.
 */
void
pgt_widen_dependency(int64 pgt_id, Oid source_relid, int ncolumns,
					 const AttrNumber *columns)
{
	List *dependencies = pgt_dependencies(pgt_id);
	ListCell *lc;

	pgt_delete_dependencies(pgt_id);
	foreach (lc, dependencies)
	{
		Dependency *dep = lfirst(lc);

		if (dep->source_relid == source_relid)
		{
			dep->columns = NIL;
			for (int i = 0; i < ncolumns; i++)
				dep->columns = lappend(dep->columns,
									   get_attname(source_relid, columns[i],
												   false));
		}
		pgt_insert_dependency(dep);
	}
	CommandCounterIncrement();
}
