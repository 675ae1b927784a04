package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// As many members as run at once in the rows that have a limit.
const limit = 64

// What launches as many goroutines as it is told and returns when all of them are over, by contestant and row.
//
// Unlike in the other rows the collector is on: goroutines' closures are garbage, and who has to free them here in Rust
// pays for that too. Where it makes no difference to Go, tasks and threads are the same.
var launches = map[string]func(int){
	"Go 5-task":                      empty,
	"Go 5-thread":                    empty,
	"Go errgroup 5-task":             emptyErrgroup,
	"Go errgroup 5-thread":           emptyErrgroup,
	"Go slots 6-task":                slots,
	"Go slots 6-thread":              slots,
	"Go SetLimit 7-limited":          setLimit,
	"Go SetLimit 7-thread-limited":   setLimit,
	"Go 64 workers 7-limited":        workers,
	"Go 64 workers 7-thread-limited": workers,
	"Go pool 8-tiny":                 tens,
	"Go channels 11":                 stages,
}

// Nanoseconds a member. The first run is not timed, as in src/timing/members.rs.
func members(e effort, launch func(int)) float64 {
	launch(e.members)
	var samples []float64
	for range min(e.batches, 3) {
		begun := time.Now()
		launch(e.members)
		samples = append(samples, float64(time.Since(begun))/float64(e.members))
	}
	return median(samples)
}

func empty(members int) {
	var group sync.WaitGroup
	for range members {
		group.Go(func() {})
	}
	group.Wait()
}

func emptyErrgroup(members int) {
	var group errgroup.Group
	for range members {
		group.Go(func() error { return nil })
	}
	must(group.Wait())
}

func slots(members int) {
	var group sync.WaitGroup
	values := make([]uint64, members)
	for number := range values {
		group.Go(func() { values[number] = uint64(number) })
	}
	group.Wait()
	for number, value := range values {
		if value != uint64(number) {
			fail("values are out of order")
		}
	}
}

func setLimit(members int) {
	var group errgroup.Group
	group.SetLimit(limit)
	values := make([]uint64, members)
	for number := range values {
		group.Go(func() error {
			values[number] = tiny(uint64(number))
			return nil
		})
	}
	must(group.Wait())
	allThere(values)
}

func workers(members int) {
	var group sync.WaitGroup
	values := make([]uint64, members)
	numbers := make(chan int, limit)
	for range limit {
		group.Go(func() {
			for number := range numbers {
				values[number] = tiny(uint64(number))
			}
		})
	}
	for number := range values {
		numbers <- number
	}
	close(numbers)
	group.Wait()
	allThere(values)
}

// The same as in src/timing/members.rs.
func tiny(number uint64) uint64 {
	mixed := (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb
	return mixed ^ (mixed >> 31)
}

// The sum that is expected: found out in the run that is not timed.
var expected = struct {
	sync.Once
	sum uint64
}{}

func allThere(values []uint64) {
	expected.Do(func() {
		for number := range values {
			expected.sum += tiny(uint64(number))
		}
	})
	sum := uint64(0)
	for _, value := range values {
		sum += value
	}
	if sum != expected.sum {
		fail("values are missing")
	}
}

func must(err error) {
	if err != nil {
		fail(err.Error())
	}
}

// Bytes that stay resident for a goroutine that waits. One has waited before the first look, and only one thread runs
// them: a goroutine that has been counted goes on to wait before another one runs.
func resident(members int) float64 {
	var parked atomic.Int64
	bell := make(chan struct{})
	launch := func(members int) {
		target := parked.Load() + int64(members)
		for range members {
			go func() {
				parked.Add(1)
				<-bell
			}()
		}
		for parked.Load() < target {
			runtime.Gosched()
		}
		runtime.Gosched()
	}
	launch(1)
	before := residentBytes()
	launch(members)
	after := residentBytes()
	close(bell)
	return float64(max(after-before, 0)) / float64(members)
}

// Resident bytes of this process, summed up by the kernel from its pages.
func residentBytes() int {
	pages, err := os.ReadFile("/proc/self/smaps_rollup")
	must(err)
	for line := range strings.Lines(string(pages)) {
		if sum, found := strings.CutPrefix(line, "Rss:"); found {
			kilobytes, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(sum), " kB"))
			must(err)
			return kilobytes * 1024
		}
	}
	fail("the kernel does not tell what is resident")
	return 0
}
