/*
 * test_json_ascii.c
 *	  JSON text in ASCII, by example.
 *
 * Objects: src/base/json_ascii.o
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "postgres.h"

#include "pg_trickle/json_ascii.h"

static void
check(const char *json, const char *expected)
{
	char *ascii = pgt_json_to_ascii(json);

	assert_string_equal(ascii, expected);
	pfree(ascii);
}

static void
ascii_stays(void **state)
{
	check("", "");
	check("{\"a\": \"\\n \x7f\"}", "{\"a\": \"\\n \x7f\"}");
}

static void
characters_become_escapes(void **state)
{
	check("\"\xc3\xa9\"", "\"\\u00e9\"");		 /* e acute */
	check("\"\xe2\x82\xac\"", "\"\\u20ac\"");	 /* euro */
	check("\xf0\x9f\x98\x80", "\\ud83d\\ude00"); /* grinning face */
	check("\xf4\x8f\xbf\xbf", "\\udbff\\udfff"); /* the last one */
	check("\xc2\x80\xdf\xbf", "\\u0080\\u07ff"); /* two bytes */
	check("\xe0\xa0\x80\xef\xbf\xbf", "\\u0800\\uffff");
	check("\xf0\x90\x80\x80x", "\\ud800\\udc00x");
}

static void
what_is_no_character_is_replaced(void **state)
{
	check("\xe9!", "\\ufffd!");						/* LATIN1 */
	check("\x80", "\\ufffd");						/* no first byte */
	check("\xc3", "\\ufffd");						/* the end is missing */
	check("\xc1\xa1", "\\ufffd\\ufffd");			/* too long a form */
	check("\xe0\x9f\xbf", "\\ufffd\\ufffd\\ufffd"); /* the same */
	check("\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"); /* a surrogate */
	check("\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd");
	check("\xf5", "\\ufffd");
	check("\xe2\x82\"", "\\ufffd\\ufffd\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ascii_stays),
		cmocka_unit_test(characters_become_escapes),
		cmocka_unit_test(what_is_no_character_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
