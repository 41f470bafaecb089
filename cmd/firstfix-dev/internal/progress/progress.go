// Package progress tells a person at a terminal, or the reader of a build log,
// what a long step is doing and for how long. It writes whole lines only, so
// that the output of a build server stays readable.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// tick is the pause between two signs of life of a step.
const tick = 10 * time.Second

// Printer writes the lines of one program. Its methods may be called from
// several goroutines.
type Printer struct {
	mu  sync.Mutex
	out io.Writer
}

// New returns a Printer that writes to out.
func New(out io.Writer) *Printer { return &Printer{out: out} }

// Note writes one line.
func (p *Printer) Note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "[firstfix-dev] "+format+"\n", args...)
}

// Step runs do, announced by its title, with a sign of life every ten seconds
// and the time it took at the end. It returns do's error unchanged.
func (p *Printer) Step(title string, do func() error) error {
	begin := time.Now()
	p.Note("%s …", title)
	done := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				p.Note("%s … still at it after %.0f s", title, time.Since(begin).Seconds())
			}
		}
	})
	err := do()
	close(done)
	ticking.Wait()
	if err != nil {
		p.Note("%s: failed after %.1f s", title, time.Since(begin).Seconds())
		return err
	}
	p.Note("%s: done in %.1f s", title, time.Since(begin).Seconds())
	return nil
}
