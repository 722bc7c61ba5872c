/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  When are two rows the same row?
 *
 * By image: the rows (1.0, 'a') and (1.00, 'a') are two, and so they stay in
 * a bag, which shows what was put into it.  By key: as groups they are one,
 * because 1.0 = 1.00.
 *
 * The image of a value is what it says, not how it lies in a tuple.  A long
 * text may be stored plainly, compressed, out of line or with a short header
 * and always has the same image.  The same holds within composites: a field
 * of row('aaa...') may be compressed in one copy and plain in another, so
 * that composites, and arrays of them, are compared field by field.  All
 * other types contain only plain values, whose bytes are compared.
 *
 * Hashes have 64 bits and are stored in indexes (pgtrickle.row_hash() and
 * pgtrickle.key_hash()): they may never change, and are therefore built from
 * the functions that hash partitioning depends on, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg_trickle/hash_basis.h"
#include "pg_trickle/identity.h"

/* What a key needs to know about its type. */
#define KEY_TYPE_FLAGS \
	(TYPECACHE_EQ_OPR_FINFO | TYPECACHE_HASH_PROC_FINFO | \
	 TYPECACHE_HASH_EXTENDED_PROC_FINFO)

/* One entry of a btree is at most a third of a page. */
#define MAX_INDEXED_SIZE 2600

typedef enum ImageShape
{
	IMAGE_PLAIN,	 /* its bytes */
	IMAGE_COMPOSITE, /* its fields */
	IMAGE_ARRAY,	 /* its elements, which are not plain */
} ImageShape;

typedef struct ImageType
{
	ImageShape shape;
	int16 len;
	bool byval;
	char align;
	Oid element; /* of an IMAGE_ARRAY */
} ImageType;

typedef struct IdentityColumn
{
	AttrNumber attno;
	ImageType image; /* by image */

	/* by key */
	FmgrInfo equal;
	FmgrInfo hash; /* fn_oid invalid: there is none */
	FmgrInfo hash_extended;
	Oid collation;
} IdentityColumn;

struct RowIdentity
{
	bool by_image;
	AttrNumber last; /* the highest attno */
	int ncolumns;
	IdentityColumn columns[FLEXIBLE_ARRAY_MEMBER];
};

/* A composite value, taken apart. */
typedef struct Fields
{
	HeapTupleHeader header;
	TupleDesc desc;
	Datum *values;
	bool *nulls;
} Fields;

static bool image_equal(Datum a, Datum b, const ImageType *type);
static uint64 image_hash(Datum value, const ImageType *type);

static ImageType
image_type(Oid type)
{
	ImageType image = {IMAGE_PLAIN};

	type = getBaseType(type);
	get_typlenbyvalalign(type, &image.len, &image.byval, &image.align);

	if (type_is_rowtype(type))
		image.shape = IMAGE_COMPOSITE;
	else
	{
		image.element = get_element_type(type);
		if (OidIsValid(image.element) &&
			image_type(image.element).shape != IMAGE_PLAIN)
			image.shape = IMAGE_ARRAY;
	}

	return image;
}

static RowIdentity *
make_identity(bool by_image, int max_columns)
{
	RowIdentity *id = palloc0(offsetof(RowIdentity, columns) +
							  max_columns * sizeof(IdentityColumn));

	id->by_image = by_image;
	return id;
}

static IdentityColumn *
add_column(RowIdentity *id, AttrNumber attno)
{
	IdentityColumn *column = &id->columns[id->ncolumns++];

	column->attno = attno;
	id->last = Max(id->last, attno);
	return column;
}

/*
 * The identity by image of rows of "desc", over its first "ncols" columns;
 * dropped ones do not count.  In the current memory context.
 */
RowIdentity *
pgt_identity_by_image(TupleDesc desc, int ncols)
{
	RowIdentity *id = make_identity(true, ncols);

	for (int i = 0; i < ncols; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		if (!attr->attisdropped)
			add_column(id, attr->attnum)->image = image_type(attr->atttypid);
	}

	return id;
}

/* ---- the functions of keys ---- */

/* What this session was told. */
static KeyFunctions told[16];
static int ntold = 0;

static void
forget_told(Datum arg, int cacheid, uint32 hashvalue)
{
	ntold = 0;
}

static const KeyFunctions *
find_told(Oid type)
{
	for (int i = 0; i < ntold; i++)
	{
		if (told[i].type == type)
			return &told[i];
	}

	return NULL;
}

/*
 * See identity.h.
 */
void
pgt_know_key_functions(const KeyFunctions *functions)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterSyscacheCallback(CLAOID, forget_told, (Datum) 0);
		registered = true;
	}
	if (ntold < (int) lengthof(told) && find_told(functions->type) == NULL)
		told[ntold++] = *functions;
}

/*
 * See identity.h.
 */
bool
pgt_key_functions(Oid type, KeyFunctions *functions)
{
	const KeyFunctions *known = find_told(type);
	TypeCacheEntry *entry;

	if (known != NULL)
	{
		*functions = *known;
		return true;
	}

	entry = lookup_type_cache(type, KEY_TYPE_FLAGS);
	functions->type = type;
	functions->equal = entry->eq_opr_finfo.fn_oid;
	functions->hash = entry->hash_proc_finfo.fn_oid;
	functions->hash_extended = entry->hash_extended_proc_finfo.fn_oid;
	return type < FirstNormalObjectId && OidIsValid(functions->equal) &&
		   entry->typtype == TYPTYPE_BASE && !OidIsValid(entry->typelem);
}

static void
resolve(Oid function, FmgrInfo *info)
{
	if (OidIsValid(function))
		fmgr_info(function, info);
}

/* False if the type has no "=". */
static bool
take_functions(IdentityColumn *column, Oid type)
{
	KeyFunctions functions;

	(void) pgt_key_functions(type, &functions);
	resolve(functions.equal, &column->equal);
	resolve(functions.hash, &column->hash);
	resolve(functions.hash_extended, &column->hash_extended);
	return OidIsValid(functions.equal);
}

/*
 * The extended hash function of bpchar in PostgreSQL 15 does not strip blanks
 * under a nondeterministic collation, and so disagrees with "=".
 */
static bool
extended_hash_is_wrong(Oid type, Oid collation)
{
	HashBasis basis = {0};

	if (type < FirstNormalObjectId && collation < FirstNormalObjectId)
		return false;
	pgt_add_hash_basis(&basis, type, collation);
	return basis.blanks;
}

/*
 * The identity by the columns attnos[0..nkeys-1] of "desc", under the default
 * "=" of their types and their collations, NULLs being equal.  In the current
 * memory context.  Error 42883 if a type has no "=".
 */
RowIdentity *
pgt_identity_by_key(TupleDesc desc, int nkeys, const AttrNumber *attnos)
{
	RowIdentity *id = make_identity(false, nkeys);

	for (int i = 0; i < nkeys; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, attnos[i] - 1);
		IdentityColumn *column = add_column(id, attnos[i]);

		column->collation = attr->attcollation;
		if (!take_functions(column, getBaseType(attr->atttypid)))
			ereport(ERROR,
					errcode(ERRCODE_UNDEFINED_FUNCTION),
					errmsg("could not identify an equality operator for type %s",
						   format_type_be(attr->atttypid)));
		if (extended_hash_is_wrong(attr->atttypid, attr->attcollation))
			column->hash_extended.fn_oid = InvalidOid;
	}

	return id;
}

/*
 * A hash that agrees with the "=" of a key column.  A type without a hash
 * function has the same hash for all values: slow, but right.
 */
static uint64
key_hash(Datum value, const IdentityColumn *column)
{
	FmgrInfo *function = unconstify(FmgrInfo *, &column->hash_extended);
	Datum hash;

	if (OidIsValid(function->fn_oid))
	{
		hash = FunctionCall2Coll(function, column->collation, value,
								 UInt64GetDatum(0));
		return DatumGetUInt64(hash);
	}

	function = unconstify(FmgrInfo *, &column->hash);
	if (OidIsValid(function->fn_oid))
	{
		hash = FunctionCall1Coll(function, column->collation, value);
		return hash_bytes_uint32_extended(DatumGetUInt32(hash), 0);
	}
	return 1;
}

/*
 * The hash of a row of which values[] and nulls[] are all columns: what
 * pgt_identity_hash() answers for a slot with them.
 */
int64
pgt_identity_hash_values(const RowIdentity *id, const Datum *values,
						 const bool *nulls)
{
	uint64 hash = 0;

	for (int i = 0; i < id->ncolumns; i++)
	{
		const IdentityColumn *column = &id->columns[i];
		Datum value = values[column->attno - 1];
		uint64 h = 0;

		if (!nulls[column->attno - 1])
			h = id->by_image ? image_hash(value, &column->image) :
							   key_hash(value, column);
		hash = hash_combine64(hash, h);
	}

	return (int64) hash;
}

/*
 * The hash of the row in "slot"; equal rows have equal hashes.  What the
 * types' own hash functions allocate is left in the current memory context.
 */
int64
pgt_identity_hash(const RowIdentity *id, TupleTableSlot *slot)
{
	slot_getsomeattrs(slot, id->last);
	return pgt_identity_hash_values(id, slot->tts_values, slot->tts_isnull);
}

/* ---- a hash that is not stored ---- */

#define QUICK_FACTOR UINT64CONST(0x9E3779B97F4A7C15) /* 2^64 / golden ratio */

/* As in Fibonacci hashing (Knuth, TAOCP 6.4), a word at a time. */
static inline uint64
quick_word(uint64 hash, uint64 word)
{
	hash = (hash ^ word) * QUICK_FACTOR;
	return hash ^ (hash >> 32);
}

static uint64
quick_bytes(const char *bytes, Size length)
{
	uint64 hash = length;
	uint64 word;

	for (; length >= sizeof(word); length -= sizeof(word))
	{
		memcpy(&word, bytes, sizeof(word));
		hash = quick_word(hash, word);
		bytes += sizeof(word);
	}
	if (length > 0)
	{
		word = 0;
		memcpy(&word, bytes, length);
		hash = quick_word(hash, word);
	}
	return hash;
}

/* The bits that the type has, for what a Datum has above them may differ. */
static inline uint64
quick_byval(Datum value, int16 length)
{
	uint64 unused = 64 - 8 * length;

	return ((uint64) value << unused) >> unused;
}

static uint64
quick_varlena(Datum value)
{
	struct varlena *plain = PG_DETOAST_DATUM_PACKED(value);
	uint64 hash = quick_bytes(VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain));

	if ((Pointer) plain != DatumGetPointer(value))
		pfree(plain);
	return hash;
}

static uint64
quick_hash(Datum value, const ImageType *type)
{
	if (type->shape != IMAGE_PLAIN)
		return image_hash(value, type);
	if (type->byval)
		return quick_byval(value, type->len);
	if (type->len > 0)
		return quick_bytes(DatumGetPointer(value), type->len);
	if (type->len == -1)
		return quick_varlena(value);
	return quick_bytes(DatumGetCString(value),
					   strlen(DatumGetCString(value)));
}

/*
 * See identity.h; values[] and nulls[] are all columns.
 */
int64
pgt_identity_quick_hash(const RowIdentity *id, const Datum *values,
						const bool *nulls)
{
	uint64 hash = 0;

	Assert(id->by_image);
	for (int i = 0; i < id->ncolumns; i++)
	{
		int place = id->columns[i].attno - 1;

		hash = quick_word(hash + i,
						  nulls[place] ?
							  QUICK_FACTOR :
							  quick_hash(values[place],
										 &id->columns[i].image));
	}
	return (int64) quick_word(hash, 0); /* the last column in all bits */
}

static bool
column_equal(const RowIdentity *id, const IdentityColumn *column,
			 TupleTableSlot *a, TupleTableSlot *b)
{
	int i = column->attno - 1;

	if (a->tts_isnull[i] || b->tts_isnull[i])
		return a->tts_isnull[i] && b->tts_isnull[i];
	if (id->by_image)
		return image_equal(a->tts_values[i], b->tts_values[i], &column->image);
	return DatumGetBool(FunctionCall2Coll(unconstify(FmgrInfo *,
													 &column->equal),
										  column->collation,
										  a->tts_values[i], b->tts_values[i]));
}

/*
 * Are the rows in the slots the same?  What the types' own "=" allocate is
 * left in the current memory context.
 */
bool
pgt_identity_equal(const RowIdentity *id, TupleTableSlot *a, TupleTableSlot *b)
{
	slot_getsomeattrs(a, id->last);
	slot_getsomeattrs(b, id->last);

	for (int i = 0; i < id->ncolumns; i++)
	{
		if (!column_equal(id, &id->columns[i], a, b))
			return false;
	}

	return true;
}

/*
 * The columns in which two rows differ, as the executor numbers them (less
 * FirstLowInvalidHeapAttributeNumber), in the current memory context.
 */
Bitmapset *
pgt_identity_difference(const RowIdentity *id, TupleTableSlot *a,
						TupleTableSlot *b)
{
	Bitmapset *columns = NULL;

	slot_getsomeattrs(a, id->last);
	slot_getsomeattrs(b, id->last);

	for (int i = 0; i < id->ncolumns; i++)
	{
		int number = id->columns[i].attno - FirstLowInvalidHeapAttributeNumber;

		if (!column_equal(id, &id->columns[i], a, b))
			columns = bms_add_member(columns, number);
	}

	return columns;
}

/*
 * Have two values of a type the same image?
 */
bool
pgt_datum_image_equal(Datum a, Datum b, Oid type)
{
	ImageType image = image_type(type);

	return image_equal(a, b, &image);
}

/*
 * The hash of the image of a value.
 */
uint64
pgt_datum_image_hash(Datum value, Oid type)
{
	ImageType image = image_type(type);

	return image_hash(value, &image);
}

static Fields
open_fields(Datum composite)
{
	Fields f;
	HeapTupleData tuple = {0};

	f.header = DatumGetHeapTupleHeader(composite);
	f.desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(f.header),
									HeapTupleHeaderGetTypMod(f.header));
	f.values = palloc(f.desc->natts * sizeof(Datum));
	f.nulls = palloc(f.desc->natts * sizeof(bool));

	tuple.t_len = HeapTupleHeaderGetDatumLength(f.header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_data = f.header;
	heap_deform_tuple(&tuple, f.desc, f.values, f.nulls);
	return f;
}

static void
close_fields(Fields *f, Datum composite)
{
	pfree(f->values);
	pfree(f->nulls);
	ReleaseTupleDesc(f->desc);
	if ((Pointer) f->header != DatumGetPointer(composite))
		pfree(f->header);
}

/* Anonymous records may differ in what fields they have. */
static bool
field_equal(const Fields *a, const Fields *b, int i)
{
	Form_pg_attribute attr = TupleDescAttr(a->desc, i);
	Form_pg_attribute other = TupleDescAttr(b->desc, i);

	if (attr->attisdropped != other->attisdropped)
		return false;
	if (attr->attisdropped)
		return true;
	if (attr->atttypid != other->atttypid || a->nulls[i] != b->nulls[i])
		return false;
	return a->nulls[i] ||
		   pgt_datum_image_equal(a->values[i], b->values[i], attr->atttypid);
}

static bool
composite_equal(Datum a, Datum b)
{
	Fields fa = open_fields(a);
	Fields fb = open_fields(b);
	bool equal = fa.desc->natts == fb.desc->natts;

	for (int i = 0; equal && i < fa.desc->natts; i++)
		equal = field_equal(&fa, &fb, i);

	close_fields(&fa, a);
	close_fields(&fb, b);
	return equal;
}

/*
 * NULLs do not count: a field that ALTER TYPE adds is NULL in the values that
 * are there already, and must not change hashes that lie in an index.
 */
static uint64
composite_hash(Datum composite)
{
	Fields f = open_fields(composite);
	uint64 hash = 0;

	for (int i = 0; i < f.desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(f.desc, i);

		uint64 h;

		if (attr->attisdropped || f.nulls[i])
			continue;
		h = pgt_datum_image_hash(f.values[i], attr->atttypid);
		hash = hash_combine64(hash_combine64(hash, i), h);
	}

	close_fields(&f, composite);
	return hash;
}

static int
take_elements(ArrayType *array, const ImageType *element, Datum **values,
			  bool **nulls)
{
	int n;

	deconstruct_array(array, ARR_ELEMTYPE(array), element->len, element->byval,
					  element->align, values, nulls, &n);
	return n;
}

/* The bounds of an array's dimensions: two integers each. */
static Size
bounds_size(ArrayType *array)
{
	return 2 * ARR_NDIM(array) * sizeof(int);
}

static bool
array_equal(Datum a, Datum b, Oid element)
{
	ImageType type = image_type(element);
	ArrayType *aa = DatumGetArrayTypeP(a);
	ArrayType *ab = DatumGetArrayTypeP(b);
	bool equal;

	equal = ARR_NDIM(aa) == ARR_NDIM(ab) &&
			memcmp(ARR_DIMS(aa), ARR_DIMS(ab), bounds_size(aa)) == 0;
	if (equal)
	{
		Datum *va,
			*vb;
		bool *na,
			*nb;
		int n = take_elements(aa, &type, &va, &na);

		(void) take_elements(ab, &type, &vb, &nb);
		for (int i = 0; equal && i < n; i++)
			equal = na[i] == nb[i] &&
					(na[i] || image_equal(va[i], vb[i], &type));
	}

	if ((Pointer) aa != DatumGetPointer(a))
		pfree(aa);
	if ((Pointer) ab != DatumGetPointer(b))
		pfree(ab);
	return equal;
}

static uint64
array_hash(Datum value, Oid element)
{
	ImageType type = image_type(element);
	ArrayType *array = DatumGetArrayTypeP(value);
	Datum *values;
	bool *nulls;
	int n = take_elements(array, &type, &values, &nulls);
	uint64 hash;

	hash = hash_bytes_extended((unsigned char *) ARR_DIMS(array),
							   bounds_size(array), 0);
	for (int i = 0; i < n; i++)
		hash = hash_combine64(hash, nulls[i] ? 0 :
											   image_hash(values[i], &type));

	if ((Pointer) array != DatumGetPointer(value))
		pfree(array);
	return hash;
}

static uint64
varlena_hash(Datum value)
{
	struct varlena *plain = PG_DETOAST_DATUM_PACKED(value);
	uint64 hash;

	hash = hash_bytes_extended((unsigned char *) VARDATA_ANY(plain),
							   VARSIZE_ANY_EXHDR(plain), 0);
	if ((Pointer) plain != DatumGetPointer(value))
		pfree(plain);
	return hash;
}

static uint64
plain_hash(Datum value, const ImageType *type)
{
	if (type->byval)
	{
		char bytes[sizeof(Datum)];

		store_att_byval(bytes, value, type->len);
		return hash_bytes_extended((unsigned char *) bytes, type->len, 0);
	}
	if (type->len > 0)
		return hash_bytes_extended((unsigned char *) DatumGetPointer(value),
								   type->len, 0);
	if (type->len == -1)
		return varlena_hash(value);

	return hash_bytes_extended((unsigned char *) DatumGetCString(value),
							   strlen(DatumGetCString(value)), 0);
}

static bool
image_equal(Datum a, Datum b, const ImageType *type)
{
	check_stack_depth();

	switch (type->shape)
	{
		case IMAGE_PLAIN:
			return datum_image_eq(a, b, type->byval, type->len);
		case IMAGE_COMPOSITE:
			return composite_equal(a, b);
		case IMAGE_ARRAY:
			return array_equal(a, b, type->element);
	}

	return false; /* keep compiler quiet */
}

static uint64
image_hash(Datum value, const ImageType *type)
{
	check_stack_depth();

	switch (type->shape)
	{
		case IMAGE_PLAIN:
			return plain_hash(value, type);
		case IMAGE_COMPOSITE:
			return composite_hash(value);
		case IMAGE_ARRAY:
			return array_hash(value, type->element);
	}

	return 0; /* keep compiler quiet */
}

/* The server asks so before it lets equal index entries share one image. */
static bool
operator_class_says_identical(Oid type, Oid collation)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
	Oid input = entry->btree_opintype;
	Oid function;

	if (!OidIsValid(entry->btree_opf))
		return false;
	function = get_opfamily_proc(entry->btree_opf, input, input,
								 BTEQUALIMAGE_PROC);
	return OidIsValid(function) &&
		   DatumGetBool(OidFunctionCall1Coll(function, collation,
											 ObjectIdGetDatum(input)));
}

/*
 * Are values that are equal under the "=" of the type identical, too?  Not
 * numeric, float, interval, jsonb, text of a nondeterministic collation, nor
 * anything made of other values.  But numeric(10,2) always has two digits, and
 * char(3) is text of three characters, while bpchar has any number of blanks.
 */
bool
pgt_equal_is_identical(Oid type, int32 typmod, Oid collation)
{
	type = getBaseTypeAndTypmod(type, &typmod);
	if (type == NUMERICOID)
		return typmod >= 0;
	if (type == BPCHAROID)
	{
		if (typmod < 0)
			return false;
		type = TEXTOID;
	}
	if (type_is_collatable(type) && !OidIsValid(collation))
		return false;
	return operator_class_says_identical(type, collation);
}

/*
 * The size in bytes that no value of the type exceeds; -1 if there is none.
 */
int32
pgt_type_max_size(Oid type, int32 typmod)
{
	int16 len;

	type = getBaseTypeAndTypmod(type, &typmod);
	len = get_typlen(type);
	return len > 0 ? len : type_maximum_size(type, typmod);
}

/*
 * Can every value of the type be an entry of a btree index?
 */
bool
pgt_type_is_bounded(Oid type, int32 typmod)
{
	int32 size = pgt_type_max_size(type, typmod);

	return size > 0 && size <= MAX_INDEXED_SIZE;
}
