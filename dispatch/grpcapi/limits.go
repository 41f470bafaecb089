package grpcapi

import (
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/firstfix/firstfix/dispatch"
)

// allowance is a rate with a burst, in calls.
type allowance struct {
	perSecond float64
	burst     int
}

// The allowances, per process. They stop a runaway client and a scraper; fair
// shares between tenants under overload are not their business.
var (
	memberAllowance  = allowance{100, 200} // a person's or device's tools
	visitorAllowance = allowance{5, 30}    // somebody who clicks
	addressAllowance = allowance{20, 60}   // all visitors and links behind one address
	publicAllowance  = allowance{1, 20}    // tokens and links asked for, per address
)

// mostStreams is how many streams one person's or device's tools may hold open at
// once, per process: many tabs, and not a leak.
const mostStreams = 20

// limits counts calls per principal and per address, and streams per principal.
type limits struct {
	members, visitors, addresses, public *buckets

	mu      sync.Mutex
	streams map[string]int // open now, by principal
}

// newLimits multiplies every allowance by factor: 1 in production, more where a
// replay plays thousands of people from one machine.
func newLimits(factor float64, now func() time.Time) *limits {
	return &limits{
		members:   newBuckets("calls of a principal", memberAllowance, factor, now),
		visitors:  newBuckets("calls of a visitor", visitorAllowance, factor, now),
		addresses: newBuckets("calls of visitors from an address", addressAllowance, factor, now),
		public:    newBuckets("tokens asked for from an address", publicAllowance, factor, now),
		streams:   map[string]int{},
	}
}

// hold counts one more open stream of the caller until it is released, or refuses
// it.
func (l *limits) hold(caller dispatch.Principal) (release func(), err error) {
	key := caller.Tenant.String() + "/" + caller.Subject
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[key] >= mostStreams {
		refused := dispatch.Refuse(dispatch.ReasonRateLimited, "", "%d streams are open, which is all that one caller may have; close one", mostStreams).
			With("quota", "streams of a principal").With("most", strconv.Itoa(mostStreams))
		refused.RetryAfter = time.Second
		return nil, refused
	}
	l.streams[key]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.streams[key]--; l.streams[key] == 0 {
			delete(l.streams, key)
		}
	}, nil
}

// take counts one call, or refuses it.
func (l *limits) take(caller dispatch.Principal, public bool, from netip.Addr) error {
	if public {
		return l.public.take(network(from))
	}
	key := caller.Tenant.String() + "/" + caller.Subject
	if caller.Role != dispatch.RoleVisitor && caller.Role != dispatch.RoleLink {
		return l.members.take(key)
	}
	if err := l.addresses.take(caller.Tenant.String() + "/" + network(from)); err != nil {
		return err
	}
	return l.visitors.take(key)
}

// network is what counts as one address: of IPv6 the /64 that one customer of a
// provider has.
func network(a netip.Addr) string {
	a = a.Unmap()
	if !a.Is6() {
		return a.String()
	}
	prefix, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a.String()
	}
	return prefix.String()
}

// mostBuckets bounds the memory that callers with ever new keys can cost, to
// about 10 MB per kind.
const mostBuckets = 50_000

// buckets are token buckets by key. Buckets that have filled up again are
// dropped, since a new one says the same.
type buckets struct {
	what  string
	limit rate.Limit
	burst int
	now   func() time.Time

	mu    sync.Mutex
	byKey map[string]*rate.Limiter
	swept time.Time
}

func newBuckets(what string, a allowance, factor float64, now func() time.Time) *buckets {
	return &buckets{
		what: what, limit: rate.Limit(a.perSecond * factor), burst: max(int(float64(a.burst)*factor), 1), now: now,
		byKey: map[string]*rate.Limiter{},
	}
}

func (b *buckets) take(key string) error {
	now := b.now()
	limiter := b.limiter(key, now)
	reservation := limiter.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait <= 0 {
		return nil
	}
	reservation.CancelAt(now)
	refused := dispatch.Refuse(dispatch.ReasonRateLimited, "", "too many %s: %g a second with a burst of %d are allowed", b.what, float64(b.limit), b.burst).
		With("quota", b.what).
		With("perSecond", strconv.FormatFloat(float64(b.limit), 'g', -1, 64)).
		With("burst", strconv.Itoa(b.burst))
	refused.RetryAfter = wait.Truncate(time.Millisecond) + time.Millisecond
	return refused
}

func (b *buckets) limiter(key string, now time.Time) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	limiter, ok := b.byKey[key]
	if ok {
		return limiter
	}
	if now.Sub(b.swept) > time.Minute || len(b.byKey) >= mostBuckets {
		b.sweep(now)
	}
	if len(b.byKey) >= mostBuckets {
		// A flood of keys: who is new shares one bucket until it ebbs away.
		key = ""
		if limiter, ok := b.byKey[key]; ok {
			return limiter
		}
	}
	limiter = rate.NewLimiter(b.limit, b.burst)
	b.byKey[key] = limiter
	return limiter
}

func (b *buckets) sweep(now time.Time) {
	if now.Sub(b.swept) < time.Second {
		return // a flood must not pay for a sweep per call
	}
	b.swept = now
	for key, limiter := range b.byKey {
		if limiter.TokensAt(now) >= float64(b.burst) {
			delete(b.byKey, key)
		}
	}
}
