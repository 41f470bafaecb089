package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"

	_ "github.com/emersion/go-message/charset" // mails in other character sets than UTF-8
)

// ServeSMTP is a mail server on listener that files every mail in the mailbox,
// until ctx is done. It asks for no password and no encryption: it is meant for
// the loopback only.
func (m *Mailbox) ServeSMTP(ctx context.Context, listener net.Listener) error {
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{mailbox: m}, nil
	}))
	server.Domain = "mailbox.firstfix.example"
	server.ReadTimeout = time.Minute
	server.WriteTimeout = time.Minute
	server.MaxMessageBytes = longestMessage
	server.MaxRecipients = 100
	server.ErrorLog = log.New(io.Discard, "", 0) // hang-ups of killed senders

	stop := context.AfterFunc(ctx, func() {
		// The listener too: the server only knows it once Serve has begun.
		_ = errors.Join(listener.Close(), server.Close())
	})
	defer stop()
	if err := server.Serve(listener); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve mail: %w", err)
	}
	return nil
}

// session is one connection of a sender; it may send several mails.
type session struct {
	mailbox *Mailbox
	from    string
	to      []string
}

// Mail begins a mail.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

// Rcpt adds a receiver.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

// Data files the mail. One that cannot be read is refused, so that a fault in
// our own mails shows in the delivery.
func (s *session) Data(r io.Reader) error {
	message, err := readMail(r)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: err.Error()}
	}
	message.From, message.To = s.from, s.to
	s.mailbox.add(message)
	return nil
}

// Reset forgets a mail under way.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout ends the connection.
func (s *session) Logout() error { return nil }

// readMail takes a mail apart; sender and receivers are the envelope's.
func readMail(r io.Reader) (Message, error) {
	reader, err := mail.CreateReader(r)
	if err != nil {
		return Message{}, fmt.Errorf("read the mail: %w", err)
	}
	defer reader.Close()
	message := Message{Channel: Mail}
	if message.Subject, err = reader.Header.Subject(); err != nil {
		return Message{}, fmt.Errorf("read the mail's subject: %w", err)
	}
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return message, nil
		}
		if err != nil {
			return Message{}, fmt.Errorf("read a part of the mail: %w", err)
		}
		if err := message.addPart(part); err != nil {
			return Message{}, err
		}
	}
}

func (m *Message) addPart(part *mail.Part) error {
	switch header := part.Header.(type) {
	case *mail.AttachmentHeader:
		name, err := header.Filename()
		if err != nil {
			return fmt.Errorf("read the name of an attachment: %w", err)
		}
		m.Attachments = append(m.Attachments, name)
	case *mail.InlineHeader:
		body, err := io.ReadAll(part.Body)
		if err != nil {
			return fmt.Errorf("read the mail's text: %w", err)
		}
		kind, _, err := header.ContentType()
		if err != nil {
			return fmt.Errorf("read the kind of a part of the mail: %w", err)
		}
		if kind == "text/html" {
			m.HTML += string(body)
		} else {
			m.Body += string(body)
		}
	}
	return nil
}
