package dispatch

import (
	"math/rand/v2"
	"time"
)

// What goes outside and is not taken is tried again ever later, in domain time, until
// it is given up: three days span a weekend without the other side's staff.
const (
	FirstRetry  = 30 * time.Second
	LatestRetry = 6 * time.Hour
	RetryFor    = 72 * time.Hour
)

// RetryIn is how long after an attempt (1, 2, …) the next one comes. Up to a fifth is
// added by chance, so that what failed together comes back apart.
func RetryIn(attempt int) time.Duration {
	wait := Backoff(FirstRetry, LatestRetry, attempt)
	return wait + rand.N(wait/5) //nolint:gosec // jitter needs no secrecy
}

// Backoff doubles from first with every attempt (1, 2, …) up to most.
func Backoff(first, most time.Duration, attempt int) time.Duration {
	for range attempt - 1 {
		if first >= most/2 {
			return most
		}
		first *= 2
	}
	return min(first, most)
}
