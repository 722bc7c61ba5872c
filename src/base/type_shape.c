/*-------------------------------------------------------------------------
 *
 * type_shape.c
 *	  What values of a type look like, beyond its name.
 *
 *		CREATE TYPE place AS (street text, town town);	-- an enum
 *
 *		" tpublic.place/8a31c0d2"	the attributes, or those that were dropped
 *		" e16395/17f02b66"			the labels of town, each with its OID
 *		" j16395/16401.774"			the cast that makes JSON of it, if any
 *
 * A hash says no more than whether something has changed.  The labels are
 * added up: the catalog has them in no order.  An attribute that is added is
 * NULL in the values there are: their images stay (identity.c), but the hashes
 * that go with "=" do not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/tupdesc.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg_trickle/type_shape.h"

static uint64
hash_name(const char *name, uint64 seed)
{
	return hash_bytes_extended((const unsigned char *) name, strlen(name),
							   seed);
}

/* By name: a restored type has another OID. */
static uint64
hash_type(Oid type)
{
	return hash_name(format_type_be_qualified(type), 0);
}

static void
append_labels(StringInfo text, Oid type)
{
	CatCList *labels = SearchSysCacheList1(ENUMTYPOIDNAME,
										   ObjectIdGetDatum(type));
	uint64 hash = 0;

	for (int i = 0; i < labels->n_members; i++)
	{
		Form_pg_enum label = (Form_pg_enum)
			GETSTRUCT(&labels->members[i]->tuple);

		hash += hash_name(NameStr(label->enumlabel), label->oid);
	}
	ReleaseSysCacheList(labels);
	appendStringInfo(text, " e%u/" UINT64_FORMAT, type, hash);
}

static void
append_attributes(StringInfo text, Oid type, TypeDetail detail, List **seen,
				  List **relids)
{
	TupleDesc desc = lookup_rowtype_tupdesc(type, -1);
	uint64 hash = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			hash = hash_combine64(hash, att->attnum);
		else if (detail >= TYPE_TEXTS)
			hash = hash_combine64(hash, hash_name(NameStr(att->attname),
												  hash_type(att->atttypid)));
		else if (detail >= TYPE_EQUALS)
			hash = hash_combine64(hash, hash_type(att->atttypid));
		if (!att->attisdropped)
			pgt_append_type_shape(text, att->atttypid, detail, seen, relids);
	}
	ReleaseTupleDesc(desc);
	appendStringInfo(text, " t%s/" UINT64_FORMAT,
					 format_type_be_qualified(type), hash);
	*relids = list_append_unique_oid(*relids, get_typ_typrelid(type));
}

/*
 * See type_shape.h.
 */
Oid
pgt_type_component(Oid type)
{
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
			return getBaseType(type);
		case TYPTYPE_RANGE:
			return get_range_subtype(type);
		case TYPTYPE_MULTIRANGE:
			return get_multirange_range(type);
		case TYPTYPE_BASE:
			return get_element_type(type);
		default:
			return InvalidOid;
	}
}

/*
 * See type_shape.h.  Of types of the server itself, to_json() and its kin do
 * not look for a cast.
 */
Oid
pgt_json_cast(Oid type)
{
	HeapTuple tuple;
	Oid funcid;

	if (type < FirstNormalObjectId)
		return InvalidOid;

	tuple = SearchSysCache2(CASTSOURCETARGET, ObjectIdGetDatum(type),
							ObjectIdGetDatum(JSONOID));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;

	funcid = ((Form_pg_cast) GETSTRUCT(tuple))->castfunc;
	ReleaseSysCache(tuple);
	return funcid;
}

/* Whether it was replaced is seen by the version of its row. */
static void
append_json_cast(StringInfo text, Oid type)
{
	Oid funcid = pgt_json_cast(type);
	HeapTuple tuple;

	if (!OidIsValid(funcid))
		return;

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(tuple))
		return;

	appendStringInfo(text, " j%u/%u.%u", type, funcid,
					 HeapTupleHeaderGetRawXmin(tuple->t_data));
	ReleaseSysCache(tuple);
}

/*
 * See type_shape.h.
 */
void
pgt_append_type_shape(StringInfo text, Oid type, TypeDetail detail, List **seen,
					  List **relids)
{
	char kind = get_typtype(type);
	Oid part = pgt_type_component(type);

	check_stack_depth();
	if (list_member_oid(*seen, type))
		return;
	*seen = lappend_oid(*seen, type);

	if (detail >= TYPE_TEXTS)
		append_json_cast(text, type);
	if (OidIsValid(part))
		pgt_append_type_shape(text, part, detail, seen, relids);
	else if (kind == TYPTYPE_ENUM && detail >= TYPE_TEXTS)
		append_labels(text, type);
	else if (kind == TYPTYPE_COMPOSITE)
		append_attributes(text, type, detail, seen, relids);
}
