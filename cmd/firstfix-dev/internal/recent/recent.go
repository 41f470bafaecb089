// Package recent keeps in memory what came last, for the pages of the development
// stack.
package recent

import (
	"slices"
	"sync"
)

// capacity is how many are kept; the oldest go first.
const capacity = 1000

// List keeps the last thousand; the zero value is empty and ready.
type List[T any] struct {
	mu   sync.Mutex
	kept []T // oldest first
	came int
}

// Add keeps what is made of its number, which counts from 1 since the start.
func (l *List[T]) Add(made func(number int) T) T {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.came++
	one := made(l.came)
	l.kept = append(l.kept, one)
	if len(l.kept) > capacity {
		l.kept = slices.Delete(l.kept, 0, len(l.kept)-capacity)
	}
	return one
}

// Newest returns what is kept, newest first, and how many ever came.
func (l *List[T]) Newest() (kept []T, came int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept = slices.Clone(l.kept)
	slices.Reverse(kept)
	return kept, l.came
}
