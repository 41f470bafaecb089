package replay

import (
	"context"
	"slices"
	"testing"
	"time"
)

func TestEventsComeByTimeThenByPlan(t *testing.T) {
	t.Parallel()
	var q queue
	base := time.Date(2011, 11, 7, 9, 0, 0, 0, time.UTC)
	var got []int
	for i, minutes := range []int{30, 0, 30, 15, 0, 30} {
		q.plan(base.Add(time.Duration(minutes)*time.Minute), func(context.Context) error { got = append(got, i); return nil })
	}
	for at, ok := q.next(); ok; at, ok = q.next() {
		e := q.take()
		if !e.at.Equal(at) {
			t.Errorf("took %s, next had said %s", e.at, at)
		}
		if err := e.do(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int{1, 4, 3, 0, 2, 5}; !slices.Equal(got, want) {
		t.Errorf("order %v, expected %v", got, want)
	}
}
