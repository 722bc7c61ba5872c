/*-------------------------------------------------------------------------
 *
 * hash_basis.h
 *	  What the hashes that go with "=" are made from, beyond the values.
 *
 * Two databases may hold the same values and have other hashes for them.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_HASH_BASIS_H
#define PGT_HASH_BASIS_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

typedef struct HashBasis
{
	bool oids;		  /* OIDs, or who knows what, of this database */
	bool text;		  /* texts in the encoding of the database */
	bool blanks;	  /* bpchar of a nondeterministic collation */
	List *collations; /* OIDs of those that are nondeterministic */
} HashBasis;

/* Add what hashes of values of a type depend on. */
extern void pgt_add_hash_basis(HashBasis *basis, Oid type, Oid collation);

/* Append it as text, which is another one where hashes are; "era" of OIDs. */
extern void pgt_append_hash_basis(StringInfo text, const HashBasis *basis,
								  const char *era);

#endif /* PGT_HASH_BASIS_H */
