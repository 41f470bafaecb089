package replay

import (
	"container/heap"
	"context"
	"time"
)

// event is something that somebody will do at a domain time.
type event struct {
	at  time.Time
	seq int // order among events of one time: that in which they were planned
	do  func(context.Context) error
}

// queue is what is still to happen, the earliest first.
type queue struct {
	events events
	seq    int
}

// plan adds an event.
func (q *queue) plan(at time.Time, do func(context.Context) error) {
	q.seq++
	heap.Push(&q.events, event{at: at, seq: q.seq, do: do})
}

// next gives when the earliest event is; ok is false if nothing is to happen.
func (q *queue) next() (at time.Time, ok bool) {
	if len(q.events) == 0 {
		return time.Time{}, false
	}
	return q.events[0].at, true
}

// take removes the earliest event.
func (q *queue) take() event {
	e, _ := heap.Pop(&q.events).(event)
	return e
}

// events implements heap.Interface.
type events []event

func (e events) Len() int { return len(e) }

func (e events) Less(i, j int) bool {
	if !e[i].at.Equal(e[j].at) {
		return e[i].at.Before(e[j].at)
	}
	return e[i].seq < e[j].seq
}

func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *events) Push(x any) {
	one, _ := x.(event)
	*e = append(*e, one)
}

// Pop implements heap.Interface.
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
