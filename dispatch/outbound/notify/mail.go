package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/firstfix/firstfix/dispatch"
)

// mailer sends mail, each over a connection of its own: a worker's few messages
// a second are no reason to keep one open.
type mailer struct {
	host    string
	port    int
	ssl     bool
	from    *netmail.Address
	domain  string // of message ids
	options []mail.Option
}

// mailTime bounds each part of an exchange; the whole is bounded by the caller's
// context.
const mailTime = 15 * time.Second

func newMailer(server, from string) (*mailer, error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") {
		return nil, errors.New("the mail server is not a URL such as smtp://mail.example.org:587") // it may hold a secret
	}
	sender, err := netmail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("the sender of mails is %.80q, expected an address such as Service <service@example.org>", from)
	}
	m := &mailer{host: u.Hostname(), ssl: u.Scheme == "smtps", from: sender, port: 25}
	_, m.domain, _ = strings.Cut(sender.Address, "@")
	if m.ssl {
		m.port = 465
	}
	if u.Port() != "" {
		if m.port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, fmt.Errorf("the mail server's port is %.10q, expected a number", u.Port())
		}
	}
	secret, hasSecret := u.User.Password()
	policy, err := tlsPolicy(u.Query().Get("tls"), hasSecret)
	if err != nil {
		return nil, err
	}
	m.options = []mail.Option{
		mail.WithPort(m.port), mail.WithTimeout(mailTime), mail.WithHELO(m.domain), mail.WithTLSPolicy(policy),
		mail.WithoutNoop(), mail.WithoutRset(), // a connection carries one message
	}
	if m.ssl {
		m.options = append(m.options, mail.WithSSL())
	}
	if hasSecret {
		m.options = append(m.options, mail.WithSMTPAuth(mail.SMTPAuthPlain),
			mail.WithUsername(u.User.Username()), mail.WithPassword(secret))
	}
	return m, nil
}

func tlsPolicy(wanted string, hasSecret bool) (mail.TLSPolicy, error) {
	switch {
	case wanted == "none" && !hasSecret:
		return mail.NoTLS, nil
	case wanted == "" && !hasSecret:
		return mail.TLSOpportunistic, nil
	case wanted == "" || wanted == "mandatory":
		return mail.TLSMandatory, nil
	case wanted == "none":
		return mail.NoTLS, errors.New("the mail server's secret would travel in the clear: leave out tls=none")
	}
	return mail.NoTLS, fmt.Errorf("the mail server's tls is %.20q, expected mandatory or none", wanted)
}

func (m *mailer) send(ctx context.Context, message dispatch.Message) (string, error) {
	letter, err := m.letter(message)
	if err != nil {
		return "", err
	}
	options := append(m.options[:len(m.options):len(m.options)], mail.WithDialContextFunc(m.dial(ctx)))
	client, err := mail.NewClient(m.host, options...)
	if err != nil {
		return "", fmt.Errorf("prepare the mail client: %w", err)
	}
	exchange, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return "", fmt.Errorf("connect to the mail server: %w", err)
	}
	err = client.SendWithSMTPClient(exchange, letter)
	// Once the server has taken the message, a rude good-bye changes nothing.
	_ = client.CloseWithSMTPClient(exchange)
	if err != nil {
		return "", mailRefusal(ctx, err)
	}
	return strings.TrimSpace(letter.ServerResponse()), nil
}

// dial gives connections that end with the message's context, whatever they wait
// for: a server that hangs must not hold a worker.
func (m *mailer) dial(message context.Context) mail.DialContextFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var conn net.Conn
		var err error
		if m.ssl {
			conn, err = (&tls.Dialer{Config: &tls.Config{ServerName: m.host, MinVersion: tls.VersionTLS12}}).DialContext(ctx, network, address)
		} else {
			conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		}
		if err == nil {
			context.AfterFunc(message, func() { _ = conn.Close() })
		}
		return conn, err
	}
}

// letter makes the mail. Its message id is the delivery's, so that a second copy
// can be told from a second message.
func (m *mailer) letter(message dispatch.Message) (*mail.Msg, error) {
	letter := mail.NewMsg()
	if err := letter.FromFormat(m.from.Name, m.from.Address); err != nil {
		return nil, fmt.Errorf("write the sender of a mail: %w", err)
	}
	if err := letter.To(message.To); err != nil {
		return nil, fmt.Errorf("the recipient's mail address is none: %w", dispatch.ErrUndeliverable)
	}
	letter.Subject(message.Text.Subject)
	letter.SetDate()
	letter.SetMessageIDWithValue(strings.ReplaceAll(message.Key, "/", ".") + "@" + m.domain)
	letter.SetGenHeader("Auto-Submitted", "auto-generated") // nobody's holiday answers it
	letter.SetBodyString(mail.TypeTextPlain, message.Text.Body)
	if calendar := message.Text.Calendar; calendar != "" {
		err := letter.AttachReader("appointment.ics", strings.NewReader(calendar), mail.WithFileContentType("text/calendar; charset=UTF-8"))
		if err != nil {
			return nil, fmt.Errorf("attach the entry for the calendar: %w", err)
		}
	}
	return letter, nil
}

// mailRefusal says what a server's refusal means, without its words, which repeat
// the recipient's address.
func mailRefusal(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the mail server did not take the message in time: %w", context.Cause(ctx))
	}
	var refused *mail.SendError
	if !errors.As(err, &refused) {
		return errors.New("the exchange with the mail server broke off")
	}
	aboutMessage := refused.Reason == mail.ErrSMTPRcptTo || refused.Reason == mail.ErrSMTPData || refused.Reason == mail.ErrSMTPDataClose
	if code := refused.ErrorCode(); aboutMessage && code >= 500 {
		return fmt.Errorf("the mail server refused the message with %d %s: %w", code, refused.EnhancedStatusCode(), dispatch.ErrUndeliverable)
	}
	return fmt.Errorf("the mail server did not take the message (%d %s)", refused.ErrorCode(), refused.EnhancedStatusCode())
}
