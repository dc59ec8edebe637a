// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"time"
)

// Call of a cycle.
type Call struct {
	What   string
	Took   time.Duration
	Stages []Stage
}

// Cycle of one way.
type Cycle struct {
	Way   string
	Calls []Call
}

// Series of times.
type Series struct{ v []time.Duration }

func (s *Series) add(d time.Duration) { s.v = append(s.v, d) }

// percentile by nearest rank.
func (s *Series) percentile(p int) time.Duration {
	if len(s.v) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.v))
	return sorted[(len(sorted)*p+99)/100-1]
}

// MarshalJSON gives percentiles in milliseconds.
func (s Series) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"n": len(s.v), "p50_ms": ms(s.percentile(50)), "p90_ms": ms(s.percentile(90)),
		"p99_ms": ms(s.percentile(99))})
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Goal that a figure must keep.
type Goal struct {
	Text  string  `json:"text"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	Met   bool    `json:"met"`
}

// Report of a run.
type Report struct {
	Calls         map[string]map[string]*Series `json:"calls"`  // "run": "ours": …
	Stages        map[string]map[string]*Series `json:"stages"` // "ours run": "create": …
	FirstCall     Series                        `json:"first_call"`
	FirstService  Series                        `json:"first_call_of_the_service"`
	FirstRun      Series                        `json:"first_call_with_the_worker_prepared"`
	IdleKiB       int                           `json:"idle_kib"`
	BusyKiB       int                           `json:"after_1000_calls_kib"`
	StrippedBytes int64                         `json:"stripped_bytes"`
	Ratios        map[string]float64            `json:"ratios_to_seed"`
	Overheads     map[string]float64            `json:"overhead_percent"`
	Goals         []Goal                        `json:"goals"`
}

var calls = []string{"run", "checkpoint", "restore"}

func in(m *map[string]map[string]*Series, a, b string) *Series {
	if *m == nil {
		*m = map[string]map[string]*Series{}
	}
	if (*m)[a] == nil {
		(*m)[a] = map[string]*Series{}
	}
	if (*m)[a][b] == nil {
		(*m)[a][b] = &Series{}
	}
	return (*m)[a][b]
}

func (r *Report) add(cycle Cycle) {
	for _, call := range cycle.Calls {
		in(&r.Calls, call.What, cycle.Way).add(call.Took)
		sums := map[string]time.Duration{}
		for _, stage := range call.Stages {
			sums[stage.Name] += stage.Took
		}
		for name, took := range sums {
			in(&r.Stages, cycle.Way+" "+call.What, name).add(took)
		}
		if cycle.Way == "bare" {
			in(&r.Calls, call.What, "bare, waits").add(call.Took + sums["readyz"] + sums["exit"]) // what no supervisor can do without
		}
	}
}

// finish works out what compares: medians of the ways, which took turns.
func (r *Report) finish() {
	r.Ratios, r.Overheads = map[string]float64{}, map[string]float64{}
	p50 := func(what, way string) float64 { return ms(in(&r.Calls, what, way).percentile(50)) }
	limits := map[string]float64{"run": 0.8, "checkpoint": 0.6, "restore": 0.8}
	for _, what := range calls {
		r.Ratios[what] = p50(what, "ours") / p50(what, "seed")
		r.Overheads[what] = 100 * (p50(what, "ours") - p50(what, "bare, waits")) / p50(what, "bare, waits")
		r.goal(what+" against the baseline's", r.Ratios[what], limits[what])
		r.goal(what+": overhead beyond runsc, %", r.Overheads[what], 3)
	}
	r.goal("service's first answer after start, ms", ms(r.FirstService.percentile(50)), 10)
	r.goal("resident idle, MiB", float64(r.IdleKiB)/1024, 6)
	r.goal("resident after 1,000 calls, MiB", float64(r.BusyKiB)/1024, 6)
	r.goal("stripped program, MB", float64(r.StrippedBytes)/1e6, 2)
}

func (r *Report) goal(text string, value, limit float64) {
	r.Goals = append(r.Goals, Goal{text, value, limit, value <= limit})
}

func (r *Report) missed() bool {
	return slices.ContainsFunc(r.Goals, func(g Goal) bool { return !g.Met })
}

func (r *Report) print(asJSON bool, file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if file != "" {
		if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if asJSON {
		fmt.Println(string(text))
		return nil
	}
	r.table()
	return nil
}

func (r *Report) table() {
	ways := []string{"ours", "bare", "bare, waits", "seed"}
	fmt.Printf("%-12s %10s %10s %12s %10s   %s\n", "ms, p50", "ours", "runsc", "runsc+waits", "seed", "to seed  beyond runsc")
	for _, what := range calls {
		fmt.Printf("%-12s", what)
		for i, way := range ways {
			fmt.Printf(" %*.1f", []int{10, 10, 12, 10}[i], ms(in(&r.Calls, what, way).percentile(50)))
		}
		fmt.Printf("   %7.2f  %+.1f %%\n", r.Ratios[what], r.Overheads[what])
	}
	fmt.Println("\nstages, ms, p50 (several of a kind in one call are added up):")
	for _, way := range []string{"ours", "bare", "seed"} {
		for _, what := range calls {
			stages := r.Stages[way+" "+what]
			names := []string{}
			for name, series := range stages {
				names = append(names, fmt.Sprintf("%s %.1f", name, ms(series.percentile(50))))
			}
			sort.Strings(names)
			fmt.Printf("  %-5s %-11s %s\n", way, what, strings.Join(names, ", "))
		}
	}
	fmt.Printf("\nms after exec, p50 of %d: health answered %.1f, the service's first call %.1f, its first that needs the "+
		"worker %.1f\nresident %d KiB idle, %d KiB after 1,000 calls; stripped %d KiB\n\n",
		len(r.FirstCall.v), ms(r.FirstCall.percentile(50)), ms(r.FirstService.percentile(50)), ms(r.FirstRun.percentile(50)), r.IdleKiB, r.BusyKiB, r.StrippedBytes>>10)
	for _, goal := range r.Goals {
		fmt.Printf("%-6s %-42s %8.2f (at most %g)\n", map[bool]string{true: "met", false: "MISSED"}[goal.Met], goal.Text,
			goal.Value, goal.Limit)
	}
}
