/*-------------------------------------------------------------------------
 *
 * arrays.c
 *	  Arrays of SQL as lists, and back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "pg_trickle/arrays.h"

/*
 * An int2[] of attribute numbers, palloc'd.
 */
Datum
pgt_int2_array(int n, const AttrNumber *members)
{
	Datum *datums = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		datums[i] = Int16GetDatum(members[i]);

	return PointerGetDatum(construct_array(datums, n, INT2OID, 2, true,
										   TYPALIGN_SHORT));
}

/*
 * The members of an int2[], palloc'd.
 */
AttrNumber *
pgt_int2_members(Datum array, int *n)
{
	Datum *datums;
	bool *nulls;
	AttrNumber *members;

	deconstruct_array(DatumGetArrayTypeP(array), INT2OID, sizeof(int16), true,
					  TYPALIGN_SHORT, &datums, &nulls, n);
	members = palloc(sizeof(AttrNumber) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		members[i] = DatumGetInt16(datums[i]);

	return members;
}

/*
 * A regclass[] of relations, palloc'd.
 */
Datum
pgt_regclass_array(List *oids)
{
	Datum *datums = palloc(sizeof(Datum) * (list_length(oids) + 1));
	ListCell *lc;

	foreach (lc, oids)
		datums[foreach_current_index(lc)] = ObjectIdGetDatum(lfirst_oid(lc));

	return PointerGetDatum(construct_array(datums, list_length(oids),
										   REGCLASSOID, sizeof(Oid), true,
										   TYPALIGN_INT));
}

/*
 * The members of a regclass[], a list of OIDs.
 */
List *
pgt_regclass_members(Datum array)
{
	Datum *datums;
	bool *nulls;
	int n;
	List *oids = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), REGCLASSOID, sizeof(Oid),
					  true, TYPALIGN_INT, &datums, &nulls, &n);
	for (int i = 0; i < n; i++)
		oids = lappend_oid(oids, DatumGetObjectId(datums[i]));

	return oids;
}

/*
 * A text[] of strings, palloc'd.
 */
Datum
pgt_string_array(List *strings)
{
	Datum *datums = palloc(sizeof(Datum) * (list_length(strings) + 1));
	ListCell *lc;

	foreach (lc, strings)
		datums[foreach_current_index(lc)] = CStringGetTextDatum(lfirst(lc));

	return PointerGetDatum(construct_array(datums, list_length(strings),
										   TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * The members of a text[], a list of palloc'd strings.
 */
List *
pgt_string_members(Datum array)
{
	Datum *datums;
	bool *nulls;
	int n;
	List *strings = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &datums, &nulls, &n);
	for (int i = 0; i < n; i++)
		strings = lappend(strings, TextDatumGetCString(datums[i]));

	return strings;
}
