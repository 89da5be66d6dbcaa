package main

import (
	"math/bits"
	"time"
)

// histSub is the number of buckets per power of two: a value is known to within 1/32, about 3 %.
const histSub = 32

// histogram counts durations in log-linear buckets: its memory is fixed and adding costs a few
// instructions, however many values there are. The zero value is empty and ready.
type histogram struct {
	buckets  [60 * histSub]uint64
	count    uint64
	min, max int64
}

// bucketOf gives the index of the bucket that holds v nanoseconds.
func bucketOf(v int64) int {
	if v < histSub {
		return int(max(v, 0))
	}
	shift := bits.Len64(uint64(v)) - 6 // v>>shift is in [32, 64)
	return shift*histSub + int(v>>shift)
}

// bucketTop gives the largest value of bucket i.
func bucketTop(i int) int64 {
	if i < 2*histSub {
		return int64(i)
	}
	shift := i/histSub - 1
	return int64(i-shift*histSub+1)<<shift - 1
}

// add counts one value; negative ones count as 0.
func (h *histogram) add(v int64) {
	v = max(v, 0)
	if h.count == 0 || v < h.min {
		h.min = v
	}
	h.max = max(h.max, v)
	h.buckets[bucketOf(v)]++
	h.count++
}

// merge adds all that o has counted.
func (h *histogram) merge(o *histogram) {
	if o.count == 0 {
		return
	}
	if h.count == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.count += o.count
}

// quantile gives the value that a share q (0 to 1) of all values does not exceed, rounded up to its
// bucket's end but never above the maximum. It is 0 for an empty histogram.
func (h *histogram) quantile(q float64) int64 {
	if h.count == 0 {
		return 0
	}
	want := uint64(q*float64(h.count) + 0.999999)
	want = min(max(want, 1), h.count)
	var seen uint64
	for i, n := range h.buckets {
		if seen += n; seen >= want {
			return max(min(bucketTop(i), h.max), h.min)
		}
	}
	return h.max
}

// quantiles is a histogram's summary as it is reported, in milliseconds.
type quantiles struct {
	Count uint64  `json:"count"`
	Min   float64 `json:"min_ms"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

func (h *histogram) summary() quantiles {
	return quantiles{
		Count: h.count, Min: millis(h.min), P50: millis(h.quantile(0.5)), P99: millis(h.quantile(0.99)),
		P999: millis(h.quantile(0.999)), Max: millis(h.max),
	}
}

// millis gives ns nanoseconds as milliseconds with microsecond precision.
func millis(ns int64) float64 {
	return float64(ns/int64(time.Microsecond)) / 1000
}
