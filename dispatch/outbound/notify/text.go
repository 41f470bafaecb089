package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/firstfix/firstfix/dispatch"
)

// texter posts texts to a webhook, which sends them or hands them to somebody who
// does. Posts are signed by the Standard Webhooks, and their id is the delivery's
// for ever, so that the other side can drop a second copy.
type texter struct {
	url    string
	signer *webhooks.Webhook // nil in development: unsigned
	client *http.Client
}

func newTexter(address, secret string) (*texter, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("the webhook of texts is not a URL such as https://texts.example.org/send") // it may hold a secret
	}
	var signer *webhooks.Webhook
	if secret != "" {
		if signer, err = webhooks.NewWebhook(secret); err != nil {
			return nil, errors.New("the secret of the webhook of texts is none, expected whsec_ and base64")
		}
	}
	return &texter{url: address, signer: signer, client: &http.Client{
		// A provider that moves tells its customers; nobody else may redirect us.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// post is the body of a text's post.
type post struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      postData  `json:"data"`
}

type postData struct {
	ID   string `json:"id"`
	To   string `json:"to"` // E.164
	Body string `json:"body"`
}

func (t *texter) send(ctx context.Context, m dispatch.Message) (string, error) {
	now := time.Now()
	body, err := json.Marshal(post{
		Type: "message.text", Timestamp: now.UTC(), Data: postData{ID: m.Key, To: m.To, Body: m.Text.Body},
	})
	if err != nil {
		return "", fmt.Errorf("write the post of a text: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return "", errors.New("the post of a text could not be made")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(webhooks.HeaderWebhookID, m.Key)
	request.Header.Set(webhooks.HeaderWebhookTimestamp, fmt.Sprint(now.Unix()))
	if t.signer != nil {
		signature, err := t.signer.Sign(m.Key, now, body)
		if err != nil {
			return "", fmt.Errorf("sign the post of a text: %w", err)
		}
		request.Header.Set(webhooks.HeaderWebhookSignature, signature)
	}
	response, err := t.client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the URL, which may hold a secret
		}
		return "", fmt.Errorf("the webhook of texts does not answer: %w", err)
	}
	defer response.Body.Close()
	return readReceipt(response)
}

// longestAnswer of a webhook is read; it is only looked into for a receipt.
const longestAnswer = 16 << 10

// readReceipt judges the answer. Its text is not kept: it may repeat the number.
func readReceipt(response *http.Response) (string, error) {
	answer, _ := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		var named struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(answer, &named) == nil && named.ID != "" {
			return named.ID, nil
		}
		return fmt.Sprintf("HTTP %d", code), nil
	case code == http.StatusBadRequest || code == http.StatusGone || code == http.StatusUnprocessableEntity:
		return "", fmt.Errorf("the webhook of texts refused the message with %d: %w", code, dispatch.ErrUndeliverable)
	default:
		return "", fmt.Errorf("the webhook of texts answered %d", code)
	}
}
