-- The page of the whole state: well-formed, complete, safe against markup, and
-- for each user what it may see.
\i trickle_test.sql

-- Only where the server reads XML, which tells whether the page is well-formed.
SELECT count(*) = 0 AS no_xml FROM pg_catalog.pg_config()
WHERE name = 'CONFIGURE' AND setting LIKE '%--with-libxml%' \gset
\if :no_xml
	\quit
\endif

-- Values of an XPath of the page: h: is HTML, s: SVG.
CREATE FUNCTION page_values(path text, page text DEFAULT pgtrickle.status_page())
RETURNS SETOF text LANGUAGE sql AS
$$
	SELECT unnest(xpath(path, xmlparse(DOCUMENT page), ARRAY[
		ARRAY['h', 'http://www.w3.org/1999/xhtml'],
		ARRAY['s', 'http://www.w3.org/2000/svg']]))::text
$$;
CREATE FUNCTION page_count(path text, page text DEFAULT pgtrickle.status_page())
RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM page_values(path, page)';

-- Nothing to see.
SELECT page_values('//h:h2/text()');
SELECT page_values('//h:main/h:section[@class="wide"]/h:p/text()');

-- It needs no script and no other file, and says so to the browser.
SELECT regexp_replace(page_values('//h:meta[@http-equiv="Content-Security-Policy"]/@content'),
	'sha256-[A-Za-z0-9+/]{43}=', 'the hash') AS policy;
SELECT page_count('//h:script|//h:link|//h:img|//h:iframe|//h:object|//h:form|//@src|//@style') AS active,
	page_count('//@*[starts-with(name(), "on")]') AS handlers,
	page_count('//@href[not(starts-with(., "#"))]') AS links_out;
SELECT page_values('//h:meta[@http-equiv="Content-Security-Policy"]/@content')
	LIKE '%sha256-' || encode(sha256(convert_to(style, 'UTF8')), 'base64') || '%' AS hash_is_right
FROM (SELECT substring(pgtrickle.status_page() FROM '<style>(.*)</style>') AS style) s;

-- It may be loaded again by itself.
SELECT page_count('//h:meta[@http-equiv="refresh"]') AS no_reload,
	page_values('//h:meta[@http-equiv="refresh"]/@content', pgtrickle.status_page(30)) AS reload;
SELECT page_count('//h:meta[@http-equiv="refresh"]', pgtrickle.status_page(NULL)) AS no_reload;
SELECT pgtrickle.status_page(-1);

-- ---- a small graph ----

CREATE TABLE sales (id int PRIMARY KEY, region text, amount int);
CREATE TABLE regions (region text PRIMARY KEY, country text);
INSERT INTO sales SELECT i, 'r' || i % 3, i FROM generate_series(1, 1200) i;
INSERT INTO regions SELECT 'r' || i, 'c' || i % 2 FROM generate_series(0, 2) i;
SELECT trickle_test.stream('by_region', 'SELECT region, sum(amount) AS total FROM sales GROUP BY region');
SELECT trickle_test.stream('by_country', 'SELECT country, sum(total) AS total
	FROM by_region JOIN regions USING (region) GROUP BY country');
SELECT pgtrickle.create_stream_table('later', 'SELECT * FROM sales', '1h', initialize => false);
ANALYZE by_region;

-- A box per relation, in the words of its state, and an edge per dependency.
SELECT v AS box FROM page_values('//s:svg[@id="dag"]/s:g/s:title/text()') v ORDER BY v COLLATE "C";
SELECT v AS edge FROM page_values('//s:svg[@id="dag"]/s:path/s:title/text()') v ORDER BY v COLLATE "C";
SELECT page_values('//s:svg[@id="dag"]/s:desc/text()') AS description;

-- Boxes do not overlap, and edges lead to the right.
CREATE VIEW boxes AS
SELECT row_number() OVER () AS n, (xpath('/*/@x', box))[1]::text::int AS x,
	(xpath('/*/@y', box))[1]::text::int AS y,
	(xpath('/*/@width', box))[1]::text::int AS width, (xpath('/*/@height', box))[1]::text::int AS height
FROM (SELECT page_values('//s:rect[@class="node"]')::xml) b(box);
SELECT count(*) AS boxes, count(DISTINCT x) AS layers FROM boxes;
SELECT count(*) AS overlaps FROM boxes a JOIN boxes b ON a.n < b.n
	AND a.x < b.x + b.width AND b.x < a.x + a.width
	AND a.y < b.y + b.height AND b.y < a.y + a.height;

-- Each box of a stream table leads to its row, and each row has all cells.
SELECT page_count('//s:a[@href]') AS links,
	(SELECT count(*) FROM page_values('//s:a/@href') l(id)
	 WHERE page_count('//h:tr[@id="' || substr(id, 2) || '"]') = 1) AS targets;
SELECT page_values('//h:section[@id="stream-tables"]//h:tbody/h:tr/h:th//text()') AS name,
	page_values('//h:section[@id="stream-tables"]//h:tbody/h:tr/h:td[1]//text()') AS state,
	page_values('//h:section[@id="stream-tables"]//h:tbody/h:tr/h:td[2]//text()') AS behind,
	page_values('//h:section[@id="stream-tables"]//h:tbody/h:tr/h:td[4]//text()') AS schedule;
SELECT page_values('//h:tr[h:th="public.by_region"]/h:td[@data-title="Rows"]/text()') AS rows,
	regexp_replace(page_values('//h:tr[h:th="public.by_region"]/h:td[@data-title="Last change"]//text()'),
		'[^+0-9]', '-') AS last_change;
SELECT DISTINCT page_values('//h:table[count(h:thead/h:tr/h:th) != count(h:tbody/h:tr[1]/*)]');

-- Refreshes are drawn and told.
SELECT page_count('//s:svg[@id="timeline"]//s:rect') > 0 AS drawn,
	page_count('//s:svg[@id="timeline"]//s:rect')
		= page_count('//h:section[@id="refreshes"]//h:tbody/h:tr') AS told;

-- What is behind, late, wrong, or held, is seen.
INSERT INTO sales VALUES (5000, 'r1', 7);
SELECT page_values('//s:svg[@id="dag"]/s:g/s:title[starts-with(., "public.by_region")]/text()') LIKE '%: active, % behind' AS behind;
UPDATE pgtrickle.pgt_stream_tables SET status = 'SUSPENDED', consecutive_errors = 3,
	last_error_message = E'division by zero (SQLSTATE 22012)\nHINT:  Correct the row in the source, or the query.'
WHERE pgt_relid = 'by_country'::regclass;
SELECT pgtrickle.gate_source('sales');
SELECT page_values('//s:svg[@id="dag"]/s:g[contains(@class, "bad")]/s:title/text()') LIKE 'public.by_country: suspended, %' AS suspended;
SELECT page_values('//h:section[@id="errors"]//h:tbody/h:tr/h:td/descendant-or-self::*[not(*)]/text()') AS error;
SELECT page_values('//h:section[@id="controls"]//h:tbody/h:tr/h:th//text()') AS what,
	page_values('//h:section[@id="controls"]//h:tbody/h:tr/h:td[1]//text()') AS state;
SELECT page_values('//s:svg[@id="dag"]/s:g/s:title[starts-with(., "public.by_region")]/text()') LIKE '%: waiting, %' AS gated;
SELECT page_values('//h:section[@id="logs"]//h:tbody/h:tr/h:th//text()') AS log,
	page_values('//h:section[@id="logs"]//h:tbody/h:tr/h:td[1]//text()') AS state;
SELECT page_values('//h:p[starts-with(@class, "overall")]/text()') ~ '^\d+ critical(, \d+ warnings?)?$' AS overall;

-- ---- who sees what ----

CREATE ROLE regress_page_owner;
CREATE ROLE regress_page_reader;
CREATE ROLE regress_page_watcher;
GRANT pg_monitor TO regress_page_watcher;
GRANT USAGE ON SCHEMA pgtrickle TO regress_page_owner, regress_page_reader, regress_page_watcher;
GRANT SELECT ON by_country TO regress_page_reader;

-- Nothing of what one may not see, by any name.
SET ROLE regress_page_owner;
SELECT page_count('//s:g') AS boxes, pgtrickle.status_page() ~ 'by_region|by_country|later|sales|regions|division' AS told;

-- Who may read a stream table sees its state, not its sources and errors.
SET ROLE regress_page_reader;
SELECT page_values('//s:svg[@id="dag"]/s:g/s:title/text()') ~ '^public.by_country: suspended, ' AS box;
SELECT page_count('//s:path[@class="edge"]') AS edges, page_count('//h:section[@id="errors" or @id="logs" or @id="controls"]') AS sections,
	pgtrickle.status_page() ~ 'division|sales|regions|by_region|later' AS told;

-- Who watches the server sees sources and logs, but no text of errors.
SET ROLE regress_page_watcher;
SELECT page_count('//s:g') AS boxes, page_count('//s:path[@class="edge"]') AS edges,
	page_count('//h:section[@id="logs"]//h:tbody/h:tr') AS logs,
	page_count('//h:section[@id="errors"]') AS errors, pgtrickle.status_page() ~ 'division' AS told;
RESET ROLE;

-- ---- names are text ----

SELECT pgtrickle.ungate_source('sales');
CREATE ROLE "<script>alert(1)</script>""'&" SUPERUSER;
CREATE SCHEMA "<script>alert(2)</script>";
CREATE TABLE "<script>alert(2)</script>"."""><img src=x onerror=alert(3)>" ("</title>" int PRIMARY KEY, "]]>" text);
CREATE TABLE "--><svg/onload=alert(4)>" (id int PRIMARY KEY, "a'b" int);
INSERT INTO "<script>alert(2)</script>"."""><img src=x onerror=alert(3)>" VALUES (1, '</td>');
SELECT trickle_test.stream('"]]> &amp; ''&#60;'' <b>"', 'SELECT * FROM "<script>alert(2)</script>"."""><img src=x onerror=alert(3)>"');
SELECT trickle_test.stream(E'"line\nbreak\ttab\x01"', 'SELECT * FROM "--><svg/onload=alert(4)>"');
SELECT trickle_test.stream(U&'"\05D0\05D1\05D2 \202E gnp.exe"', 'SELECT * FROM "--><svg/onload=alert(4)>"');
SELECT trickle_test.stream(U&'"\6F22\5B57\6F22\5B57\6F22\5B57\6F22\5B57\6F22\5B57 \+01F600"', 'SELECT * FROM "--><svg/onload=alert(4)>"');
SELECT trickle_test.stream(repeat('long', 15), 'SELECT * FROM "--><svg/onload=alert(4)>"');
SELECT pgtrickle.gate_source('"--><svg/onload=alert(4)>"');
SELECT pgtrickle.create_watermark_group('</table><script>alert(5)</script>',
	ARRAY['"--><svg/onload=alert(4)>"', 'sales'], 5);
SELECT pgtrickle.advance_watermark('sales', '2024-01-01');
UPDATE pgtrickle.pgt_stream_tables SET consecutive_errors = 1,
	last_error_message = E'</td><script>alert(6)</script> ]]> "x" \\ \x01 (SQLSTATE P0001)\nDETAIL:  <b>\nHINT:  <a href="javascript:alert(7)">help</a>'
WHERE pgt_relid = '"]]> &amp; ''&#60;'' <b>"'::regclass;
SET ROLE "<script>alert(1)</script>""'&";
SET TimeZone = '<a"b&c''>-3';

-- Still well-formed, with the same kinds of elements and attributes, and ASCII.
SELECT page_count('//h:script|//h:img|//h:b[not(parent::h:li)]|//h:a|//@src|//@style|//@*[starts-with(name(), "on")]') AS active,
	page_count('//@href[not(starts-with(., "#"))]') AS links_out,
	page_count('//s:*[not(contains("svg title desc defs marker path g a rect text", local-name()))]') AS other_svg,
	pgtrickle.status_page() ~ '[^\x01-\x7e]' AS not_ascii,
	pgtrickle.status_page() ~ '[\x01-\x08\x0b-\x1f]' AS controls;
SELECT page_values('//h:dd/h:bdi[contains(., "alert(1)")]/text()') AS role;
SELECT page_values('//h:section[@id="errors"]//h:td[contains(., "alert")]/descendant-or-self::*[not(*)]/text()') AS error;
SELECT page_values('//h:section[@id="controls"]//h:tbody//h:th//text()') AS control;
SELECT page_values('//h:section[@id="stream-tables"]//h:th[contains(., "gnp")]/h:bdi/text()')
	= U&'public."\05D0\05D1\05D2 \202E gnp.exe"' AS right_to_left;
SELECT v AS name FROM page_values('//h:section[@id="stream-tables"]//h:tbody//h:th//text()') v ORDER BY v COLLATE "C";
SELECT v AS label FROM page_values('//s:text[@class="label" and ancestor::s:svg[@id="dag"]]/text()') v ORDER BY v COLLATE "C";
SELECT regexp_replace(page_values('//h:p[contains(., "As of")]/text()'), '[0-9].*[0-9] ', '<time> ') AS zone;

RESET ROLE;
RESET TimeZone;
DROP OWNED BY regress_page_reader, regress_page_owner, regress_page_watcher;
DROP ROLE regress_page_owner, regress_page_reader, regress_page_watcher, "<script>alert(1)</script>""'&";
