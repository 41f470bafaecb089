package mailbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wneessen/go-mail"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/mailbox"
)

// serve runs a mailbox and returns its web address and its mail server's port.
func serve(t *testing.T) (web string, port int) {
	t.Helper()
	box := &mailbox.Mailbox{}
	mux := http.NewServeMux()
	box.Register(mux)
	pages := httptest.NewServer(mux)
	t.Cleanup(pages.Close)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- box.ServeSMTP(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return pages.URL, listener.Addr().(*net.TCPAddr).Port
}

func send(t *testing.T, port int, message *mail.Msg) {
	t.Helper()
	client, err := mail.NewClient("127.0.0.1", mail.WithPort(port), mail.WithTLSPolicy(mail.NoTLS), mail.WithHELO("example.org"))
	if err != nil {
		t.Fatalf("make a mail client: %v", err)
	}
	if err := client.DialAndSendWithContext(t.Context(), message); err != nil {
		t.Fatalf("send: %v", err)
	}
}

func reminder(t *testing.T, to string) *mail.Msg {
	t.Helper()
	message := mail.NewMsg()
	if err := message.From("service@example.org"); err != nil {
		t.Fatal(err)
	}
	if err := message.To(to); err != nil {
		t.Fatal(err)
	}
	message.Subject("Ihr Termin am Dienstag – Zähler")
	message.SetBodyString(mail.TypeTextPlain, "Wir kommen zwischen 8 und 10 Uhr.\n")
	message.AddAlternativeString(mail.TypeTextHTML, `<p>Wir kommen zwischen <b>8 und 10 Uhr</b>.</p><script>alert(1)</script>`)
	if err := message.AttachReader("termin.ics", strings.NewReader("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")); err != nil {
		t.Fatal(err)
	}
	return message
}

type list struct {
	Received int
	Messages []mailbox.Message
}

func read(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatalf("get %s: %v", url, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("get %s: status %d, error %v", url, response.StatusCode, err)
	}
	return string(body)
}

func readList(t *testing.T, url string) list {
	t.Helper()
	var l list
	if err := json.Unmarshal([]byte(read(t, url)), &l); err != nil {
		t.Fatalf("read the list: %v", err)
	}
	return l
}

func TestMailIsShown(t *testing.T) {
	t.Parallel()
	web, port := serve(t)
	send(t, port, reminder(t, "ada@example.org"))
	send(t, port, reminder(t, "grace@example.org"))

	all := readList(t, web+"/mailbox.json")
	if all.Received != 2 || len(all.Messages) != 2 || all.Messages[0].To[0] != "grace@example.org" {
		t.Fatalf("list %+v, expected two mails, the newest first", all)
	}
	got := readList(t, web+"/mailbox.json?to=ada@example.org").Messages
	if len(got) != 1 {
		t.Fatalf("%d mails to ada@example.org, expected 1", len(got))
	}
	mail := got[0]
	if mail.Subject != "Ihr Termin am Dienstag – Zähler" || mail.From != "service@example.org" {
		t.Errorf("subject %q from %q: not what was sent", mail.Subject, mail.From)
	}
	if !strings.HasPrefix(mail.Body, "Wir kommen zwischen 8 und 10 Uhr.") || !strings.Contains(mail.HTML, "<b>8 und 10 Uhr</b>") {
		t.Errorf("body %q, HTML %q: not what was sent", mail.Body, mail.HTML)
	}
	if len(mail.Attachments) != 1 || mail.Attachments[0] != "termin.ics" {
		t.Errorf("attachments %q, expected termin.ics", mail.Attachments)
	}
	page := read(t, web+"/mailbox")
	if !strings.Contains(page, "ada@example.org") || strings.Contains(page, "<script>") {
		t.Errorf("the page does not show the mail, or runs what is in it:\n%s", page)
	}
}

func TestTextIsShown(t *testing.T) {
	t.Parallel()
	web, _ := serve(t)
	for name, body := range map[string]string{
		"plain":          `{"to": "+16175550100", "body": "On the way"}`,
		"in CloudEvents": `{"specversion": "1.0", "type": "text", "data": {"to": "+16175550100", "text": "On the way"}}`,
	} {
		response, err := http.Post(web+"/mailbox/text", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusAccepted {
			t.Errorf("%s: status %d, expected 202", name, response.StatusCode)
		}
	}
	got := readList(t, web+"/mailbox.json?to=%2B16175550100").Messages
	if len(got) != 2 || got[0].Channel != mailbox.Text || got[0].Body != "On the way" || got[1].Body != "On the way" {
		t.Errorf("texts %+v, expected two that say: On the way", got)
	}
}

func TestTextWithoutReceiverIsRefused(t *testing.T) {
	t.Parallel()
	web, _ := serve(t)
	for _, body := range []string{`{"body": "to nobody"}`, `{"to": "+16175550100"}`, `to=+16175550100`} {
		response, err := http.Post(web+"/mailbox/text", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d, expected 400", body, response.StatusCode)
		}
	}
}

func TestOldestGoFirst(t *testing.T) {
	t.Parallel()
	web, _ := serve(t)
	for i := range 1003 {
		body := fmt.Sprintf(`{"to": "+16175550100", "body": "message %d"}`, i+1)
		response, err := http.Post(web+"/mailbox/text", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	got := readList(t, web+"/mailbox.json")
	if got.Received != 1003 || len(got.Messages) != 1000 {
		t.Fatalf("received %d, kept %d; expected 1003 and 1000", got.Received, len(got.Messages))
	}
	if newest, oldest := got.Messages[0].Body, got.Messages[999].Body; newest != "message 1003" || oldest != "message 4" {
		t.Errorf("newest %q, oldest %q; expected message 1003 and message 4", newest, oldest)
	}
}
