package main

import "sync"

// As in src/timing/stages.rs.
const (
	room         = 1024
	stageCount   = 3
	stageWorkers = 2
)

// Items through three stages of two goroutines each; each stage is closed when its last goroutine is over.
func stages(items int) {
	input := make(chan uint64, room)
	go func(first chan<- uint64) {
		for item := range items {
			first <- uint64(item)
		}
		close(first)
	}(input)
	for range stageCount {
		output := make(chan uint64, room)
		var workers sync.WaitGroup
		for range stageWorkers {
			from := input
			workers.Go(func() {
				for item := range from {
					output <- item + 1
				}
			})
		}
		go func() {
			workers.Wait()
			close(output)
		}()
		input = output
	}
	sum := uint64(0)
	for item := range input {
		sum += item
	}
	n := uint64(items)
	if sum != n*(n-1)/2+n*stageCount {
		fail("items are missing")
	}
}
