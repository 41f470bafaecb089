package notify

import (
	"context"
	"errors"
	"fmt"

	"github.com/firstfix/firstfix/dispatch"
)

// Options say who carries messages. A channel without a provider is not carried.
type Options struct {
	// SMTP is the mail server, smtp://[user:secret@]host:port or smtps://…. With
	// smtp the connection is encrypted where the server can, and must be where
	// there is a secret; ?tls=mandatory and ?tls=none say otherwise.
	SMTP string
	// From is who mails are from, e.g. "Service <service@example.org>".
	From string
	// TextURL is where texts are posted.
	TextURL string
	// TextSecret signs the posts by the Standard Webhooks: "whsec_" and base64.
	// Without it posts are not signed, which is for development alone.
	TextSecret string
}

// Notifier implements dispatch.Messenger.
type Notifier struct {
	composer *composer
	carriers map[dispatch.Channel]carrier
}

// carrier hands a message to one provider.
type carrier interface {
	send(ctx context.Context, m dispatch.Message) (receipt string, err error)
}

var _ dispatch.Messenger = (*Notifier)(nil)

// New reads the templates and the addresses of the providers. It connects to
// nobody.
func New(options Options) (*Notifier, error) {
	n := &Notifier{carriers: map[dispatch.Channel]carrier{}}
	var faults []error
	sender := ""
	if options.SMTP != "" {
		mailer, err := newMailer(options.SMTP, options.From)
		n.carriers[dispatch.ChannelMail], faults = mailer, append(faults, err)
		if err == nil {
			sender = mailer.from.Address
		}
	}
	if options.TextURL != "" {
		carrier, err := newTexter(options.TextURL, options.TextSecret)
		n.carriers[dispatch.ChannelText], faults = carrier, append(faults, err)
	}
	composer, err := newComposer(sender)
	n.composer = composer
	return n, errors.Join(append(faults, err)...)
}

// Carries implements dispatch.Messenger.
func (n *Notifier) Carries(channel dispatch.Channel) bool { return n.carriers[channel] != nil }

// Compose implements dispatch.Messenger.
func (n *Notifier) Compose(channel dispatch.Channel, template, language string, about dispatch.MessageFacts) (dispatch.Text, error) {
	return n.composer.compose(channel, template, language, about)
}

// Send implements dispatch.Messenger.
func (n *Notifier) Send(ctx context.Context, m dispatch.Message) (string, error) {
	carrier := n.carriers[m.Channel]
	if carrier == nil {
		return "", fmt.Errorf("send %s: there is no provider for the channel %s", m.Key, m.Channel)
	}
	receipt, err := carrier.send(ctx, m)
	if len(receipt) > longestReceipt {
		receipt = receipt[:longestReceipt]
	}
	return receipt, err
}

// longestReceipt is more than any provider needs to name a message.
const longestReceipt = 200
