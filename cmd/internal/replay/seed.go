package replay

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// seed is where everything generated comes from. Each decision draws from a
// stream of its own, named by what is decided about whom: so one decision more
// in one place changes nothing anywhere else, and the order in which things are
// asked does not matter.
type seed uint64

// of gives the stream of a decision.
func (s seed) of(names ...string) dice {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(s)))
	for _, name := range names {
		h.Write([]byte(name))
		h.Write([]byte{0})
	}
	sum := h.Sum(nil)
	source := rand.NewPCG(binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:]))
	return dice{rand.New(source)} //nolint:gosec // a simulation has to be repeatable
}

// dice is one stream.
type dice struct{ *rand.Rand }

// chance is true with probability p.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// between gives a duration from low to high, evenly.
func (d dice) between(low, high time.Duration) time.Duration {
	return low + time.Duration(d.Float64()*float64(high-low)).Truncate(time.Second)
}

// lognormal gives a value with the mean and the standard deviation, never
// negative and with the long tail that work and travel have.
func (d dice) lognormal(mean, deviation float64) float64 {
	if mean <= 0 {
		return 0
	}
	variance := math.Log(1 + (deviation/mean)*(deviation/mean))
	return math.Exp(math.Log(mean) - variance/2 + math.Sqrt(variance)*d.NormFloat64())
}

// pick gives the index of a weight, each as probable as it weighs.
func (d dice) pick(weights ...float64) int {
	var total float64
	for _, w := range weights {
		total += w
	}
	at := d.Float64() * total
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	return len(weights) - 1
}

// nth names a stream by an ordinal.
func nth(n int) string { return strconv.Itoa(n) }
