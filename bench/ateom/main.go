// SPDX-License-Identifier: Apache-2.0

// bench-ateom measures ateom-gvisor as its caller sees it, beside runsc's commands alone and beside the sequence of the
// server that it stands in for, all in one run and taking turns.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"actornet/tests/ateom/lab"
)

var (
	cycles   = flag.Int("n", 20, "cycles of each")
	only     = flag.String("only", "", "ours, bare or seed: this way alone, which compares nothing")
	asJSON   = flag.Bool("json", false, "print one JSON object")
	output   = flag.String("output", "", "write the JSON object to this file too")
	agent    = flag.Bool("agent", false, "")
	interior = flag.String("interior", "", "")
	address  = flag.String("address", "", "")
	seedNet  = flag.String("seed-net", "", "")
	_        = flag.String("pod-uid", "", "")
	base     = flag.String("base-dir", "", "")
)

func main() {
	flag.Parse()
	var err error
	missed := false
	if *cycles < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *agent {
		err = agentMain(filepath.Join(*base, "agent.sock"), *interior, *address, *seedNet)
	} else {
		missed, err = bench()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-ateom:", err)
		os.Exit(1)
	}
	if missed {
		os.Exit(7) // as actornet bench has it
	}
}

// Bench is one run.
type Bench struct {
	lab    *lab.Lab
	server *lab.Server
	agent  *lab.Server
	conn   net.Conn
	decode *json.Decoder
	runsc  string
	Report Report
}

func bench() (bool, error) {
	b := &Bench{}
	var err error
	if b.runsc, err = lab.Runsc(); err != nil {
		return false, err
	}
	if b.lab, err = lab.New(); err != nil {
		return false, err
	}
	defer b.lab.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-stop
		b.lab.Close()
		os.Exit(1)
	}()
	steps := []func() error{b.startAgent, b.firstCalls, b.startServer, b.idle, b.measure, b.size}
	if *only == "bare" || *only == "seed" {
		steps = []func() error{b.startAgent, b.measure}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return false, errors.Join(err, b.last())
		}
	}
	if *only == "" {
		b.Report.finish()
	}
	return b.Report.missed(), b.Report.print(*asJSON, *output)
}

// last words of server and agent.
func (b *Bench) last() error {
	text := ""
	for _, s := range []*lab.Server{b.server, b.agent} {
		if s != nil {
			for _, line := range s.Errors() {
				text += "\n" + line
			}
		}
	}
	if text == "" {
		return nil
	}
	return errors.New("standard error:" + text)
}

func (b *Bench) startServer() error {
	pod, err := b.lab.Pod()
	if err != nil {
		return err
	}
	b.server, err = pod.Start(lab.Options{})
	return err
}

// startAgent in a pod of its own, and connect.
func (b *Bench) startAgent() error {
	pod, err := b.lab.Pod()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b.agent, err = pod.Start(lab.Options{Program: self, NoClient: true, Args: []string{"--agent", "--interior",
		pod.Interior(), "--address", pod.Address, "--seed-net", filepath.Join(lab.Build(), "bench", "ateom", "seed", "seed-net")}})
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if b.conn, err = net.Dial("unix", filepath.Join(pod.Base, "agent.sock")); err == nil {
			b.decode = json.NewDecoder(b.conn)
			return nil
		}
		if b.agent.Exited() || time.Now().After(deadline) {
			return fmt.Errorf("agent: %w", err)
		}
	}
}

// ask the agent. The time is what the asker sees.
func (b *Bench) ask(job Job) (Result, time.Duration, error) {
	var result Result
	began := time.Now()
	if err := json.NewEncoder(b.conn).Encode(job); err != nil {
		return result, 0, err
	}
	if err := b.decode.Decode(&result); err != nil {
		return result, 0, err
	}
	took := time.Since(began)
	if result.Error != "" {
		return result, took, fmt.Errorf("%s: %s", job.Op, result.Error)
	}
	return result, took, nil
}

func (b *Bench) firstCalls() error {
	for range 10 {
		result, _, err := b.ask(Job{Op: "first-call", Dir: b.agent.Base, Runsc: lab.Program()})
		if err != nil {
			return err
		}
		b.Report.FirstCall.add(result.Sum("health"))
		b.Report.FirstService.add(result.Sum("service"))
		b.Report.FirstRun.add(result.Sum("run"))
	}
	return nil
}

func (b *Bench) idle() error {
	// Waits until the worker is prepared.
	if err := firstAnswer(b.server.Socket(), runMethod, nothing); err != nil {
		return err
	}
	b.Report.IdleKiB = b.server.Resident()
	// The service's own, which come to nothing, since cycles are measured below: and health checks among them.
	methods := []string{runMethod, checkpointMethod, restoreMethod, lab.HealthMethod}
	for i := range 1000 {
		message := nothing
		if methods[i%len(methods)] == lab.HealthMethod {
			message = nil
		}
		if err := firstAnswer(b.server.Socket(), methods[i%len(methods)], message); err != nil {
			return err
		}
	}
	b.Report.BusyKiB = b.server.Resident()
	return nil
}

// size of the program without its symbols.
func (b *Bench) size() error {
	stripped := filepath.Join(b.lab.Dir, "stripped")
	if out, err := exec.Command("strip", "-o", stripped, lab.Program()).CombinedOutput(); err != nil {
		return fmt.Errorf("strip: %w: %s", err, out)
	}
	info, err := os.Stat(stripped)
	if err == nil {
		b.Report.StrippedBytes = info.Size()
	}
	return err
}

// measure takes turns: a cycle of ours, of the commands alone, of the baseline.
func (b *Bench) measure() error {
	for i := range *cycles + 1 {
		for _, way := range []struct {
			name string
			live func(id string) (Cycle, error)
		}{{"ours", b.ours}, {"bare", b.bare}, {"seed", b.seed}} {
			if *only != "" && *only != way.name {
				continue
			}
			cycle, err := way.live(fmt.Sprintf("actor-%d", i))
			if err != nil {
				return err
			}
			if i > 0 { // the first warms up
				b.Report.add(cycle)
			}
		}
	}
	return nil
}

// life of an actor: run, checkpoint, restore, checkpoint, its files brought and taken away as atelet does.
func (b *Bench) life(pod *lab.Pod, id string, call func(a *lab.Actor, what string) error) error {
	a, err := pod.Actor(id, b.runsc, lab.Web())
	if err != nil {
		return err
	}
	if err := call(a, "run"); err != nil {
		return err
	}
	snapshot := filepath.Join(b.lab.Dir, "snapshot")
	if err := call(a, "checkpoint"); err != nil {
		return err
	}
	names := []string{}
	entries, err := os.ReadDir(a.Dir("checkpoint-state"))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if err == nil {
		err = a.Upload(names, snapshot)
	}
	if err == nil {
		err = a.Download(snapshot)
	}
	if err == nil {
		err = call(a, "restore")
	}
	if err == nil {
		err = call(a, "checkpoint")
	}
	return errors.Join(err, os.RemoveAll(a.Dir()))
}

func (b *Bench) ours(id string) (Cycle, error) {
	cycle := Cycle{Way: "ours"}
	err := b.life(b.server.Pod, id, func(a *lab.Actor, what string) error {
		var trailer metadata.MD
		var err error
		began := time.Now()
		switch what {
		case "run":
			err = b.server.Client.Run(a.Request(), grpc.Trailer(&trailer))
		case "checkpoint":
			_, err = b.server.Client.Checkpoint(a.Request(), grpc.Trailer(&trailer))
		case "restore":
			err = b.server.Client.Restore(a.Request(), grpc.Trailer(&trailer))
		}
		call := Call{What: what, Took: time.Since(began)}
		for name, took := range lab.Timings(trailer) {
			call.Stages = append(call.Stages, Stage{name, took})
		}
		cycle.Calls = append(cycle.Calls, call)
		time.Sleep(50 * time.Millisecond) // what it does after the answer is not to slow down the next
		return err
	})
	return cycle, err
}

func (b *Bench) bare(id string) (Cycle, error) { return b.byAgent("bare", id) }
func (b *Bench) seed(id string) (Cycle, error) { return b.byAgent("seed", id) }

func (b *Bench) byAgent(way, id string) (Cycle, error) {
	cycle := Cycle{Way: way}
	err := b.life(b.agent.Pod, id, func(a *lab.Actor, what string) error {
		result, took, err := b.ask(Job{Op: way + "-" + what, Dir: a.Dir(), Runsc: a.Runsc, Containers: a.Containers})
		if way == "bare" {
			took = result.Sum("create", "start", "restore", "checkpoint", "delete")
		}
		cycle.Calls = append(cycle.Calls, Call{What: what, Took: took, Stages: result.Stages})
		time.Sleep(50 * time.Millisecond)
		return err
	})
	return cycle, err
}
