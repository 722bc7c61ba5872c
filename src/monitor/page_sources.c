/*-------------------------------------------------------------------------
 *
 * page_sources.c
 *	  The sources of the page: their logs, and what is held back.
 *
 * The same rows as check_cdc_health(), source_gates(), watermarks(),
 * watermark_status() and fuse_status() show.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg_trickle/sql.h"

#include "page.h"

static void
put_relation(StatusPage *page, HtmlTable *table, Oid relid)
{
	pgt_html_begin_cell(table);
	pgt_html_name(page->out, pgt_one_line(pgt_shown_name(relid)));
	pgt_html_end_cell(table);
}

static void
put_badge(StatusPage *page, HtmlTable *table, const char *style,
		  const char *word)
{
	pgt_html_begin_cell(table);
	pgt_page_badge(page, style, word);
	pgt_html_end_cell(table);
}

/* ---- logs ---- */

static const char *const log_titles[] = {
	"Source", "State", "#Log", "#Segments", "#Consumers", "Waited for"};

static const char *const severity_styles[] = {
	[SEVERITY_OK] = "good",
	[SEVERITY_WARNING] = "warn",
	[SEVERITY_CRITICAL] = "bad",
};

static void
put_log(StatusPage *page, HtmlTable *table, const SourceHealth *source)
{
	pgt_html_begin_row(table, NULL);
	put_relation(page, table, source->source->relid);
	put_badge(page, table, severity_styles[source->severity],
			  pgt_severity_name(source->severity));
	pgt_html_cell(table, pgt_size_text(source->bytes));
	pgt_html_cell(table, pgt_count_text(source->segments));
	pgt_html_cell(table, pgt_count_text(source->consumers));
	if (source->slowest != NULL)
		put_relation(page, table, source->slowest->relid);
	else
		pgt_html_cell(table, NULL);
	pgt_html_end_row(table);
}

void
pgt_page_write_logs(StatusPage *page)
{
	HtmlTable table;
	ListCell *lc;

	if (page->health->sources == NIL)
		return;

	appendStringInfoString(page->out,
						   "<section id=\"logs\"><h2>Logs of sources</h2>\n");
	table = pgt_html_begin_table(page->out,
								 "Changes that are kept until all who read "
								 "the source have taken them.",
								 log_titles, lengthof(log_titles));
	foreach (lc, page->health->sources)
		put_log(page, &table, lfirst(lc));
	pgt_html_end_table(&table);
	appendStringInfoString(page->out, "</section>\n");
}

/* ---- what holds refreshes back: a row for each thing that does ---- */

static const char *const control_titles[] = {"What", "State", "Since",
											 "Details"};

/* The first row begins the section. */
static void
begin_control(StatusPage *page, HtmlTable *table)
{
	if (table->out == NULL)
	{
		appendStringInfoString(page->out,
							   "<section id=\"controls\">"
							   "<h2>Gates, watermarks, fuses</h2>\n");
		*table = pgt_html_begin_table(page->out,
									  "What holds refreshes back, or may.",
									  control_titles,
									  lengthof(control_titles));
	}
	pgt_html_begin_row(table, NULL);
}

static void
put_gate(StatusPage *page, HtmlTable *table, const SourceGate *gate)
{
	if (!pgt_may_see_relation(gate->source))
		return;

	begin_control(page, table);
	put_relation(page, table, gate->source);
	put_badge(page, table, "warn", "gated");
	pgt_html_cell(table, pgt_time_text(gate->gated_at));
	pgt_html_cell(table, psprintf("by %s", gate->gated_by));
	pgt_html_end_row(table);
}

static void
put_watermark(StatusPage *page, HtmlTable *table, const Watermark *mark)
{
	if (!pgt_may_see_relation(mark->source))
		return;

	begin_control(page, table);
	put_relation(page, table, mark->source);
	put_badge(page, table, "idle", "watermark");
	pgt_html_cell(table, pgt_time_text(mark->advanced_at));
	pgt_html_cell(table, psprintf("complete up to %s, by %s",
								  pgt_time_text(mark->watermark),
								  mark->advanced_by));
	pgt_html_end_row(table);
}

static void
put_group(StatusPage *page, HtmlTable *table, const WatermarkGroup *group)
{
	double spread = pgt_group_spread(page->controls, group);
	bool aligned = spread >= 0 && spread <= group->tolerance_secs;

	if (!pgt_may_see_relations(group->sources))
		return;

	begin_control(page, table);
	pgt_html_begin_cell(table);
	appendStringInfoString(page->out, "watermarks ");
	pgt_html_name(page->out, pgt_one_line(group->name));
	pgt_html_end_cell(table);
	put_badge(page, table, aligned ? "good" : "warn",
			  aligned ? "aligned" : "apart");
	pgt_html_cell(table, pgt_time_text(group->created_at));
	pgt_html_cell(table, spread < 0 ?
							 pstrdup("a watermark is missing") :
							 psprintf("%s apart, %s allowed",
									  pgt_duration_text(spread * 1000),
									  pgt_duration_text(group->tolerance_secs *
														1000)));
	pgt_html_end_row(table);
}

static char *
ceiling_text(int64 ceiling)
{
	if (ceiling == 0)
		return NULL;

	return psprintf("at %s changed rows", pgt_count_text(ceiling));
}

static void
put_fuse(StatusPage *page, HtmlTable *table, const StreamTable *st)
{
	bool blown = st->fuse_blown_at != 0;

	if (st->options.fuse_ceiling == 0 && !blown)
		return;

	begin_control(page, table);
	put_relation(page, table, st->relid);
	put_badge(page, table, blown ? "bad" : "good",
			  blown ? "fuse blown" : "fuse");
	pgt_html_cell(table, blown ? pgt_time_text(st->fuse_blown_at) : NULL);
	pgt_html_cell(table, ceiling_text(st->options.fuse_ceiling));
	pgt_html_end_row(table);
}

void
pgt_page_write_controls(StatusPage *page)
{
	HtmlTable table = {0};
	ListCell *lc;

	foreach (lc, page->controls->gates)
		put_gate(page, &table, lfirst(lc));
	foreach (lc, page->controls->groups)
		put_group(page, &table, lfirst(lc));
	foreach (lc, page->controls->watermarks)
		put_watermark(page, &table, lfirst(lc));
	foreach (lc, page->streams)
		put_fuse(page, &table, ((PageStream *) lfirst(lc))->st);
	if (table.out == NULL)
		return;

	pgt_html_end_table(&table);
	appendStringInfoString(page->out, "</section>\n");
}
