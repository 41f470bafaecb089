package mailbox

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("mailbox").Parse(pageText))

// page shows the kept messages. HTML mails are shown in a frame that may do
// nothing: no script, no form, no request with our cookies.
func (m *Mailbox) page(w http.ResponseWriter, _ *http.Request) {
	kept, received := m.Messages()
	var body bytes.Buffer
	err := pageTemplate.Execute(&body, struct {
		Kept     []Message
		Received int
	}{kept, received})
	if err != nil {
		http.Error(w, "show the mailbox: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'")
	_, _ = w.Write(body.Bytes()) // the caller has gone
}
