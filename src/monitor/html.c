/*-------------------------------------------------------------------------
 *
 * html.c
 *	  Pieces of an HTML document that is XML, too, and pure ASCII.
 *
 *		<script>	->	&#60;script&#62;
 *		<e-acute>	->	&#233;
 *
 * ASCII only, because the text goes through the client's encoding before it
 * becomes a file that says of itself that it is UTF-8.  A character that XML
 * does not allow shows as the picture of it (U+2400 and on) or as U+FFFD.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "pg_trickle/json_ascii.h"

#include "html.h"

#define CONTROL_PICTURES 0x2400
#define REPLACEMENT 0xFFFD

/* ---- text ---- */

static uint32
shown_as(uint32 code)
{
	if (code < ' ')
		return CONTROL_PICTURES + code;
	if (code == 0x7F)
		return CONTROL_PICTURES + 0x21;

	/* Controls that HTML takes for others, and what is no character. */
	if ((code >= 0x80 && code < 0xA0) || (code & 0xFFFE) == 0xFFFE)
		return REPLACEMENT;

	return code;
}

static void
append_character(StringInfo out, uint32 code)
{
	bool plain = code >= ' ' && code < 0x7F && strchr("<>&\"'", code) == NULL;

	if (plain || code == '\n' || code == '\t')
		appendStringInfoChar(out, (char) code);
	else
		appendStringInfo(out, "&#%u;", shown_as(code));
}

/*
 * See html.h.
 */
void
pgt_html_text(StringInfo out, const char *text)
{
	int len = (int) strlen(text);
	const unsigned char *p;

	/* Who has no encoding may have anything, which is looked at here. */
	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		text = pg_server_to_any(text, len, PG_UTF8);

	p = (const unsigned char *) text;
	while (*p != '\0')
	{
		uint32 code = *p;

		len = 1;
		if (IS_HIGHBIT_SET(*p))
			code = pgt_utf8_character(p, &len);
		if (code == 0)
		{
			code = REPLACEMENT;
			len = 1;
		}
		append_character(out, code);
		p += len;
	}
}

void
pgt_html_name(StringInfo out, const char *name)
{
	appendStringInfoString(out, "<bdi class=\"name\">");
	pgt_html_text(out, name);
	appendStringInfoString(out, "</bdi>");
}

/* ---- tables ---- */

static bool
is_number(const char *title)
{
	return title[0] == '#';
}

static const char *
plain_title(const char *title)
{
	return is_number(title) ? title + 1 : title;
}

HtmlTable
pgt_html_begin_table(StringInfo out, const char *caption,
					 const char *const *titles, int ncolumns)
{
	HtmlTable table = {out, titles, ncolumns, 0};

	appendStringInfo(out,
					 "<div class=\"scroll\"><table><caption>%s</caption>\n"
					 "<thead><tr>",
					 caption);
	for (int i = 0; i < ncolumns; i++)
		appendStringInfo(out, "<th scope=\"col\"%s>%s</th>",
						 is_number(titles[i]) ? " class=\"number\"" : "",
						 plain_title(titles[i]));
	appendStringInfoString(out, "</tr></thead>\n<tbody>\n");
	return table;
}

void
pgt_html_begin_row(HtmlTable *table, const char *id)
{
	table->column = 0;
	if (id == NULL)
		appendStringInfoString(table->out, "<tr>");
	else
		appendStringInfo(table->out, "<tr id=\"%s\">", id);
}

void
pgt_html_end_row(HtmlTable *table)
{
	appendStringInfoString(table->out, "</tr>\n");
}

void
pgt_html_end_table(HtmlTable *table)
{
	appendStringInfoString(table->out, "</tbody></table></div>\n");
}

void
pgt_html_begin_cell(HtmlTable *table)
{
	const char *title = table->titles[table->column];

	if (table->column == 0)
		appendStringInfoString(table->out, "<th scope=\"row\">");
	else
		appendStringInfo(table->out, "<td data-title=\"%s\"%s>",
						 plain_title(title),
						 is_number(title) ? " class=\"number\"" : "");
}

void
pgt_html_end_cell(HtmlTable *table)
{
	appendStringInfoString(table->out, table->column == 0 ? "</th>" : "</td>");
	table->column++;
}

void
pgt_html_cell(HtmlTable *table, const char *text)
{
	pgt_html_begin_cell(table);
	if (text != NULL)
		pgt_html_text(table->out, text);
	pgt_html_end_cell(table);
}

/* ---- numbers ---- */

static const struct
{
	const char *name;
	int64 seconds;
} units[] = {
	{"d", 86400},
	{"h", 3600},
	{"min", 60},
	{"s", 1},
};

/* The two largest units, e.g. "3 h 5 min"; from ten on the largest will do. */
static char *
long_duration(int64 seconds)
{
	for (int i = 0; i < (int) lengthof(units) - 1; i++)
	{
		int64 rest = seconds % units[i].seconds / units[i + 1].seconds;

		if (seconds < units[i].seconds)
			continue;
		if (rest == 0 || seconds >= 10 * units[i].seconds)
			return psprintf(INT64_FORMAT " %s", seconds / units[i].seconds,
							units[i].name);
		return psprintf(INT64_FORMAT " %s " INT64_FORMAT " %s",
						seconds / units[i].seconds, units[i].name, rest,
						units[i + 1].name);
	}

	return psprintf(INT64_FORMAT " s", seconds);
}

char *
pgt_duration_text(double milliseconds)
{
	if (milliseconds < 10)
		return psprintf("%.2f ms", Max(milliseconds, 0));
	if (milliseconds < 1000)
		return psprintf("%.0f ms", milliseconds);
	if (milliseconds < 10000)
		return psprintf("%.1f s", milliseconds / 1000);

	return long_duration((int64) (milliseconds / 1000));
}

char *
pgt_size_text(int64 bytes)
{
	static const char *const names[] = {"kB", "MB", "GB", "TB", "PB"};
	double size = bytes / 1024.0;
	int i = 0;

	if (bytes < 1024)
		return psprintf(INT64_FORMAT " B", bytes);
	while (size >= 1024 && i < (int) lengthof(names) - 1)
	{
		size /= 1024;
		i++;
	}

	return psprintf(size < 10 ? "%.1f %s" : "%.0f %s", size, names[i]);
}

char *
pgt_count_text(int64 number)
{
	char *digits = psprintf(INT64_FORMAT, number);
	int len = (int) strlen(digits);
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < len; i++)
	{
		appendStringInfoChar(&text, digits[i]);
		if (isdigit((unsigned char) digits[i]) && i < len - 1 &&
			(len - 1 - i) % 3 == 0)
			appendStringInfoChar(&text, ',');
	}

	return text.data;
}
