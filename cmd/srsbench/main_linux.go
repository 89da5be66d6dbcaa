package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// loadCommand is play, publish and both.
func loadCommand(name string, args []string) error {
	o, err := loadFlags(name, args)
	if err != nil {
		return err
	}
	halt, cancel := interrupted()
	defer cancel()
	r, err := runPinned(o, halt)
	if err != nil {
		return err
	}
	return finish(o, r)
}

// runPinned runs a load with the priority and on the core that the options name.
func runPinned(o *options, halt <-chan struct{}) (*report, error) {
	if err := renice(o); err != nil {
		return nil, err
	}
	if o.pin >= 0 {
		if err := pinSelf(o.pin); err != nil {
			return nil, err
		}
	}
	var log io.Writer = os.Stderr
	if o.quiet {
		log = nil
	}
	return run(o, log, halt)
}

func renice(o *options) error {
	if o.nice == 0 {
		return nil
	}
	return setNice(o.nice)
}

// finish prints a report and judges it.
func finish(o *options, r *report) error {
	if o.json {
		if err := r.writeJSON(os.Stdout); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	} else {
		r.write(os.Stdout)
	}
	return r.sound()
}

// interrupted gives a channel that is closed by the first SIGINT or SIGTERM; the run then ends early
// and is reported. A second signal kills.
func interrupted() (<-chan struct{}, func()) {
	sig := make(chan os.Signal, 1)
	halt := make(chan struct{})
	done := make(chan struct{})
	signal.Notify(sig, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case <-sig:
			signal.Stop(sig)
			close(halt)
		case <-done:
		}
	}()
	return halt, func() {
		signal.Stop(sig)
		close(done)
	}
}
