/*-------------------------------------------------------------------------
 *
 * representative.c
 *	  Which of the keys that are equal, but not identical, a group shows.
 *
 * 1.0 and 1.00 are one group, and SQL lets it show either, but none that no
 * row has.  So the group counts the rows that are known to have the keys it
 * shows:
 *
 *		k1		n	shown
 *		1.00	3	1
 *
 *		-(1.00)				shown is 0: the group's rows are looked at, and the
 *							first of them is what it shows from now on
 *		-(1.00) +(1.000)	a row that came is there; nothing is looked at
 *
 * All keys together are counted, for they are shown together: (1.0, 'A') and
 * (1.00, 'a') do not make (1.0, 'a').
 *
 * Types whose "=" tells apart whatever looks different need none of this: a
 * node with no other keys has no such column.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg_trickle/node.h"

struct Representative
{
	RowIdentity *image;	   /* of the keys */
	TupleTableSlot *shown; /* the keys of the group at hand */
	int64 n;			   /* rows known to have them */
	GroupKey other;		   /* other keys that a row has, if */
	int64 other_n;		   /* is not 0 */
};

/*
 * May keys of the node be equal and not identical?  Reads catalogs only.
 */
bool
pgt_keys_may_vary(const NodeProgram *node)
{
	for (int i = 0; i < node->nkeys; i++)
	{
		Form_pg_attribute key = TupleDescAttr(node->input_desc, i);

		if (!pgt_equal_is_identical(key->atttypid, key->atttypmod,
									key->attcollation))
			return true;
	}
	return false;
}

/*
 * In the current memory context, that of the node.
 */
Representative *
pgt_representative_build(const NodeProgram *node)
{
	Representative *rep = palloc0(sizeof(Representative));
	TupleDesc keys = CreateTemplateTupleDesc(node->nkeys);

	for (int i = 0; i < node->nkeys; i++)
		TupleDescCopyEntry(keys, i + 1, node->input_desc, i + 1);
	rep->image = pgt_identity_by_image(keys, node->nkeys);
	rep->shown = MakeSingleTupleTableSlot(keys, &TTSOpsVirtual);
	rep->other.values = palloc0(sizeof(Datum) * node->nkeys);
	rep->other.nulls = palloc0(sizeof(bool) * node->nkeys);
	return rep;
}

/*
 * Start on the group whose keys are in node->group, as it is stored (NULL:
 * with no row).
 */
void
pgt_representative_begin(NodeProgram *node, TupleTableSlot *stored)
{
	Representative *rep = node->representative;
	TupleTableSlot *shown = rep->shown;
	bool isnull;

	ExecClearTuple(shown);
	memcpy(shown->tts_values, node->group.values, sizeof(Datum) * node->nkeys);
	memcpy(shown->tts_isnull, node->group.nulls, sizeof(bool) * node->nkeys);
	ExecStoreVirtualTuple(shown);

	rep->other_n = 0;
	rep->n = 0;
	if (stored != NULL)
		rep->n = DatumGetInt64(slot_getattr(stored, node->shown, &isnull));
}

/*
 * A row came or went; those that came are first, and they are there now.
 */
void
pgt_representative_apply(NodeProgram *node, TupleTableSlot *row, int64 weight)
{
	Representative *rep = node->representative;

	if (pgt_identity_equal(rep->image, rep->shown, row))
		rep->n += weight;
	else if (weight > 0 && rep->other_n == 0)
	{
		pgt_copy_keys(node, row, &rep->other);
		rep->other_n = weight;
	}
}

/*
 * Is no row known that could stand for the group?
 */
bool
pgt_representative_is_lost(const NodeProgram *node)
{
	const Representative *rep = node->representative;

	return rep->n <= 0 && rep->other_n == 0;
}

/*
 * Put what the group shows into a row of the state table.
 */
void
pgt_representative_store(NodeProgram *node, Datum *values, bool *nulls)
{
	Representative *rep = node->representative;

	if (rep->n <= 0 && rep->other_n > 0)
	{
		memcpy(values, rep->other.values, sizeof(Datum) * node->nkeys);
		memcpy(nulls, rep->other.nulls, sizeof(bool) * node->nkeys);
		rep->n = rep->other_n;
	}
	values[node->shown - 1] = Int64GetDatum(rep->n);
	nulls[node->shown - 1] = false;
}
