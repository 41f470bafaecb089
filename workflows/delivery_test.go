package workflows

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	smtpmock "github.com/mocktools/go-smtp-mock/v2"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/outbound/notify"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
)

// desk is a company with an appointment on the next day, and a sender.
type desk struct {
	*company.Company
	appointment dispatch.Appointment
	visit       dispatch.Visit
	sender      *Sender
	logged      *bytes.Buffer
}

func newDesk(t *testing.T, options notify.Options) *desk {
	t.Helper()
	d := &desk{Company: company.New(t), logged: &bytes.Buffer{}}
	messenger, err := notify.New(options)
	if err != nil {
		t.Fatal(err)
	}
	d.sender = &Sender{
		Relay: d.Store, Store: d.Store, Messenger: messenger, Log: slog.New(slog.NewTextHandler(d.logged, nil)),
		Link: func(_ dispatch.TenantID, a dispatch.Appointment) (string, error) {
			return "https://book.example.org/a#" + a.ID.String(), nil
		},
	}
	window := dispatch.Window{Span: dispatch.Span{Start: d.At(1, 10, 0), End: d.At(1, 12, 0)}, Zone: "America/New_York"}
	order := dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{UUID: id(1)}, Customer: d.Customer.ID, Site: d.Site.ID, Service: d.Service.ID, PlanningArea: d.Area.ID,
		State: dispatch.WorkOrderScheduled, Priority: 3, OpenedAt: company.Now, Version: 1,
	}
	d.appointment = dispatch.Appointment{
		ID: dispatch.AppointmentID{UUID: id(2)}, WorkOrder: order.ID, Customer: d.Customer.ID, State: dispatch.AppointmentConfirmed,
		Service: d.Service.ID, Tier: d.Tier.ID, Window: window, Price: dispatch.Money{Minor: 9900, Currency: "USD"},
		Promise: 1, LinkEpoch: 1, BookedBy: "visitor:1", BookedAt: company.Now, Version: 1,
	}
	d.visit = dispatch.Visit{
		ID: dispatch.VisitID{UUID: id(3)}, WorkOrder: order.ID, Appointment: d.appointment.ID, PlanningArea: d.Area.ID, Ordinal: 1,
		State: dispatch.VisitPlanned, Duration: time.Hour, CreatedAt: company.Now, Version: 1,
	}
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		return errors.Join(tx.CreateWorkOrder(ctx, order), tx.CreateAppointment(ctx, d.appointment),
			tx.AddPromise(ctx, dispatch.Promise{
				Appointment: d.appointment.ID, Ordinal: 1, Window: window, MadeAt: company.Now, MadeBy: "visitor:1", Reason: "booked", Outcome: dispatch.PromiseOpen,
			}),
			tx.CreateVisit(ctx, d.visit))
	})
	return d
}

// customer changes the customer.
func (d *desk) customer(t *testing.T, change func(*dispatch.Customer)) {
	t.Helper()
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		c, err := tx.GetCustomer(ctx, d.Customer.ID)
		if err != nil {
			return err
		}
		change(&c)
		return tx.SaveCustomer(ctx, c)
	})
}

func (d *desk) tell(t *testing.T, template string) {
	t.Helper()
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, message := range dispatch.MessagesAbout(d.appointment, template) {
			if err := tx.Tell(ctx, message); err != nil {
				return err
			}
		}
		return nil
	})
}

// sendAll sends what is due now by both channels.
func (d *desk) sendAll(t *testing.T) {
	t.Helper()
	for _, channel := range []dispatch.Channel{dispatch.ChannelMail, dispatch.ChannelText} {
		if _, err := d.sender.SendDue(t.Context(), channel); err != nil {
			t.Fatal(err)
		}
	}
}

// row is what a delivery came to.
type row struct {
	Channel, Template, State, Reason, Receipt string
	Attempts                                  int
}

func (d *desk) rows(t *testing.T) []row {
	t.Helper()
	rows, err := query[row](t, d.DB, `SELECT channel, template, state, state_reason, receipt, attempts FROM deliveries ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func (d *desk) wantRows(t *testing.T, want ...row) {
	t.Helper()
	if diff := cmp.Diff(want, d.rows(t)); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}

func mailServer(t *testing.T) (*smtpmock.Server, notify.Options) {
	t.Helper()
	server := smtpmock.New(smtpmock.ConfigurationAttr{HostAddress: "127.0.0.1", MsgMsgReceived: "250 queued"})
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server, notify.Options{SMTP: fmt.Sprintf("smtp://127.0.0.1:%d", server.PortNumber()), From: "service@example.com"}
}

// textServer answers posts with the codes in turn, the last one for ever.
func textServer(t *testing.T, codes ...int) (posts *atomic.Int32, url string) {
	t.Helper()
	posts = &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(posts.Add(1))
		w.Header().Set("Connection", "close")
		w.WriteHeader(codes[min(n, len(codes))-1])
	}))
	t.Cleanup(server.Close)
	return posts, server.URL
}

func TestAMessageIsSentOnce(t *testing.T) {
	t.Parallel()
	server, options := mailServer(t)
	posts, url := textServer(t, http.StatusAccepted)
	options.TextURL = url
	d := newDesk(t, options)
	d.customer(t, func(c *dispatch.Customer) {
		c.Language, c.TextAllowed, c.Phone, c.Email = "de", true, "+16175550100", "zoe.quux@example.org"
	})
	d.tell(t, dispatch.TemplateBooked)
	d.tell(t, dispatch.TemplateBooked)
	d.sendAll(t)
	d.sendAll(t)
	d.wantRows(t,
		row{"mail", "booked", "sent", "", "queued", 1},
		row{"text", "booked", "sent", "", "HTTP 202", 1})
	if posts.Load() != 1 {
		t.Errorf("%d texts were posted, want one", posts.Load())
	}
	mails, err := server.WaitForMessages(1, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Subject: Ihr Termin am Dienstag, 4. Juni 2024", "10:00 Uhr", "https://book.example.org/a#" + d.appointment.ID.String()} {
		if !strings.Contains(mails[0].MsgRequest(), part) {
			t.Errorf("the mail does not say %q:\n%s", part, mails[0].MsgRequest())
		}
	}
	if log := d.logged.String(); strings.Contains(log, "quux") || strings.Contains(log, "+1617") || !strings.Contains(log, "state=sent") {
		t.Errorf("the log names a person or no delivery:\n%s", log)
	}
}

func TestNobodyIsToldWhoMustNot(t *testing.T) {
	t.Parallel()
	posts, url := textServer(t, http.StatusOK)
	d := newDesk(t, notify.Options{TextURL: url})
	text := func(template, reason string) row { return row{"text", template, "suppressed", reason, "", 1} }
	noMail := func(template string) row {
		return row{"mail", template, "suppressed", "no provider is configured for mail", "", 1}
	}
	d.customer(t, func(c *dispatch.Customer) { c.TextAllowed, c.Phone = false, "+16175550100" })
	d.tell(t, dispatch.TemplateBooked)
	d.sendAll(t)

	d.customer(t, func(c *dispatch.Customer) { c.TextAllowed, c.Phone = true, "" })
	d.tell(t, dispatch.TemplateReminder)
	d.sendAll(t)

	d.customer(t, func(c *dispatch.Customer) { c.Phone = "+16175550100" })
	d.tell(t, dispatch.TemplateLate)
	d.SetTime(t, d.At(1, 17, 0))
	d.sendAll(t)

	d.SetTime(t, d.At(0, 9, 0))
	d.tell(t, dispatch.TemplateChanged)
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		a, err := tx.LockAppointment(ctx, d.appointment.ID)
		if err != nil {
			return err
		}
		a.State, a.CancelReason = dispatch.AppointmentCancelled, "no longer needed"
		return tx.SaveAppointment(ctx, a)
	})
	d.sendAll(t)
	d.wantRows(t,
		noMail("booked"), text("booked", "the customer allows no messages by text"),
		noMail("reminder"), text("reminder", "the customer has no address for text"),
		noMail("late"), text("late", "it is too late to be of use"),
		noMail("changed"), text("changed", "it is too late to be of use"))
	if posts.Load() != 0 {
		t.Errorf("%d texts were posted, want none", posts.Load())
	}
	d.tell(t, dispatch.TemplateCancelled)
	d.sendAll(t)
	if posts.Load() != 1 {
		t.Errorf("%d texts were posted, want the one that says it is cancelled", posts.Load())
	}
}

func TestWhoComesIsSaidOnTheWay(t *testing.T) {
	t.Parallel()
	server, options := mailServer(t)
	d := newDesk(t, options)
	d.customer(t, func(c *dispatch.Customer) { c.MailAllowed, c.Email = true, "ada@example.org" })
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		v := d.visit
		v.Technician, v.State, v.EnRouteAt = d.Technicians[0].ID, dispatch.VisitEnRoute, company.Now
		return tx.SaveVisit(ctx, v)
	})
	d.tell(t, dispatch.TemplateOnTheWay)
	d.sendAll(t)
	mails, err := server.WaitForMessages(1, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(d.Technicians[0].DisplayName, " ")
	if !strings.Contains(mails[0].MsgRequest(), first+" is on the way to you") {
		t.Errorf("the mail does not say who comes:\n%s", mails[0].MsgRequest())
	}
}

// TestAProviderThatFails is tried again, ever later, for three days of domain
// time.
func TestAProviderThatFails(t *testing.T) {
	t.Parallel()
	posts, url := textServer(t, http.StatusServiceUnavailable)
	d := newDesk(t, notify.Options{TextURL: url})
	d.customer(t, func(c *dispatch.Customer) { c.TextAllowed, c.Phone = true, "+16175550100" })
	now := company.Now
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		return tx.Tell(ctx, dispatch.MessagesAbout(d.appointment, dispatch.TemplateCancelled)[1])
	})
	for range 100 {
		d.sendAll(t)
		state := d.rows(t)[0]
		if state.State == "dead" {
			break
		}
		due, err := query[time.Time](t, d.DB, `SELECT due_at FROM deliveries`)
		if err != nil {
			t.Fatal(err)
		}
		want := min(dispatch.FirstRetry<<(state.Attempts-1), dispatch.LatestRetry)
		if gap := due[0].Sub(now); gap < want || gap > want*6/5 {
			t.Errorf("attempt %d is followed by the next one after %s, want %s and up to a fifth", state.Attempts, gap, want)
		}
		d.sendAll(t) // too early: nothing happens
		now = due[0]
		d.SetTime(t, now)
	}
	got := d.rows(t)[0]
	if got.State != "dead" || got.Reason != "given up after three days: the webhook of texts answered 503" || int(posts.Load()) != got.Attempts {
		t.Errorf("after %d posts: %+v", posts.Load(), got)
	}
	if lived := now.Sub(company.Now); lived < 60*time.Hour || lived > 72*time.Hour || got.Attempts < 15 {
		t.Errorf("given up after %s and %d attempts, want nearly three days", lived, got.Attempts)
	}
}

func TestAProviderThatRecovers(t *testing.T) {
	t.Parallel()
	posts, url := textServer(t, http.StatusBadGateway, http.StatusOK)
	d := newDesk(t, notify.Options{TextURL: url})
	d.customer(t, func(c *dispatch.Customer) { c.TextAllowed, c.Phone = true, "+16175550100" })
	d.tell(t, dispatch.TemplateBooked)
	d.sendAll(t)
	d.SetTime(t, company.Now.Add(time.Minute))
	d.sendAll(t)
	if got := d.rows(t)[1]; got != (row{"text", "booked", "sent", "", "HTTP 200", 2}) || posts.Load() != 2 {
		t.Errorf("after %d posts: %+v", posts.Load(), got)
	}
}

func TestARefusedMessageIsDeadAtOnce(t *testing.T) {
	t.Parallel()
	_, url := textServer(t, http.StatusUnprocessableEntity)
	d := newDesk(t, notify.Options{TextURL: url})
	d.customer(t, func(c *dispatch.Customer) { c.TextAllowed, c.Phone = true, "+16175550100" })
	d.tell(t, dispatch.TemplateBooked)
	d.sendAll(t)
	want := row{"text", "booked", "dead", "the webhook of texts refused the message with 422: undeliverable", "", 1}
	if got := d.rows(t)[1]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// slowMessenger hands a message over only when the test lets it.
type slowMessenger struct {
	dispatch.Messenger
	sent  atomic.Int32
	taken chan struct{}
	letGo chan struct{}
}

func (s *slowMessenger) Carries(dispatch.Channel) bool { return true }

func (s *slowMessenger) Compose(dispatch.Channel, string, string, dispatch.MessageFacts) (dispatch.Text, error) {
	return dispatch.Text{}, nil
}

func (s *slowMessenger) Send(ctx context.Context, _ dispatch.Message) (string, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return "", errors.New("a provider may take for ever")
	}
	n := s.sent.Add(1)
	if n == 1 {
		close(s.taken)
		<-s.letGo
	}
	return fmt.Sprint(n), nil
}

// TestAnOldSenderThatLives: its lease is over and another one has sent; what the
// old one reports is not written.
func TestAnOldSenderThatLives(t *testing.T) {
	t.Parallel()
	d := newDesk(t, notify.Options{})
	slow := &slowMessenger{taken: make(chan struct{}), letGo: make(chan struct{})}
	d.sender.Messenger = slow
	d.customer(t, func(c *dispatch.Customer) { c.MailAllowed, c.Email = true, "ada@example.org" })
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		return tx.Tell(ctx, dispatch.MessagesAbout(d.appointment, dispatch.TemplateBooked)[0])
	})
	var old sync.WaitGroup
	old.Go(func() {
		if _, err := d.sender.SendDue(t.Context(), dispatch.ChannelMail); err != nil {
			t.Error(err)
		}
	})
	<-slow.taken
	if _, err := query[int](t, d.DB, `WITH u AS (UPDATE deliveries SET leased_until = now() - interval '1 second' RETURNING 1) SELECT count(*) FROM u`); err != nil {
		t.Fatal(err)
	}
	d.sendAll(t)
	d.wantRows(t, row{"mail", "booked", "sent", "", "2", 2})
	close(slow.letGo)
	old.Wait()
	d.wantRows(t, row{"mail", "booked", "sent", "", "2", 2})
}
