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
	TYPE_TEXTS,	 /* texts of values: names of attributes, labels of enums */
} TypeDetail;

/*
 * Append hashes of the composite types and enums that a type is made of
 * (itself, or as elements, fields, subtype of a range, base of a domain), and
 * nothing for other types.  "seen" lists the types that are done; *relids gets
 * the OIDs of the relations whose change changes the answer.
 */
extern void pgt_append_type_shape(StringInfo text, Oid type,
								  TypeDetail detail, List **seen,
								  List **relids);

#endif /* PGT_TYPE_SHAPE_H */
