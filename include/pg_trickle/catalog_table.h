/*-------------------------------------------------------------------------
 *
 * catalog_table.h
 *	  Access to the tables of schema pgtrickle, for src/catalog.
 *
 * Layer: catalog
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_CATALOG_TABLE_H
#define PGT_CATALOG_TABLE_H

#include "access/htup.h"
#include "access/skey.h"
#include "access/sdir.h"
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "pg_trickle/frontier.h"

typedef enum CatalogObject
{
	TABLE_ERA,
	TABLE_STREAMS,
	TABLE_DEPENDENCIES,
	TABLE_TRACKING,
	TABLE_SEGMENTS,
	TABLE_NODES,
	TABLE_HISTORY,
	TABLE_CONTROL,
	TABLE_GATES,
	TABLE_WATERMARKS,
	TABLE_GROUPS,
	INDEX_STREAMS_ID,
	INDEX_STREAMS_RELID,
	INDEX_DEPENDENCIES,
	INDEX_DEPENDENCIES_SOURCE,
	INDEX_TRACKING,
	INDEX_TRACKING_SOURCE,
	INDEX_SEGMENTS,
	INDEX_SEGMENTS_STATE,
	INDEX_NODES,
	INDEX_HISTORY,
	INDEX_CONTROL,
	INDEX_GATES,
	INDEX_WATERMARKS,
	INDEX_GROUPS,
	SEQUENCE_STREAMS,
	SEQUENCE_TRACKING,
	SEQUENCE_HISTORY,
	NUM_CATALOG_OBJECTS,
} CatalogObject;

/* OID, cached; error 55000 if the extension does not exist in the database. */
extern Oid pgt_catalog_oid(CatalogObject object);

/*
 * All OIDs, NUM_CATALOG_OBJECTS of them.  To look each up costs a new session
 * more than to be told by another one (src/refresh/shared_catalog.c), who must
 * know that nothing has changed since.  False: the extension does not exist, or
 * is older.
 */
extern bool pgt_catalog_oids(Oid *oids);
extern void pgt_know_catalog_oids(const Oid *oids);

/* Is none left to be looked up? */
extern bool pgt_catalog_is_known(void);

/* Does the extension exist in this database?  Cheap. */
extern bool pgt_catalog_exists(void);
extern bool pgt_catalog_is_active(void);

/* Or is it older than the library?  To be asked before it is dropped. */
extern bool pgt_catalog_is_current(void);

/* The next value of one of the sequences; needs no privilege. */
extern int64 pgt_next_id(CatalogObject sequence);

/* Has it given any?  A restore sets it when it has loaded the tables. */
extern bool pgt_sequence_was_used(CatalogObject sequence);

/*
 * Call "form" for each row that an index scan with "keys" (equal all of them)
 * finds, in the direction given, and collect the non-NULL results; with
 * "first_only" stop at the first row.
 */
typedef void *(*FormRow)(HeapTuple tuple, const Datum *values,
						 const bool *nulls);
extern List *pgt_scan_catalog(CatalogObject table, CatalogObject index,
							  int nkeys, ScanKey keys, ScanDirection direction,
							  bool first_only, FormRow form);

/*
 * All rows of a table that may be older than the library: "form" must not look
 * at columns that the first version did not have.
 */
extern List *pgt_scan_any_version(CatalogObject table, FormRow form);

/* All rows that a snapshot shows, in the order of an index. */
extern List *pgt_scan_under(Snapshot snapshot, CatalogObject table,
							CatalogObject index, FormRow form);

extern void pgt_insert_row(CatalogObject table, Datum *values, bool *nulls);

/* Replace the columns that "replace" names in the row that the scan finds. */
extern void pgt_update_row(CatalogObject table, CatalogObject index,
						   int nkeys, ScanKey keys, Datum *values,
						   bool *nulls, bool *replace);

/* Delete all rows that the scan finds. */
extern void pgt_delete_rows(CatalogObject table, CatalogObject index,
							int nkeys, ScanKey keys);

/* As stored in pgt_stream_tables.frontier (src/catalog/frontier_json.c). */
extern Datum pgt_frontier_to_jsonb(const Frontier *frontier);
extern Frontier *pgt_frontier_from_jsonb(Datum jsonb);

#endif /* PGT_CATALOG_TABLE_H */
