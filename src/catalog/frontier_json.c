/*-------------------------------------------------------------------------
 *
 * frontier_json.c
 *	  A frontier as it is stored: jsonb, one entry per kind of source.
 *
 *		{"wal:postgres": {"lsn": "0/16A4F08", "snapshot": "731:740:733",
 *			"own": [735, 0], "era": "7345.731", "done": [],
 *			"timestamp": "2026-01-01T12:00:00+00:00"}}
 *
 * "lost": true stands there if changes that it has not seen may be gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "pg_trickle/catalog_table.h"

#define WAL_ENTRY "wal:postgres"

static void
append_snapshot(StringInfo buf, const Frontier *f)
{
	appendStringInfo(buf, UINT64_FORMAT ":" UINT64_FORMAT ":",
					 U64FromFullTransactionId(f->xmin),
					 U64FromFullTransactionId(f->xmax));
	for (int i = 0; i < f->nxip; i++)
		appendStringInfo(buf, "%s" UINT64_FORMAT, i > 0 ? "," : "",
						 U64FromFullTransactionId(f->xip[i]));
}

static void
append_strings(StringInfo buf, List *strings)
{
	ListCell *lc;

	appendStringInfoChar(buf, '[');
	foreach (lc, strings)
	{
		if (foreach_current_index(lc) > 0)
			appendStringInfoString(buf, ", ");
		escape_json(buf, lfirst(lc));
	}
	appendStringInfoChar(buf, ']');
}

/*
 * The stored form of a frontier, palloc'd.
 */
Datum
pgt_frontier_to_jsonb(const Frontier *f)
{
	StringInfoData buf;
	char timestamp[MAXDATELEN + 1];

	JsonEncodeDateTime(timestamp, TimestampTzGetDatum(f->timestamp),
					   TIMESTAMPTZOID, NULL);

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"" WAL_ENTRY "\": {\"lsn\": ");
	appendStringInfo(&buf, "\"%X/%X\", \"snapshot\": \"",
					 LSN_FORMAT_ARGS(f->lsn));
	append_snapshot(&buf, f);
	appendStringInfo(&buf, "\", \"own\": [" UINT64_FORMAT ", %d], \"era\": ",
					 U64FromFullTransactionId(f->own_xid), f->own_part);
	escape_json(&buf, f->era);
	appendStringInfoString(&buf, ", \"done\": ");
	append_strings(&buf, f->done_eras);
	if (f->lost)
		appendStringInfoString(&buf, ", \"lost\": true");
	appendStringInfo(&buf, ", \"timestamp\": \"%s\"}}", timestamp);

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data));
}

/* A member of an object, or an error: the stored frontier is damaged. */
static JsonbValue *
member(JsonbContainer *object, const char *key, enum jbvType type)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, key, strlen(key),
													 NULL);

	if (value == NULL || value->type != type)
		ereport(ERROR,
				errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("stored frontier has no valid member \"%s\"", key),
				errhint("Run pgtrickle.repair_stream_table() on the stream table."));

	return value;
}

static char *
string_member(JsonbContainer *object, const char *key)
{
	JsonbValue *value = member(object, key, jbvString);

	return pnstrdup(value->val.string.val, value->val.string.len);
}

static uint64
number_element(JsonbContainer *array, int i)
{
	JsonbValue *value = getIthJsonbValueFromContainer(array, i);
	Datum number = NumericGetDatum(value->val.numeric);

	return strtou64(DatumGetCString(DirectFunctionCall1(numeric_out, number)),
					NULL, 10);
}

static void
parse_snapshot(Frontier *f, char *text)
{
	char *p = text;

	f->xmin = FullTransactionIdFromU64(strtou64(p, &p, 10));
	p++;
	f->xmax = FullTransactionIdFromU64(strtou64(p, &p, 10));
	p++;
	f->xip = palloc(sizeof(FullTransactionId) * (strlen(p) / 2 + 1));
	while (*p != '\0')
	{
		f->xip[f->nxip++] = FullTransactionIdFromU64(strtou64(p, &p, 10));
		if (*p == ',')
			p++;
	}
}

static List *
string_list(JsonbContainer *array)
{
	List *strings = NIL;

	for (uint32 i = 0; i < JsonContainerSize(array); i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(array, i);

		strings = lappend(strings, pnstrdup(value->val.string.val,
											value->val.string.len));
	}

	return strings;
}

static TimestampTz
timestamp_member(JsonbContainer *object, const char *key)
{
	Datum text = CStringGetDatum(string_member(object, key));

	return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, text,
												   ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(-1)));
}

static JsonbContainer *
container_member(JsonbContainer *object, const char *key)
{
	return member(object, key, jbvBinary)->val.binary.data;
}

/*
 * The frontier stored in a jsonb, palloc'd; error XX001 if it is damaged.
 */
Frontier *
pgt_frontier_from_jsonb(Datum jsonb)
{
	Frontier *f = palloc0(sizeof(Frontier));
	JsonbContainer *entry;
	JsonbContainer *own;
	uint32 high;
	uint32 low;

	entry = container_member(&DatumGetJsonbP(jsonb)->root, WAL_ENTRY);
	if (sscanf(string_member(entry, "lsn"), "%X/%X", &high, &low) == 2)
		f->lsn = ((XLogRecPtr) high << 32) | low;
	parse_snapshot(f, string_member(entry, "snapshot"));
	own = container_member(entry, "own");
	f->own_xid = FullTransactionIdFromU64(number_element(own, 0));
	f->own_part = (int32) number_element(own, 1);
	f->era = string_member(entry, "era");
	f->done_eras = string_list(container_member(entry, "done"));
	f->timestamp = timestamp_member(entry, "timestamp");
	f->lost = getKeyJsonValueFromContainer(entry, "lost", 4, NULL) != NULL;
	return f;
}
