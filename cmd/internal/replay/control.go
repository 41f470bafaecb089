package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// control is the development stack's control endpoint, which is no part of the
// API and exists in no installation that serves anybody: it moves domain time and
// says whether what is due has been done.
type control struct {
	url  string // without a slash at the end
	http *http.Client
	// patience is how long a stack may take to drain, an outage in the middle
	// included.
	patience time.Duration

	steps  int // how often time was moved
	drains int
	polls  int
	waited time.Duration
}

func newControl(url string) *control {
	return &control{url: strings.TrimSuffix(url, "/"), http: &http.Client{Timeout: time.Minute}, patience: 15 * time.Minute}
}

// stackStatus is where the parts of a stack are found.
type stackStatus struct {
	GRPC         string            `json:"grpc"` // host and port
	Control      string            `json:"control"`
	Issuers      map[string]string `json:"issuers"`       // by tenant's slug
	BookingSites map[string]string `json:"booking_sites"` // by tenant's slug
}

// status asks where the parts are.
func (c *control) status(ctx context.Context) (stackStatus, error) {
	var s stackStatus
	return s, c.call(ctx, http.MethodGet, c.url+"/status", nil, &s)
}

// setClock moves domain time to an instant, at which it stands still.
func (c *control) setClock(ctx context.Context, to time.Time) error {
	c.steps++
	return c.call(ctx, http.MethodPost, c.url+"/clock", map[string]any{"now": to.UTC().Format(time.RFC3339Nano), "rate": 0}, nil)
}

// backlog is what a stack still has to do at its present time, and when
// something will be due next; zero if nothing will.
type backlog struct {
	Notices    int        `json:"notices"`
	Wakeups    int        `json:"wakeups"`
	Deliveries int        `json:"deliveries"`
	Drained    bool       `json:"drained"`
	Next       *time.Time `json:"next"`
}

// drain waits until nothing is due any more and gives when something will be.
// It asks at once, then ever more rarely: most steps are done in some tens of
// milliseconds, a day's plan takes a second.
func (c *control) drain(ctx context.Context) (next time.Time, err error) {
	begun := time.Now()
	c.drains++
	defer func() { c.waited += time.Since(begun) }()
	const first, longest = 12 * time.Millisecond, 25 * time.Millisecond
	for pause := first; ; pause = min(pause*3/2, longest) {
		var b backlog
		c.polls++
		if err := c.call(ctx, http.MethodGet, c.url+"/drained", nil, &b); err != nil {
			return time.Time{}, err
		}
		if b.Drained {
			if b.Next != nil {
				next = *b.Next
			}
			return next, nil
		}
		if time.Since(begun) > c.patience {
			return time.Time{}, fmt.Errorf("the stack has not done what is due after %s: %d notices, %d wakeups, %d deliveries are left; its log of work says why",
				c.patience, b.Notices, b.Wakeups, b.Deliveries)
		}
		if err := sleep(ctx, pause); err != nil {
			return time.Time{}, err
		}
	}
}

// act does something to a part of the stack: stop, kill, start or replace.
func (c *control) act(ctx context.Context, act, part, binary string) error {
	body := map[string]string{"part": part}
	if binary != "" {
		body["binary"] = binary
	}
	return c.call(ctx, http.MethodPost, c.url+"/"+act, body, nil)
}

// token asks the development issuer for an access token of a subject.
func (c *control) token(ctx context.Context, issuer, subject string) (string, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	err := c.call(ctx, http.MethodPost, issuer+"/token", map[string]string{"subject": subject, "ttl": "72h"}, &answer)
	if err == nil && answer.AccessToken == "" {
		err = fmt.Errorf("%s answered without an access token", issuer)
	}
	return answer.AccessToken, err
}

func (c *control) call(ctx context.Context, method, url string, body, answer any) error {
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, url, &payload)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask the development stack: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		var refusal struct{ Error string }
		if err := json.NewDecoder(response.Body).Decode(&refusal); err != nil || refusal.Error == "" {
			refusal.Error = response.Status
		}
		return fmt.Errorf("%s %s: %w", method, url, errors.New(refusal.Error))
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", url, err)
	}
	return nil
}

// sleep waits in real time.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// figures asks what lies in the stack's database after the run.
func (c *control) figures(ctx context.Context, w *Work) error {
	var f struct {
		Notices       map[string]int `json:"notices"`
		Wakeups       int            `json:"wakeups"`
		DatabaseBytes int            `json:"database_bytes"`
	}
	if err := c.call(ctx, http.MethodGet, c.url+"/figures", nil, &f); err != nil {
		return err
	}
	w.Notices, w.Wakeups, w.DatabaseMB = f.Notices, f.Wakeups, f.DatabaseBytes>>20
	return nil
}
