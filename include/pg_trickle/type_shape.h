/*-------------------------------------------------------------------------
 *
 * type_shape.h
 *	  What values of a type look like, beyond its name.
 *
 * ALTER TYPE can drop an attribute of a composite type, so that rows become
 * equal that were not, and rename one or a label of an enum, so that values
 * become other texts, without any row being written.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_TYPE_SHAPE_H
#define PGT_TYPE_SHAPE_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

/* What is to be told apart, each with what comes before. */
typedef enum TypeDetail
{
	TYPE_IMAGES, /* images of values: which attributes were dropped */
	TYPE_EQUALS, /* values by "=": attributes that were added */
	TYPE_TEXTS,	 /* texts: names of attributes, labels, casts to JSON */
} TypeDetail;

/*
 * Append hashes of the composite types and enums that a type is made of
 * (itself, or as elements, fields, subtype of a range, base of a domain), and
 * nothing but casts for other types.  "seen" lists the types that are done;
 * *relids gets the OIDs of the relations whose change changes the answer.
 */
extern void pgt_append_type_shape(StringInfo text, Oid type,
								  TypeDetail detail, List **seen,
								  List **relids);

/*
 * The type that a domain, an array, a range or a multirange is made of;
 * InvalidOid for others.
 */
extern Oid pgt_type_component(Oid type);

/*
 * The function that makes JSON of values of a type in place of their text;
 * InvalidOid: there is none.
 */
extern Oid pgt_json_cast(Oid type);

#endif /* PGT_TYPE_SHAPE_H */
