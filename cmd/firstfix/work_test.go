package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	smtpmock "github.com/mocktools/go-smtp-mock/v2"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
	"github.com/firstfix/firstfix/dispatch/outbound/travel"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
)

func TestEveryFaultOfAWorkerAtOnce(t *testing.T) {
	code, _, stderr := command(t, []string{
		"FIRSTFIX_DATABASE_URL=postgres://firstfix@localhost/firstfix", "FIRSTFIX_SEAL_SECRET=" + secret,
		"FIRSTFIX_TEMPORAL_ADDRESS=temporal", "FIRSTFIX_SMTP_ADDRESS=mail.example.org:25",
		"FIRSTFIX_TEXT_WEBHOOK_URL=https://texts.example.org", "FIRSTFIX_PUBLIC_URL=http://book.example.org",
		"FIRSTFIX_INSTALLATION=First Fix", "FIRSTFIX_WAKEUP_GRACE=-1s",
	}, "work")
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, variable := range []string{
		"FIRSTFIX_TEMPORAL_ADDRESS: ", "FIRSTFIX_MAIL_FROM: ", "FIRSTFIX_TEXT_WEBHOOK_SECRET: ", "FIRSTFIX_PUBLIC_URL: ",
		"FIRSTFIX_INSTALLATION: ", "FIRSTFIX_WAKEUP_GRACE: ",
	} {
		if !strings.Contains(stderr, variable) {
			t.Errorf("lacks %q:\n%s", variable, stderr)
		}
	}
}

// TestADayOfAWorker: a customer books; the worker tells him, reminds him when
// domain time has come, judges the promise when nobody came, and sweeps the hold
// of somebody who went away.
func TestADayOfAWorker(t *testing.T) {
	t.Parallel()
	temporal := os.Getenv("FIRSTFIX_TEMPORAL_ADDRESS")
	if temporal == "" {
		t.Fatal("FIRSTFIX_TEMPORAL_ADDRESS is not set and this test needs a real Temporal server: run make test")
	}
	c := company.New(t)
	mailbox := smtpmock.New(smtpmock.ConfigurationAttr{HostAddress: "127.0.0.1"})
	if err := mailbox.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mailbox.Stop(); err != nil {
			t.Error(err)
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	var log journal
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"work"}, []string{
			"FIRSTFIX_DATABASE_URL=" + c.DB.URL, "FIRSTFIX_SEAL_SECRET=" + secret, "FIRSTFIX_TEMPORAL_ADDRESS=" + temporal,
			"FIRSTFIX_INSTALLATION=test-" + strings.ToLower(rand.Text()), "FIRSTFIX_WAKEUP_GRACE=0s", "FIRSTFIX_IDLE_POLL=20ms", "FIRSTFIX_DEVELOPMENT=true",
			fmt.Sprintf("FIRSTFIX_SMTP_ADDRESS=127.0.0.1:%d", mailbox.PortNumber()), "FIRSTFIX_PUBLIC_URL=https://book.example.org",
		}, &log, &log)
	}()
	appointment := book(t, c)
	wantMails := func(n int, text string) {
		t.Helper()
		mails, err := mailbox.WaitForMessages(n, 2*time.Minute)
		if err != nil || !strings.Contains(mails[n-1].MsgRequest(), text) {
			t.Fatalf("mail %d should say %q: %v\n%v\n%s", n, text, err, mails, log.String())
		}
	}
	wantMails(1, "https://book.example.org/appointment#")
	c.SetTime(t, appointment.Window.Start.Add(-23*time.Hour))
	wantMails(2, "Reminder: we come on")
	c.SetTime(t, appointment.Window.End.Add(24*time.Hour))
	wantEventually(t, c, 1, "SELECT count(*) FROM promises WHERE outcome = 'missed'")
	wantEventually(t, c, 1, "SELECT count(*) FROM holds WHERE state = 'expired'")
	wantEventually(t, c, 0, "SELECT count(*) FROM notices WHERE delivered_at IS NULL")

	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("exit code %d:\n%s", code, log.String())
		}
	case <-time.After(time.Minute):
		t.Fatalf("the worker does not stop:\n%s", log.String())
	}
	if text := log.String(); strings.Contains(text, "ada@example.org") || strings.Contains(text, "Ada Byron") {
		t.Errorf("the log names a person:\n%s", text)
	}
}

// book books an appointment on the company's third day, and holds another slot.
func book(t *testing.T, c *company.Company) dispatch.ListedAppointment {
	t.Helper()
	seal, err := dispatch.NewSeal([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	desk := booking.New(c.Store, travel.Estimator{}, seal)
	day := dispatch.DateOf(c.At(2, 12, 0), c.Zone)
	visitor := c.Principal(dispatch.RoleVisitor)
	call := func(method string) dispatch.Call {
		call := c.Call(dispatch.RoleVisitor, method)
		call.Principal = visitor
		return call
	}
	offers, err := desk.SearchSlotOffers(t.Context(), call("SearchSlotOffers"), booking.SearchCommand{
		Place:   &booking.Place{Address: "1 Test St", PostalCode: "02100", Location: c.Center},
		Service: c.Service.ID, From: day, Until: day.AddDays(1),
	})
	if err != nil || len(offers.Offers) == 0 {
		t.Fatalf("offers: %+v, %v", offers, err)
	}
	hold := func() dispatch.Hold {
		h, err := desk.CreateHold(t.Context(), call("CreateHold"), offers.Offers[0].Token)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := hold()
	token, err := desk.HoldToken(c.Tenant.ID, first)
	if err != nil {
		t.Fatal(err)
	}
	appointment, err := desk.ConfirmHold(t.Context(), call("ConfirmHold"), booking.ConfirmCommand{
		Hold: first.ID, Token: token, Issue: "it is dark",
		Details: &booking.CustomerDetails{DisplayName: "Ada Byron", Email: "ada@example.org"},
	})
	if err != nil {
		t.Fatal(err)
	}
	hold()
	return appointment
}

func wantEventually(t *testing.T, c *company.Company, want int, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DB.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	got := -1
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err := conn.QueryRow(t.Context(), sql).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got == want {
			return
		}
	}
	t.Fatalf("%s: %d, want %d", sql, got, want)
}
