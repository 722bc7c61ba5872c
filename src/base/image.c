/*-------------------------------------------------------------------------
 *
 * image.c
 *	  What a backend has worked out, as bytes that another one can read.
 *
 * Numbers take eight bytes; texts their length, the bytes and the zero.  Row
 * types are the bytes of their columns, so that reading one looks nothing up:
 *
 *		(region text, total int8)	->	2, pg_attribute, pg_attribute
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodes.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/image.h"

#define NO_TEXT (-1)

/* ---- writing ---- */

/*
 * Append a number.
 */
void
pgt_image_put_int(StringInfo image, int64 value)
{
	appendBinaryStringInfo(image, (char *) &value, sizeof(value));
}

/*
 * Append a text; NULL is one, too.
 */
void
pgt_image_put_text(StringInfo image, const char *text)
{
	int64 length = text == NULL ? NO_TEXT : (int64) strlen(text);

	pgt_image_put_int(image, length);
	if (text != NULL)
		appendBinaryStringInfo(image, text, (int) length + 1);
}

/*
 * Append a node tree.
 */
void
pgt_image_put_node(StringInfo image, const void *node)
{
	char *text = node == NULL ? NULL : nodeToString(node);

	pgt_image_put_text(image, text);
	if (text != NULL)
		pfree(text);
}

/*
 * Append an anonymous row type, without constraints.
 */
void
pgt_image_put_desc(StringInfo image, TupleDesc desc)
{
	pgt_image_put_int(image, desc->natts);
	for (int i = 0; i < desc->natts; i++)
		appendBinaryStringInfo(image, (char *) TupleDescAttr(desc, i),
							   ATTRIBUTE_FIXED_PART_SIZE);
}

/*
 * Append a list of OIDs.
 */
void
pgt_image_put_oids(StringInfo image, const List *oids)
{
	const ListCell *lc;

	pgt_image_put_int(image, list_length(oids));
	foreach (lc, oids)
		pgt_image_put_int(image, lfirst_oid(lc));
}

/*
 * Append an array of column numbers.
 */
void
pgt_image_put_columns(StringInfo image, int n, const AttrNumber *columns)
{
	pgt_image_put_int(image, n);
	for (int i = 0; i < n; i++)
		pgt_image_put_int(image, columns[i]);
}

/* ---- reading ---- */

/* The next bytes, where they are. */
static const char *
take(ImageReader *image, size_t size)
{
	const char *at = image->at;

	if ((size_t) (image->end - at) < size)
		elog(ERROR, "image of a stream table ends early");

	image->at += size;
	return at;
}

/*
 * Read a number.
 */
int64
pgt_image_int(ImageReader *image)
{
	int64 value;

	memcpy(&value, take(image, sizeof(value)), sizeof(value));
	return value;
}

/*
 * Copy the next bytes.
 */
void
pgt_image_bytes(ImageReader *image, void *bytes, size_t size)
{
	memcpy(bytes, take(image, size), size);
}

/*
 * Read a text, or NULL.
 */
char *
pgt_image_text(ImageReader *image)
{
	int64 length = pgt_image_int(image);

	if (length == NO_TEXT)
		return NULL;
	return pnstrdup(take(image, (size_t) length + 1), (Size) length);
}

/*
 * Read a node tree, or NULL.
 */
void *
pgt_image_node(ImageReader *image)
{
	int64 length = pgt_image_int(image);

	if (length == NO_TEXT)
		return NULL;
	return stringToNode(take(image, (size_t) length + 1));
}

/*
 * Read a row type.
 */
TupleDesc
pgt_image_desc(ImageReader *image)
{
	int natts = (int) pgt_image_int(image);
	TupleDesc desc = CreateTemplateTupleDesc(natts);

	for (int i = 0; i < natts; i++)
	{
		memcpy(TupleDescAttr(desc, i), take(image, ATTRIBUTE_FIXED_PART_SIZE),
			   ATTRIBUTE_FIXED_PART_SIZE);
		pgt_attribute_is_copied(desc, i);
	}
	return desc;
}

/*
 * Read a list of OIDs.
 */
List *
pgt_image_oids(ImageReader *image)
{
	int64 n = pgt_image_int(image);
	List *oids = NIL;

	for (int64 i = 0; i < n; i++)
		oids = lappend_oid(oids, (Oid) pgt_image_int(image));
	return oids;
}

/*
 * Read an array of column numbers.
 */
AttrNumber *
pgt_image_columns(ImageReader *image, int *n)
{
	AttrNumber *columns;

	*n = (int) pgt_image_int(image);
	columns = palloc(sizeof(AttrNumber) * (*n + 1));
	for (int i = 0; i < *n; i++)
		columns[i] = (AttrNumber) pgt_image_int(image);
	return columns;
}
