/*
 * cmocka_compat.h
 *	  The differences between cmocka 1 and 2, in the shape of the newest.
 */
#ifndef CMOCKA_COMPAT_H
#define CMOCKA_COMPAT_H

/* cmocka 2 tells signed numbers from unsigned ones. */
#ifndef assert_int_in_range
#define assert_int_in_range(value, minimum, maximum) \
	assert_in_range(value, minimum, maximum)
#endif

#endif /* CMOCKA_COMPAT_H */
