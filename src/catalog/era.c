/*-------------------------------------------------------------------------
 *
 * era.c
 *	  The xid space of this database.
 *
 * Transaction ids in logs and frontiers mean nothing in another cluster.
 * pgt_era has one row, made by CREATE EXTENSION and not dumped: a restored
 * database has a row of its own, while pg_upgrade, VACUUM FREEZE, a standby
 * and a copy of the database keep the row, raw xmin and all, and with it the
 * meaning of xids.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"

static char current_era[MAX_ERA];
static Oid era_relid;

static void
forget_era(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == era_relid)
		current_era[0] = '\0';
}

static void
read_era(void)
{
	Relation rel = table_open(pgt_catalog_oid(TABLE_ERA), AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0,
										  NULL);
	HeapTuple tuple = systable_getnext(scan);
	Datum system;
	bool isnull;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("table \"pgt_era\" is empty"),
				errdetail("Its one row identifies the transaction ids of this database."),
				errhint("Drop and create the extension."));

	era_relid = RelationGetRelid(rel);
	system = heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull);
	snprintf(current_era, sizeof(current_era), INT64_FORMAT ".%u",
			 DatumGetInt64(system), HeapTupleHeaderGetRawXmin(tuple->t_data));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static void
register_forgetting(void)
{
	static bool registered = false;

	if (registered)
		return;
	CacheRegisterRelcacheCallback(forget_era, (Datum) 0);
	registered = true;
}

/*
 * See catalog.h.
 */
void
pgt_know_era(const char *era)
{
	register_forgetting();
	era_relid = pgt_catalog_oid(TABLE_ERA);
	strlcpy(current_era, era, sizeof(current_era));
}

/*
 * The name of the xid space of this database; valid until the next call.
 */
const char *
pgt_current_era(void)
{
	register_forgetting();
	if (current_era[0] == '\0')
		read_era();

	return current_era;
}
