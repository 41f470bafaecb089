package grpcapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/referral"
)

// The inbox of an endpoint: its CRM posts what became of leads, signed by the
// Standard Webhooks. It is no method of the contract, since a CRM has no token.
const (
	inboxPath  = "/v1/inbox/"
	inboxLimit = 64 << 10
	inboxType  = "referral.outcome"
	longestID  = 256
)

type inbox struct {
	desk   *referral.Desk
	limits *limits
	log    *slog.Logger
}

// message is what a CRM posts.
type message struct {
	Type string `json:"type"`
	Data struct {
		Referral string            `json:"referral"`
		State    string            `json:"state"`
		Reason   string            `json:"reason"`
		Value    *dispatch.LeadSum `json:"value"`
	} `json:"data"`
}

func (i inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	taken, err := i.take(r)
	code := http.StatusOK
	if err != nil {
		s := statusOf(err)
		code = runtime.HTTPStatusFromCode(s.Code())
		if dispatch.ReasonOf(err) == dispatch.ReasonRequestTooLarge {
			code = http.StatusRequestEntityTooLarge
		}
		writeStatus(w, code, s)
	} else {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(struct { // the caller may have gone
			State   string `json:"state"`
			Ignored string `json:"ignored,omitempty"`
		}{string(taken.State), taken.Ignored})
	}
	level := slog.LevelInfo
	if code == http.StatusInternalServerError {
		level = slog.LevelError
	}
	i.log.Log(r.Context(), level, "inbox", "code", code, "state", taken.State, "ignored", taken.Ignored, "duration", time.Since(begun), "error", err)
}

func (i inbox) take(r *http.Request) (referral.Taken, error) {
	ctx, cancel := context.WithTimeout(r.Context(), shortCap)
	defer cancel()
	box, err := i.desk.OpenInbox(ctx, r.PathValue("token"))
	if err != nil {
		return referral.Taken{}, err
	}
	if err := i.limits.members.take("inbox/" + box.Endpoint.ID.String()); err != nil {
		return referral.Taken{}, err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, inboxLimit+1))
	if err != nil {
		return referral.Taken{}, dispatch.Refuse(dispatch.ReasonInvalidRequest, "", "the body did not arrive whole").Because(err)
	}
	if len(body) > inboxLimit {
		return referral.Taken{}, dispatch.Refuse(dispatch.ReasonRequestTooLarge, "", "the body has more than %d bytes", inboxLimit).
			With("maxBytes", strconv.Itoa(inboxLimit))
	}
	if err := verify(box.Secrets, body, r.Header); err != nil {
		return referral.Taken{}, err
	}
	told, err := readMessage(body)
	if err != nil {
		return referral.Taken{}, err
	}
	told.ID = r.Header.Get(webhooks.HeaderWebhookID)
	return i.desk.Take(ctx, box, told)
}

// verify takes what one of the keys signed within the last five minutes.
func verify(secrets []string, body []byte, header http.Header) error {
	refused := dispatch.Refuse(dispatch.ReasonTokenInvalid, "",
		"the post is not signed by this endpoint's key within five minutes, expected webhook-id, webhook-timestamp and webhook-signature of the Standard Webhooks")
	if len(header.Get(webhooks.HeaderWebhookID)) > longestID {
		return refused
	}
	for _, secret := range secrets {
		verifier, err := webhooks.NewWebhook(secret)
		if err != nil {
			return err
		}
		if err := verifier.Verify(body, header); err == nil {
			return nil
		}
	}
	return refused
}

func readMessage(body []byte) (referral.Told, error) {
	var m message
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&m); err != nil {
		return referral.Told{}, dispatch.Refuse(dispatch.ReasonInvalidRequest, "",
			`the body is not JSON such as {"type": "referral.outcome", "data": {"referral": "referrals/…", "state": "won", "value": {"minor": 120000, "currency": "USD"}}}`).Because(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return referral.Told{}, dispatch.Refuse(dispatch.ReasonInvalidRequest, "", "there is something behind the JSON of the body")
	}
	if m.Type != inboxType {
		return referral.Told{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "type", "it is %.60q, expected %s", m.Type, inboxType)
	}
	told := referral.Told{Body: sha256.Sum256(body), Outcome: referral.Outcome{State: dispatch.ReferralState(m.Data.State), Reason: m.Data.Reason}}
	if len(m.Data.Reason) > longestReason {
		return told, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "data.reason", "it has %d bytes, at most %d are taken", len(m.Data.Reason), longestReason)
	}
	if strings.ContainsFunc(m.Data.Reason, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		return told, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "data.reason", "it holds a control character")
	}
	if m.Data.Value != nil {
		told.Outcome.Value = &dispatch.Money{Minor: m.Data.Value.Minor, Currency: m.Data.Value.Currency}
	}
	return told, parseName("data.referral", m.Data.Referral, &told.Referral)
}

// longestReason is that of RecordOutcome.
const longestReason = 4000
