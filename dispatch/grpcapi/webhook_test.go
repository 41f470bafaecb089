package grpcapi_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// An endpoint from its making to its disabling; its secret is told twice and no more.
func TestWebhooksOverTheWire(t *testing.T) {
	t.Parallel()
	v := openVan(t)
	hooks := pb.NewWebhookServiceClient(v.conn)
	admin := v.as(t, "administrator")
	request := &pb.CreateWebhookEndpointRequest{RequestId: uuid.NewString(), WebhookEndpoint: &pb.WebhookEndpoint{
		DisplayName: "CRM", Url: "https://crm.example.org/firstfix", Format: pb.WebhookFormat_WEBHOOK_FORMAT_HUBSPOT,
	}}
	made, err := hooks.CreateWebhookEndpoint(admin, request)
	if err != nil || !strings.HasPrefix(made.GetSecret(), "whsec_") || made.GetState() != pb.WebhookEndpointState_WEBHOOK_ENDPOINT_STATE_ENABLED {
		t.Fatalf("made %v, %v", made, err)
	}
	if again, err := hooks.CreateWebhookEndpoint(admin, request); err != nil || !proto.Equal(again, made) {
		t.Errorf("the same request again: %v, %v; expected %v", again, err, made)
	}
	read, err := hooks.GetWebhookEndpoint(admin, &pb.GetWebhookEndpointRequest{Name: made.GetName()})
	if err != nil || read.GetSecret() != "" || read.GetFormat() != pb.WebhookFormat_WEBHOOK_FORMAT_HUBSPOT {
		t.Errorf("read %v, %v; expected no secret", read, err)
	}
	rotated, err := hooks.RotateWebhookKey(admin, &pb.RotateWebhookKeyRequest{Name: made.GetName(), RequestId: uuid.NewString()})
	if err != nil || rotated.GetSecret() == made.GetSecret() || rotated.GetSecret() == "" || rotated.GetPreviousKeyExpireTime() == nil {
		t.Errorf("rotated %v, %v", rotated, err)
	}
	if _, err := hooks.RotateWebhookKey(admin, &pb.RotateWebhookKeyRequest{
		Name: made.GetName(), RequestId: uuid.NewString(), Overlap: durationpb.New(31 * 24 * time.Hour),
	}); reason(err) != dispatch.ReasonInvalidRequest {
		t.Errorf("an overlap of 31 days: %v", err)
	}
	tested, err := hooks.TestWebhookEndpoint(admin, &pb.TestWebhookEndpointRequest{Name: made.GetName(), RequestId: uuid.NewString()})
	if err != nil || tested.GetEvent() != pb.WebhookEvent_WEBHOOK_EVENT_TEST {
		t.Fatalf("tested %v, %v", tested, err)
	}
	update := func(url string, state pb.WebhookEndpointState, paths ...string) error {
		_, err := hooks.UpdateWebhookEndpoint(admin, &pb.UpdateWebhookEndpointRequest{
			WebhookEndpoint: &pb.WebhookEndpoint{Name: made.GetName(), Etag: rotated.GetEtag(), Url: url, State: state},
			UpdateMask:      &fieldmaskpb.FieldMask{Paths: paths}, RequestId: uuid.NewString(),
		})
		return err
	}
	if err := update("https://169.254.169.254/", 0, "url"); reason(err) != dispatch.ReasonURLNotAllowed {
		t.Errorf("an address inside: %v", err)
	}
	if err := update("", 0, "state"); reason(err) != dispatch.ReasonInvalidRequest {
		t.Errorf("no state: %v", err)
	}
	if err := update("", pb.WebhookEndpointState_WEBHOOK_ENDPOINT_STATE_DISABLED, "secret"); reason(err) != dispatch.ReasonFieldNotWritable {
		t.Errorf("a secret of one's own: %v", err)
	}
	if err := update("", pb.WebhookEndpointState_WEBHOOK_ENDPOINT_STATE_DISABLED, "state"); err != nil {
		t.Fatal(err)
	}
	dead, err := hooks.ListWebhookDeliveries(admin, &pb.ListWebhookDeliveriesRequest{
		Filter: fmt.Sprintf(`state = "DEAD" AND endpoint = "%s"`, made.GetName()),
	})
	if err != nil || len(dead.GetWebhookDeliveries()) != 1 || dead.GetWebhookDeliveries()[0].GetName() != tested.GetName() {
		t.Errorf("dead %v, %v", dead, err)
	}
	if _, err := hooks.ReplayWebhookDeliveries(admin, &pb.ReplayWebhookDeliveriesRequest{Name: made.GetName(), RequestId: uuid.NewString()}); reason(err) != dispatch.ReasonMoveNotAllowed {
		t.Errorf("replay to one that is disabled: %v", err)
	}
	for _, who := range []string{"technician", "sales", "dispatcher", "customer"} {
		if _, err := hooks.ListWebhookEndpoints(v.as(t, who), &pb.ListWebhookEndpointsRequest{}); reason(err) != dispatch.ReasonAccessDenied {
			t.Errorf("a %s lists endpoints: %v", who, err)
		}
	}
}

// What comes into an inbox: signed by the endpoint's key and fresh, or nothing happens
// (K11).
func TestInbox(t *testing.T) {
	t.Parallel()
	v := openVan(t)
	hooks := pb.NewWebhookServiceClient(v.conn)
	made, err := hooks.CreateWebhookEndpoint(v.as(t, "administrator"), &pb.CreateWebhookEndpointRequest{
		RequestId: uuid.NewString(), WebhookEndpoint: &pb.WebhookEndpoint{DisplayName: "CRM", Url: "https://crm.example.org/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	logged, err := v.sales.CreateReferral(v.as(t, "technician"), &pb.CreateReferralRequest{RequestId: uuid.NewString(), Referral: &pb.Referral{
		Visit: v.visit(t), Need: "the boiler is from 1987", ConsentChannel: pb.ConsentChannel_CONSENT_CHANNEL_PHONE,
	}})
	if err != nil {
		t.Fatal(err)
	}
	stranger := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	post := func(path, secret, id string, at time.Time, body string) answer {
		t.Helper()
		signer, err := webhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := signer.Sign(id, at, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return v.ask(t, http.MethodPost, path, body,
			webhooks.HeaderWebhookID, id, webhooks.HeaderWebhookTimestamp, fmt.Sprint(at.Unix()), webhooks.HeaderWebhookSignature, signature)
	}
	outcome := func(referral, state string) string {
		return fmt.Sprintf(`{"type": "referral.outcome", "data": {"referral": %q, "state": %q, "reason": "too dear"}}`, referral, state)
	}
	now, good := time.Now(), outcome(logged.GetName(), "quoted")
	for _, c := range []struct {
		name, path, secret, id string
		at                     time.Time
		body                   string
		code                   int
		says                   string
	}{
		{"forged", made.GetInboxPath(), stranger, "m1", now, good, 401, "TOKEN_INVALID"},
		{"ten minutes old", made.GetInboxPath(), made.GetSecret(), "m1", now.Add(-10 * time.Minute), good, 401, "TOKEN_INVALID"},
		{"ten minutes ahead", made.GetInboxPath(), made.GetSecret(), "m1", now.Add(10 * time.Minute), good, 401, "TOKEN_INVALID"},
		{"an id without an end", made.GetInboxPath(), made.GetSecret(), strings.Repeat("m", 300), now, good, 401, "TOKEN_INVALID"},
		{"another inbox", made.GetInboxPath() + "x", made.GetSecret(), "m1", now, good, 404, "RESOURCE_NOT_FOUND"},
		{"no JSON", made.GetInboxPath(), made.GetSecret(), "m2", now, "won", 400, "INVALID_REQUEST"},
		{"JSON and more", made.GetInboxPath(), made.GetSecret(), "m2", now, good + "{}", 400, "INVALID_REQUEST"},
		{"another type", made.GetInboxPath(), made.GetSecret(), "m3", now, `{"type": "contact.created"}`, 400, "referral.outcome"},
		{"a NUL", made.GetInboxPath(), made.GetSecret(), "m3", now, strings.Replace(good, "too", `\u0000`, 1), 400, "control character"},
		{"no name", made.GetInboxPath(), made.GetSecret(), "m3", now, outcome("7", "quoted"), 400, "data.referral"},
		{"an unknown referral", made.GetInboxPath(), made.GetSecret(), "m4", now, outcome(dispatch.ReferralID{}.New().Name(), "quoted"), 404, "RESOURCE_NOT_FOUND"},
		{"an unknown state", made.GetInboxPath(), made.GetSecret(), "m5", now, outcome(logged.GetName(), "signed"), 400, "is not an outcome"},
		{"too much", made.GetInboxPath(), made.GetSecret(), "m6", now, good + strings.Repeat(" ", 65<<10), 413, "REQUEST_TOO_LARGE"},
		{"quoted", made.GetInboxPath(), made.GetSecret(), "m7", now, good, 200, `{"state":"quoted"}`},
		{"a copy", made.GetInboxPath(), made.GetSecret(), "m7", now, good, 200, `{"state":"quoted"}`},
		{"a straggler", made.GetInboxPath(), made.GetSecret(), "m8", now, outcome(logged.GetName(), "contacted"), 200, `"ignored":`},
		{"lost", made.GetInboxPath(), made.GetSecret(), "m9", now, outcome(logged.GetName(), "lost"), 200, `{"state":"lost"}`},
	} {
		got := post(c.path, c.secret, c.id, c.at, c.body)
		if got.StatusCode != c.code || !strings.Contains(string(got.body), c.says) {
			t.Errorf("%s: %d %s; expected %d that says %s", c.name, got.StatusCode, got.body, c.code, c.says)
		}
	}
	read, err := v.sales.GetReferral(v.as(t, "sales"), &pb.GetReferralRequest{Name: logged.GetName()})
	if err != nil || read.GetState() != pb.ReferralState_REFERRAL_STATE_LOST || read.GetStateReason() != "too dear" {
		t.Errorf("read %v, %v", read, err)
	}
}
