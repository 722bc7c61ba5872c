/*
 * random.c
 *	  Random numbers that a seed repeats.
 *
 * Each session draws from a stream of its own, so that what a session does
 * does not depend on when the others get their turn: with --seed 7, the third
 * writer writes the same statements again, whatever the server's timing.
 */
#include "stress.h"

/* splitmix64, to fill the state from a seed. */
static uint64_t
mix(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void
random_seed(Random *random, uint64_t seed, uint64_t stream)
{
	uint64_t start = seed * 1000003 + stream;

	for (int i = 0; i < 4; i++)
		random->state[i] = mix(&start);
}

static uint64_t
rotate(uint64_t x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

/* xoshiro256** */
uint64_t
random_next(Random *random)
{
	uint64_t *s = random->state;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

int
random_below(Random *random, int limit)
{
	return (int) (random_next(random) % (uint64_t) limit);
}

bool
random_percent(Random *random, int percent)
{
	return random_below(random, 100) < percent;
}

bool
random_permille(Random *random, int permille)
{
	return random_below(random, 1000) < permille;
}
