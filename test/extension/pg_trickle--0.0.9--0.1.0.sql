-- Of a version that there never was: test/t/037_older_extension.pl makes it.
ALTER TABLE pgtrickle.pgt_stream_tables ADD COLUMN text_search_config text;
