package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/firstfix/firstfix/cmd/internal/devstack"
)

// Disturbance is what is done to the stack in the middle of a replay, to show
// that the report is the same as without. Times are real ones.
type Disturbance struct {
	StopTemporal time.Duration // how long Temporal is away; 0: it stays
	KillWorker   bool
	NextWorker   string // path of another build that takes the worker's place

	back chan error // of what was stopped
	done []string   // what was done, in words
}

// restPause is how long a killed worker is away.
const restPause = 3 * time.Second

// plan puts the disturbances into the middle of the days, hours apart.
func (d *Disturbance) plan(r *replay) {
	at := r.from.Add(r.until.Sub(r.from) / 2).Truncate(time.Hour)
	if d.StopTemporal > 0 {
		r.queue.plan(at.Add(-2*time.Hour), func(ctx context.Context) error { return d.stopTemporal(ctx, r) })
	}
	if d.KillWorker {
		r.queue.plan(at, func(ctx context.Context) error { return d.killWorker(ctx, r) })
	}
	if d.NextWorker != "" {
		r.queue.plan(at.Add(2*time.Hour), func(ctx context.Context) error {
			d.note(r, "the worker is replaced by %s", d.NextWorker)
			return r.control.Act(ctx, "replace", "work", d.NextWorker)
		})
	}
}

// stopTemporal takes Temporal away and brings it back in the background, so that
// people go on meanwhile as far as they can.
func (d *Disturbance) stopTemporal(ctx context.Context, r *replay) error {
	d.note(r, "Temporal is stopped for %s", d.StopTemporal)
	if err := r.control.Act(ctx, "stop", "temporal", ""); err != nil {
		return err
	}
	d.back = make(chan error, 1)
	go func() {
		err := devstack.Sleep(ctx, d.StopTemporal)
		d.back <- errors.Join(err, r.control.Act(context.WithoutCancel(ctx), "start", "temporal", ""))
	}()
	return nil
}

func (d *Disturbance) killWorker(ctx context.Context, r *replay) error {
	d.note(r, "the worker is killed, and started again after %s", restPause)
	if err := r.control.Act(ctx, "kill", "work", ""); err != nil {
		return err
	}
	if err := devstack.Sleep(ctx, restPause); err != nil {
		return err
	}
	return r.control.Act(ctx, "start", "work", "")
}

func (d *Disturbance) note(r *replay, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	d.done = append(d.done, r.now.In(r.zone).Format("Mon 15:04 ")+text)
	r.say("%s", text)
}

// settled waits for what was stopped to be back.
func (d *Disturbance) settled() error {
	if d.back == nil {
		return nil
	}
	if err := <-d.back; err != nil {
		return fmt.Errorf("after %s: %w", strings.Join(d.done, ", "), err)
	}
	return nil
}
