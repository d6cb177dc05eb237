/*
 * select.c - quickselect and quicksort (Hoare 1961) with a median of three,
 * insertion sort for a few items, heapsort's sift for the bounded heap.
 *
 * While they are sorted, items are numbers of 64 bits whose order is theirs:
 * one comparison each, and no branch that depends on it (Lomuto's scheme), for
 * half of those would be foreseen wrongly.  Three times as fast as comparing
 * key, then value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "omen/select.h"

#define FEW 16
#define SIGN UINT32_C(0x80000000)

_Static_assert(sizeof(OmenKeyed) == sizeof(uint64_t), "an item is sorted as a number in its place");

/* An item's place as a number; the compiler makes one load or store of it. */
static inline uint64_t
get(const OmenKeyed *place)
{
	uint64_t	number;

	memcpy(&number, place, sizeof(number));
	return number;
}

static inline void
put(OmenKeyed *place, uint64_t number)
{
	memcpy(place, &number, sizeof(number));
}

/* Negative floats have their bits in falling order. */
static void
become_numbers(OmenKeyed *items, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
	{
		float		key = items[i].key + 0.0f;	/* no -0, which is not less than 0 */
		uint32_t	bits;

		memcpy(&bits, &key, sizeof(bits));
		bits ^= bits & SIGN ? UINT32_MAX : SIGN;
		put(&items[i], (uint64_t) bits << 32 | items[i].value);
	}
}

static void
become_items(OmenKeyed *numbers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
	{
		uint64_t	number = get(&numbers[i]);
		uint32_t	bits = (uint32_t) (number >> 32);

		bits ^= bits & SIGN ? SIGN : UINT32_MAX;
		memcpy(&numbers[i].key, &bits, sizeof(bits));
		numbers[i].value = (uint32_t) number;
	}
}

static void
insertion_sort(OmenKeyed *numbers, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
	{
		uint64_t	number = get(&numbers[i]);
		uint32_t	j = i;

		for (; j > 0 && number < get(&numbers[j - 1]); j--)
			numbers[j] = numbers[j - 1];
		put(&numbers[j], number);
	}
}

/* Splits around the median of first, middle and last: those less, itself at the place returned, the others. */
static uint32_t
partition(OmenKeyed *numbers, uint32_t count)
{
	uint64_t	first = get(&numbers[0]);
	uint64_t	middle = get(&numbers[count / 2]);
	uint64_t	last = get(&numbers[count - 1]);
	uint64_t	low = first < middle ? first : middle;
	uint64_t	high = first < middle ? middle : first;
	uint64_t	pivot = last < low ? low : last > high ? high : last;
	uint32_t	left = 0;

	put(&numbers[pivot == first ? 0 : pivot == middle ? count / 2 : count - 1], last);
	for (uint32_t i = 0; i < count - 1; i++)
	{
		uint64_t	number = get(&numbers[i]);

		put(&numbers[i], get(&numbers[left]));
		put(&numbers[left], number);
		left += number < pivot;
	}
	put(&numbers[count - 1], get(&numbers[left]));
	put(&numbers[left], pivot);
	return left;
}

void
omen_select_least(OmenKeyed *items, uint32_t count, uint32_t want)
{
	OmenKeyed  *range = items;
	uint32_t	left = count;

	if (want == 0 || want >= count)
		return;
	become_numbers(items, count);
	while (want > 0 && want < left)
	{
		uint32_t	less;

		if (left <= FEW)
		{
			insertion_sort(range, left);
			break;
		}
		less = partition(range, left);
		if (want <= less)
			left = less;
		else
		{
			range += less + 1;
			left -= less + 1;
			want -= less + 1;
		}
	}
	become_items(items, count);
}

static int
compare_numbers(const void *a, const void *b)
{
	uint64_t	x = get(a);
	uint64_t	y = get(b);

	return x < y ? -1 : x > y;
}

/* Quicksort while it ends soon; the library's sort for what resists. */
static void
sort_range(OmenKeyed *numbers, uint32_t count, uint32_t depth)
{
	while (count > FEW)
	{
		uint32_t	less;

		if (depth-- == 0)
		{
			qsort(numbers, count, sizeof(OmenKeyed), compare_numbers);
			return;
		}
		less = partition(numbers, count);
		sort_range(numbers + less + 1, count - less - 1, depth);
		count = less;
	}
	insertion_sort(numbers, count);
}

void
omen_sort_keyed(OmenKeyed *items, uint32_t count)
{
	uint32_t	depth = 4;

	for (uint32_t n = count; n > 0; n >>= 1)
		depth += 2;
	become_numbers(items, count);
	sort_range(items, count, depth);
	become_items(items, count);
}

void
omen_heap_offer(float *heap, uint32_t *count, uint32_t room, float key)
{
	uint32_t	i;

	if (*count < room)
	{
		/* Sift up. */
		for (i = (*count)++; i > 0 && heap[(i - 1) / 2] < key; i = (i - 1) / 2)
			heap[i] = heap[(i - 1) / 2];
		heap[i] = key;
		return;
	}
	if (room == 0 || !(key < heap[0]))
		return;
	/* Sift down from the root. */
	i = 0;
	for (;;)
	{
		uint32_t	child = 2 * i + 1;

		if (child >= room)
			break;
		if (child + 1 < room && heap[child + 1] > heap[child])
			child++;
		if (!(heap[child] > key))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = key;
}
