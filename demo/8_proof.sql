/*
 * The proof
 *
 * verify_stream_table() refreshes, computes the query anew under the same
 * snapshot, and returns each row that differs. EXCEPT ALL, both ways, asks the
 * server for the rows that only the stream table or only the materialized view
 * has.
 */
CREATE TABLE proof ("stream table" text, rows bigint, verify bigint, except_all bigint);

SELECT format('INSERT INTO proof SELECT %1$L,
       (SELECT count(*) FROM %1$I),
       (SELECT count(*) FROM pgtrickle.verify_stream_table(%1$L)),
       (SELECT count(*) FROM ((TABLE %1$I EXCEPT ALL TABLE plain.%1$I) UNION ALL
                              (TABLE plain.%1$I EXCEPT ALL TABLE %1$I)) d)', name)
  FROM unnest(ARRAY['state_days', 'routes', 'states']) name \gexec

\echo Rows, and the differences that each of the two found:
\echo
TABLE proof;

DO $$
BEGIN
    ASSERT (SELECT count(*) = 3 AND sum(verify) = 0 AND sum(except_all) = 0 FROM proof),
        'the stream tables differ from their queries';
END $$;
