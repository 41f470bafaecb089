package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	randv2 "math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	smtpmock "github.com/mocktools/go-smtp-mock/v2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// crowd is the customers of a company, at its public door.
type crowd struct {
	*company.Company
	*fleet
	site string // key of the booking page

	mu      sync.Mutex
	told    map[string]*pb.Appointment // by the issue, which is unique: what customers were told
	refused map[string]int             // by reason
}

func newCrowd(t *testing.T, c *company.Company, servers int) *crowd {
	t.Helper()
	seal, err := dispatch.NewSeal([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	site, err := seal.Token(dispatch.PurposeBookingSite, dispatch.BookingSite{Tenant: c.Tenant.ID})
	if err != nil {
		t.Fatal(err)
	}
	return &crowd{Company: c, fleet: newFleet(t, c, servers), site: site, told: map[string]*pb.Appointment{}, refused: map[string]int{}}
}

func (c *crowd) acknowledged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.told)
}

// enter makes a visitor.
func (c *crowd) enter(ctx context.Context) (context.Context, error) {
	token, err := insist(ctx, c.fleet, pb.BookingServiceClient.CreateVisitorToken, &pb.CreateVisitorTokenRequest{BookingSite: c.site})
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token.GetAccessToken()), err
}

// search asks for offers on one day, somewhere within a kilometre of the centre.
func (c *crowd) search(visitor context.Context, day int) ([]*pb.SlotOffer, error) {
	dateOf := func(day int) *date.Date {
		at := c.At(day, 12, 0)
		return &date.Date{Year: int32(at.Year()), Month: int32(at.Month()), Day: int32(at.Day())}
	}
	aside := func() float64 { return (randv2.Float64() - 0.5) / 100 }
	found, err := insist(visitor, c.fleet, pb.BookingServiceClient.SearchSlotOffers, &pb.SearchSlotOffersRequest{
		Subject: &pb.SearchSlotOffersRequest_Place{Place: &pb.Place{
			Address: uuid.NewString() + " Center Sq", PostalCode: "02100",
			Location: &latlng.LatLng{Latitude: c.Center.Latitude + aside(), Longitude: c.Center.Longitude + aside()},
		}},
		Service: c.Service.Name(), StartDate: dateOf(day), EndDate: dateOf(day + 1),
	})
	return found.GetOffers(), err
}

// reasonOf is the reason of a refusal, or the whole error.
func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return err.Error()
}

// hold tries to get a window of a day. Having been too late is no fault.
func (c *crowd) hold(visitor context.Context, day int) (*pb.Hold, error) {
	offers, err := c.search(visitor, day)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	if len(offers) == 0 {
		c.refuse("no offer")
		return nil, nil
	}
	hold, err := insist(visitor, c.fleet, pb.BookingServiceClient.CreateHold, &pb.CreateHoldRequest{
		SlotToken: offers[randv2.IntN(len(offers))].GetSlotToken(), RequestId: uuid.NewString(),
	})
	if err == nil {
		return hold, nil
	}
	reason := reasonOf(err)
	c.refuse(reason)
	if reason == string(dispatch.ReasonSlotUnavailable) {
		return nil, nil
	}
	return nil, fmt.Errorf("hold: %w", err)
}

func (c *crowd) refuse(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused[reason]++
}

// confirm books what is held. Every fourth customer did not see the answer and
// sends the same request again: it must be the same answer.
func (c *crowd) confirm(visitor context.Context, hold *pb.Hold) error {
	issue := "lamp " + uuid.NewString()
	request := &pb.ConfirmHoldRequest{
		Name: hold.GetName(), HoldToken: hold.GetHoldToken(), Window: hold.GetWindow(), Issue: issue, RequestId: uuid.NewString(),
		CustomerDetails: &pb.CustomerDetails{DisplayName: "Anna Field", Email: strings.TrimPrefix(issue, "lamp ") + "@example.org"},
	}
	booked, err := insist(visitor, c.fleet, pb.BookingServiceClient.ConfirmHold, request)
	if err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	c.mu.Lock()
	c.told[issue] = booked.GetAppointment()
	again := len(c.told)%4 == 0
	c.mu.Unlock()
	if !again {
		return nil
	}
	repeated, err := insist(visitor, c.fleet, pb.BookingServiceClient.ConfirmHold, request)
	if err != nil {
		return fmt.Errorf("the same confirmation again: %w", err)
	}
	if other := cmp.Diff(booked, repeated, protocmp.Transform()); other != "" {
		return fmt.Errorf("the same confirmation again has another answer: %s", other)
	}
	return nil
}

// book lets customers come until enough says so, each a new visitor who wants
// one appointment on any day.
func (c *crowd) book(ctx context.Context, enough func() bool) error {
	for !enough() {
		visitor, err := c.enter(ctx)
		if err != nil {
			return fmt.Errorf("visitor token: %w", err)
		}
		hold, err := c.hold(visitor, randv2.IntN(company.Days))
		if err == nil && hold != nil {
			err = c.confirm(visitor, hold)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// audit counts, past all our own code, what must not be.
func (c *crowd) audit(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DB.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	count := func(sql string, args ...any) (n int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return n
	}
	lost := 0
	for issue, a := range c.told {
		// By the issue, so that a second appointment of the same request is seen too.
		if count(`SELECT count(*) FROM appointments a JOIN work_orders w USING (tenant_id)
			JOIN commitments c USING (tenant_id) JOIN visits v ON v.tenant_id = a.tenant_id AND v.id = c.visit_id AND v.appointment_id = a.id
			WHERE w.id = a.work_order_id AND w.issue = $1 AND a.state = 'confirmed' AND 'appointments/' || a.id = $2
				AND a.window_start = $3 AND a.window_end = $4 AND c.state = 'planned'`,
			issue, a.GetName(), a.GetWindow().GetStartTime().AsTime(), a.GetWindow().GetEndTime().AsTime()) != 1 {
			t.Errorf("%s, %q, promised for %s, is not there exactly once", a.GetName(), issue, a.GetWindow())
			lost++
		}
	}
	twice := count(`SELECT count(*) FROM (SELECT FROM appointments a JOIN work_orders w ON w.tenant_id = a.tenant_id AND w.id = a.work_order_id
		GROUP BY w.issue HAVING count(*) <> 1) s`)
	unheard := count(`SELECT count(*) FROM appointments a WHERE 1 <> (SELECT count(*) FROM notices n
		WHERE n.tenant_id = a.tenant_id AND n.subject = 'appointments/' || a.id AND n.kind = 'appointment_booked')`)
	overlaps := count(`SELECT count(*) FROM commitments a JOIN commitments b
		ON a.tenant_id = b.tenant_id AND a.technician_id = b.technician_id AND a.id < b.id
		AND tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)
		WHERE a.state <> 'released' AND b.state <> 'released'`)
	all := count(`SELECT count(*) FROM appointments`)
	t.Logf("acknowledged %d, stored %d, lost %d, booked twice %d, without their notice %d, double bookings %d, refused %v",
		len(c.told), all, lost, twice, unheard, overlaps, c.refused)
	if lost != 0 || all != len(c.told) || twice != 0 || unheard != 0 || overlaps != 0 {
		t.Errorf("what was acknowledged is not what is stored")
	}
}

// hire gives the company more technicians, so that a crowd finds room.
func hire(t *testing.T, c *company.Company, more int) {
	t.Helper()
	c.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		var shifts []dispatch.Shift
		for range more {
			technician := c.Technicians[1]
			technician.ID = dispatch.TechnicianID{}.New()
			if err := tx.CreateTechnician(ctx, technician); err != nil {
				return err
			}
			for day := range company.Days {
				shift := c.Shifts[3*day]
				shift.ID, shift.Technician = dispatch.ShiftID{}.New(), technician.ID
				shifts = append(shifts, shift)
			}
		}
		return tx.CreateShifts(ctx, shifts)
	})
}

// Servers are killed in the middle of their work, one after the other, while
// customers book. Whoever was told of an appointment has it, with its window;
// nobody has two; nobody is promised a technician who is elsewhere.
func TestServersKilledUnderLoad(t *testing.T) {
	t.Parallel()
	const clients, kills, between = 24, 6, 20
	c := company.New(t)
	hire(t, c, 4)
	crowd := newCrowd(t, c, 2)
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Minute)
	defer stop()
	began, done := time.Now(), make(chan struct{})
	enough := func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	var booking sync.WaitGroup
	for range clients {
		booking.Go(func() {
			if err := crowd.book(ctx, enough); err != nil && ctx.Err() == nil {
				stop() // one fault is enough
				t.Errorf("a customer met a fault: %v", err)
			}
		})
	}
	for killed := range kills {
		for crowd.acknowledged() < (killed+1)*between && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		crowd.replace(t, killed%2)
	}
	for crowd.acknowledged() < (kills+1)*between && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	close(done)
	booking.Wait()
	if ctx.Err() != nil {
		t.Fatalf("%d of %d appointments were acknowledged before the end: %v", crowd.acknowledged(), (kills+1)*between, ctx.Err())
	}
	t.Logf("%d clients, %d kills, %d calls, %d of them repeated for want of an answer, %s, %s CPU in the servers",
		clients, kills, crowd.calls.Load(), crowd.repeats.Load(), time.Since(began).Round(time.Millisecond), crowd.spent().Round(time.Millisecond))
	if crowd.repeats.Load() == 0 {
		t.Error("no call was cut off: the kills came when nothing was under way")
	}
	crowd.audit(t)
}

// One technician has one free hour left and 64 people see it at once, over two
// servers.
func TestLastFreeHourOverTheWire(t *testing.T) {
	t.Parallel()
	const callers, day = 64, 1
	c := company.New(t)
	shift := c.Shifts[3*day]
	c.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, s := range c.Shifts {
			if s.Technician != shift.Technician {
				if err := tx.DeleteShift(ctx, s.ID); err != nil {
					return err
				}
			}
		}
		for _, taken := range []dispatch.Span{{Start: c.At(day, 9, 20), End: c.At(day, 12, 0)}, {Start: c.At(day, 12, 30), End: c.At(day, 16, 0)}} {
			err := tx.CreateCommitment(ctx, dispatch.Commitment{
				ID: dispatch.CommitmentID{}.New(), Technician: shift.Technician, Shift: shift.ID,
				Kind: dispatch.CommitmentBreak, State: dispatch.CommitmentPlanned, Span: taken, Version: 1,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	crowd := newCrowd(t, c, 2)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	start := make(chan struct{})
	var ready, done sync.WaitGroup
	for range callers {
		ready.Add(1)
		done.Go(func() {
			visitor, err := crowd.enter(ctx)
			ready.Done()
			<-start
			hold, held := crowd.hold(visitor, day)
			err = errors.Join(err, held)
			if err == nil && hold != nil {
				err = crowd.confirm(visitor, hold)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	if len(crowd.told) != 1 {
		t.Errorf("%d of %d callers have the hour, want one", len(crowd.told), callers)
	}
	crowd.audit(t)
}

// Temporal is away before the worker starts: customers book, and are written to.
// When it comes, everything that waits for it is taken up, once.
func TestTemporalAway(t *testing.T) {
	t.Parallel()
	temporal := os.Getenv("FIRSTFIX_TEMPORAL_ADDRESS")
	if temporal == "" {
		t.Fatal("FIRSTFIX_TEMPORAL_ADDRESS is not set and this test needs a real Temporal server: run make test")
	}
	const clients, bookings = 4, 12
	c := company.New(t)
	crowd := newCrowd(t, c, 1)
	mailbox := smtpmock.New(smtpmock.ConfigurationAttr{HostAddress: "127.0.0.1"})
	if err := mailbox.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mailbox.Stop() }) // the worker is dead by then
	way := newGate(t, temporal)
	worker := begin(t, processEnv(c, "FIRSTFIX_TEMPORAL_ADDRESS="+way.listener.Addr().String(),
		"FIRSTFIX_INSTALLATION=test-"+strings.ToLower(rand.Text()), "FIRSTFIX_IDLE_POLL=50ms",
		fmt.Sprintf("FIRSTFIX_SMTP_ADDRESS=127.0.0.1:%d", mailbox.PortNumber())), "work")
	worker.says(t, `"working"`)
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Minute)
	defer stop()
	began := time.Now()
	faults := make(chan error, clients)
	for range clients {
		go func() { faults <- crowd.book(ctx, func() bool { return crowd.acknowledged() >= bookings }) }()
	}
	for range clients {
		if err := <-faults; err != nil {
			t.Fatalf("a customer could not book while Temporal is away: %v\n%s", err, worker.log)
		}
	}
	booked := len(crowd.told)
	if _, err := mailbox.WaitForMessages(booked, time.Minute); err != nil {
		t.Fatalf("mails while Temporal is away: %v\n%s", err, worker.log)
	}
	wantEventually(t, c, 1, "SELECT least(count(*), 1) FROM notices WHERE attempts > 0 AND last_error <> ''")
	// An opened work order concerns only workflows that sleep already: there are none.
	wantEventually(t, c, 0, "SELECT count(*) FROM notices WHERE delivered_at IS NOT NULL AND kind <> 'work_order_opened'")
	outage := time.Since(began)

	way.open.Store(true)
	began = time.Now()
	wantEventually(t, c, 0, "SELECT count(*) FROM notices WHERE delivered_at IS NULL")
	for _, process := range []string{"appointment", "visit"} {
		// A workflow that has looked at its row says when it looks again.
		wantEventually(t, c, booked, fmt.Sprintf(`SELECT count(*) FROM %[1]ss e JOIN wakeups w ON w.tenant_id = e.tenant_id
			AND w.workflow_id = '%[1]s/' || e.tenant_id || '/' || e.id AND w.asked_at IS NULL AND w.due_at > domain_now()`, process))
	}
	for backlog := (dispatch.Backlog{Notices: 1}); !backlog.IsZero(); time.Sleep(20 * time.Millisecond) {
		var err error
		if backlog, err = c.Store.Backlog(ctx); err != nil {
			t.Fatalf("the backlog does not empty: %+v, %v\n%s", backlog, err, worker.log)
		}
	}
	t.Logf("%d appointments in %s without Temporal; all of it taken up %s after it came; %s CPU in the worker, %s in the server", booked,
		outage.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), worker.kill().Round(time.Millisecond), crowd.spent().Round(time.Millisecond))
	if mails := mailbox.Messages(); len(mails) != booked {
		t.Errorf("%d mails for %d appointments", len(mails), booked)
	}
	crowd.audit(t)
}
