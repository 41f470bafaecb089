package referral_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	"github.com/firstfix/firstfix/dispatch/referral"
)

func (w *world) endpoint(t testing.TB, name string) dispatch.WebhookEndpoint {
	t.Helper()
	e, err := w.desk.CreateEndpoint(t.Context(), w.admin(), dispatch.WebhookEndpoint{
		DisplayName: name, URL: "https://" + name + ".example.org/", Format: dispatch.FormatFirstfix,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// handOffs are the deliveries to an endpoint as "version state lead's state".
func (w *world) handOffs(t testing.TB, e dispatch.WebhookEndpoint) []string {
	t.Helper()
	rows, _, err := w.desk.ListDeliveries(t.Context(), w.admin(), dispatch.WebhookDeliveryFilter{Endpoint: e.ID}, dispatch.Page{Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range rows {
		said := "-"
		if d.Lead != nil {
			said = d.Lead.State
		}
		out = append(out, fmt.Sprintf("%d %s %s", d.Version, d.State, said))
	}
	return out
}

// attempts claims what is due and gives it ready to be posted.
func (w *world) attempts(t testing.TB) []dispatch.WebhookAttempt {
	t.Helper()
	leased, err := w.Store.ClaimWebhooks(t.Context(), 100, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var out []dispatch.WebhookAttempt
	for _, l := range leased {
		attempt, err := w.desk.Attempt(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, attempt)
	}
	return out
}

func (w *world) settle(t testing.TB, attempt dispatch.WebhookAttempt, answer dispatch.WebhookAnswer) dispatch.WebhookDelivery {
	t.Helper()
	settled, held, err := w.desk.SettleWebhook(t.Context(), attempt, answer)
	if err != nil || !held {
		t.Fatalf("settle: held %v, %v", held, err)
	}
	return settled
}

var (
	taken   = dispatch.WebhookAnswer{Status: 200}
	away    = dispatch.WebhookAnswer{Err: errors.New("it does not answer"), Unreachable: true}
	refused = dispatch.WebhookAnswer{Status: 400, Err: errors.New("it answered 400 Bad Request")}
)

// Each change is one row for each endpoint that was enabled when it happened, frozen
// as it was; a change that is rolled back leaves none (P8).
func TestEachChangeIsADelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	a, b := w.endpoint(t, "a"), w.endpoint(t, "b")
	r := w.log(t, 1, noticed(w.visit(t, 1, w.customer(t, nil))))
	if _, err := w.desk.Accept(t.Context(), w.by("sales"), r.ID, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.RecordOutcome(t.Context(), w.by("sales"), r.ID, 0, referral.Outcome{State: dispatch.ReferralWon, Value: &dispatch.Money{Minor: 1, Currency: "EUR"}}); err == nil {
		t.Fatal("an outcome in another currency was taken")
	}
	w.sell2(t, r.ID)
	want := []string{"1 pending logged", "2 pending routed", "3 pending accepted", "4 pending won"}
	for _, e := range []dispatch.WebhookEndpoint{a, b} {
		if diff := cmp.Diff(want, w.handOffs(t, e)); diff != "" {
			t.Errorf("endpoint %s (-want +got):\n%s", e.DisplayName, diff)
		}
	}
	if _, err := w.desk.Decline(t.Context(), w.by("sales"), before.ID, 0, "no"); err != nil {
		t.Fatal(err)
	}
	if got := w.handOffs(t, a); len(got) != 5 || got[4] != "3 pending declined" {
		t.Errorf("a referral from before the endpoint: %v, expected its change", got)
	}
}

// sell2 takes an accepted referral to won.
func (w *world) sell2(t testing.TB, id dispatch.ReferralID) {
	t.Helper()
	value := usd(900_000)
	if _, err := w.desk.RecordOutcome(t.Context(), w.by("sales"), id, 0, referral.Outcome{State: dispatch.ReferralWon, Value: &value}); err != nil {
		t.Fatal(err)
	}
}

// Of a customer no more goes out than he agreed to be contacted by.
func TestLeadHoldsTheConsentedChannelOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.endpoint(t, "crm")
	for channel, want := range map[dispatch.ConsentChannel][2]string{
		dispatch.ConsentPhone: {"+16175550199", ""}, dispatch.ConsentText: {"+16175550199", ""}, dispatch.ConsentEmail: {"", "eve@example.org"},
	} {
		in := noticed(w.visit(t, 0, w.customer(t, nil)))
		in.ConsentChannel = channel
		r := w.log(t, 0, in)
		rows, _, err := w.desk.ListDeliveries(t.Context(), w.admin(), dispatch.WebhookDeliveryFilter{Referral: r.ID}, dispatch.Page{Size: 10})
		if err != nil || len(rows) == 0 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		if got := [2]string{rows[0].Lead.Phone, rows[0].Lead.Email}; got != want {
			t.Errorf("agreed by %s: phone and mail %v, expected %v", channel, got, want)
		}
	}
}

// The life of a delivery: tried again ever later, given up after three days, replayed
// by its span, delivered, and then forgotten.
func TestDeliveriesAreRetriedForThreeDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.endpoint(t, "crm")
	w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	now, tries := company.Now, 0
	for pending := true; pending; {
		attempts := w.attempts(t)
		if len(attempts) == 0 {
			t.Fatalf("nothing is due at %s after %d tries", now, tries)
		}
		tries++
		pending = false
		for _, attempt := range attempts {
			settled := w.settle(t, attempt, refused)
			if settled.State == dispatch.WebhookPending {
				pending = true
				if wait := settled.DueAt.Sub(now); wait < 30*time.Second || wait > latestRetryWithJitter {
					t.Fatalf("try %d comes after %s", tries+1, wait)
				}
			} else if !strings.Contains(settled.Reason, "given up after three days") || settled.FinishedAt.Sub(company.Now) < 60*time.Hour {
				t.Errorf("dead at %s: %s", settled.FinishedAt, settled.Reason)
			}
		}
		now = now.Add(latestRetryWithJitter)
		w.SetTime(t, now)
	}
	if want := []string{"1 dead logged", "2 dead routed"}; !slices.Equal(w.handOffs(t, e), want) {
		t.Fatalf("got %v, expected %v", w.handOffs(t, e), want)
	}
	for _, c := range []struct {
		made dispatch.Span
		want int64
	}{
		{dispatch.Span{End: company.Now}, 0},
		{dispatch.Span{Start: company.Now.Add(time.Second)}, 0},
		{dispatch.Span{Start: company.Now, End: company.Now.Add(time.Second)}, 2},
		{dispatch.Span{}, 0}, // they are pending again
	} {
		if n, err := w.desk.ReplayDeliveries(t.Context(), w.admin(), e.ID, c.made); err != nil || n != c.want {
			t.Errorf("replay %+v: %d, %v; expected %d", c.made, n, err, c.want)
		}
	}
	for _, attempt := range w.attempts(t) {
		w.settle(t, attempt, taken)
	}
	if want := []string{"1 delivered -", "2 delivered -"}; !slices.Equal(w.handOffs(t, e), want) {
		t.Errorf("got %v, expected %v and no personal data", w.handOffs(t, e), want)
	}
}

const latestRetryWithJitter = 6*time.Hour + 6*time.Hour/5

// A sender whose lease is over can settle nothing: another has the delivery.
func TestSettleIsFenced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.endpoint(t, "crm")
	w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	leased, err := w.Store.ClaimWebhooks(t.Context(), 1, time.Nanosecond) // over at once
	if err != nil || len(leased) != 1 {
		t.Fatal(leased, err)
	}
	slow, err := w.desk.Attempt(t.Context(), leased[0])
	if err != nil {
		t.Fatal(err)
	}
	var quick dispatch.WebhookAttempt
	for _, attempt := range w.attempts(t) {
		if attempt.Delivery.ID == slow.Delivery.ID {
			quick = attempt
		}
	}
	if _, held, err := w.desk.SettleWebhook(t.Context(), slow, refused); held || err != nil {
		t.Errorf("the slow sender settled: held %v, %v", held, err)
	}
	if _, err := w.desk.Attempt(t.Context(), leased[0]); err == nil {
		t.Error("the slow sender may begin again")
	}
	if settled := w.settle(t, quick, taken); settled.State != dispatch.WebhookDelivered || quick.Delivery.Attempts != 2 {
		t.Errorf("got %+v", settled)
	}
}

// Where there is room for one post at a time, endpoints take turns: none that has much
// to be told holds up one that has little (P8).
func TestEndpointsTakeTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoints := map[dispatch.WebhookEndpointID]int{}
	for i := range 3 {
		w.endpoint(t, fmt.Sprintf("crm-%d", i))
	}
	for range 4 { // 8 deliveries each
		w.log(t, 0, noticed(w.visit(t, 0, w.customer(t, nil))))
	}
	for turn := range dispatch.WebhooksPerEndpoint {
		for range 3 {
			leased, err := w.Store.ClaimWebhooks(t.Context(), 1, time.Minute)
			if err != nil || len(leased) != 1 {
				t.Fatal(leased, err)
			}
			endpoints[leased[0].Endpoint]++
		}
		for id, n := range endpoints {
			if n != turn+1 || len(endpoints) != 3 {
				t.Errorf("after %d turns %s has had %d", turn+1, id, n)
			}
		}
	}
	if leased, err := w.Store.ClaimWebhooks(t.Context(), 1, time.Minute); err != nil || len(leased) != 0 {
		t.Errorf("claimed %v, %v; all have four under way", leased, err)
	}
}

// An endpoint that answers nobody rests, longer each time, and is found well by its
// first answer; one that asks to be left alone is, for a day at most.
func TestEndpointsRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.endpoint(t, "crm")
	rests := func() (int, time.Duration) {
		t.Helper()
		got, err := w.desk.GetEndpoint(t.Context(), w.admin(), e.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.RestsUntil.IsZero() {
			return got.Failures, 0
		}
		return got.Failures, got.RestsUntil.Sub(company.Now)
	}
	for range 9 { // of 2 deliveries each
		w.log(t, 0, noticed(w.visit(t, 0, w.customer(t, nil))))
	}
	fail := func() {
		for _, attempt := range w.attempts(t) {
			w.settle(t, attempt, away)
		}
	}
	fail() // four, which is all that one endpoint gets at once
	if failures, rest := rests(); failures != dispatch.WebhooksPerEndpoint || rest != 0 {
		t.Errorf("%d failures, rests %s; expected 4 and no rest", failures, rest)
	}
	fail()
	fail()
	if failures, rest := rests(); failures != 12 || rest != 2*time.Minute {
		t.Errorf("%d failures, rests %s; expected 12 and 30 s doubled twice", failures, rest)
	}
	if got := w.attempts(t); len(got) != 0 {
		t.Errorf("%d attempts while it rests", len(got))
	}
	if due, err := w.Store.WhatIsDue(t.Context(), 0); err != nil || slices.Contains(due, dispatch.DueWebhooks) {
		t.Errorf("due %v, %v: nothing is while it rests", due, err)
	}
	if _, err := w.desk.TestEndpoint(t.Context(), w.admin(), e.ID); err != nil {
		t.Fatal(err)
	}
	attempts := w.attempts(t)
	if len(attempts) != 4 {
		t.Fatalf("%d attempts after a test has woken it", len(attempts))
	}
	w.settle(t, attempts[0], taken)
	if failures, rest := rests(); failures != 0 || rest != 0 {
		t.Errorf("%d failures, rests %s after an answer", failures, rest)
	}
	w.settle(t, attempts[1], dispatch.WebhookAnswer{Status: 429, Err: errors.New("it answered 429"), RetryAfter: 10 * 365 * 24 * time.Hour})
	if _, rest := rests(); rest != 24*time.Hour {
		t.Errorf("it asked for ten years and rests %s", rest)
	}
}

// An endpoint that answers 410, or that an administrator disables, gets nothing more;
// what was on its way is dead and can be replayed when it is enabled again.
func TestEndpointsAreDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.endpoint(t, "crm")
	w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	attempts := w.attempts(t)
	w.settle(t, attempts[0], dispatch.WebhookAnswer{Status: 410, Err: errors.New("it answered 410 Gone"), Gone: true})
	got, err := w.desk.GetEndpoint(t.Context(), w.admin(), e.ID)
	if err != nil || got.State != dispatch.EndpointDisabled || !strings.Contains(got.StateReason, "410") {
		t.Fatalf("got %+v, %v", got, err)
	}
	if _, held, err := w.desk.SettleWebhook(t.Context(), attempts[1], taken); held || err != nil {
		t.Errorf("what was under way: held %v, %v; it is dead already", held, err)
	}
	w.log(t, 0, noticed(w.visit(t, 0, w.customer(t, nil))))
	want := []string{"1 dead logged", "2 dead routed"}
	if diff := cmp.Diff(want, w.handOffs(t, e)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := w.desk.TestEndpoint(t.Context(), w.admin(), e.ID); dispatch.ReasonOf(err) != dispatch.ReasonMoveNotAllowed {
		t.Errorf("test of one that is disabled: %v", err)
	}
	enabled, err := w.desk.UpdateEndpoint(t.Context(), w.admin(), e.ID, got.Version, func(e *dispatch.WebhookEndpoint) error {
		e.State = dispatch.EndpointEnabled
		return nil
	})
	if err != nil || enabled.StateReason != "" {
		t.Fatalf("got %+v, %v", enabled, err)
	}
	if n, err := w.desk.ReplayDeliveries(t.Context(), w.admin(), e.ID, dispatch.Span{}); n != 2 || err != nil {
		t.Errorf("replayed %d, %v", n, err)
	}
	if _, err := w.desk.UpdateEndpoint(t.Context(), w.admin(), e.ID, got.Version, func(*dispatch.WebhookEndpoint) error { return nil }); dispatch.ReasonOf(err) != dispatch.ReasonEtagMismatch {
		t.Errorf("a change of an old version: %v", err)
	}
}

// Two keys sign while one takes over from the other, and afterwards one.
func TestRotateKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.endpoint(t, "crm")
	first, err := w.desk.Secret(e)
	if err != nil {
		t.Fatal(err)
	}
	e, err = w.desk.RotateKey(t.Context(), w.admin(), e.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.desk.Secret(e)
	if err != nil || first == second || !strings.HasPrefix(second, "whsec_") {
		t.Fatalf("%q after %q, %v", second, first, err)
	}
	w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	signs := func() []string { t.Helper(); return w.attempts(t)[0].Secrets }
	if got := signs(); !slices.Equal(got, []string{second, first}) {
		t.Errorf("within the overlap %v sign", got)
	}
	w.SetTime(t, company.Now.Add(time.Hour))
	w.log(t, 0, noticed(w.visit(t, 0, w.customer(t, nil))))
	if got := signs(); !slices.Equal(got, []string{second}) {
		t.Errorf("after it %v sign", got)
	}
}

func TestEndpointLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range dispatch.MaxWebhookEndpoints {
		w.endpoint(t, fmt.Sprintf("crm-%d", i))
	}
	_, err := w.desk.CreateEndpoint(t.Context(), w.admin(), dispatch.WebhookEndpoint{URL: "https://one-more.example.org/"})
	if dispatch.ReasonOf(err) != dispatch.ReasonEndpointLimit {
		t.Errorf("the 101st: %v", err)
	}
	if _, err := newWorld(t).desk.CreateEndpoint(t.Context(), w.admin(), dispatch.WebhookEndpoint{URL: "https://127.0.0.1/"}); dispatch.ReasonOf(err) != dispatch.ReasonURLNotAllowed {
		t.Errorf("an address inside: %v", err)
	}
}

// What a CRM tells: ahead it moves, behind and twice it changes nothing.
func TestInboxTakesWhatIsAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.payRules(t)
	e := w.endpoint(t, "crm")
	token, err := w.desk.InboxToken(w.Tenant.ID, e.ID)
	if err != nil {
		t.Fatal(err)
	}
	box, err := w.desk.OpenInbox(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	value := usd(900_000)
	tell := func(id string, o referral.Outcome) (referral.Taken, error) {
		return w.desk.Take(t.Context(), box, referral.Told{ID: id, Body: sha256.Sum256([]byte(id + string(o.State))), Referral: r.ID, Outcome: o})
	}
	for _, c := range []struct {
		id      string
		outcome referral.Outcome
		state   dispatch.ReferralState
		ignored bool
		reason  dispatch.Reason
	}{
		{"1", referral.Outcome{State: "sold"}, "", false, dispatch.ReasonInvalidRequest},
		{"2", referral.Outcome{State: dispatch.ReferralExpired}, "", false, dispatch.ReasonInvalidRequest},
		{"3", referral.Outcome{State: dispatch.ReferralDeclined}, "", false, dispatch.ReasonInvalidRequest},
		{"4", referral.Outcome{State: dispatch.ReferralWon}, "", false, dispatch.ReasonInvalidRequest},
		{"5", referral.Outcome{State: dispatch.ReferralWon, Value: &dispatch.Money{Minor: 1, Currency: "EUR"}}, "", false, dispatch.ReasonMoneyInvalid},
		{"6", referral.Outcome{State: dispatch.ReferralQualified}, dispatch.ReferralQualified, false, ""},
		{"6", referral.Outcome{State: dispatch.ReferralQualified}, dispatch.ReferralQualified, false, ""}, // a copy
		{"6", referral.Outcome{State: dispatch.ReferralQuoted}, "", false, dispatch.ReasonRequestIDMismatch},
		{"7", referral.Outcome{State: dispatch.ReferralContacted}, dispatch.ReferralQualified, true, ""}, // a straggler
		{"8", referral.Outcome{State: dispatch.ReferralQualified}, dispatch.ReferralQualified, true, ""},
		{"9", referral.Outcome{State: dispatch.ReferralWon, Value: &value}, dispatch.ReferralWon, false, ""},
		{"10", referral.Outcome{State: dispatch.ReferralLost, Reason: "no money"}, dispatch.ReferralWon, true, ""},
	} {
		got, err := tell(c.id, c.outcome)
		if dispatch.ReasonOf(err) != c.reason || got.State != c.state || (got.Ignored != "") != c.ignored {
			t.Errorf("message %s, %s: %+v, %v; expected %q, ignored %v, %q", c.id, c.outcome.State, got, err, c.state, c.ignored, c.reason)
		}
	}
	want := []string{">logged ", "logged>routed member:sales", "routed>accepted member:sales", "accepted>qualified member:sales", "qualified>won member:sales"}
	if diff := cmp.Diff(want, w.ledger(t, r.ID)); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
	if got := w.earned(t); got != "8500+2500 9000+9000" {
		t.Errorf("earned %s: what a CRM tells is paid like what people record", got)
	}
	stranger := referral.Told{ID: "11", Referral: dispatch.ReferralID{}.New(), Outcome: referral.Outcome{State: dispatch.ReferralAccepted}}
	if _, err := w.desk.Take(t.Context(), box, stranger); dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("a referral that is not there: %v", err)
	}
	if _, err := w.desk.OpenInbox(t.Context(), token+"x"); dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("another token: %v", err)
	}
}
