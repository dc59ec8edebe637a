/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in the order they were taken, and what is said of them. */
#include "bench.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int series_add(struct series *s, double value)
{
	if (s->n == s->size) {
		size_t size = s->size ? s->size * 2 : 64;
		double *v = reallocarray(s->v, size, sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->size = size;
	}
	s->v[s->n++] = value;
	return 0;
}

void series_fini(struct series *s)
{
	free(s->v);
	*s = (struct series){ 0 };
}

double series_worse(double a, double b)
{
	return isnan(a) || a > b ? a : b;
}

static int series_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double *series_sorted(const struct series *s)
{
	double *v = s->n ? malloc(s->n * sizeof(*v)) : NULL;

	if (!v)
		return NULL;
	memcpy(v, s->v, s->n * sizeof(*v));
	qsort(v, s->n, sizeof(*v), series_order);
	return v;
}

double series_percentile(const struct series *s, double p)
{
	double *v = series_sorted(s), value;
	size_t rank;

	if (!v)
		return NAN;
	rank = ((size_t)(p * 10) * s->n + 999) / 1000;
	value = v[rank ? rank - 1 : 0]; /* the smallest that p % are not above */
	free(v);
	return value;
}

double series_median(const struct series *s)
{
	double *v = series_sorted(s), value;

	if (!v)
		return NAN;
	value = (v[(s->n - 1) / 2] + v[s->n / 2]) / 2;
	free(v);
	return value;
}

double series_ratio(const struct series *a, const struct series *b)
{
	struct series ratios = { 0 };
	double median;

	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (b->v[i] > 0 && series_add(&ratios, a->v[i] / b->v[i]) < 0)
			break;
	median = series_median(&ratios);
	series_fini(&ratios);
	return median;
}
