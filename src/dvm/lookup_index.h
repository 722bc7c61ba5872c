/*
 * lookup_index.h
 *	  Indexes on state tables for the queries that join them.
 */
#ifndef PGT_LOOKUP_INDEX_H
#define PGT_LOOKUP_INDEX_H

#include "pg_trickle/normal_form.h"

extern void pgt_create_lookup_indexes(const NormalForm *form,
									  const Oid *state_relids);

#endif /* PGT_LOOKUP_INDEX_H */
