// Command firstfix-lab attacks promises until they could have broken: it drives the
// built binaries through the public API while servers, workers and PostgreSQL are
// killed and what they call misbehaves, and audits afterwards what was acknowledged
// against what is there. It prints one line of JSON per promise, and fails on any
// violation, where no fault was injected, or where too little was acknowledged.
//
//	firstfix-lab P8 --tier quick --seed 1
//
// docs/promises.md lists what is attacked, and what is not yet.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// attacks are the promises that can be attacked, by their numbers.
var attacks = map[string]func(context.Context, *lab) (*verdict, error){
	"P1": attackBooking, // and P3, and P4 of its calls
	"P8": attackHandOff,
}

// options are the flags.
type options struct {
	Promises  []string      `arg:"" optional:"" help:"Promises to attack, e.g. P8; none for all that can be."`
	Tier      string        `enum:"quick,long" default:"quick" help:"How much of it: quick takes a minute or two, long is for the record."`
	Seed      uint64        `default:"1" help:"Of the schedule of faults and of what misbehaves."`
	Referrals int           `help:"P8: how many are logged; 0 means 400 (quick) or 20,000 (long)."`
	Bookings  int           `help:"P1: how many customers come; 0 means 300 (quick) or 5,000 (long)."`
	Writers   int           `default:"64" help:"How many write at once."`
	Every     time.Duration `help:"How long after a fault the next one comes; 0 means 3 s (quick), and for long 90 s (P8) or 20 s (P1)."`
	Bin       string        `default:"bin" help:"Directory of firstfix and firstfix-dev; make build makes them." type:"existingdir"`
	Log       string        `help:"File for what the stack and its programs say; standard error by default."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	kong.Parse(&o, kong.Name("firstfix-lab"), kong.Description("Attacks the promises of Firstfix, and says what broke."), kong.UsageOnError())
	if err := run(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "firstfix-lab: %v\n", err)
		os.Exit(1) //nolint:gocritic // nothing is left to do for stop
	}
}

func run(ctx context.Context, o options) error {
	if len(o.Promises) == 0 {
		for promise := range attacks {
			o.Promises = append(o.Promises, promise)
		}
		slices.Sort(o.Promises)
	}
	log := io.Writer(os.Stderr)
	if o.Log != "" {
		file, err := os.Create(o.Log)
		if err != nil {
			return err
		}
		defer file.Close()
		log = file
	}
	var failures []error
	for _, promise := range o.Promises {
		attack, ok := attacks[promise]
		if !ok {
			return fmt.Errorf("nothing attacks %s yet; what can be attacked: %s", promise, strings.Join(known(), ", "))
		}
		v, err := attackOne(ctx, o, log, promise, attack)
		if err != nil {
			return fmt.Errorf("%s: %w", promise, err)
		}
		if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
			return err
		}
		if err := v.judge(); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", promise, err))
		}
	}
	return errors.Join(failures...)
}

func known() []string {
	var out []string
	for promise := range attacks {
		out = append(out, promise)
	}
	slices.Sort(out)
	return out
}

func attackOne(ctx context.Context, o options, log io.Writer, promise string, attack func(context.Context, *lab) (*verdict, error)) (v *verdict, err error) {
	at := commit() // before somebody goes on working in the checkout
	l, err := open(ctx, o, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if v, err = attack(ctx, l); err != nil {
		return nil, err
	}
	v.Promise, v.Tier, v.Seed, v.Commit = promise, o.Tier, o.Seed, at
	return v, nil
}
