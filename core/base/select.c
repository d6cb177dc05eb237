/*
 * select.c - quickselect and quicksort (Hoare 1961) with a median of three,
 * insertion sort for a few items, heapsort's sift for the bounded heap.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "omen/select.h"

#define FEW 24

static inline void
swap(OmenKeyed *a, OmenKeyed *b)
{
	OmenKeyed	t = *a;

	*a = *b;
	*b = t;
}

static inline int
before(OmenKeyed a, OmenKeyed b)
{
	return a.key < b.key || (a.key == b.key && a.value < b.value);
}

static void
insertion_sort(OmenKeyed *items, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
	{
		OmenKeyed	item = items[i];
		uint32_t	j = i;

		for (; j > 0 && before(item, items[j - 1]); j--)
			items[j] = items[j - 1];
		items[j] = item;
	}
}

/* Splits around the median of first, middle and last; returns where the right part begins. */
static uint32_t
partition(OmenKeyed *items, uint32_t count)
{
	OmenKeyed	a = items[0];
	OmenKeyed	b = items[count / 2];
	OmenKeyed	c = items[count - 1];
	OmenKeyed	pivot = before(a, b) ? (before(b, c) ? b : before(a, c) ? c : a)
		: (before(a, c) ? a : before(b, c) ? c : b);
	uint32_t	i = 0;
	uint32_t	j = count - 1;

	for (;;)
	{
		while (before(items[i], pivot))
			i++;
		while (before(pivot, items[j]))
			j--;
		if (i >= j)
			return i;
		swap(&items[i++], &items[j--]);
	}
}

void
omen_select_least(OmenKeyed *items, uint32_t count, uint32_t want)
{
	while (want > 0 && want < count)
	{
		uint32_t	right;

		if (count <= FEW)
		{
			insertion_sort(items, count);
			return;
		}
		right = partition(items, count);
		/* A pivot equal to an end would not shrink the range: take that item by itself. */
		if (right == 0)
			right = 1;
		if (want <= right)
			count = right;
		else
		{
			items += right;
			count -= right;
			want -= right;
		}
	}
}

static int
compare_keyed(const void *a, const void *b)
{
	OmenKeyed	x = *(const OmenKeyed *) a;
	OmenKeyed	y = *(const OmenKeyed *) b;

	return before(x, y) ? -1 : before(y, x) ? 1 : 0;
}

/* Quicksort while the splits are fair; the library's sort for what resists. */
static void
sort_range(OmenKeyed *items, uint32_t count, uint32_t depth)
{
	while (count > FEW)
	{
		uint32_t	right = partition(items, count);

		if (right == 0 || right == count || depth-- == 0)
		{
			qsort(items, count, sizeof(OmenKeyed), compare_keyed);
			return;
		}
		sort_range(items + right, count - right, depth);
		count = right;
	}
	insertion_sort(items, count);
}

void
omen_sort_keyed(OmenKeyed *items, uint32_t count)
{
	uint32_t	depth = 4;

	for (uint32_t n = count; n > 0; n >>= 1)
		depth += 2;
	sort_range(items, count, depth);
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
