package workflows

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/outbound/crm"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	"github.com/firstfix/firstfix/dispatch/referral"
)

// handOffs is a company that hands over to receivers on this machine.
type handOffs struct {
	*company.Company
	desk  *referral.Desk
	roots *x509.CertPool
}

func newHandOffs(t testing.TB) *handOffs {
	t.Helper()
	seal, err := dispatch.NewSeal([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	c := company.New(t)
	return &handOffs{Company: c, desk: referral.New(c.Store, seal, loopback), roots: x509.NewCertPool()}
}

var loopback = dispatch.Egress{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

// endpoint is a CRM behind TLS that is answered for by handler.
func (h *handOffs) endpoint(t testing.TB, format dispatch.WebhookFormat, handler http.Handler) dispatch.WebhookEndpoint {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	t.Cleanup(server.Close)
	h.roots.AddCert(server.Certificate())
	e, err := h.desk.CreateEndpoint(t.Context(), h.Call(dispatch.RoleAdministrator, "CreateWebhookEndpoint"), dispatch.WebhookEndpoint{
		DisplayName: string(format), URL: server.URL, Format: format,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// run hands over until the test ends; change may stand between the parts.
func (h *handOffs) run(t testing.TB, change func(*HandOff)) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	over := &HandOff{Relay: h.Store, Attempt: h.desk.Attempt, Post: crm.New(loopback, h.roots).Post, Settle: h.desk.SettleWebhook, Log: log}
	if change != nil {
		change(over)
	}
	pulse := NewPulse(h.Store, time.Minute, 20*time.Millisecond, log)
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { pulse.Run(ctx) })
	loops.Go(func() { over.Run(ctx, pulse) })
	t.Cleanup(func() { cancel(); loops.Wait() })
}

// live logs a referral and takes it on: logged, routed, accepted, contacted, quoted.
func (h *handOffs) live(t testing.TB, technician int) {
	t.Helper()
	ctx := t.Context()
	customer := dispatch.Customer{ID: dispatch.CustomerID{}.New(), DisplayName: "Eve Ng", Phone: "+16175550199", Version: 1}
	order := dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{}.New(), Customer: customer.ID, Site: h.Site.ID, Service: h.Service.ID, PlanningArea: h.Area.ID,
		State: dispatch.WorkOrderInProgress, Priority: 3, OpenedAt: company.Now, Version: 1,
	}
	visit := dispatch.Visit{
		ID: dispatch.VisitID{}.New(), WorkOrder: order.ID, PlanningArea: h.Area.ID, Ordinal: 1, State: dispatch.VisitInProgress,
		Duration: time.Hour, Technician: h.Technicians[technician].ID, StartedAt: company.Now, CreatedAt: company.Now, Version: 1,
	}
	err := h.Store.InTx(ctx, h.Tenant.ID, func(ctx context.Context, tx dispatch.Tx) error {
		return errors.Join(tx.CreateCustomer(ctx, customer), tx.CreateWorkOrder(ctx, order), tx.CreateVisit(ctx, visit))
	})
	if err != nil {
		t.Error(err)
		return
	}
	call := h.Call(dispatch.RoleTechnician, "CreateReferral")
	call.Principal.Technician = visit.Technician
	r, err := h.desk.Log(ctx, call, referral.Noticed{Visit: visit.ID, Need: "cold bedrooms", ConsentChannel: dispatch.ConsentPhone})
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := h.desk.Accept(ctx, h.Call(dispatch.RoleSales, "AcceptReferral"), r.ID, 0); err != nil {
		t.Error(err)
	}
	for _, state := range []dispatch.ReferralState{dispatch.ReferralContacted, dispatch.ReferralQuoted} {
		if _, err := h.desk.RecordOutcome(ctx, h.Call(dispatch.RoleSales, "RecordOutcome"), r.ID, 0, referral.Outcome{State: state}); err != nil {
			t.Error(err)
		}
	}
}

// moody is a CRM on a bad day: of ten posts it fails three, hangs at some, cuts some
// after it has taken them, and answers some with 200 and cuts. It verifies each.
type moody struct {
	t       testing.TB
	secrets func() []string

	mu     sync.Mutex
	seen   map[string]string // first body by webhook-id
	states map[string]bool   // "referral version" that it has said 2xx to, or cut after
	posts  int
}

func (m *moody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	verified := false
	for _, secret := range m.secrets() {
		verifier, err := webhooks.NewWebhook(secret)
		verified = verified || err == nil && verifier.Verify(body, r.Header) == nil
	}
	if !verified {
		m.t.Errorf("a bad signature: %v", r.Header)
	}
	mood := m.note(r.Header.Get("webhook-id"), string(body))
	switch {
	case mood < 0.30:
		w.WriteHeader(http.StatusInternalServerError)
	case mood < 0.35:
		<-r.Context().Done() // hangs
	case mood < 0.45:
		m.take(body)
		panic(http.ErrAbortHandler)
	case mood < 0.55:
		m.take(body)
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusOK)
		panic(http.ErrAbortHandler)
	default:
		m.take(body)
		w.WriteHeader(http.StatusAccepted)
	}
}

// note keeps what came and gives the mood.
func (m *moody) note(id, body string) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.posts++
	if first, ok := m.seen[id]; ok && first != body {
		m.t.Errorf("%s says another thing than before:\n%s\n%s", id, first, body)
	}
	m.seen[id] = body
	return rand.Float64()
}

func (m *moody) take(body []byte) {
	var event struct {
		Data struct {
			Referral          string
			Version           int64
			SalesforceName    string `json:"Firstfix_Referral__c"`
			SalesforceVersion int64  `json:"Firstfix_Version__c"`
		}
	}
	if err := json.Unmarshal(body, &event); err != nil {
		m.t.Error(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.states[fmt.Sprint(event.Data.Referral, event.Data.SalesforceName, " ", event.Data.Version+event.Data.SalesforceVersion)] = true
}

// Every change of every referral reaches every endpoint, unaltered and signed by a key
// that is valid, while writers write, CRMs fail, senders die between post and settling
// and a key is rotated (P8).
func TestHandOffLosesNothing(t *testing.T) {
	t.Parallel()
	const referrals, writers = 24, 6
	h := newHandOffs(t)
	var rotated sync.Map // endpoint id -> its secrets, old and new
	receivers := map[dispatch.WebhookEndpointID]*moody{}
	for _, format := range []dispatch.WebhookFormat{dispatch.FormatFirstfix, dispatch.FormatSalesforce} {
		var e dispatch.WebhookEndpoint
		m := &moody{t: t, seen: map[string]string{}, states: map[string]bool{}}
		m.secrets = func() []string {
			secrets, _ := rotated.Load(e.ID)
			return secrets.([]string)
		}
		e = h.endpoint(t, format, m)
		secret, err := h.desk.Secret(e)
		if err != nil {
			t.Fatal(err)
		}
		rotated.Store(e.ID, []string{secret})
		receivers[e.ID] = m
	}
	dead := &deadSenders{}
	h.run(t, func(over *HandOff) {
		post, settle := over.Post, over.Settle
		over.Post = func(ctx context.Context, a dispatch.WebhookAttempt) dispatch.WebhookAnswer {
			ctx, cancel := context.WithTimeout(ctx, time.Second) // patience of a test
			defer cancel()
			return post(ctx, a)
		}
		over.Settle = func(ctx context.Context, a dispatch.WebhookAttempt, answer dispatch.WebhookAnswer) (dispatch.WebhookDelivery, bool, error) {
			if dead.dies() {
				return a.Delivery, false, errors.New("killed")
			}
			return settle(ctx, a, answer)
		}
	})
	var writing sync.WaitGroup
	for writer := range writers {
		writing.Go(func() {
			for range referrals / writers {
				h.live(t, writer%3)
			}
		})
	}
	writing.Wait()
	for id := range receivers { // in the middle of it
		e, err := h.desk.RotateKey(t.Context(), h.Call(dispatch.RoleAdministrator, "RotateWebhookKey"), id, 0)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := h.desk.Secret(e)
		if err != nil {
			t.Fatal(err)
		}
		before, _ := rotated.Load(id)
		rotated.Store(id, append(before.([]string), secret))
	}
	h.waitUntilDelivered(t, 2*5*referrals)
	for id, m := range receivers {
		if len(m.states) != 5*referrals {
			t.Errorf("%s has %d changes, expected %d", id, len(m.states), 5*referrals)
		}
		t.Logf("%s: %d changes in %d posts", id, len(m.states), m.posts)
	}
	if dead.n == 0 {
		t.Error("no sender died")
	}
}

// deadSenders dies at every 25th settling.
type deadSenders struct {
	mu sync.Mutex
	n  int
	of int
}

func (d *deadSenders) dies() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.of++
	if d.of%25 != 0 {
		return false
	}
	d.n++
	return true
}

// waitUntilDelivered moves domain time ahead, so that what failed comes again, and
// ends leases as if their minute were over, until so many are delivered.
func (h *handOffs) waitUntilDelivered(t *testing.T, want int) {
	t.Helper()
	truth, err := pgx.Connect(t.Context(), h.DB.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer truth.Close(context.WithoutCancel(t.Context()))
	now, delivered := company.Now, 0
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); {
		now = now.Add(30 * time.Minute)
		h.SetTime(t, now)
		time.Sleep(250 * time.Millisecond)
		var dead int
		err := truth.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE state = 'delivered'), count(*) FILTER (WHERE state = 'dead') FROM webhook_deliveries`).Scan(&delivered, &dead)
		if err != nil || dead > 0 {
			t.Fatalf("%d dead, %v", dead, err)
		}
		if delivered == want {
			return
		}
		// A post takes a second here at most; what is leased for longer was left behind.
		_, err = truth.Exec(t.Context(), `UPDATE webhook_deliveries SET leased_until = clock_timestamp()
			WHERE state = 'pending' AND leased_until < clock_timestamp() + interval '58 s'`)
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("%d of %d deliveries are there after two minutes", delivered, want)
}

// An endpoint that hangs keeps no other waiting: the other's posts are all made while
// the four that hang still do (P8).
func TestOneEndpointThatHangsDelaysNoOther(t *testing.T) {
	t.Parallel()
	h := newHandOffs(t)
	release := make(chan struct{})
	var mu sync.Mutex
	hanging, served := 0, 0
	h.endpoint(t, dispatch.FormatHubSpot, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		hanging++
		mu.Unlock()
		<-release
	}))
	h.endpoint(t, dispatch.FormatFirstfix, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		served++
		mu.Unlock()
	}))
	for range 4 {
		h.live(t, 0)
	}
	h.run(t, nil)
	t.Cleanup(func() { close(release) })
	for until := time.Now().Add(15 * time.Second); time.Now().Before(until); pause(t.Context(), 10*time.Millisecond) {
		mu.Lock()
		done := served == 20
		mu.Unlock()
		if done {
			break
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if served != 20 || hanging != dispatch.WebhooksPerEndpoint {
		t.Errorf("%d served and %d hanging, expected 20 and 4", served, hanging)
	}
}
