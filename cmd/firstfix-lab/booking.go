package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/firstfix/firstfix/cmd/internal/devstack"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// attackBooking attacks P1, P3 and P4: no technician has two things to do at once, a
// window that was confirmed is there, and changed only by who was told so, and a repeat
// has the answer of the first try and no effect of its own, while
// customers book, move and cancel, the dispatcher plans, and servers, workers and
// PostgreSQL are killed.
func attackBooking(ctx context.Context, l *lab) (*verdict, error) {
	n, technicians, every := 300, 4, 3*time.Second
	if l.Tier == "long" {
		n, technicians, every = 5_000, 40, 20*time.Second
	}
	if l.Bookings > 0 {
		n = l.Bookings
	}
	if l.Every > 0 {
		every = l.Every
	}
	if err := l.begin(ctx, nil); err != nil {
		return nil, err
	}
	s, err := l.openShop(ctx, technicians)
	if err != nil {
		return nil, err
	}
	l.requests.Store(0)
	l.took, l.impatient, l.deaf = nil, 0.2, 0.2
	h := &history{there: map[string]booked{}}
	v := &verdict{Faults: map[string]int{}, Violations: map[string]int{}, least: n / 3}
	overlaps := map[string]bool{}
	begun := time.Now()
	err = l.harassed(ctx, every, v.Faults, func(ctx context.Context) error {
		around, calm := context.WithCancel(ctx)
		group, around := errgroup.WithContext(around)
		group.Go(func() error { return l.plan(around, s, h) })
		group.Go(func() error { return l.watchOverlaps(around, overlaps) })
		err := l.trade(ctx, s, h, n)
		calm()
		return errors.Join(err, group.Wait())
	})
	if err != nil {
		return nil, err
	}
	v.Faults["caller_gave_up"], v.Faults["answer_lost"] = int(l.gaveUp.Load()), int(l.lost.Load())
	if err := l.sweepHolds(ctx); err != nil {
		return nil, err
	}
	if err := l.auditBooking(ctx, h, v); err != nil {
		return nil, err
	}
	v.Violations["double_bookings"], v.Violations["plans_aborted"] = len(overlaps), h.aborted
	v.Requests, v.Acked, v.Unknown = int(l.requests.Load()), h.booked+h.moved+h.cancelled, int(l.unknown.Load())
	v.P50, v.P99 = quantile(l.took, 0.5), quantile(l.took, 0.99)
	maps.Copy(v.Figures, map[string]any{
		"booked": h.booked, "moved": h.moved, "cancelled": h.cancelled, "refused": h.refused, "plans": h.plans,
		"technicians": technicians, "callers": l.Writers, "seconds": round(time.Since(begun)),
	})
	return v, nil
}

// booked is what was last acknowledged of an appointment.
type booked struct {
	start, end time.Time
	promises   int32
	cancelled  bool
}

// history is what was acknowledged to the customers.
type history struct {
	mu                                       sync.Mutex
	aborted                                  int               // plans
	there                                    map[string]booked // by appointment
	booked, moved, cancelled, refused, plans int
}

// note writes down what was acknowledged of an appointment.
func (h *history) note(a *pb.Appointment, count *int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*count++
	h.there[a.GetName()] = booked{
		start: a.GetWindow().GetStartTime().AsTime(), end: a.GetWindow().GetEndTime().AsTime(), promises: a.GetPromise(),
		cancelled: a.GetState() == pb.AppointmentState_APPOINTMENT_STATE_CANCELLED,
	}
}

// refuse counts a refusal, which is an answer: somebody was quicker, or all is taken.
// Any other error is one of the attack.
func (h *history) refuse(err error) error {
	if status.Code(err) != codes.FailedPrecondition && !isStale(err) {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused++
	return nil
}

// trade lets customers come one after the other until n have been.
func (l *lab) trade(ctx context.Context, s *shop, h *history, n int) error {
	customers := make(chan int)
	group, working := errgroup.WithContext(ctx)
	for range l.Writers {
		group.Go(func() error {
			for i := range customers {
				c := customer{lab: l, shop: s, history: h, number: i, random: rand.New(rand.NewPCG(l.Seed, uint64(i)))} //nolint:gosec // a schedule that can be repeated
				if err := c.visit(working); err != nil {
					return fmt.Errorf("customer %d: %w", i, err)
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(customers)
		for i := range n {
			select {
			case customers <- i:
			case <-working.Done():
				return nil
			}
		}
		return nil
	})
	return group.Wait()
}

// customer is one who books a window; some move it, some call it off.
type customer struct {
	*lab
	*shop
	*history

	number int
	random *rand.Rand
}

// visit is what he does, as a visitor of the booking page and then by the link that he
// got: nobody shares his token, or waits for another's holds.
func (c *customer) visit(ctx context.Context) error {
	token, err := insist(ctx, c.lab, func(ctx context.Context, conn grpc.ClientConnInterface, in *pb.CreateVisitorTokenRequest) (*pb.CreateVisitorTokenResponse, error) {
		return pb.NewBookingServiceClient(conn).CreateVisitorToken(ctx, in)
	}, &pb.CreateVisitorTokenRequest{BookingSite: c.stack.Status.BookingSites[tenantSlug]})
	if err != nil {
		return fmt.Errorf("get a visitor's token: %w", err)
	}
	visitor := as(ctx, token.GetAccessToken())
	offer, err := c.choose(visitor, &pb.SearchSlotOffersRequest{
		Subject: &pb.SearchSlotOffersRequest_Place{Place: &pb.Place{Address: fmt.Sprint(c.number, " Lab St"), Location: placeOf(c.number)}},
		Service: "services/repair",
	})
	if err != nil || offer == nil {
		return err
	}
	confirmed, err := c.book(visitor, offer)
	if err != nil || confirmed == nil {
		return err
	}
	opened, err := insist(ctx, c.lab, func(ctx context.Context, conn grpc.ClientConnInterface, in *pb.OpenAppointmentLinkRequest) (*pb.OpenAppointmentLinkResponse, error) {
		return pb.NewBookingServiceClient(conn).OpenAppointmentLink(ctx, in)
	}, &pb.OpenAppointmentLinkRequest{LinkToken: confirmed.GetLinkToken()})
	if err != nil {
		return fmt.Errorf("open his link: %w", err)
	}
	ctx = as(ctx, opened.GetAccessToken())
	a := confirmed.GetAppointment()
	for c.random.IntN(100) < 40 {
		if a, err = c.move(ctx, a); err != nil {
			return err
		}
	}
	if c.random.IntN(100) < 25 {
		return c.callOff(ctx, a)
	}
	return nil
}

// choose searches one day or two and takes one of the first offers; nil for none.
func (c *customer) choose(ctx context.Context, search *pb.SearchSlotOffersRequest) (*pb.SlotOffer, error) {
	from := c.random.IntN(shopDays)
	search.StartDate, search.EndDate = c.day(from), c.day(from+1+c.random.IntN(2))
	found, err := insist(ctx, c.lab, func(ctx context.Context, conn grpc.ClientConnInterface, in *pb.SearchSlotOffersRequest) (*pb.SearchSlotOffersResponse, error) {
		return pb.NewBookingServiceClient(conn).SearchSlotOffers(ctx, in)
	}, search)
	if err != nil || len(found.GetOffers()) == 0 {
		return nil, err
	}
	// Many want the same ones.
	return found.GetOffers()[c.random.IntN(min(3, len(found.GetOffers())))], nil
}

// book holds an offer and confirms it; nil if somebody was quicker.
func (c *customer) book(ctx context.Context, offer *pb.SlotOffer) (*pb.ConfirmHoldResponse, error) {
	hold, err := insist(ctx, c.lab, func(ctx context.Context, conn grpc.ClientConnInterface, in *pb.CreateHoldRequest) (*pb.Hold, error) {
		return pb.NewBookingServiceClient(conn).CreateHold(ctx, in)
	}, &pb.CreateHoldRequest{SlotToken: offer.GetSlotToken(), RequestId: uuid.NewString()})
	if err != nil {
		return nil, c.refuse(err)
	}
	if c.random.IntN(100) < 10 {
		return nil, nil //nolint:nilnil // he went away and left his hold
	}
	confirmed, err := insist(ctx, c.lab, func(ctx context.Context, conn grpc.ClientConnInterface, in *pb.ConfirmHoldRequest) (*pb.ConfirmHoldResponse, error) {
		return pb.NewBookingServiceClient(conn).ConfirmHold(ctx, in)
	}, &pb.ConfirmHoldRequest{
		Name: hold.GetName(), HoldToken: hold.GetHoldToken(), RequestId: uuid.NewString(),
		CustomerDetails: &pb.CustomerDetails{DisplayName: fmt.Sprint("Customer ", c.number), Email: fmt.Sprintf("customer-%d@example.org", c.number)},
	})
	if err != nil {
		return nil, c.refuse(err)
	}
	c.note(confirmed.GetAppointment(), &c.booked)
	return confirmed, nil
}

// move takes another window, or keeps the one there is.
func (c *customer) move(ctx context.Context, a *pb.Appointment) (*pb.Appointment, error) {
	offer, err := c.choose(ctx, &pb.SearchSlotOffersRequest{Subject: &pb.SearchSlotOffersRequest_Appointment{Appointment: a.GetName()}})
	if err != nil || offer == nil {
		return a, err
	}
	moved, err := insist(ctx, c.lab, func(ctx context.Context, conn grpc.ClientConnInterface, in *pb.RescheduleAppointmentRequest) (*pb.Appointment, error) {
		return pb.NewBookingServiceClient(conn).RescheduleAppointment(ctx, in)
	}, &pb.RescheduleAppointmentRequest{Name: a.GetName(), SlotToken: offer.GetSlotToken(), Etag: a.GetEtag(), Reason: "it suits better", RequestId: uuid.NewString()})
	if err != nil {
		return a, c.refuse(err)
	}
	c.note(moved, &c.moved)
	return moved, nil
}

func (c *customer) callOff(ctx context.Context, a *pb.Appointment) error {
	gone, err := insist(ctx, c.lab, func(ctx context.Context, conn grpc.ClientConnInterface, in *pb.CancelAppointmentRequest) (*pb.Appointment, error) {
		return pb.NewBookingServiceClient(conn).CancelAppointment(ctx, in)
	}, &pb.CancelAppointmentRequest{Name: a.GetName(), Reason: "no need any more", RequestId: uuid.NewString()})
	if err != nil {
		return c.refuse(err)
	}
	c.note(gone, &c.cancelled)
	return nil
}

// planEvery is how long the dispatcher waits between two plans.
const planEvery = 2 * time.Second

// plan lets the dispatcher plan one day after the other, until ctx ends.
func (l *lab) plan(ctx context.Context, s *shop, h *history) error {
	for i := 0; ; i++ {
		if err := devstack.Sleep(ctx, planEvery); err != nil {
			return nil //nolint:nilerr // that is the end
		}
		_, err := insist(as(ctx, s.admin), l, func(ctx context.Context, conn grpc.ClientConnInterface, in *pb.PlanDayRequest) (*pb.Plan, error) {
			return pb.NewDispatchServiceClient(conn).PlanDay(ctx, in)
		}, &pb.PlanDayRequest{PlanningArea: "planningAreas/shop", Date: s.day(i % shopDays), RequestId: uuid.NewString()})
		if ctx.Err() != nil {
			return nil //nolint:nilerr // that is the end
		}
		if err != nil && !isStale(err) {
			return fmt.Errorf("plan day %d: %w", i%shopDays, err)
		}
		h.mu.Lock()
		h.plans++
		if err != nil {
			h.aborted++ // by somebody's change, which it should have planned around
		}
		h.mu.Unlock()
	}
}

// sweepTime bounds how long the sweeper may take for the holds that are left.
const sweepTime = time.Minute

// sweepHolds lets the holds end that their customers left, and waits until their time
// is free; what is not by then is a violation.
func (l *lab) sweepHolds(ctx context.Context) error {
	if err := l.control.RunClock(ctx, time.Now().Add(time.Hour)); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, l.stack.Status.SuperuserURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for begun := time.Now(); time.Since(begun) < sweepTime; {
		var left int
		if err := conn.QueryRow(ctx, countHoldsLeftSQL).Scan(&left); err != nil || left == 0 {
			return err
		}
		if err := devstack.Sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

const countHoldsLeftSQL = `SELECT count(*) FROM commitments WHERE kind = 'hold' AND state <> 'released'`

// watchOverlaps notes the pairs of live commitments of one technician that overlap, all
// the while: the next plan would put them right before anybody sees them at the end.
// While PostgreSQL is away there is nothing to see.
func (l *lab) watchOverlaps(ctx context.Context, seen map[string]bool) error {
	pool, err := pgxpool.New(ctx, l.stack.Status.SuperuserURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	for {
		rows, _ := pool.Query(ctx, overlapsSQL) // its error comes with the rows
		pairs, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err == nil {
			for _, pair := range pairs {
				seen[pair] = true
			}
		}
		if err := devstack.Sleep(ctx, 100*time.Millisecond); err != nil {
			return nil
		}
	}
}

const overlapsSQL = `
SELECT a.id || ' ' || b.id FROM commitments a JOIN commitments b ON a.tenant_id = b.tenant_id AND a.technician_id = b.technician_id AND a.id < b.id
	AND tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)
WHERE a.state IN ('held', 'planned', 'under_way') AND b.state IN ('held', 'planned', 'under_way')`

// bookingAudits count what must not be there, whoever was told what.
var bookingAudits = map[string]string{
	"holds_left": countHoldsLeftSQL,
	"windows_without_a_promise": `
SELECT count(*) FROM appointments a LEFT JOIN promises p ON p.tenant_id = a.tenant_id AND p.appointment_id = a.id AND p.ordinal = a.promise
WHERE p.appointment_id IS NULL OR p.window_start <> a.window_start OR p.window_end <> a.window_end`,
	"gaps_in_the_ledger": `
SELECT count(*) FROM appointments a
WHERE (SELECT count(*) FROM promises p WHERE p.tenant_id = a.tenant_id AND p.appointment_id = a.id) <> a.promise`,
	"changes_nobody_was_told_of": `
SELECT count(*) FROM promises p WHERE NOT EXISTS (
	SELECT 1 FROM deliveries d WHERE d.tenant_id = p.tenant_id AND d.subject = 'appointments/' || p.appointment_id
		AND d.template = CASE p.ordinal WHEN 1 THEN 'booked' ELSE 'changed' END AND d.dedupe_key LIKE '%/' || p.ordinal || '/%')`,
	"visits_outside_their_window": `
SELECT count(*) FROM commitments c JOIN visits v ON v.tenant_id = c.tenant_id AND v.id = c.visit_id
JOIN appointments a ON a.tenant_id = v.tenant_id AND a.id = v.appointment_id
WHERE c.state = 'planned' AND a.state = 'confirmed' AND (c.starts_at < a.window_start OR c.starts_at >= a.window_end)`,
	"cancelled_visits_in_a_route": `
SELECT count(*) FROM commitments c JOIN visits v ON v.tenant_id = c.tenant_id AND v.id = c.visit_id
WHERE c.state = 'planned' AND v.state = 'cancelled'`,
}

// auditBooking compares what was acknowledged with what is there, and asks what must
// not be there at all.
func (l *lab) auditBooking(ctx context.Context, h *history, v *verdict) error {
	conn, err := pgx.Connect(ctx, l.stack.Status.SuperuserURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for kind, sql := range bookingAudits {
		var n int
		if err := conn.QueryRow(ctx, sql).Scan(&n); err != nil {
			return fmt.Errorf("audit %s: %w", kind, err)
		}
		v.Violations[kind] = n
	}
	v.Violations["answers_that_differ"] = int(l.differing.Load())
	for _, kind := range []string{"acknowledged_and_not_there", "there_and_not_acknowledged", "windows_changed", "states_changed"} {
		v.Violations[kind] = 0
	}
	rows, err := conn.Query(ctx, `SELECT 'appointments/' || id, window_start, window_end, promise, state = 'cancelled' FROM appointments`)
	if err != nil {
		return err
	}
	found := map[string]bool{}
	var name string
	var is booked
	_, err = pgx.ForEachRow(rows, []any{&name, &is.start, &is.end, &is.promises, &is.cancelled}, func() error {
		found[name] = true
		said, ok := h.there[name]
		switch {
		case !ok:
			v.Violations["there_and_not_acknowledged"]++
		case said.cancelled != is.cancelled:
			v.Violations["states_changed"]++
		case !said.start.Equal(is.start) || !said.end.Equal(is.end) || said.promises != is.promises:
			v.Violations["windows_changed"]++
		}
		return nil
	})
	for name := range h.there {
		if !found[name] {
			v.Violations["acknowledged_and_not_there"]++
		}
	}
	v.Figures = map[string]any{"appointments": len(found)}
	return err
}
