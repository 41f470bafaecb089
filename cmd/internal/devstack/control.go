package devstack

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

// Control is the development stack's control endpoint, which is no part of the
// API and exists in no installation that serves anybody: it moves domain time and
// says whether what is due has been done.
type Control struct {
	url  string // without a slash at the end
	http *http.Client
	// patience is how long a stack may take to drain, an outage in the middle
	// included.
	patience time.Duration

	// What it did so far.
	Steps  int // how often time was moved
	Drains int
	Polls  int
	Waited time.Duration
}

// NewControl takes the URL that the stack calls control.
func NewControl(url string) *Control {
	return &Control{url: strings.TrimSuffix(url, "/"), http: &http.Client{Timeout: 5 * time.Minute}, patience: 15 * time.Minute}
}

// Status is where the parts of a stack are found.
type Status struct {
	GRPC         string            `json:"grpc"` // host and port
	Control      string            `json:"control"`
	Issuers      map[string]string `json:"issuers"`       // by tenant's slug
	BookingSites map[string]string `json:"booking_sites"` // by tenant's slug
	SuperuserURL string            `json:"superuser_url"`
	Environment  map[string]string `json:"environment"` // of bin/firstfix
}

// Status asks where the parts are.
func (c *Control) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.Call(ctx, http.MethodGet, c.url+"/status", nil, &s)
}

// SetClock moves domain time to an instant, at which it stands still.
func (c *Control) SetClock(ctx context.Context, to time.Time) error {
	c.Steps++
	return c.Call(ctx, http.MethodPost, c.url+"/clock", map[string]any{"now": to.UTC().Format(time.RFC3339Nano), "rate": 0}, nil)
}

// RunClock moves domain time to an instant, from which it runs on.
func (c *Control) RunClock(ctx context.Context, from time.Time) error {
	c.Steps++
	return c.Call(ctx, http.MethodPost, c.url+"/clock", map[string]any{"now": from.UTC().Format(time.RFC3339Nano), "rate": 1}, nil)
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

// Drain waits until nothing is due any more and gives when something will be.
// It asks at once, then ever more rarely: most steps are done in some tens of
// milliseconds, a day's plan takes a second.
func (c *Control) Drain(ctx context.Context) (next time.Time, err error) {
	begun := time.Now()
	c.Drains++
	defer func() { c.Waited += time.Since(begun) }()
	const first, longest = 12 * time.Millisecond, 25 * time.Millisecond
	for pause := first; ; pause = min(pause*3/2, longest) {
		var b backlog
		c.Polls++
		if err := c.Call(ctx, http.MethodGet, c.url+"/drained", nil, &b); err != nil {
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
		if err := Sleep(ctx, pause); err != nil {
			return time.Time{}, err
		}
	}
}

// Act does something to a part of the stack: stop, kill, start or replace.
func (c *Control) Act(ctx context.Context, act, part, binary string) error {
	body := map[string]string{"part": part}
	if binary != "" {
		body["binary"] = binary
	}
	return c.Call(ctx, http.MethodPost, c.url+"/"+act, body, nil)
}

// Token asks the development issuer for an access token of a subject.
func (c *Control) Token(ctx context.Context, issuer, subject string) (string, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	err := c.Call(ctx, http.MethodPost, issuer+"/token", map[string]string{"subject": subject, "ttl": "72h"}, &answer)
	if err == nil && answer.AccessToken == "" {
		err = fmt.Errorf("%s answered without an access token", issuer)
	}
	return answer.AccessToken, err
}

// Call asks an endpoint of the stack; body and answer are JSON, nil for none.
func (c *Control) Call(ctx context.Context, method, url string, body, answer any) error {
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

// Sleep waits in real time.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
