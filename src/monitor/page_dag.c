/*-------------------------------------------------------------------------
 *
 * page_dag.c
 *	  The picture of the page: who reads whom, as SVG.
 *
 * A box per relation; stream tables have a stripe in the colour of their
 * state, and say it in words.  layout.c decides where they go.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/formatting.h"

#include "layout.h"
#include "page.h"

/* In pixels. */
#define MARGIN 8
#define PAGE_WIDTH 1200					   /* about, on a desk */
#define FITTING_WIDTH (PAGE_WIDTH * 3 / 2) /* what can be made to fit */
#define BOX_WIDTH 206
#define BOX_HEIGHT 46
#define TEXT_COLUMNS 25 /* of the fixed width that .box text has */

static const LayoutSizes sizes = {
	.node_width = BOX_WIDTH,
	.node_height = BOX_HEIGHT,
	.column_gap = 64,
	.row_gap = 14,
	.edge_height = 14,
	.component_gap = 16,
	.width = PAGE_WIDTH - 2 * MARGIN,
};

static void
add_edge(Layout *layout, const DagNode *from, const DagNode *to)
{
	LayoutEdge *edge = &layout->edges[layout->nedges++];

	edge->from = from->number - 1;
	edge->to = to->number - 1;
}

static Layout
layout_of(const Dag *dag)
{
	Layout layout = {.nnodes = list_length(dag->nodes)};
	int nedges = 0;
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, dag->nodes)
		nedges += list_length(((DagNode *) lfirst(lc))->inputs);
	layout.nodes = palloc0(sizeof(LayoutNode) * (layout.nnodes + 1));
	layout.edges = palloc0(sizeof(LayoutEdge) * (nedges + 1));
	foreach (lc, dag->nodes)
	{
		foreach (lc2, ((DagNode *) lfirst(lc))->inputs)
			add_edge(&layout, lfirst(lc2), lfirst(lc));
	}
	pgt_lay_out(&layout, &sizes);
	return layout;
}

/* ---- edges ---- */

static void
put_edge(StringInfo out, const Dag *dag, const LayoutEdge *edge)
{
	const DagNode *from = list_nth(dag->nodes, edge->from);
	const DagNode *to = list_nth(dag->nodes, edge->to);

	appendStringInfo(out, "<path class=\"edge\" d=\"M%d %d",
					 edge->x[0] + MARGIN, edge->y[0] + MARGIN);
	for (int i = 1; i < edge->npoints; i++)
	{
		int x = edge->x[i] + MARGIN;
		int y = edge->y[i] + MARGIN;
		int middle = (edge->x[i - 1] + edge->x[i]) / 2 + MARGIN;

		/* The arrow's head needs room, and comes from the left. */
		if (i == edge->npoints - 1)
			x -= 5;
		if (i % 2 == 0)
			appendStringInfo(out, "H%d", x);
		else
			appendStringInfo(out, "C%d %d %d %d %d %d", middle,
							 edge->y[i - 1] + MARGIN, middle, y, x, y);
	}
	appendStringInfoString(out, "\" marker-end=\"url(#arrow)\"><title>");
	pgt_html_text(out, pgt_one_line(from->name));
	appendStringInfoString(out, " &#8594; ");
	pgt_html_text(out, pgt_one_line(to->name));
	appendStringInfoString(out, "</title></path>\n");
}

/* ---- nodes ---- */

/* FOREIGN_TABLE is called "foreign table", and so on. */
static char *
kind_of(const DagNode *node)
{
	char *text = asc_tolower(node->type, strlen(node->type));

	for (char *c = text; *c != '\0'; c++)
	{
		if (*c == '_')
			*c = ' ';
	}

	return text;
}

static char *
state_of(const DagNode *node, const PageStream *stream)
{
	if (stream == NULL)
		return kind_of(node);

	return psprintf(stream->age > 0 ? "%s, %s behind" : "%s, %s",
					stream->state->word, pgt_page_age(stream));
}

static void
put_text(StringInfo out, const char *style, int x, int y, const char *text)
{
	appendStringInfo(out, "<text class=\"%s\" x=\"%d\" y=\"%d\">", style, x,
					 y);
	pgt_html_text(out, pgt_page_clip(text, TEXT_COLUMNS));
	appendStringInfoString(out, "</text>");
}

static void
put_node(StatusPage *page, const DagNode *node, const LayoutNode *place)
{
	const PageStream *stream = pgt_page_stream(page, node->relid);
	char *name = pgt_one_line(node->name);
	int x = place->x + MARGIN;
	int y = place->y - BOX_HEIGHT / 2 + MARGIN;
	char *state = state_of(node, stream);
	StringInfo out = page->out;

	appendStringInfo(out, "<g class=\"box %s\"><title>",
					 stream == NULL ? "source" : stream->state->style);
	pgt_html_text(out, name);
	appendStringInfoString(out, ": ");
	pgt_html_text(out, state);
	appendStringInfoString(out, "</title>");
	if (stream != NULL)
		appendStringInfo(out, "<a href=\"#st-" INT64_FORMAT "\">",
						 stream->st->pgt_id);
	appendStringInfo(out,
					 "<rect class=\"node\" x=\"%d\" y=\"%d\" width=\"%d\""
					 " height=\"%d\" rx=\"%d\"/>",
					 x, y, BOX_WIDTH, BOX_HEIGHT, stream == NULL ? 23 : 6);
	if (stream != NULL)
		appendStringInfo(out,
						 "<rect class=\"stripe\" x=\"%d\" y=\"%d\""
						 " width=\"5\" height=\"%d\" rx=\"2\"/>",
						 x + 5, y + 7, BOX_HEIGHT - 14);
	put_text(out, "label", x + 17, y + 20, pgt_page_short_name(name));
	put_text(out, "state", x + 17, y + 36, state);
	appendStringInfoString(out, stream == NULL ? "</g>\n" : "</a></g>\n");
}

/* ---- all of it ---- */

static void
put_legend(StatusPage *page)
{
	appendStringInfoString(page->out, "<p class=\"legend\">");
	pgt_page_badge(page, "source", "source");
	pgt_page_badge(page, "good", "active");
	pgt_page_badge(page, "busy", "refreshing");
	pgt_page_badge(page, "idle", "unfilled or waiting");
	pgt_page_badge(page, "warn", "late or error");
	pgt_page_badge(page, "bad", "suspended or blown");
	appendStringInfoString(page->out, "</p>\n");
}

static void
begin_svg(StringInfo out, const Layout *layout, int nstreams)
{
	int width = layout->width + 2 * MARGIN;
	int height = layout->height + 2 * MARGIN;

	appendStringInfo(out,
					 "<div class=\"scroll\" tabindex=\"0\" role=\"region\""
					 " aria-labelledby=\"dag-title\">\n"
					 "<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"dag\"%s"
					 " role=\"graphics-document\" width=\"%d\" height=\"%d\""
					 " viewBox=\"0 0 %d %d\""
					 " aria-labelledby=\"dag-title dag-desc\">\n"
					 "<title id=\"dag-title\">Who reads whom</title>\n"
					 "<desc id=\"dag-desc\">%d stream tables and %d sources,"
					 " from the sources on the left to what is computed from"
					 " them; %d connections.</desc>\n",
					 width < FITTING_WIDTH ? " class=\"fits\"" : "", width,
					 height, width, height, nstreams,
					 layout->nnodes - nstreams, layout->nedges);
	appendStringInfoString(out,
						   "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\""
						   " refX=\"3\" refY=\"4\" markerWidth=\"8\""
						   " markerHeight=\"8\""
						   " markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
						   "<path class=\"head\" d=\"M0 0L8 4L0 8z\"/>"
						   "</marker></defs>\n");
}

void
pgt_page_write_dag(StatusPage *page)
{
	Dag *dag = pgt_visible_dag();
	Layout layout = layout_of(dag);
	ListCell *lc;

	appendStringInfoString(page->out,
						   "<section class=\"wide\">"
						   "<h2>Who reads whom</h2>\n");
	if (layout.nnodes == 0)
	{
		appendStringInfoString(page->out,
							   "<p>There is no stream table that you may "
							   "see.</p></section>\n");
		return;
	}

	put_legend(page);
	begin_svg(page->out, &layout, list_length(page->streams));
	for (int i = 0; i < layout.nedges; i++)
		put_edge(page->out, dag, &layout.edges[i]);
	foreach (lc, dag->nodes)
		put_node(page, lfirst(lc), &layout.nodes[foreach_current_index(lc)]);
	appendStringInfoString(page->out, "</svg></div></section>\n");
}
