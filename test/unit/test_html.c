/*
 * test_html.c
 *	  Text that is not ours in an HTML document, and numbers for people.
 *
 * Objects: src/monitor/html.o src/base/json_ascii.o
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "postgres.h"

#include "mb/pg_wchar.h"

#include "../../src/monitor/html.h"

/* ---- the server, as far as it is asked ---- */

static int encoding = PG_UTF8;

int
GetDatabaseEncoding(void)
{
	return encoding;
}

/* LATIN1 is what the tests use it for. */
char *
pg_server_to_any(const char *s, int len, int wanted)
{
	char *result = palloc(len * 2 + 1);
	char *p = result;

	assert_int_equal(wanted, PG_UTF8);
	for (int i = 0; i < len; i++)
	{
		unsigned char c = s[i];

		if (encoding != PG_LATIN1 || c < 0x80)
		{
			*p++ = (char) c;
			continue;
		}
		*p++ = (char) (0xC0 | c >> 6);
		*p++ = (char) (0x80 | (c & 0x3F));
	}
	*p = '\0';
	return result;
}

/* ---- text ---- */

static void
check(const char *text, const char *expected)
{
	StringInfoData out;

	initStringInfo(&out);
	pgt_html_text(&out, text);
	assert_string_equal(out.data, expected);
	pfree(out.data);
}

static void
markup_is_text(void **state)
{
	check("<script>alert(1)</script>",
		  "&#60;script&#62;alert(1)&#60;/script&#62;");
	check("\"><img src=x onerror='a'>",
		  "&#34;&#62;&#60;img src=x onerror=&#39;a&#39;&#62;");
	check("]]>", "]]&#62;");
	check("&lt;", "&#38;lt;");
	check("<!-- -->", "&#60;!-- --&#62;");
	check("a b/c_1", "a b/c_1");
	check("", "");
}

static void
other_characters_are_numbers(void **state)
{
	check("\xc3\xa9", "&#233;");
	check("\xe2\x80\xae", "&#8238;"); /* from right to left */
	check("\xf0\x9f\x98\x80", "&#128512;");
	check("\xd7\xa9\xd7\x9c", "&#1513;&#1500;");
}

static void
what_xml_refuses_is_replaced(void **state)
{
	check("a\nb\tc", "a\nb\tc");
	check("\x01\x1b\r\x7f", "&#9217;&#9243;&#9229;&#9249;");
	check("\xef\xbf\xbe\xef\xbf\xbf", "&#65533;&#65533;");
	check("\xf0\x9f\xbf\xbf", "&#65533;"); /* U+1FFFF */
	check("\xc2\x85", "&#65533;");		   /* a control of the upper half */
}

static void
each_encoding_will_do(void **state)
{
	encoding = PG_LATIN1;
	check("\xe9<", "&#233;&#60;");
	encoding = PG_SQL_ASCII;
	check("\xe9<", "&#65533;&#60;");
	check("\xc3\xa9\xff", "&#233;&#65533;");
	encoding = PG_UTF8;
}

/* ---- tables ---- */

static void
a_cell_is_in_its_column(void **state)
{
	static const char *const titles[] = {"Name", "#Rows"};
	StringInfoData out;
	HtmlTable table;

	initStringInfo(&out);
	table = pgt_html_begin_table(&out, "About", titles, 2);
	resetStringInfo(&out);
	pgt_html_begin_row(&table, "r1");
	pgt_html_cell(&table, "<");
	pgt_html_cell(&table, NULL);
	pgt_html_end_row(&table);
	assert_string_equal(out.data,
						"<tr id=\"r1\"><th scope=\"row\">&#60;</th>"
						"<td data-title=\"Rows\" class=\"number\"></td></tr>\n");
}

/* ---- numbers ---- */

static void
durations_have_two_units(void **state)
{
	assert_string_equal(pgt_duration_text(-1), "0.00 ms");
	assert_string_equal(pgt_duration_text(0.424), "0.42 ms");
	assert_string_equal(pgt_duration_text(42.4), "42 ms");
	assert_string_equal(pgt_duration_text(1500), "1.5 s");
	assert_string_equal(pgt_duration_text(59999), "59 s");
	assert_string_equal(pgt_duration_text(60000), "1 min");
	assert_string_equal(pgt_duration_text(185000), "3 min 5 s");
	assert_string_equal(pgt_duration_text(599999), "9 min 59 s");
	assert_string_equal(pgt_duration_text(605000), "10 min");
	assert_string_equal(pgt_duration_text(3600000.0 * 25), "1 d 1 h");
	assert_string_equal(pgt_duration_text(86400000.0 * 400), "400 d");
}

static void
sizes_and_counts(void **state)
{
	assert_string_equal(pgt_size_text(0), "0 B");
	assert_string_equal(pgt_size_text(1023), "1023 B");
	assert_string_equal(pgt_size_text(1536), "1.5 kB");
	assert_string_equal(pgt_size_text(INT64CONST(20) << 20), "20 MB");
	assert_string_equal(pgt_size_text(PG_INT64_MAX), "8192 PB");
	assert_string_equal(pgt_count_text(0), "0");
	assert_string_equal(pgt_count_text(999), "999");
	assert_string_equal(pgt_count_text(1000), "1,000");
	assert_string_equal(pgt_count_text(-1234567), "-1,234,567");
	assert_string_equal(pgt_count_text(-123), "-123");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(markup_is_text),
		cmocka_unit_test(other_characters_are_numbers),
		cmocka_unit_test(what_xml_refuses_is_replaced),
		cmocka_unit_test(each_encoding_will_do),
		cmocka_unit_test(a_cell_is_in_its_column),
		cmocka_unit_test(durations_have_two_units),
		cmocka_unit_test(sizes_and_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
