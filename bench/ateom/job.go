// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"actornet/tests/ateom/lab"
)

// Job is what the agent in the pod is asked for: an operation on an actor whose files are in place.
type Job struct {
	Op         string // bare-run, seed-checkpoint, …; first-call
	Dir, Runsc string
	Containers []lab.Container
}

// Result of a job: what its stages took, by name, in the order of their ends.
type Result struct {
	Stages []Stage
	Error  string
}

// Stage of a job.
type Stage struct {
	Name string
	Took time.Duration
}

// Sum of the stages whose name is among these; of all where none is given.
func (r Result) Sum(names ...string) (sum time.Duration) {
	for _, stage := range r.Stages {
		wanted := len(names) == 0
		for _, name := range names {
			wanted = wanted || name == stage.Name
		}
		if wanted {
			sum += stage.Took
		}
	}
	return sum
}
