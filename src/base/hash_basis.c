/*-------------------------------------------------------------------------
 *
 * hash_basis.c
 *	  What the hashes that go with "=" are made from, beyond the values.
 *
 *		CREATE TYPE color AS ENUM ('red', 'green');
 *
 * The hash of 'red' is that of the label's OID, which pg_upgrade keeps and a
 * restore does not; so it is with all types whose values are OIDs and whose
 * texts are names.  A text has the hash of its bytes in the encoding of the
 * database, or, under a nondeterministic collation, of its sort key, which is
 * another one in another version of the collation.  Numbers have the same hash
 * everywhere, but for the order of bytes.  Of a base type that a user made,
 * nothing is known.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/tupdesc.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/hash_basis.h"
#include "pg_trickle/type_shape.h"

/* Types whose values are, or contain, OIDs that a dump has as names. */
static bool
holds_named_oids(Oid type)
{
	switch (type)
	{
		case ACLITEMOID:
		case REGCLASSOID:
		case REGCOLLATIONOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case REGNAMESPACEOID:
		case REGOPERATOROID:
		case REGOPEROID:
		case REGPROCEDUREOID:
		case REGPROCOID:
		case REGROLEOID:
		case REGTYPEOID:
			return true;
		default:
			return false;
	}
}

static void
add_attributes(HashBasis *basis, Oid type)
{
	TupleDesc desc = lookup_rowtype_tupdesc(type, -1);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped)
			pgt_add_hash_basis(basis, att->atttypid, att->attcollation);
	}
	ReleaseTupleDesc(desc);
}

/* Those of initdb are all deterministic, and need no look-up. */
static bool
is_nondeterministic(Oid collation)
{
	return collation >= FirstNormalObjectId &&
		   !get_collation_isdeterministic(collation);
}

static void
add_text(HashBasis *basis, Oid type, Oid collation)
{
	basis->text = true;
	if (!is_nondeterministic(collation))
		return;
	basis->collations = list_append_unique_oid(basis->collations, collation);
	basis->blanks |= type == BPCHAROID;
}

/*
 * See hash_basis.h.
 */
void
pgt_add_hash_basis(HashBasis *basis, Oid type, Oid collation)
{
	char kind = get_typtype(type);
	Oid part = pgt_type_component(type);

	check_stack_depth();
	if (OidIsValid(part))
		pgt_add_hash_basis(basis, part,
						   kind == TYPTYPE_RANGE ? get_range_collation(type) :
												   collation);
	else if (kind == TYPTYPE_COMPOSITE)
		add_attributes(basis, type);
	else if (kind == TYPTYPE_ENUM || type >= FirstNormalObjectId ||
			 holds_named_oids(type))
		basis->oids = true;
	else if (type_is_collatable(type) || type == JSONBOID)
		add_text(basis, type, collation);
}

/*
 * The version that the provider of a collation has today; "" if it has none.
 * By the SQL function: the header of the other needs those of ICU.
 */
static char *
version_of_today(Oid collation)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum version;

	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = ObjectIdGetDatum(collation);
	fcinfo->args[0].isnull = false;
	version = pg_collation_actual_version(fcinfo);
	return fcinfo->isnull ? pstrdup("") : TextDatumGetCString(version);
}

/* What the provider calls the collation, and that version. */
static void
append_collation(StringInfo buf, Oid collation)
{
	HeapTuple tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Datum locale;
	bool isnull;

	if (!HeapTupleIsValid(tuple))
		return;
	locale = SysCacheGetAttr(COLLOID, tuple, Anum_pg_collation_colllocale,
							 &isnull);
	if (!isnull)
		appendStringInfo(buf, " %s %s", TextDatumGetCString(locale),
						 version_of_today(collation));
	ReleaseSysCache(tuple);
}

/*
 * See hash_basis.h.
 */
void
pgt_append_hash_basis(StringInfo text, const HashBasis *basis,
					  const char *era)
{
	ListCell *lc;

#ifdef WORDS_BIGENDIAN
	appendStringInfoString(text, "; big-endian");
#endif
	if (basis->oids)
		appendStringInfo(text, "; OIDs of %s", era);
	if (basis->text)
		appendStringInfo(text, "; text in %s", GetDatabaseEncodingName());
	foreach (lc, basis->collations)
		append_collation(text, lfirst_oid(lc));
}
