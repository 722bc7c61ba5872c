/*-------------------------------------------------------------------------
 *
 * family.h
 *	  The relations whose rows are the rows of a source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_FAMILY_H
#define PGT_FAMILY_H

#include "pg_trickle/catalog.h"

extern bool pgt_in_family(Oid relid, Oid source_relid);
extern bool pgt_has_pending_detach(Oid relid);

#endif /* PGT_FAMILY_H */
