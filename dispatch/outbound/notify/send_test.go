package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	smtpmock "github.com/mocktools/go-smtp-mock/v2"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"github.com/firstfix/firstfix/dispatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func letter() dispatch.Message {
	return dispatch.Message{
		Channel: dispatch.ChannelMail, Key: "deliveries/1", To: "ada@example.org",
		Text: dispatch.Text{Subject: "Grüße am 6. November", Body: "Guten Tag.\n"},
	}
}

func smtpServer(t *testing.T, config smtpmock.ConfigurationAttr) (*smtpmock.Server, *Notifier) {
	t.Helper()
	config.HostAddress = "127.0.0.1"
	server := smtpmock.New(config)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("stop the mail server: %v", err)
		}
	})
	return server, notifier(t, Options{SMTP: (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: server.PortNumber()}).String()})
}

func notifier(t *testing.T, options Options) *Notifier {
	t.Helper()
	if options.SMTP != "" {
		options.SMTP = "smtp://" + options.SMTP
		options.From = "Boston Heating <service@example.com>"
	}
	n, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMailArrives(t *testing.T) {
	t.Parallel()
	server, n := smtpServer(t, smtpmock.ConfigurationAttr{MsgMsgReceived: "250 2.0.0 queued as 4711"})
	if !n.Carries(dispatch.ChannelMail) || n.Carries(dispatch.ChannelText) {
		t.Error("a mail server carries mail and nothing else")
	}
	receipt, err := n.Send(t.Context(), letter())
	if err != nil || !strings.Contains(receipt, "queued as 4711") {
		t.Fatalf("receipt %q, %v", receipt, err)
	}
	got, err := server.WaitForMessages(1, 5*time.Second)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d messages arrived, %v; want one", len(got), err)
	}
	if got[0].RcpttoRequestResponse()[0][0] != "RCPT TO:<ada@example.org>" {
		t.Errorf("sent to %v", got[0].RcpttoRequestResponse())
	}
	for _, header := range []string{
		`From: "Boston Heating" <service@example.com>`, "Message-ID: <deliveries.1@example.com>", "Auto-Submitted: auto-generated",
		"Subject: =?UTF-8?q?Gr=C3=BC=C3=9Fe_am_6._November?=", "Content-Type: text/plain; charset=UTF-8",
	} {
		if !strings.Contains(got[0].MsgRequest(), header+"\r\n") {
			t.Errorf("no %q in\n%s", header, got[0].MsgRequest())
		}
	}
}

func TestMailThatIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config smtpmock.ConfigurationAttr
		final  bool
	}{
		"mailbox unknown": {smtpmock.ConfigurationAttr{
			NotRegisteredEmails: []string{"ada@example.org"}, MsgRcpttoNotRegisteredEmail: "550 5.1.1 ada@example.org is unknown here",
		}, true},
		"mailbox busy": {smtpmock.ConfigurationAttr{
			NotRegisteredEmails: []string{"ada@example.org"}, MsgRcpttoNotRegisteredEmail: "451 4.3.0 ada@example.org later",
		}, false},
		"sender not allowed": {smtpmock.ConfigurationAttr{
			BlacklistedMailfromEmails: []string{"service@example.com"}, MsgMailfromBlacklistedEmail: "550 5.7.1 who are you",
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, n := smtpServer(t, test.config)
			_, err := n.Send(t.Context(), letter())
			if err == nil || errors.Is(err, dispatch.ErrUndeliverable) != test.final {
				t.Fatalf("got %v, final %t; want final %t", err, errors.Is(err, dispatch.ErrUndeliverable), test.final)
			}
			if strings.Contains(err.Error(), "ada") {
				t.Errorf("the error names the recipient: %v", err)
			}
		})
	}
}

func TestAnAddressThatIsNoneIsFinal(t *testing.T) {
	t.Parallel()
	_, n := smtpServer(t, smtpmock.ConfigurationAttr{})
	m := letter()
	m.To = "ada@@example"
	if _, err := n.Send(t.Context(), m); !errors.Is(err, dispatch.ErrUndeliverable) || strings.Contains(err.Error(), "ada") {
		t.Errorf("got %v, want undeliverable without the address", err)
	}
}

// TestAMailServerThatHangsIsCut: it accepts, greets nobody, and keeps the line.
func TestAMailServerThatHangsIsCut(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan net.Conn, 1)
	go func() {
		if conn, err := listener.Accept(); err == nil {
			held <- conn
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		_ = (<-held).Close()
	})
	n := notifier(t, Options{SMTP: listener.Addr().String()})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := n.Send(ctx, letter()); err == nil || errors.Is(err, dispatch.ErrUndeliverable) {
		t.Errorf("got %v, want a failure that passes", err)
	}
	if waited := time.Since(begun); waited > 3*time.Second {
		t.Errorf("waited %s for a server that hangs, allowed were 200 ms", waited)
	}
}

func TestTextIsPosted(t *testing.T) {
	t.Parallel()
	verifier, err := webhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := verifier.Verify(body, r.Header); err != nil {
			t.Errorf("the post is not signed: %v", err)
		}
		var got post
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		want := postData{ID: "deliveries/1", To: "+16175550100", Body: "Hello"}
		if got.Data != want || got.Type != "message.text" || r.Header.Get("webhook-id") != "deliveries/1" {
			t.Errorf("posted %+v with id %q", got, r.Header.Get("webhook-id"))
		}
		_, _ = io.WriteString(w, `{"id":"sms-42"}`)
	}))
	t.Cleanup(server.Close)
	n := notifier(t, Options{TextURL: server.URL, TextSecret: secret})
	t.Cleanup(closeIdle(n))
	receipt, err := n.Send(t.Context(), dispatch.Message{
		Channel: dispatch.ChannelText, Key: "deliveries/1", To: "+16175550100", Text: dispatch.Text{Body: "Hello"},
	})
	if err != nil || receipt != "sms-42" {
		t.Errorf("receipt %q, %v", receipt, err)
	}
}

// closeIdle ends the connections that the client keeps for its next post.
func closeIdle(n *Notifier) func() {
	return func() { n.carriers[dispatch.ChannelText].(*texter).client.CloseIdleConnections() }
}

func TestTextThatIsRefused(t *testing.T) {
	t.Parallel()
	for code, final := range map[int]bool{
		http.StatusServiceUnavailable: false, http.StatusTooManyRequests: false, http.StatusUnauthorized: false,
		http.StatusTemporaryRedirect: false, http.StatusUnprocessableEntity: true, http.StatusGone: true,
	} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/" {
					t.Errorf("the post followed a redirect to %s", r.URL.Path)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(code)
				_, _ = io.WriteString(w, "+16175550100 is not one of ours")
			}))
			t.Cleanup(server.Close)
			n := notifier(t, Options{TextURL: server.URL, TextSecret: secret})
			t.Cleanup(closeIdle(n))
			_, err := n.Send(t.Context(), dispatch.Message{Channel: dispatch.ChannelText, Key: "deliveries/1", To: "+16175550100"})
			if err == nil || errors.Is(err, dispatch.ErrUndeliverable) != final {
				t.Fatalf("got %v, want final %t", err, final)
			}
			if strings.Contains(err.Error(), "617") {
				t.Errorf("the error names the recipient: %v", err)
			}
		})
	}
}

func TestProvidersAreConfiguredOrNamed(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]Options{
		"not a mail server":     {SMTP: "http://mail.example.org", From: "a@example.org"},
		"no sender":             {SMTP: "smtp://mail.example.org"},
		"secret in the clear":   {SMTP: "smtp://u:hidden@mail.example.org?tls=none", From: "a@example.org"},
		"unknown policy":        {SMTP: "smtp://mail.example.org?tls=perhaps", From: "a@example.org"},
		"not a webhook":         {TextURL: "ftp://example.org", TextSecret: secret},
		"a webhook of no trust": {TextURL: "https://example.org", TextSecret: "whsec_?"},
	} {
		_, err := New(options)
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v, want an error without the secret", name, err)
		}
	}
	n := notifier(t, Options{})
	if _, err := n.Send(t.Context(), letter()); err == nil || n.Carries(dispatch.ChannelMail) {
		t.Errorf("without a provider: %v, want an error", err)
	}
}
