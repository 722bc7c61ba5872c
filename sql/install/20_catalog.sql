/*
 * The catalog.  src/catalog reads and writes these tables by position: keep
 * the order of columns in step with the enums there.  Columns have no defaults,
 * which each new session would have to look up in pg_attrdef; new ones go last
 * and may be NULL, as after the restore of a dump of an older version.  Nobody
 * but superusers and the owner of the database, who may want to dump it, reads the
 * tables; the functions and views show each user what it may see.
 *
 * The row of pgt_era is deliberately not dumped: a restore makes a new one,
 * which is how the restored database knows that its transaction ids are not
 * those in its logs and frontiers (src/refresh/README.md).
 */
CREATE TABLE pgtrickle.pgt_era (
	system_identifier bigint NOT NULL,
	created_at timestamptz NOT NULL
);
INSERT INTO pgtrickle.pgt_era SELECT system_identifier, pg_catalog.now() FROM pg_catalog.pg_control_system();
COMMENT ON TABLE pgtrickle.pgt_era IS 'one row, whose raw xmin names the transaction id space of this database';

CREATE SEQUENCE pgtrickle.pgt_stream_tables_id_seq;
CREATE SEQUENCE pgtrickle.pgt_change_tracking_id_seq;
CREATE SEQUENCE pgtrickle.pgt_refresh_history_id_seq;

CREATE TABLE pgtrickle.pgt_stream_tables (
	pgt_id bigint NOT NULL,
	revision bigint NOT NULL,
	pgt_relid regclass NOT NULL,
	query_relid regclass NOT NULL,
	defining_query text NOT NULL,
	original_query text NOT NULL,
	timezone text NOT NULL,
	schedule text NOT NULL,
	refresh_mode text NOT NULL
		CHECK (refresh_mode IN ('AUTO', 'DIFFERENTIAL', 'FULL', 'IMMEDIATE')),
	status text NOT NULL
		CHECK (status IN ('INITIALIZING', 'ACTIVE', 'SUSPENDED', 'ERROR')),
	is_populated boolean NOT NULL,
	key_columns int2[],
	data_timestamp timestamptz,
	frontier jsonb,
	meaning text,
	last_refresh_at timestamptz,
	consecutive_errors integer NOT NULL,
	last_error_message text,
	delta_ms_per_row double precision,
	full_ms double precision,
	full_cost double precision,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	tier text NOT NULL,
	diamond_consistency text NOT NULL,
	diamond_schedule_policy text NOT NULL,
	fuse_ceiling bigint,
	fuse_blown_at timestamptz,
	retry_at timestamptz,
	delta_ms double precision,
	date_style text,
	text_search_config text
);

/*
 * Each refresh writes a new version of the row.  With revision in the keys
 * the newest version is the first that a backward scan meets, however many
 * dead ones an old snapshot keeps; a key on pgt_id alone would wade through
 * them at each look-up and at each check for uniqueness.
 */
CREATE UNIQUE INDEX pgt_stream_tables_id_key
	ON pgtrickle.pgt_stream_tables (pgt_id, revision);
CREATE UNIQUE INDEX pgt_stream_tables_relid_key
	ON pgtrickle.pgt_stream_tables (pgt_relid, revision);
COMMENT ON TABLE pgtrickle.pgt_stream_tables IS 'the stream tables';

CREATE TABLE pgtrickle.pgt_dependencies (
	pgt_id bigint NOT NULL,
	source_relid regclass NOT NULL,
	source_type text NOT NULL,
	columns_used text[] NOT NULL,
	cdc_mode text NOT NULL
);
CREATE UNIQUE INDEX pgt_dependencies_key
	ON pgtrickle.pgt_dependencies (pgt_id, source_relid);
CREATE INDEX pgt_dependencies_source
	ON pgtrickle.pgt_dependencies (source_relid);
COMMENT ON TABLE pgtrickle.pgt_dependencies IS 'the relations that stream tables read';

CREATE TABLE pgtrickle.pgt_change_tracking (
	track_id bigint NOT NULL,
	source_relid regclass NOT NULL,
	tracked_columns int2[] NOT NULL,
	has_dropped boolean NOT NULL
);
CREATE UNIQUE INDEX pgt_change_tracking_key
	ON pgtrickle.pgt_change_tracking (track_id);
CREATE UNIQUE INDEX pgt_change_tracking_source
	ON pgtrickle.pgt_change_tracking (source_relid);
COMMENT ON TABLE pgtrickle.pgt_change_tracking IS 'the sources whose changes are logged';

CREATE TABLE pgtrickle.pgt_log_segments (
	track_id bigint NOT NULL,
	segno integer NOT NULL,
	log_relid regclass NOT NULL,
	era text NOT NULL,
	state "char" NOT NULL CHECK (state IN ('O', 'c', 'C', 'd', 'f')),
	logged_columns int2[] NOT NULL,
	min_xid xid8,
	max_xid xid8,
	drained_xid xid8,
	times_emptied integer NOT NULL
);
CREATE UNIQUE INDEX pgt_log_segments_key
	ON pgtrickle.pgt_log_segments (track_id, segno);
CREATE UNIQUE INDEX pgt_log_segments_state
	ON pgtrickle.pgt_log_segments (track_id, state, segno);
COMMENT ON TABLE pgtrickle.pgt_log_segments IS 'the segments of the change logs';

CREATE TABLE pgtrickle.pgt_nodes (
	pgt_id bigint NOT NULL,
	node_id integer NOT NULL,
	rule text NOT NULL,
	signature text NOT NULL,
	state_relid regclass NOT NULL,
	multiset_relids regclass[] NOT NULL
);
CREATE UNIQUE INDEX pgt_nodes_key ON pgtrickle.pgt_nodes (pgt_id, node_id);
COMMENT ON TABLE pgtrickle.pgt_nodes IS 'the internal nodes of delta programs and their state tables';

CREATE TABLE pgtrickle.pgt_refresh_history (
	refresh_id bigint NOT NULL,
	pgt_id bigint NOT NULL,
	data_timestamp timestamptz,
	start_time timestamptz NOT NULL,
	end_time timestamptz NOT NULL,
	action text NOT NULL,
	rows_inserted bigint NOT NULL,
	rows_deleted bigint NOT NULL,
	delta_row_count bigint NOT NULL,
	duration_ms double precision NOT NULL,
	status text NOT NULL,
	error_message text,
	initiated_by text NOT NULL,
	refresh_reason text NOT NULL
);
CREATE UNIQUE INDEX pgt_refresh_history_key
	ON pgtrickle.pgt_refresh_history (pgt_id, refresh_id);
COMMENT ON TABLE pgtrickle.pgt_refresh_history IS 'what each refresh did';

SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_stream_tables', '');
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_dependencies', '');
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_change_tracking', '');
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_log_segments', '');
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_nodes', '');
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_refresh_history', '');
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_stream_tables_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_change_tracking_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_refresh_history_id_seq', '');
