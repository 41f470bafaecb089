package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// meter shows how far something is: on a terminal on one line, again and again;
// elsewhere one line per step.
type meter struct {
	out      io.Writer
	terminal bool

	mu    sync.Mutex
	what  string
	shown time.Time
}

func newMeter(out io.Writer) *meter { return &meter{out: out, terminal: isTerminal(out)} }

// step tells that done of so many are made.
func (m *meter) step(what string, done, of int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := done == of
	if m.terminal {
		if last || m.what != what || time.Since(m.shown) > 100*time.Millisecond {
			fmt.Fprintf(m.out, "\r\033[K%s %d of %d", what, done, of)
			m.shown = time.Now()
		}
		if last {
			fmt.Fprintln(m.out)
		}
	} else if last {
		fmt.Fprintf(m.out, "%s %d of %d\n", what, done, of)
	}
	m.what = what
}
