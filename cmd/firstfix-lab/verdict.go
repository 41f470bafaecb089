package main

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// verdict is what came of one attack.
type verdict struct {
	Promise    string         `json:"promise"`
	Tier       string         `json:"tier"`
	Seed       uint64         `json:"seed"`
	Commit     string         `json:"commit"`
	Requests   int            `json:"requests"`   // calls that were sent, repeats included
	Acked      int            `json:"acked"`      // requests that were answered with success
	Unknown    int            `json:"unknown"`    // calls whose outcome their caller does not know; they were repeated
	Faults     map[string]int `json:"faults"`     // by kind
	Violations map[string]int `json:"violations"` // by kind, all of them, also those that are 0
	Figures    map[string]any `json:"figures,omitempty"`
	P50        float64        `json:"p50_ms"`
	P99        float64        `json:"p99_ms"`

	least int // acknowledged requests under which nothing is shown
}

// judge says whether the promise was kept, and whether it could have been broken.
func (v *verdict) judge() error {
	var out []error
	for _, kind := range sortedKeys(v.Violations) {
		if n := v.Violations[kind]; n > 0 {
			out = append(out, fmt.Errorf("%d × %s", n, kind))
		}
	}
	faults := 0
	for _, n := range v.Faults {
		faults += n
	}
	if faults == 0 {
		out = append(out, errors.New("no fault was injected: nothing was shown"))
	}
	if v.Acked < v.least {
		out = append(out, fmt.Errorf("only %d requests were acknowledged, at least %d are needed to show anything", v.Acked, v.least))
	}
	return errors.Join(out...)
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// quantile of times that are sorted in place, in milliseconds.
func quantile(times []time.Duration, q float64) float64 {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return float64(times[int(q*float64(len(times)-1))].Microseconds()) / 1000
}

// commit is what the checkout is at, "unknown" where there is none.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
