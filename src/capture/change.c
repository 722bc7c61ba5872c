/*-------------------------------------------------------------------------
 *
 * change.c
 *	  The trigger functions: a changed row becomes rows of the log.
 *
 *		INSERT (1, 'a')					->	(xid, part, +1, 1, 'a')
 *		UPDATE (1, 'a') to (1, 'b')		->	(xid, part, -1, 1, 'a')
 *											(xid, part, +1, 1, 'b')
 *		DELETE (1, 'b')					->	(xid, part, -1, 1, 'b')
 *		TRUNCATE						->	(xid, part,  0, NULL, NULL)
 *
 * Only columns that some stream table reads are logged, and an UPDATE that
 * leaves them as they are logs nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "utils/datum.h"

#include "pg_trickle/capture.h"

#include "buffer.h"
#include "family.h"
#include "route.h"
#include "seen.h"
#include "triggers.h"

PG_FUNCTION_INFO_V1(pgt_capture_change);
PG_FUNCTION_INFO_V1(pgt_capture_truncate);

/*
 * A value that lives on in the log whatever happens to the source: a later
 * TRUNCATE, DROP or rewrite removes the source's toast table.  Compressed
 * values stay compressed.
 */
static Datum
keepable(Datum value, const RouteColumn *column)
{
	struct varlena *varlena = (struct varlena *) DatumGetPointer(value);

	if (column->typlen != -1 || !VARATT_IS_EXTERNAL(varlena))
		return value;

	return PointerGetDatum(detoast_external_attr(varlena));
}

static void
log_image(TriggerData *trigdata, TupleTableSlot *slot, int16 weight)
{
	/* Not kept from the row's other image: writing that may have moved us. */
	CaptureRoute *route = pgt_route(trigdata);
	Datum *values;
	bool *nulls;

	if (route->log == NULL)
		return;

	slot_getsomeattrs(slot, route->last_attno);
	route->values[Anum_log_weight - 1] = Int16GetDatum(weight);
	route->nulls[Anum_log_weight - 1] = false;
	values = route->values + Natts_log_fixed;
	nulls = route->nulls + Natts_log_fixed;
	for (int i = 0; i < route->log->ncolumns; i++)
	{
		const RouteColumn *column = &route->columns[i];
		int from = column->attno - 1;

		nulls[i] = from < 0 || slot->tts_isnull[from];
		values[i] = nulls[i] ? (Datum) 0 :
							   keepable(slot->tts_values[from], column);
	}

	pgt_buffer_put(route->log, route->values, route->nulls);
}

/* Do two toast pointers lead to the same stored value? */
static bool
same_toast(Datum a, Datum b)
{
	struct varlena *va = (struct varlena *) DatumGetPointer(a);
	struct varlena *vb = (struct varlena *) DatumGetPointer(b);

	return VARATT_IS_EXTERNAL_ONDISK(va) && VARATT_IS_EXTERNAL_ONDISK(vb) &&
		   memcmp(va, vb, VARSIZE_EXTERNAL(va)) == 0;
}

static bool
image_changed(const CaptureRoute *route, TupleTableSlot *old,
			  TupleTableSlot *new)
{
	slot_getsomeattrs(old, route->last_attno);
	slot_getsomeattrs(new, route->last_attno);
	for (int i = 0; i < route->log->ncolumns; i++)
	{
		const RouteColumn *column = &route->columns[i];
		int at = column->attno - 1;

		if (at < 0)
			continue;
		if (old->tts_isnull[at] != new->tts_isnull[at])
			return true;
		if (old->tts_isnull[at] ||
			(column->typlen == -1 &&
			 same_toast(old->tts_values[at], new->tts_values[at])))
			continue;
		if (!datum_image_eq(old->tts_values[at], new->tts_values[at],
							column->typbyval, column->typlen))
			return true;
	}

	return false;
}

static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_AFTER(trigdata->tg_event))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function must be called by the AFTER triggers that pg_trickle creates"));

	return trigdata;
}

/*
 * AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW.
 */
Datum
pgt_capture_change(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo);
	TriggerEvent event = trigdata->tg_event;
	CaptureRoute *route = pgt_route(trigdata);

	if (route->log == NULL)
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_BY_UPDATE(event) &&
		!image_changed(route, trigdata->tg_trigslot, trigdata->tg_newslot))
		return PointerGetDatum(NULL);
	if (unlikely(pgt_anything_seen))
		pgt_check_not_seen(route, trigdata);

	if (TRIGGER_FIRED_BY_INSERT(event))
		log_image(trigdata, trigdata->tg_trigslot, 1);
	else
		log_image(trigdata, trigdata->tg_trigslot, -1);
	if (TRIGGER_FIRED_BY_UPDATE(event))
		log_image(trigdata, trigdata->tg_newslot, 1);

	return PointerGetDatum(NULL);
}

/*
 * AFTER TRUNCATE FOR EACH STATEMENT.
 */
Datum
pgt_capture_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo);
	CaptureLog *log = pgt_log(pgt_track_id_of_trigger(trigdata->tg_trigger,
													  CAPTURE_TRUNCATE));

	if (log != NULL &&
		pgt_in_family(RelationGetRelid(trigdata->tg_relation), log->source))
		pgt_buffer_mark(log);

	return PointerGetDatum(NULL);
}

/*
 * Put a reset mark, see capture.h.
 */
void
pgt_capture_reset(const Source *source)
{
	CaptureLog *log = pgt_log(source->track_id);

	if (log != NULL)
		pgt_buffer_mark(log);
}

/*
 * Register with the server, see capture.h.
 */
void
pgt_capture_init(void)
{
	pgt_route_init();
	pgt_buffer_init();
	pgt_seen_init();
}
