package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/firstfix/firstfix/cmd/internal/devstack"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// Options say what is played.
type Options struct {
	Requests    string // CSV file
	Territories string // GeoJSON file
	Zone        string // IANA zone of the territories
	Technicians int
	From        string // first local day, "2011-10-31"; empty: that of the first request
	Days        int    // 0: until the day of the last request
	Seed        uint64
	Picture     string // local day that is drawn; empty: the Monday in the middle

	// A stack that runs already, with an empty tenant; empty: one of our own.
	Server  string // host and port of gRPC; empty: what control says
	Control string // URL
	Tenant  string // slug

	Disturb Disturbance
	Log     io.Writer // progress, and what a stack of our own has to say
}

// tail is how long is waited after the last day: beyond the fix windows, so that
// every verdict is final. Services with longer windows stay provisional.
const tail = 32 * 24 * time.Hour

// replay is one run under way.
type replay struct {
	Options
	seed     seed
	stack    *devstack.Stack // of our own; nil for another's
	api      *api
	control  *devstack.Control
	zone     *time.Location
	from     time.Time // midnight of the first day
	until    time.Time // midnight after the last
	requests []Request
	byID     map[string]Request

	company *company
	tally   *tally
	queue   queue
	now     time.Time // domain time
	due     time.Time // when the stack has something to do next; zero: never
	wrote   bool      // whether something may be due that nobody has waited for
	begun   time.Time
	boards  []*pb.Board // of the day that is drawn
}

// Run plays the days and reports. The report is complete also if it holds
// mismatches; an error means that the replay could not be played to its end.
func Run(ctx context.Context, o Options) (_ *Report, _ *Picture, err error) {
	r := &replay{Options: o, seed: seed(o.Seed), tally: newTally(), begun: time.Now(), byID: map[string]Request{}}
	if err := r.read(); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.disconnect()) }()
	if err := r.connect(ctx); err != nil {
		return nil, nil, err
	}
	if err := r.play(ctx); err != nil {
		return nil, nil, fmt.Errorf("at %s of the played time: %w", r.now.In(r.zone).Format(time.DateTime), err)
	}
	report, err := r.report(ctx)
	if err != nil {
		return nil, nil, err
	}
	return report, r.picture(report), nil
}

// read loads the requests of the days that are played.
func (r *replay) read() error {
	var err error
	if r.zone, err = time.LoadLocation(r.Zone); err != nil {
		return fmt.Errorf("time zone %q: %w", r.Zone, err)
	}
	file, err := os.Open(r.Requests)
	if err != nil {
		return fmt.Errorf("open the requests: %w", err)
	}
	defer file.Close()
	all, err := ReadRequests(file)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Requests, err)
	}
	if len(all) == 0 {
		return fmt.Errorf("%s holds no requests", r.Requests)
	}
	r.from = midnight(all[0].CreatedAt.In(r.zone))
	if r.From != "" {
		if r.from, err = time.ParseInLocation(time.DateOnly, r.From, r.zone); err != nil {
			return fmt.Errorf("first day %q: expected a date such as 2011-10-31", r.From)
		}
	}
	r.until = midnight(all[len(all)-1].CreatedAt.In(r.zone)).AddDate(0, 0, 1)
	if r.Days > 0 {
		r.until = r.from.AddDate(0, 0, r.Days)
	}
	r.requests = Between(all, r.from, r.until)
	if len(r.requests) == 0 {
		return fmt.Errorf("%s holds no requests from %s to %s", r.Requests, r.from.Format(time.DateOnly), r.until.Format(time.DateOnly))
	}
	for _, request := range r.requests {
		r.byID[request.ID] = request
	}
	return nil
}

// connect reaches the stack, or starts one.
func (r *replay) connect(ctx context.Context) error {
	if r.Control == "" {
		r.say("starting a stack of our own")
		var err error
		if r.stack, err = startStack(ctx, r.Log); err != nil {
			return err
		}
		r.Control, r.Server = r.stack.Status.Control, r.stack.Status.GRPC
	}
	r.control = devstack.NewControl(r.Control)
	if r.Server == "" {
		status, err := r.control.Status(ctx)
		if err != nil {
			return err
		}
		r.Server = status.GRPC
	}
	var err error
	r.api, err = dial(r.Server)
	return err
}

// disconnect leaves the stack, and removes one of our own.
func (r *replay) disconnect() error {
	var errs []error
	if r.api != nil {
		errs = append(errs, r.api.conn.Close())
	}
	if r.stack != nil {
		errs = append(errs, r.stack.Stop())
	}
	return errors.Join(errs...)
}

// play lives through the days and past the fix windows.
func (r *replay) play(ctx context.Context) error {
	// Noon of the day before: shifts can be made, and the first evening's plan is
	// still to come.
	r.now = r.from.Add(-12 * time.Hour)
	if err := r.control.SetClock(ctx, r.now); err != nil {
		return err
	}
	if err := r.foundCompany(ctx); err != nil {
		return fmt.Errorf("set up the company: %w", err)
	}
	r.say("%s", r.company)
	if err := r.settle(ctx); err != nil {
		return err
	}
	for _, request := range r.requests {
		r.queue.plan(request.CreatedAt, func(ctx context.Context) error { return r.ask(ctx, request) })
	}
	for _, w := range r.company.workers {
		r.planDays(w)
	}
	for day := r.from; day.Before(r.runOut()); day = day.AddDate(0, 0, 1) {
		r.queue.plan(day.Add(-time.Hour), func(ctx context.Context) error { return r.inspect(ctx, day) })
		r.queue.plan(day.AddDate(0, 0, 1), func(context.Context) error { return r.tellDay(day) })
	}
	r.queue.plan(r.pictureDay().Add(20*time.Hour), r.keepBoards)
	r.Disturb.plan(r)
	if err := r.playUntil(ctx, r.runOut().Add(tail)); err != nil {
		return err
	}
	return r.settle(ctx)
}

// runOut is when technicians stop working: what was booked on the last day is
// done in the days after it.
func (r *replay) runOut() time.Time { return r.until.AddDate(0, 0, searchDays+2) }

// playUntil plays all events up to the end, and what the stack has to do in between
// at its own times.
func (r *replay) playUntil(ctx context.Context, end time.Time) error {
	for {
		at, ok := r.queue.next()
		if !ok || at.After(end) {
			return r.advance(ctx, end)
		}
		if err := r.advance(ctx, at); err != nil {
			return err
		}
		if err := r.queue.take().do(ctx); err != nil {
			return err
		}
		if err := r.settle(ctx); err != nil {
			return err
		}
	}
}

// grain is how exactly the stack's own due times are met: what is due within one
// grain is done at its end. A real clock's worker is no more exact, and a third
// of the steps is saved.
const grain = time.Minute

// lateGrain is the grain of the weeks of waiting at the end.
const lateGrain = 6 * time.Hour

// advance moves domain time on to an instant, stopping wherever the stack has
// something to do on the way.
func (r *replay) advance(ctx context.Context, to time.Time) error {
	for !r.due.IsZero() && r.due.Before(to) {
		g := grain
		if r.due.After(r.runOut()) {
			g = lateGrain
		}
		at := r.due.Truncate(g).Add(g)
		if at.After(to) {
			break
		}
		if err := r.step(ctx, at); err != nil {
			return err
		}
	}
	return r.step(ctx, to)
}

// step moves domain time on and waits, if something has become due.
func (r *replay) step(ctx context.Context, to time.Time) error {
	if to.After(r.now) {
		r.now = to
		if err := r.control.SetClock(ctx, to); err != nil {
			return err
		}
	}
	if !r.due.IsZero() && !r.due.After(r.now) {
		r.wrote = true
	}
	return r.settle(ctx)
}

// settle waits until the stack has done what is due, where anything can be.
func (r *replay) settle(ctx context.Context) error {
	if !r.wrote {
		return nil
	}
	due, err := r.control.Drain(ctx)
	if err != nil {
		return err
	}
	r.due, r.wrote = due, false
	return nil
}

func (r *replay) say(format string, args ...any) {
	fmt.Fprintf(r.Log, format+"\n", args...)
}

// tellDay says what a day brought.
func (r *replay) tellDay(day time.Time) error {
	d := r.tally.day(day)
	r.say("%s  %4d requests  %4d booked  %4d visits  %7.1f s", day.Format("Mon 02 Jan 2006"), d.Requests, d.Booked, d.Visits, time.Since(r.begun).Seconds())
	return nil
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// startStack starts one beside our own program. Its worker looks for work more often
// than anybody else would want: a replay waits for it thousands of times.
func startStack(ctx context.Context, log io.Writer) (*devstack.Stack, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find our own program, to look for firstfix-dev beside it: %w", err)
	}
	stack, err := devstack.Start(ctx, filepath.Dir(self), log, []string{"FIRSTFIX_IDLE_POLL=20ms"})
	if err != nil {
		return nil, fmt.Errorf("%w; or give --server and --control", err)
	}
	return stack, nil
}
