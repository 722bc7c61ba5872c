/*-------------------------------------------------------------------------
 *
 * change.c
 *	  The trigger functions: a changed row becomes rows of the log.
 *
 *		INSERT (1, 'a')					->	(xid, part, +1, 1, 'a')
 *		UPDATE (1, 'a') to (1, 'b')		->	(xid, part, 2, 1, 'b', 1, 'a')
 *		DELETE (1, 'b')					->	(xid, part, -1, 1, 'b')
 *		TRUNCATE						->	(xid, part,  0, NULL, NULL)
 *
 * Only columns that some stream table reads are logged, and an UPDATE that
 * leaves them as they are logs nothing.  One of a large row, or of one with
 * values that are stored elsewhere, becomes two rows, of weight -1 and 1.
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

static bool
is_external(Datum value, const RouteColumn *column)
{
	return column->typlen == -1 &&
		   VARATT_IS_EXTERNAL((struct varlena *) DatumGetPointer(value));
}

/*
 * Make an image of a row part of the route's log row, whose columns begin
 * after "offset" others.  False if some of its values are stored elsewhere.
 */
static bool
take_image(CaptureRoute *route, TupleTableSlot *slot, int offset)
{
	Datum *values = route->values + offset;
	bool *nulls = route->nulls + offset;
	bool complete = true;

	slot_getsomeattrs(slot, route->last_attno);
	for (int i = 0; i < route->log->ncolumns; i++)
	{
		const RouteColumn *column = &route->columns[i];
		int from = column->attno - 1;

		nulls[i] = from < 0 || slot->tts_isnull[from];
		values[i] = nulls[i] ? (Datum) 0 : slot->tts_values[from];
		if (!nulls[i] && is_external(values[i], column))
			complete = false;
	}
	return complete;
}

/*
 * Values live on in the log whatever happens to the source: a later TRUNCATE,
 * DROP or rewrite removes its toast table.  Compressed ones stay compressed.
 */
static void
fetch_external_values(CaptureRoute *route)
{
	for (int i = 0; i < route->log->ncolumns; i++)
	{
		int at = Natts_log_fixed + i;
		struct varlena *value = (struct varlena *)
			DatumGetPointer(route->values[at]);

		if (!route->nulls[at] &&
			is_external(route->values[at], &route->columns[i]))
			route->values[at] =
				PointerGetDatum(detoast_external_attr(value));
	}
}

static void
set_weight(CaptureRoute *route, int16 weight)
{
	route->values[Anum_log_weight - 1] = Int16GetDatum(weight);
	route->nulls[Anum_log_weight - 1] = false;
}

static void
log_image(TriggerData *trigdata, TupleTableSlot *slot, int16 weight)
{
	/* Not kept from the row's other image: writing that may have moved us. */
	CaptureRoute *route = pgt_route(trigdata);

	if (route->log == NULL)
		return;

	set_weight(route, weight);
	if (!take_image(route, slot, Natts_log_fixed))
		fetch_external_values(route);
	pgt_buffer_put(route->log, route->values, route->nulls);
}

/* Both images in one row; false if that cannot be. */
static bool
log_both_images(CaptureRoute *route, TriggerData *trigdata)
{
	CaptureLog *log = route->log;

	if (!log->has_old_columns ||
		!take_image(route, trigdata->tg_newslot, Natts_log_fixed) ||
		!take_image(route, trigdata->tg_trigslot,
					Natts_log_fixed + log->ncolumns))
		return false;

	set_weight(route, WEIGHT_UPDATE);
	return pgt_buffer_put_update(log, route->values, route->nulls);
}

static void
log_update(CaptureRoute *route, TriggerData *trigdata)
{
	if (log_both_images(route, trigdata))
		return;

	log_image(trigdata, trigdata->tg_trigslot, -1);
	log_image(trigdata, trigdata->tg_newslot, 1);
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

	if (TRIGGER_FIRED_BY_UPDATE(event))
		log_update(route, trigdata);
	else if (TRIGGER_FIRED_BY_INSERT(event))
		log_image(trigdata, trigdata->tg_trigslot, 1);
	else
		log_image(trigdata, trigdata->tg_trigslot, -1);

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
