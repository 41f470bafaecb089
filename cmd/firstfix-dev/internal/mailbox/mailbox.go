// Package mailbox is where the development stack's messages go: a mail server
// that accepts everything and delivers nothing, a webhook for text messages, and
// a page that shows what customers would have read. It keeps the last thousand
// messages in memory.
package mailbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/recent"
)

// longestMessage bounds one message of either kind.
const longestMessage = 1 << 20

// Channel is how a message came.
type Channel string

// The channels, named as the deliveries' channels are.
const (
	Mail Channel = "mail"
	Text Channel = "text"
)

// Message is one message as its receiver would see it.
type Message struct {
	Number     int       `json:"number"` // counts from 1 since the start
	Channel    Channel   `json:"channel"`
	ReceivedAt time.Time `json:"received_at"`
	From       string    `json:"from,omitempty"`
	To         []string  `json:"to"`
	Subject    string    `json:"subject,omitempty"`
	Body       string    `json:"body"`
	HTML       string    `json:"html,omitempty"`
	// Attachments are names only: they show that something was attached.
	Attachments []string `json:"attachments,omitempty"`
}

// Mailbox holds messages; the zero value is empty and ready.
type Mailbox struct {
	messages recent.List[Message]
}

// add files a message and gives it its number.
func (m *Mailbox) add(message Message) Message {
	return m.messages.Add(func(number int) Message {
		message.Number, message.ReceivedAt = number, time.Now().UTC()
		return message
	})
}

// Messages returns what is kept, newest first, and how many ever came.
func (m *Mailbox) Messages() (kept []Message, received int) {
	return m.messages.Newest()
}

// Register adds the page, its JSON form and the webhook to mux.
func (m *Mailbox) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /mailbox", m.page)
	mux.HandleFunc("GET /mailbox.json", m.list)
	mux.HandleFunc("POST /mailbox/text", m.receiveText)
}

// list answers the kept messages, newest first, with ?to= only those to one
// receiver.
func (m *Mailbox) list(w http.ResponseWriter, r *http.Request) {
	kept, received := m.Messages()
	if to := r.URL.Query().Get("to"); to != "" {
		kept = slices.DeleteFunc(kept, func(message Message) bool { return !slices.Contains(message.To, to) })
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"received": received, "messages": kept}) // the caller has gone
}

// receiveText is the provider of text messages. It takes a JSON object whose
// fields to and body (or text) say what a telephone would show, at the top or
// in a CloudEvents envelope under data, and answers the message's number as the
// provider's receipt.
func (m *Mailbox) receiveText(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestMessage))
	if err != nil {
		http.Error(w, fmt.Sprintf("read the message: %v", err), http.StatusRequestEntityTooLarge)
		return
	}
	message, err := readText(raw)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	filed := m.add(message)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(map[string]string{"id": fmt.Sprintf("text-%d", filed.Number)})
}

type textFields struct {
	From string `json:"from"`
	To   string `json:"to"`
	Body string `json:"body"`
	Text string `json:"text"`
}

func readText(raw []byte) (Message, error) {
	var envelope struct {
		textFields
		Data textFields `json:"data"`
	}
	if err := json.Unmarshal(raw, &envelope); err != nil {
		return Message{}, fmt.Errorf("read the message: %w; a JSON object with to and body is expected", err)
	}
	fields := envelope.textFields
	if fields.To == "" {
		fields = envelope.Data
	}
	body := fields.Body
	if body == "" {
		body = fields.Text
	}
	if fields.To == "" || strings.TrimSpace(body) == "" {
		return Message{}, fmt.Errorf("read the message: to or body is empty in %.200s", raw)
	}
	return Message{Channel: Text, From: fields.From, To: []string{fields.To}, Body: body}, nil
}
