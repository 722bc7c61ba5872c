/*-------------------------------------------------------------------------
 *
 * page_refreshes.c
 *	  The last refreshes, drawn and told.
 *
 * A lane per stream table, time from left to right, a bar per refresh.  The
 * span of time is the shortest of those below that has half of the refreshes
 * that were read: one of last week does not squeeze today's into a line.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "page.h"

#define MAX_LANES 40
#define MAX_ROWS 25

/* In pixels. */
#define LABEL_WIDTH 200
#define LABEL_COLUMNS 26
#define LANES_WIDTH 940
#define LANE_HEIGHT 20
#define TOP 8
#define AXIS_HEIGHT 24

/* How long they are, and in how many parts of them people think. */
static const struct
{
	int seconds;
	int ticks;
} spans[] = {
	{10, 5},
	{60, 6},
	{300, 5},
	{900, 3},
	{3600, 6},
	{6 * 3600, 6},
	{86400, 6},
	{7 * 86400, 7},
	{30 * 86400, 6},
};

typedef struct Refresh
{
	const PageStream *stream;
	const RefreshRecord *record;
} Refresh;

static int
compare_refreshes(const ListCell *a, const ListCell *b)
{
	const RefreshRecord *x = ((Refresh *) lfirst(a))->record;
	const RefreshRecord *y = ((Refresh *) lfirst(b))->record;

	if (x->refresh_id == y->refresh_id)
		return 0;
	return x->refresh_id < y->refresh_id ? 1 : -1;
}

/* Of all stream tables, newest first. */
static List *
gather(const StatusPage *page)
{
	List *refreshes = NIL;
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, page->streams)
	{
		foreach (lc2, ((PageStream *) lfirst(lc))->records)
		{
			Refresh *refresh = palloc(sizeof(Refresh));

			refresh->stream = lfirst(lc);
			refresh->record = lfirst(lc2);
			refreshes = lappend(refreshes, refresh);
		}
	}
	list_sort(refreshes, compare_refreshes);
	return refreshes;
}

static double
duration_ms(const RefreshRecord *record)
{
	return (record->end_time - record->start_time) / 1000.0;
}

/* How it looks, and what it is called. */
static const char *
style_of(const RefreshRecord *record)
{
	if (record->status != NULL && strcmp(record->status, "FAILED") == 0)
		return "bad";
	if (strcmp(record->action, "DIFFERENTIAL") == 0)
		return "good";

	return strcmp(record->action, "NO_DATA") == 0 ? "idle" : "busy";
}

static const char *
word_of(const RefreshRecord *record)
{
	static const struct
	{
		const char *style;
		const char *word;
	} words[] = {
		{"good", "differential"},
		{"busy", "recomputed"},
		{"idle", "nothing new"},
		{"bad", "failed"},
	};

	for (int i = 0; i < (int) lengthof(words); i++)
	{
		if (strcmp(words[i].style, style_of(record)) == 0)
			return words[i].word;
	}

	return words[0].word;
}

/* ---- the picture ---- */

static int
count_since(List *refreshes, TimestampTz since)
{
	int n = 0;
	ListCell *lc;

	foreach (lc, refreshes)
		n += ((Refresh *) lfirst(lc))->record->end_time >= since;
	return n;
}

static int64
span_usec(int i)
{
	return spans[i].seconds * INT64CONST(1000000);
}

/* Its number. */
static int
choose_span(const StatusPage *page, List *refreshes)
{
	int i = 0;

	while (i < (int) lengthof(spans) - 1 &&
		   count_since(refreshes, page->now - span_usec(i)) * 2 <
			   list_length(refreshes))
		i++;
	return i;
}

/* The stream tables that have a bar, that with the newest first. */
static List *
choose_lanes(List *refreshes, TimestampTz since)
{
	List *lanes = NIL;
	ListCell *lc;

	foreach (lc, refreshes)
	{
		const Refresh *refresh = lfirst(lc);

		if (refresh->record->end_time < since)
			continue;
		lanes = list_append_unique_ptr(lanes, (void *) refresh->stream);
		if (list_length(lanes) == MAX_LANES)
			break;
	}

	return lanes;
}

static double
x_of(const StatusPage *page, TimestampTz when, int64 span)
{
	double part = 1.0 - (double) (page->now - when) / span;

	return LABEL_WIDTH + LANES_WIDTH * Min(Max(part, 0.0), 1.0);
}

static void
put_tick(StatusPage *page, int x, int bottom, const char *anchor)
{
	appendStringInfo(page->out,
					 "<path class=\"tick\" d=\"M%d %dV%d\"/>"
					 "<text class=\"tick\" x=\"%d\" y=\"%d\""
					 " text-anchor=\"%s\">",
					 x, TOP, bottom, x, bottom + 17, anchor);
}

static void
put_axis(StatusPage *page, int span, int bottom)
{
	int ticks = spans[span].ticks;

	for (int i = 0; i < ticks; i++)
	{
		double back = spans[span].seconds * 1000.0 * (ticks - i) / ticks;

		put_tick(page, LABEL_WIDTH + LANES_WIDTH * i / ticks, bottom,
				 i == 0 ? "start" : "middle");
		appendStringInfo(page->out, "&#8722;%s</text>\n",
						 pgt_duration_text(back));
	}
	put_tick(page, LABEL_WIDTH + LANES_WIDTH, bottom, "end");
	appendStringInfoString(page->out, "now</text>\n");
}

static void
put_bar(StatusPage *page, const Refresh *refresh, int64 span, int y)
{
	const RefreshRecord *record = refresh->record;
	double x = x_of(page, record->start_time, span);
	double end = x_of(page, record->end_time, span);

	/* Most would be too thin to be seen. */
	if (end - x < 4)
		x = Max(end - 4, LABEL_WIDTH);
	appendStringInfo(page->out,
					 "<rect class=\"bar %s\" x=\"%.1f\" y=\"%d\""
					 " width=\"%.1f\" height=\"%d\" rx=\"1\"><title>",
					 style_of(record), x, y + 4, Max(end - x, 4.0),
					 LANE_HEIGHT - 8);
	pgt_html_text(page->out, refresh->stream->name);
	appendStringInfo(page->out, ": %s, %s, ", word_of(record),
					 pgt_duration_text(duration_ms(record)));
	pgt_html_text(page->out, pgt_time_text(record->end_time));
	appendStringInfoString(page->out, "</title></rect>\n");
}

static void
put_lane(StatusPage *page, const PageStream *stream, int64 span, int y)
{
	ListCell *lc;

	appendStringInfo(page->out,
					 "<path class=\"lane\" d=\"M%d %dh%d\"/>"
					 "<text class=\"label\" x=\"0\" y=\"%d\">",
					 LABEL_WIDTH, y + LANE_HEIGHT / 2, LANES_WIDTH, y + 14);
	pgt_html_text(page->out,
				  pgt_page_clip(pgt_page_short_name(stream->name),
								LABEL_COLUMNS));
	appendStringInfoString(page->out, "</text>\n");
	foreach (lc, stream->records)
	{
		Refresh refresh = {stream, lfirst(lc)};

		if (refresh.record->end_time >= page->now - span)
			put_bar(page, &refresh, span, y);
	}
}

static void
put_picture(StatusPage *page, List *refreshes)
{
	int span = choose_span(page, refreshes);
	List *lanes = choose_lanes(refreshes, page->now - span_usec(span));
	int bottom = TOP + list_length(lanes) * LANE_HEIGHT;
	int width = LABEL_WIDTH + LANES_WIDTH + 1;
	ListCell *lc;

	appendStringInfo(page->out,
					 "<div class=\"scroll\" tabindex=\"0\" role=\"region\""
					 " aria-labelledby=\"timeline-title\">\n"
					 "<svg xmlns=\"http://www.w3.org/2000/svg\""
					 " id=\"timeline\" class=\"fits\" role=\"graphics-document\""
					 " width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\""
					 " aria-labelledby=\"timeline-title timeline-desc\">\n"
					 "<title id=\"timeline-title\">When refreshes ran</title>\n"
					 "<desc id=\"timeline-desc\">A lane per stream table, over"
					 " %s.</desc>\n",
					 width, bottom + AXIS_HEIGHT, width, bottom + AXIS_HEIGHT,
					 pgt_duration_text(spans[span].seconds * 1000.0));
	put_axis(page, span, bottom);
	foreach (lc, lanes)
		put_lane(page, lfirst(lc), span_usec(span),
				 TOP + foreach_current_index(lc) * LANE_HEIGHT);
	appendStringInfoString(page->out, "</svg></div>\n");
}

/* ---- the table ---- */

static const char *const titles[] = {
	"Stream table", "What", "Ended", "#Took", "#Inserted", "#Deleted",
	"#Changes read", "By", "Why"};

static void
put_refresh(StatusPage *page, HtmlTable *table, const Refresh *refresh)
{
	const RefreshRecord *record = refresh->record;

	pgt_html_begin_row(table, NULL);
	pgt_html_begin_cell(table);
	pgt_html_name(page->out, refresh->stream->name);
	pgt_html_end_cell(table);
	pgt_html_begin_cell(table);
	pgt_page_badge(page, style_of(record), word_of(record));
	pgt_html_end_cell(table);
	pgt_html_cell(table, pgt_time_text(record->end_time));
	pgt_html_cell(table, pgt_duration_text(duration_ms(record)));
	pgt_html_cell(table, pgt_count_text(record->rows_inserted));
	pgt_html_cell(table, pgt_count_text(record->rows_deleted));
	pgt_html_cell(table, pgt_count_text(record->delta_row_count));
	pgt_html_cell(table, record->initiated_by);
	pgt_html_cell(table, refresh->stream->all ? record->reason : NULL);
	pgt_html_end_row(table);
}

void
pgt_page_write_refreshes(StatusPage *page)
{
	List *refreshes = gather(page);
	HtmlTable table;
	ListCell *lc;

	if (refreshes == NIL)
		return;

	appendStringInfoString(page->out,
						   "<section id=\"refreshes\">"
						   "<h2>Last refreshes</h2>\n<p class=\"legend\">");
	pgt_page_badge(page, "good", "differential");
	pgt_page_badge(page, "busy", "recomputed");
	pgt_page_badge(page, "idle", "nothing new");
	pgt_page_badge(page, "bad", "failed");
	appendStringInfoString(page->out, "</p>\n");
	put_picture(page, refreshes);
	appendStringInfoString(page->out,
						   "<details><summary>As a table</summary>\n");
	table = pgt_html_begin_table(page->out, "The newest come first.", titles,
								 lengthof(titles));
	foreach (lc, refreshes)
	{
		if (foreach_current_index(lc) == MAX_ROWS)
			break;
		put_refresh(page, &table, lfirst(lc));
	}
	pgt_html_end_table(&table);
	appendStringInfoString(page->out, "</details></section>\n");
}
