package crm_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/outbound/crm"
)

var loopback = dispatch.Egress{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}

// receiver is a CRM behind TLS, and what it trusts.
func receiver(t *testing.T, handler http.HandlerFunc) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server, roots
}

func secret(n byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{n}, 32))
}

func attemptAt(url string) dispatch.WebhookAttempt {
	return dispatch.WebhookAttempt{
		Tenant:   dispatch.TenantID{}.New(),
		Endpoint: dispatch.WebhookEndpoint{ID: dispatch.WebhookEndpointID{}.New(), URL: url, Format: dispatch.FormatFirstfix},
		Delivery: dispatch.WebhookDelivery{
			ID: dispatch.WebhookDeliveryID{}.New(), Event: dispatch.WebhookReferralChanged, CreatedAt: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
			Lead: &dispatch.Lead{
				Referral: "referrals/1", Version: 3, State: "accepted", Need: "cold bedrooms", Suggestion: "a second loop", Urgency: "high",
				Estimate: &dispatch.LeadSum{Minor: 123450, Currency: "USD"}, ConsentChannel: "phone", Customer: "customers/1",
				CustomerName: "Ada Mae Byron", Phone: "+16175550100", Address: "1 Main St", PostalCode: "02110", Technician: "Tom",
			},
		},
		Secrets: []string{secret(2), secret(1)},
	}
}

// What arrives is a CloudEvent that the standard's own library verifies, with the new
// key and with the one before.
func TestPostIsSigned(t *testing.T) {
	t.Parallel()
	attempt := attemptAt("")
	var body []byte
	server, roots := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		for _, key := range attempt.Secrets {
			verifier, err := webhooks.NewWebhook(key)
			if err != nil {
				t.Error(err)
			}
			if err := verifier.Verify(body, r.Header); err != nil {
				t.Errorf("key %s: %v", key, err)
			}
		}
		stranger, _ := webhooks.NewWebhook(secret(3))
		if stranger.Verify(body, r.Header) == nil {
			t.Error("a key that never was verifies")
		}
		if got := r.Header.Get("webhook-id"); got != attempt.Delivery.ID.String() {
			t.Errorf("webhook-id %q, expected that of the delivery", got)
		}
		if got := r.Header.Get("Content-Type"); got != "application/cloudevents+json; charset=utf-8" {
			t.Errorf("content type %q", got)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	attempt.Endpoint.URL = server.URL
	if answer := crm.New(loopback, roots).Post(t.Context(), attempt); answer.Err != nil || answer.Status != http.StatusNoContent {
		t.Fatalf("got %+v", answer)
	}
	var event map[string]any
	if err := json.Unmarshal(body, &event); err != nil {
		t.Fatal(err)
	}
	data, _ := event["data"].(map[string]any)
	delete(event, "data")
	want := map[string]any{
		"specversion": "1.0", "id": attempt.Delivery.ID.String(), "source": "/" + attempt.Tenant.Name(), "type": "dev.firstfix.referral.changed",
		"subject": "referrals/1", "time": "2026-03-02T09:00:00Z", "datacontenttype": "application/json",
	}
	if diff := cmp.Diff(want, event); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if data["customer_name"] != "Ada Mae Byron" || data["version"] != 3.0 || data["phone"] != "+16175550100" {
		t.Errorf("data %v", data)
	}
}

// The shapes of the two CRMs, by the names of their public documentation.
func TestFormats(t *testing.T) {
	t.Parallel()
	for format, want := range map[dispatch.WebhookFormat]string{
		dispatch.FormatSalesforce: `{"Firstfix_Referral__c":"referrals/1","Firstfix_Version__c":3,"Firstfix_State__c":"accepted",` +
			`"LastName":"Byron","FirstName":"Ada Mae","Company":"Ada Mae Byron","Phone":"+16175550100","Street":"1 Main St","PostalCode":"02110",` +
			`"Description":"cold bedrooms\nSuggested: a second loop\nNoticed by Tom; agreed to be contacted by phone.",` +
			`"LeadSource":"Employee Referral","Rating":"Hot","Firstfix_Estimate__c":1234.5,"Firstfix_Currency__c":"USD"}`,
		dispatch.FormatHubSpot: `{"firstfix_referral":"referrals/1","firstfix_version":3,"firstfix_state":"accepted",` +
			`"contact":{"firstname":"Ada Mae","lastname":"Byron","phone":"+16175550100","address":"1 Main St","zip":"02110"},` +
			`"lead":{"hs_lead_name":"Ada Mae Byron: cold bedrooms","hs_lead_label":"HOT"}}`,
	} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			var got struct{ Data json.RawMessage }
			server, roots := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
				if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
					t.Error(err)
				}
			})
			attempt := attemptAt(server.URL)
			attempt.Endpoint.Format = format
			if answer := crm.New(loopback, roots).Post(t.Context(), attempt); answer.Err != nil {
				t.Fatal(answer.Err)
			}
			if diff := cmp.Diff(want, string(got.Data)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Nothing inside can be reached, whatever a name resolves to, whatever an answer says
// and whatever the environment holds (M07, M08; P19).
func TestPostStaysOutside(t *testing.T) {
	reached := false
	server, roots := receiver(t, func(http.ResponseWriter, *http.Request) { reached = true })
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	outside := crm.New(dispatch.Egress{}, roots)
	t.Setenv("HTTPS_PROXY", server.URL)
	for _, url := range []string{server.URL, "https://localhost" + port, "https://[::1]" + port, "https://[::ffff:127.0.0.1]" + port} {
		answer := outside.Post(t.Context(), attemptAt(url))
		if answer.Err == nil || answer.Status != 0 || !strings.Contains(answer.Err.Error(), "not one of the public internet") {
			t.Errorf("%s: got %+v, expected that it is not reached", url, answer)
		}
	}
	redirecting, more := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, server.URL, http.StatusTemporaryRedirect)
	})
	more.AddCert(server.Certificate())
	answer := crm.New(loopback, more).Post(t.Context(), attemptAt(redirecting.URL))
	if answer.Err == nil || answer.Status != http.StatusTemporaryRedirect {
		t.Errorf("redirect: got %+v, expected a failure with 307", answer)
	}
	if reached {
		t.Error("the server inside was reached")
	}
}

// Certificates are judged, and nothing older than TLS 1.2 is spoken (M19).
func TestPostJudgesTLS(t *testing.T) {
	t.Parallel()
	taken := func(http.ResponseWriter, *http.Request) {}
	server, _ := receiver(t, taken)
	answer := crm.New(loopback, x509.NewCertPool()).Post(t.Context(), attemptAt(server.URL))
	if answer.Err == nil || !answer.Unreachable || !strings.Contains(answer.Err.Error(), "certificate") {
		t.Errorf("unknown authority: got %+v", answer)
	}
	old := httptest.NewUnstartedServer(http.HandlerFunc(taken))
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} // what is tested
	old.Config.ErrorLog = nil
	old.StartTLS()
	t.Cleanup(old.Close)
	roots := x509.NewCertPool()
	roots.AddCert(old.Certificate())
	if answer := crm.New(loopback, roots).Post(t.Context(), attemptAt(old.URL)); answer.Err == nil || !answer.Unreachable {
		t.Errorf("TLS 1.1: got %+v", answer)
	}
	wrong, roots := receiver(t, taken)
	wrongHost := strings.Replace(wrong.URL, "127.0.0.1", "localhost", 1) // the certificate is for example.com and 127.0.0.1
	if answer := crm.New(loopback, roots).Post(t.Context(), attemptAt(wrongHost)); answer.Err == nil || !answer.Unreachable {
		t.Errorf("wrong host: got %+v", answer)
	}
}

// What an endpoint may do with a post, and what is made of it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	type want struct {
		taken, unreachable, gone, warned bool
		retryAfter                       time.Duration
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    want
	}{
		"200":                      {status(200), want{taken: true}},
		"a login page":             {status(200, "Content-Type", "text/html; charset=utf-8"), want{taken: true, warned: true}},
		"302 without a place":      {status(302), want{}},
		"400":                      {status(400), want{}},
		"401":                      {status(401), want{}},
		"410":                      {status(410), want{gone: true}},
		"429":                      {status(429, "Retry-After", "120"), want{retryAfter: 2 * time.Minute}},
		"429 for ten years":        {status(429, "Retry-After", "315360000"), want{retryAfter: 315360000 * time.Second}},
		"429 negative":             {status(429, "Retry-After", "-5"), want{}},
		"429 with words":           {status(429, "Retry-After", "soon"), want{}},
		"429 past every number":    {status(429, "Retry-After", "9999999999999999"), want{retryAfter: 100 * 365 * 24 * time.Hour}},
		"500":                      {status(500), want{}},
		"502":                      {status(502), want{unreachable: true}},
		"503":                      {status(503), want{unreachable: true}},
		"504":                      {status(504), want{unreachable: true}},
		"cut before the answer":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, want{unreachable: true}},
		"200 and cut":              {cutAfter200, want{taken: true}},
		"10 MB that unfold to ten": {bomb, want{taken: true}},
		"a header without an end": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 256<<10))
			w.WriteHeader(http.StatusOK)
		}, want{unreachable: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, roots := receiver(t, c.handler)
			server.Config.ErrorLog = nil
			answer := crm.New(loopback, roots).Post(t.Context(), attemptAt(server.URL))
			got := want{answer.Err == nil, answer.Unreachable, answer.Gone, answer.Warning != "", answer.RetryAfter}
			if got != c.want {
				t.Errorf("got %+v (%v), expected %+v", got, answer.Err, c.want)
			}
			if answer.Err != nil && strings.Contains(answer.Err.Error(), server.URL) {
				t.Errorf("the reason repeats the address: %v", answer.Err)
			}
		})
	}
}

func cutAfter200(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	zip := gzip.NewWriter(w)
	for range 100 {
		_, _ = zip.Write(make([]byte, 1<<20))
	}
	_ = zip.Close()
}

// One that never answers costs its time and no more, and a caller that stops is not
// held up.
func TestPostEnds(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	silent, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	answer := crm.New(loopback, nil).Post(ctx, attemptAt("https://"+silent.Addr().String()))
	if answer.Err == nil || !answer.Unreachable || !strings.Contains(answer.Err.Error(), "did not answer within") {
		t.Errorf("got %+v", answer)
	}
}
