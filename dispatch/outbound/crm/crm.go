package crm

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/firstfix/firstfix/dispatch"
)

// The limits of one post.
const (
	postTime     = 20 * time.Second
	dialTime     = 10 * time.Second
	drainTime    = 2 * time.Second // to read an answer to its end, so that its connection can be used again
	longestDrain = 64 << 10
	longestHead  = 64 << 10
)

// Poster posts deliveries.
type Poster struct {
	client *http.Client
}

// New makes a poster that reaches what egress permits. roots are authorities beside
// those of the system, nil for none; no option skips the check of a certificate.
func New(egress dispatch.Egress, roots *x509.CertPool) *Poster {
	dialer := &net.Dialer{Timeout: dialTime, Control: func(_, address string, _ syscall.RawConn) error { return judge(egress, address) }}
	return &Poster{client: &http.Client{
		// Whoever moves changes his endpoint; an answer may not send us elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // of the environment: it would dial for us, unjudged
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout:    dialTime,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // so that nothing unfolds here
			MaxIdleConnsPerHost:    dispatch.WebhooksPerEndpoint,
			MaxIdleConns:           256,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: longestHead,
		},
	}}
}

// errForbidden is a connection that was not made.
var errForbidden = errors.New("its name resolves to an address that is not one of the public internet")

// judge looks at the address that is about to be dialled, after its name was
// resolved: between a check of the name and the dial it could change.
func judge(egress dispatch.Egress, address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !egress.PermitsDial(to) {
		return errForbidden
	}
	return nil
}

// Post makes one attempt. It always answers, within postTime.
func (p *Poster) Post(ctx context.Context, attempt dispatch.WebhookAttempt) dispatch.WebhookAnswer {
	ctx, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	request, err := requestOf(ctx, attempt, time.Now())
	if err != nil {
		return dispatch.WebhookAnswer{Err: err}
	}
	response, err := p.client.Do(request)
	if err != nil {
		return dispatch.WebhookAnswer{Err: whyNot(err), Unreachable: true}
	}
	defer response.Body.Close()
	stop := time.AfterFunc(drainTime, cancel)
	defer stop.Stop()
	// What it says is not looked at: the status has decided.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, longestDrain))
	return answerOf(response)
}

// requestOf writes and signs the post. Its id is that of the delivery for ever, its
// time that of the attempt.
func requestOf(ctx context.Context, attempt dispatch.WebhookAttempt, now time.Time) (*http.Request, error) {
	body, err := compose(attempt)
	if err != nil {
		return nil, err
	}
	id := attempt.Delivery.ID.String()
	var signatures []string
	for _, secret := range attempt.Secrets {
		signer, err := webhooks.NewWebhook(secret)
		if err != nil {
			return nil, errors.New("the key of the endpoint is none")
		}
		signature, err := signer.Sign(id, now, body)
		if err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
		signatures = append(signatures, signature)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, attempt.Endpoint.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the address of the endpoint is not a URL")
	}
	request.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	request.Header.Set("User-Agent", "firstfix-webhooks/1")
	request.Header.Set(webhooks.HeaderWebhookID, id)
	request.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(webhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return request, nil
}

// whyNot says why nobody answered, without the address, which may hold a secret.
func whyNot(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errForbidden):
		return errForbidden
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("it did not answer within %s", postTime)
	case errors.As(err, &name):
		return errors.New("its name does not resolve")
	case errors.As(err, &certificate):
		return fmt.Errorf("its certificate is not good: %w", certificate.Err)
	default:
		return fmt.Errorf("it does not answer: %w", err)
	}
}

// answerOf judges a response.
func answerOf(response *http.Response) dispatch.WebhookAnswer {
	answer := dispatch.WebhookAnswer{Status: response.StatusCode}
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind == "text/html" {
			answer.Warning = "it answered with a web page: is that the endpoint, or a login page before it?"
		}
		return answer
	case code == http.StatusGone:
		answer.Gone = true
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		answer.RetryAfter = retryAfter(response.Header.Get("Retry-After"), time.Now())
		answer.Unreachable = code == http.StatusServiceUnavailable
	case code == http.StatusBadGateway || code == http.StatusGatewayTimeout:
		answer.Unreachable = true
	}
	answer.Err = fmt.Errorf("it answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	if code := response.StatusCode; code >= 300 && code < 400 {
		answer.Err = fmt.Errorf("it answered %d: redirects are not followed, change the address of the endpoint", code)
	}
	return answer
}

// retryAfter reads the header of RFC 9110, section 10.2.3: seconds or a date. What is
// neither, or past, asks for nothing.
func retryAfter(text string, now time.Time) time.Duration {
	const most = 100 * 365 * 24 * time.Hour
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(max(0, min(seconds, int64(most/time.Second)))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
