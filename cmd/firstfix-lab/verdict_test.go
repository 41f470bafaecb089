package main

import (
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	good := func() *verdict {
		return &verdict{Acked: 10, least: 10, Faults: map[string]int{"worker_killed": 1}, Violations: map[string]int{"altered": 0}}
	}
	if err := good().judge(); err != nil {
		t.Errorf("a promise that was kept: %v", err)
	}
	for want, change := range map[string]func(*verdict){
		"2 × altered":           func(v *verdict) { v.Violations["altered"] = 2 },
		"no fault was injected": func(v *verdict) { v.Faults["worker_killed"] = 0 },
		"only 9 requests":       func(v *verdict) { v.Acked = 9 },
	} {
		v := good()
		change(v)
		if err := v.judge(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	times := []time.Duration{4 * time.Millisecond, time.Millisecond, 3 * time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond}
	if p50, p99 := quantile(times, 0.5), quantile(times, 0.99); p50 != 3 || p99 != 4 {
		t.Errorf("median %g, p99 %g", p50, p99)
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("of nothing")
	}
}
