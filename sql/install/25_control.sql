/*
 * What holds refreshes back; src/catalog/control.c.  Names are compared byte
 * by byte, so that an index scan needs no collation of the database.
 */
CREATE TABLE pgtrickle.pgt_control (
	state text COLLATE "C" NOT NULL CHECK (state IN ('paused', 'drained')),
	since timestamptz NOT NULL,
	set_by text NOT NULL
);
CREATE UNIQUE INDEX pgt_control_key ON pgtrickle.pgt_control (state);
COMMENT ON TABLE pgtrickle.pgt_control IS 'whether the scheduler of this database is paused or drained';

CREATE TABLE pgtrickle.pgt_source_gates (
	source_relid regclass NOT NULL,
	gated_at timestamptz NOT NULL,
	gated_by text NOT NULL
);
CREATE UNIQUE INDEX pgt_source_gates_key
	ON pgtrickle.pgt_source_gates (source_relid);
COMMENT ON TABLE pgtrickle.pgt_source_gates IS 'the sources whose dependents are not refreshed automatically';

CREATE TABLE pgtrickle.pgt_watermarks (
	source_relid regclass NOT NULL,
	watermark timestamptz NOT NULL,
	advanced_at timestamptz NOT NULL,
	advanced_by text NOT NULL
);
CREATE UNIQUE INDEX pgt_watermarks_key
	ON pgtrickle.pgt_watermarks (source_relid);
COMMENT ON TABLE pgtrickle.pgt_watermarks IS 'up to which time sources are complete';

CREATE TABLE pgtrickle.pgt_watermark_groups (
	group_name text COLLATE "C" NOT NULL,
	source_relids regclass[] NOT NULL,
	tolerance_secs double precision NOT NULL,
	created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX pgt_watermark_groups_key
	ON pgtrickle.pgt_watermark_groups (group_name);
COMMENT ON TABLE pgtrickle.pgt_watermark_groups IS 'sources whose watermarks are to agree before stream tables that join them are refreshed';

SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_control', '');
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_source_gates', '');
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_watermarks', '');
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_watermark_groups', '');
