// What Go has for the rows of headcount's benchmark: sync.WaitGroup and context here, groups of goroutines in members.go,
// work for all cores in work.go, channels in stages.go.
//
// Called as `bench ROW CONTESTANT EFFORT`; prints one figure in nanoseconds, bytes or times the ideal, and for the rows that wake a thread also the share of
// waits in which the kernel put a thread to sleep. Each timing follows the module of the same name in src/timing.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type effort struct {
	batches, operations int
	window, warmUp      time.Duration
	trips               int
	members             int
}

var efforts = map[string]effort{
	"full":  {41, 50_000, 200 * time.Millisecond, 30 * time.Millisecond, 4_000, 1_000_000},
	"quick": {11, 20_000, 40 * time.Millisecond, 10 * time.Millisecond, 500, 100_000},
	"tiny":  {3, 20, 2 * time.Millisecond, 0, 10, 200},
}

// One group for all rows but those that wake: a global is on the heap, as a group shared by goroutines is.
var group sync.WaitGroup

func main() {
	if len(os.Args) != 4 {
		fail("asked for " + strconv.Itoa(len(os.Args)-1) + " words; hint: bench ROW CONTESTANT EFFORT")
	}
	row, contestant := os.Args[1], os.Args[2]
	e, known := efforts[os.Args[3]]
	if !known {
		fail("no effort is called " + os.Args[3])
	}
	time.AfterFunc(2*time.Minute, func() { fail("no figure after 2 minutes") })
	if launch, known := launches[contestant+" "+row]; known {
		fmt.Println(members(e, launch))
		return
	}
	if contestant+" "+row == "Go pool 8" {
		fmt.Println(spread(e))
		return
	}
	if contestant != "Go" {
		fail("nobody called " + contestant + " takes part in row " + row)
	}
	// Nothing in the rows below leaves garbage behind; without a collector none can come in between.
	debug.SetGCPercent(-1)

	switch row {
	case "1-zero":
		fmt.Println(alone(e, pair))
	case "1-beside":
		group.Add(1)
		fmt.Println(alone(e, pair))
	case "1w":
		group.Add(1)
		go group.Wait()
		time.Sleep(5 * time.Millisecond)
		fmt.Println(alone(e, pair))
		group.Done()
	case "2-two":
		group.Add(1)
		fmt.Println(contended(e, 2))
	case "2-four":
		group.Add(1)
		fmt.Println(contended(e, 4))
	case "3":
		fmt.Println(alone(e, waits))
	case "4-two":
		fmt.Println(thereAndBack(e, 100*time.Microsecond))
	case "4s":
		fmt.Println(thereAndBack(e, 500*time.Nanosecond))
	case "4a-current":
		runtime.GOMAXPROCS(1)
		fmt.Println(goroutines(e))
	case "4a-multi":
		runtime.GOMAXPROCS(2)
		fmt.Println(goroutines(e))
	case "10-one":
		fmt.Println(alone(e, asks))
	case "10c":
		fmt.Println(alone(e, children))
	case "12-bytes":
		runtime.GOMAXPROCS(1)
		fmt.Println(resident(min(e.members, 100_000)))
	default:
		fail("no row is called " + row)
	}
}

func fail(what string) {
	fmt.Fprintln(os.Stderr, "bench: "+what)
	os.Exit(2)
}

// The loops stand inside these two, so that the operation is inlined into them as it is for the Rust contestants.
func pair(operations int) {
	for range operations {
		group.Add(1)
		group.Done()
	}
}

func waits(operations int) {
	for range operations {
		group.Wait()
	}
}

var parent, cancelParent = context.WithCancel(context.Background())

func asks(operations int) {
	for range operations {
		if parent.Err() != nil {
			fail("nobody has cancelled")
		}
	}
}

func children(operations int) {
	for range operations {
		_, cancel := context.WithCancel(parent)
		cancel()
	}
}

func alone(e effort, operate func(int)) float64 {
	for begun := time.Now(); time.Since(begun) < e.warmUp; {
		operate(100)
	}
	var samples []float64
	for range e.batches {
		begun := time.Now()
		operate(e.operations)
		samples = append(samples, float64(time.Since(begun))/float64(e.operations))
	}
	return median(samples)
}

func contended(e effort, threads int) float64 {
	var arrived atomic.Int64
	perNano := make(chan float64)
	for range threads {
		go func() {
			runtime.LockOSThread()
			arrived.Add(1)
			for arrived.Load() < int64(threads) {
				runtime.Gosched()
			}
			begun := time.Now()
			done := 0
			for time.Since(begun) < e.window {
				pair(256)
				done += 256
			}
			perNano <- float64(done) / float64(time.Since(begun))
		}()
	}
	sum := 0.0
	for range threads {
		sum += <-perNano
	}
	return float64(min(threads, runtime.NumCPU())) / sum
}

type seen struct {
	ended, returned []time.Time
	slept           int
}

// Two goroutines, each locked to a thread of its own, take turns at waiting and at waking the other.
func thereAndBack(e effort, held time.Duration) string {
	var groups [2]sync.WaitGroup
	var ready, begun atomic.Int64
	var both [2]seen
	var finished sync.WaitGroup
	for mine := range 2 {
		finished.Go(func() {
			runtime.LockOSThread()
			s := seen{make([]time.Time, 0, e.trips), make([]time.Time, 0, e.trips), 0}
			before := voluntarySwitches()
			for number := range 2 * e.trips {
				if number%2 == mine {
					until(&ready, number)
					groups[mine].Add(1)
					begun.Store(int64(number + 1))
					groups[mine].Wait()
					s.returned = append(s.returned, time.Now())
				} else {
					ready.Store(int64(number + 1))
					until(&begun, number)
					for handed := time.Now(); time.Since(handed) < held; {
					}
					s.ended = append(s.ended, time.Now())
					groups[1-mine].Done()
				}
			}
			s.slept = voluntarySwitches() - before
			both[mine] = s
		})
	}
	finished.Wait()
	var trips []float64
	for i := range e.trips {
		there := both[0].returned[i].Sub(both[1].ended[i])
		back := both[1].returned[i].Sub(both[0].ended[i])
		trips = append(trips, float64(there+back))
	}
	asleep := float64(both[0].slept+both[1].slept) / float64(2*e.trips)
	return fmt.Sprint(median(trips), " ", asleep)
}

// Lets other goroutines run between two looks: one just woken stands in this processor's own queue, and another
// processor would take it from there only after a while.
func until(turn *atomic.Int64, number int) {
	for turn.Load() != int64(number+1) {
		runtime.Gosched()
	}
}

// How often the calling thread has gone to sleep so far, as the kernel counts it.
func voluntarySwitches() int {
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if count, found := strings.CutPrefix(line, "voluntary_ctxt_switches:"); found {
			n, _ := strconv.Atoi(strings.TrimSpace(count))
			return n
		}
	}
	return 0
}

// Two goroutines, each with a group of its own, wake each other.
func goroutines(e effort) float64 {
	trips := max(e.operations/10, 1)
	var left, right sync.WaitGroup
	left.Add(1)
	right.Add(1)
	samples := make(chan float64, e.batches)
	go func() {
		for range e.batches {
			begun := time.Now()
			for range trips {
				right.Done()
				left.Wait()
				left.Add(1)
			}
			samples <- float64(time.Since(begun)) / float64(trips)
		}
		close(samples)
	}()
	go func() {
		for range e.batches * trips {
			right.Wait()
			right.Add(1)
			left.Done()
		}
	}()
	var all []float64
	for sample := range samples {
		all = append(all, sample)
	}
	return median(all)
}

func median(values []float64) float64 {
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 0 {
		return (values[half-1] + values[half]) / 2
	}
	return values[half]
}
