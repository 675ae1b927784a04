package main

import (
	"runtime"
	"sync"
	"time"
)

// What one item of spread takes, as in src/timing/work.rs.
const each = 20 * time.Microsecond

// How many links of the chain make that on this machine: found out before the first run.
var links int

func chain(number uint64, links int) uint64 {
	for range links {
		number = tiny(number)
	}
	return number
}

// What is computed goes here, so that it is.
var sink uint64

func findOut(e effort) {
	const many = 100_000
	for begun := time.Now(); time.Since(begun) < e.warmUp; {
		sink = chain(1, many)
	}
	var took []float64
	for range 5 {
		begun := time.Now()
		sink = chain(1, many)
		took = append(took, float64(time.Since(begun)))
	}
	links = int(float64(each) / median(took) * many)
}

// How many times as long as ideal it takes for many numbers, 20 µs each: ideal is a loop over them on one thread, divided by
// the number of cores. The loop is timed before and after each run, because clocks drift.
func spread(e effort) float64 {
	findOut(e)
	items := e.members / 100
	twenty := func(number uint64) uint64 { return chain(number, links) }
	alone := func() float64 {
		some := max(items/10, 1)
		begun := time.Now()
		for number := range some {
			sink = twenty(uint64(number))
		}
		return float64(time.Since(begun)) / float64(some)
	}
	pool(items, twenty)
	var samples []float64
	for range min(e.batches, 5) {
		before := alone()
		begun := time.Now()
		pool(items, twenty)
		took := float64(time.Since(begun))
		ideal := (before + alone()) / 2 * float64(items) / float64(runtime.NumCPU())
		samples = append(samples, took/ideal)
	}
	return median(samples)
}

// Hardly any work for each.
func tens(items int) {
	pool(items, func(number uint64) uint64 { return chain(number, 8) })
}

// A worker for each core, and a channel that they take numbers from.
func pool(items int, work func(uint64) uint64) {
	var group sync.WaitGroup
	values := make([]uint64, items)
	numbers := make(chan int, limit)
	for range runtime.NumCPU() {
		group.Go(func() {
			for number := range numbers {
				values[number] = work(uint64(number))
			}
		})
	}
	for number := range values {
		numbers <- number
	}
	close(numbers)
	group.Wait()
}
