package grpcapi

import (
	"context"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/referral"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// webhookServer answers WebhookService.
type webhookServer struct {
	pb.UnimplementedWebhookServiceServer
	desk  *referral.Desk
	pages pages
}

var (
	webhookFormats = map[int32]dispatch.WebhookFormat{
		int32(pb.WebhookFormat_WEBHOOK_FORMAT_FIRSTFIX):   dispatch.FormatFirstfix,
		int32(pb.WebhookFormat_WEBHOOK_FORMAT_SALESFORCE): dispatch.FormatSalesforce,
		int32(pb.WebhookFormat_WEBHOOK_FORMAT_HUBSPOT):    dispatch.FormatHubSpot,
	}
	endpointStates = map[int32]dispatch.EndpointState{
		int32(pb.WebhookEndpointState_WEBHOOK_ENDPOINT_STATE_ENABLED):  dispatch.EndpointEnabled,
		int32(pb.WebhookEndpointState_WEBHOOK_ENDPOINT_STATE_DISABLED): dispatch.EndpointDisabled,
	}
	webhookEvents = map[int32]dispatch.WebhookEvent{
		int32(pb.WebhookEvent_WEBHOOK_EVENT_REFERRAL_CHANGED): dispatch.WebhookReferralChanged,
		int32(pb.WebhookEvent_WEBHOOK_EVENT_TEST):             dispatch.WebhookTest,
	}
	webhookDeliveryStates = map[int32]dispatch.WebhookDeliveryState{
		int32(pb.WebhookDeliveryState_WEBHOOK_DELIVERY_STATE_PENDING):   dispatch.WebhookPending,
		int32(pb.WebhookDeliveryState_WEBHOOK_DELIVERY_STATE_DELIVERED): dispatch.WebhookDelivered,
		int32(pb.WebhookDeliveryState_WEBHOOK_DELIVERY_STATE_DEAD):      dispatch.WebhookDead,
	}
)

// parseFormat reads a format; unset means our own words.
func parseFormat(f pb.WebhookFormat) dispatch.WebhookFormat {
	if f == pb.WebhookFormat_WEBHOOK_FORMAT_UNSPECIFIED {
		return dispatch.FormatFirstfix
	}
	return webhookFormats[int32(f)]
}

func endpointFields(in *pb.WebhookEndpoint) []field[dispatch.WebhookEndpoint] {
	type e = dispatch.WebhookEndpoint
	return []field[e]{
		plain("display_name", in.GetDisplayName(), func(w *e) *string { return &w.DisplayName }),
		plain("url", in.GetUrl(), func(w *e) *string { return &w.URL }),
		plain("format", parseFormat(in.GetFormat()), func(w *e) *dispatch.WebhookFormat { return &w.Format }),
		read("state", func() (dispatch.EndpointState, error) {
			state, ok := endpointStates[int32(in.GetState())]
			if !ok {
				return "", dispatch.InvalidField(dispatch.ReasonInvalidRequest, "webhook_endpoint.state", "expected ENABLED or DISABLED")
			}
			return state, nil
		}, func(w *e) *dispatch.EndpointState { return &w.State }),
	}
}

// endpointOf is an endpoint with the path of its inbox.
func (s webhookServer) endpointOf(ctx context.Context, e dispatch.WebhookEndpoint) (*pb.WebhookEndpoint, error) {
	token, err := s.desk.InboxToken(callOf(ctx).Principal.Tenant, e.ID)
	if err != nil {
		return nil, err
	}
	return &pb.WebhookEndpoint{
		Name: e.Name(), DisplayName: e.DisplayName, Url: e.URL, InboxPath: inboxPath + token,
		Format: numberOf[pb.WebhookFormat](webhookFormats, e.Format), State: numberOf[pb.WebhookEndpointState](endpointStates, e.State), StateReason: e.StateReason,
		PreviousKeyExpireTime: stampOf(e.PreviousUntil), FailureCount: int32(e.Failures), //nolint:gosec // one per delivery
		RestUntilTime: stampOf(e.RestsUntil), CreateTime: stampOf(e.CreatedAt), Etag: etagOf(e.Version),
	}, nil
}

// withSecret is an endpoint as it is answered to who makes it or its key.
func (s webhookServer) withSecret(ctx context.Context, e dispatch.WebhookEndpoint, err error) (*pb.WebhookEndpoint, error) {
	if err != nil {
		return nil, err
	}
	out, err := s.endpointOf(ctx, e)
	if err != nil {
		return nil, err
	}
	out.Secret, err = s.desk.Secret(e)
	return out, err
}

// CreateWebhookEndpoint implements WebhookService.
func (s webhookServer) CreateWebhookEndpoint(ctx context.Context, req *pb.CreateWebhookEndpointRequest) (*pb.WebhookEndpoint, error) {
	in := req.GetWebhookEndpoint()
	made, err := s.desk.CreateEndpoint(ctx, callOf(ctx), dispatch.WebhookEndpoint{
		DisplayName: in.GetDisplayName(), URL: in.GetUrl(), Format: parseFormat(in.GetFormat()),
	})
	return s.withSecret(ctx, made, err)
}

// GetWebhookEndpoint implements WebhookService.
func (s webhookServer) GetWebhookEndpoint(ctx context.Context, req *pb.GetWebhookEndpointRequest) (*pb.WebhookEndpoint, error) {
	var id dispatch.WebhookEndpointID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	e, err := s.desk.GetEndpoint(ctx, callOf(ctx), id)
	if err != nil {
		return nil, err
	}
	return s.endpointOf(ctx, e)
}

// ListWebhookEndpoints implements WebhookService.
func (s webhookServer) ListWebhookEndpoints(ctx context.Context, req *pb.ListWebhookEndpointsRequest) (*pb.ListWebhookEndpointsResponse, error) {
	var fault error
	endpoints, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.WebhookEndpoint, string, error) {
		return s.desk.ListEndpoints(ctx, callOf(ctx), page)
	}, func(e dispatch.WebhookEndpoint) *pb.WebhookEndpoint {
		out, err := s.endpointOf(ctx, e)
		if err != nil {
			fault = err
		}
		return out
	})
	if err == nil {
		err = fault
	}
	return &pb.ListWebhookEndpointsResponse{WebhookEndpoints: endpoints, NextPageToken: next}, err
}

// UpdateWebhookEndpoint implements WebhookService.
func (s webhookServer) UpdateWebhookEndpoint(ctx context.Context, req *pb.UpdateWebhookEndpointRequest) (*pb.WebhookEndpoint, error) {
	in := req.GetWebhookEndpoint()
	var id dispatch.WebhookEndpointID
	if err := parseName("webhook_endpoint.name", in.GetName(), &id); err != nil {
		return nil, err
	}
	change, err := masked("webhook_endpoint", req.GetUpdateMask(), endpointFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	changed, err := s.desk.UpdateEndpoint(ctx, callOf(ctx), id, version, change)
	if err != nil {
		return nil, err
	}
	return s.endpointOf(ctx, changed)
}

// keyOverlap is for how long two keys sign where nobody says.
const keyOverlap = 24 * time.Hour

// RotateWebhookKey implements WebhookService.
func (s webhookServer) RotateWebhookKey(ctx context.Context, req *pb.RotateWebhookKeyRequest) (*pb.WebhookEndpoint, error) {
	var id dispatch.WebhookEndpointID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	overlap := keyOverlap
	if req.GetOverlap() != nil {
		overlap = req.GetOverlap().AsDuration()
	}
	e, err := s.desk.RotateKey(ctx, callOf(ctx), id, overlap)
	return s.withSecret(ctx, e, err)
}

// TestWebhookEndpoint implements WebhookService.
func (s webhookServer) TestWebhookEndpoint(ctx context.Context, req *pb.TestWebhookEndpointRequest) (*pb.WebhookDelivery, error) {
	var id dispatch.WebhookEndpointID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return answer(webhookDeliveryOf)(s.desk.TestEndpoint(ctx, callOf(ctx), id))
}

// webhookDeliveryFields are the fields of the filter of ListWebhookDeliveries.
var webhookDeliveryFields = map[string][]string{"endpoint": {"="}, "referral": {"="}, "state": {"="}}

// ListWebhookDeliveries implements WebhookService.
func (s webhookServer) ListWebhookDeliveries(ctx context.Context, req *pb.ListWebhookDeliveriesRequest) (*pb.ListWebhookDeliveriesResponse, error) {
	filter, err := webhookDeliveryFilter(req.GetFilter())
	if err != nil {
		return nil, err
	}
	deliveries, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.WebhookDelivery, string, error) {
		return s.desk.ListDeliveries(ctx, callOf(ctx), filter, page)
	}, webhookDeliveryOf)
	return &pb.ListWebhookDeliveriesResponse{WebhookDeliveries: deliveries, NextPageToken: next}, err
}

func webhookDeliveryFilter(text string) (filter dispatch.WebhookDeliveryFilter, err error) {
	conditions, err := parseFilter(text, webhookDeliveryFields)
	for _, c := range conditions {
		if err != nil {
			break
		}
		switch c.field {
		case "endpoint":
			err = parseName("filter", c.value, &filter.Endpoint)
		case "referral":
			err = parseName("filter", c.value, &filter.Referral)
		case "state":
			filter.State, err = enumWord(c, pb.WebhookDeliveryState(0).Descriptor(), webhookDeliveryStates)
		}
	}
	return filter, err
}

func webhookDeliveryOf(d dispatch.WebhookDelivery) *pb.WebhookDelivery {
	out := &pb.WebhookDelivery{
		Name: d.Name(), Endpoint: d.Endpoint.Name(), Event: numberOf[pb.WebhookEvent](webhookEvents, d.Event),
		Referral: nameOrEmpty(d.Referral), ReferralVersion: d.Version,
		State: numberOf[pb.WebhookDeliveryState](webhookDeliveryStates, d.State), StateReason: d.Reason,
		HttpStatus:   int32(d.Status),   //nolint:gosec // three digits
		AttemptCount: int32(d.Attempts), //nolint:gosec // some in three days
		CreateTime:   stampOf(d.CreatedAt), FinishTime: stampOf(d.FinishedAt),
	}
	if d.State == dispatch.WebhookPending {
		out.NextAttemptTime = stampOf(d.DueAt)
	}
	return out
}

// ReplayWebhookDeliveries implements WebhookService.
func (s webhookServer) ReplayWebhookDeliveries(ctx context.Context, req *pb.ReplayWebhookDeliveriesRequest) (*pb.ReplayWebhookDeliveriesResponse, error) {
	var id dispatch.WebhookEndpointID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	var made dispatch.Span
	var err error
	if made.Start, err = parseStamp("start_time", req.GetStartTime()); err != nil {
		return nil, err
	}
	if made.End, err = parseStamp("end_time", req.GetEndTime()); err != nil {
		return nil, err
	}
	n, err := s.desk.ReplayDeliveries(ctx, callOf(ctx), id, made)
	return &pb.ReplayWebhookDeliveriesResponse{ReplayedCount: n}, err
}
