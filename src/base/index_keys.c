/*-------------------------------------------------------------------------
 *
 * index_keys.c
 *	  Looking up by a unique index the row that has the values of another.
 *
 * An index on (region, day), and the row ('north', NULL, 17):
 *
 *		region = 'north' AND day IS NULL
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg_trickle/index_keys.h"

/*
 * Make keys by the "=" of the index, without values.
 */
void
pgt_index_keys_init(IndexKeys *keys, Oid indexid)
{
	Relation index = index_open(indexid, RowExclusiveLock);

	keys->index = indexid;
	keys->n = index->rd_index->indnkeyatts;
	for (int i = 0; i < keys->n; i++)
	{
		Oid type = index->rd_opcintype[i];
		Oid equal = get_opfamily_member(index->rd_opfamily[i], type,
										type, BTEqualStrategyNumber);

		if (!OidIsValid(equal))
			elog(ERROR, "missing operator %d(%u,%u) in opfamily %u",
				 BTEqualStrategyNumber, type, type, index->rd_opfamily[i]);
		keys->columns[i] = index->rd_index->indkey.values[i];
		ScanKeyInit(&keys->keys[i], i + 1, BTEqualStrategyNumber,
					get_opcode(equal), (Datum) 0);
		keys->keys[i].sk_collation = index->rd_indcollation[i];
	}
	index_close(index, NoLock);
}

/*
 * See index_keys.h.
 */
bool
pgt_index_keys_set(IndexKeys *keys, TupleTableSlot *row)
{
	bool complete = true;

	for (int i = 0; i < keys->n; i++)
	{
		ScanKey key = &keys->keys[i];
		bool isnull;

		key->sk_argument = slot_getattr(row, keys->columns[i], &isnull);
		key->sk_flags = isnull ? SK_ISNULL | SK_SEARCHNULL : 0;
		complete &= !isnull;
	}

	return complete;
}
