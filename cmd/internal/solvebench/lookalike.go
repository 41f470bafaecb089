package solvebench

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// LookAlike writes an instance in the Solomon text format that resembles the
// public ones: customers at random (kind "r"), in clusters ("c") or both ("rc"),
// windows of very different width. The committed instances were made by it.
func LookAlike(kind string, customers int, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, uint64(customers))) //nolint:gosec // an instance must be the same each time
	const side, horizon, service, capacity = 100, 1000, 10, 200
	var centres [8][2]int
	for i := range centres {
		centres[i] = [2]int{10 + rng.IntN(80), 10 + rng.IntN(80)}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s-%d-%d\n\nVEHICLE\nNUMBER CAPACITY\n%d %d\n\nCUSTOMER\nCUST XCOORD YCOORD DEMAND READY DUE SERVICE\n\n",
		kind, customers, seed, customers/4, capacity)
	fmt.Fprintf(&b, "0 %d %d 0 0 %d 0\n", side/2, side/2, horizon)
	for i := 1; i <= customers; i++ {
		x, y := rng.IntN(side), rng.IntN(side)
		if kind == "c" || (kind == "rc" && i%2 == 0) {
			c := centres[rng.IntN(len(centres))]
			x, y = c[0]+int(rng.NormFloat64()*4), c[1]+int(rng.NormFloat64()*4)
		}
		// Nobody is so far or so late that a vehicle of its own could not come.
		ready := 80 + rng.IntN(horizon-300)
		due := min(ready+20+rng.IntN(1+rng.IntN(500)), horizon-100)
		if rng.IntN(4) == 0 {
			ready, due = 0, horizon-100
		}
		fmt.Fprintf(&b, "%d %d %d %d %d %d %d\n", i, x, y, 1+rng.IntN(40), ready, max(due, ready), service)
	}
	return b.String()
}

func nameOf(kind string, customers int, seed uint64) string {
	return fmt.Sprintf("%s-%d-%d.txt", kind, customers, seed)
}
