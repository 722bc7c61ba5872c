/*
 * html.h
 *	  Pieces of an HTML document that is XML, too, and pure ASCII.
 */
#ifndef PGT_HTML_H
#define PGT_HTML_H

#include "lib/stringinfo.h"

/*
 * The only way for text that is not ours into the document: content or the
 * value of a quoted attribute, whatever it holds.
 */
extern void pgt_html_text(StringInfo out, const char *text);

/*
 * A table whose rows are filled cell by cell.  A title that begins with "#" is
 * that of numbers.  The first cell of a row is its header.
 */
typedef struct HtmlTable
{
	StringInfo out;
	const char *const *titles;
	int ncolumns;
	int column; /* the next one of the row */
} HtmlTable;

extern HtmlTable pgt_html_begin_table(StringInfo out, const char *caption,
									  const char *const *titles, int ncolumns);
extern void pgt_html_begin_row(HtmlTable *table, const char *id);
extern void pgt_html_end_row(HtmlTable *table);
extern void pgt_html_end_table(HtmlTable *table);

/* A cell is what is written to "out" between these two. */
extern void pgt_html_begin_cell(HtmlTable *table);
extern void pgt_html_end_cell(HtmlTable *table);

/* A cell with text that is not ours; NULL: empty. */
extern void pgt_html_cell(HtmlTable *table, const char *text);

/* A name: isolated, for it may be written from right to left. */
extern void pgt_html_name(StringInfo out, const char *name);

/* ---- as people read them, palloc'd ---- */

extern char *pgt_duration_text(double milliseconds); /* 0.42 ms, 3 min 5 s */
extern char *pgt_size_text(int64 bytes);			 /* 512 B, 1.4 MB */
extern char *pgt_count_text(int64 number);			 /* 12,345 */

#endif /* PGT_HTML_H */
