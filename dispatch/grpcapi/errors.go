package grpcapi

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/firstfix/firstfix/dispatch"
)

// errorDomain is ErrorInfo.domain of every refusal.
const errorDomain = "firstfix.dev"

// codeOf is the one table from reason to gRPC code (AIP-193: standard codes
// only). docs/errors.md is made from it.
var codeOf = map[dispatch.Reason]codes.Code{
	dispatch.ReasonTokenMissing:        codes.Unauthenticated,
	dispatch.ReasonTokenInvalid:        codes.Unauthenticated,
	dispatch.ReasonTokenExpired:        codes.Unauthenticated,
	dispatch.ReasonTokenNotYetValid:    codes.Unauthenticated,
	dispatch.ReasonTokenTooLarge:       codes.Unauthenticated,
	dispatch.ReasonTokenWrongType:      codes.Unauthenticated,
	dispatch.ReasonLinkInvalid:         codes.PermissionDenied,
	dispatch.ReasonAccessDenied:        codes.PermissionDenied,
	dispatch.ReasonNotAssigned:         codes.PermissionDenied,
	dispatch.ReasonRateLimited:         codes.ResourceExhausted,
	dispatch.ReasonIssuerUnavailable:   codes.Unavailable,
	dispatch.ReasonMethodNotAvailable:  codes.Unimplemented,
	dispatch.ReasonDatabaseUnavailable: codes.Unavailable,

	dispatch.ReasonInvalidRequest:         codes.InvalidArgument,
	dispatch.ReasonRequestIDMismatch:      codes.InvalidArgument,
	dispatch.ReasonTokenTampered:          codes.InvalidArgument,
	dispatch.ReasonPageTokenInvalid:       codes.InvalidArgument,
	dispatch.ReasonPageTokenMismatch:      codes.InvalidArgument,
	dispatch.ReasonRangeInverted:          codes.InvalidArgument,
	dispatch.ReasonRangeTooLong:           codes.InvalidArgument,
	dispatch.ReasonFieldNotWritable:       codes.InvalidArgument,
	dispatch.ReasonWildcardMaskNotAllowed: codes.InvalidArgument,
	dispatch.ReasonFieldNotFilterable:     codes.InvalidArgument,
	dispatch.ReasonLocationOutOfRange:     codes.InvalidArgument,
	dispatch.ReasonPolygonInvalid:         codes.InvalidArgument,
	dispatch.ReasonZoneUnknown:            codes.InvalidArgument,
	dispatch.ReasonLocalTimeDoesNotExist:  codes.InvalidArgument,
	dispatch.ReasonLocalTimeAmbiguous:     codes.InvalidArgument,
	dispatch.ReasonMoneyInvalid:           codes.InvalidArgument,
	dispatch.ReasonURLNotAllowed:          codes.InvalidArgument,
	dispatch.ReasonConsentRequired:        codes.InvalidArgument,
	dispatch.ReasonEncodingUnsupported:    codes.InvalidArgument,
	dispatch.ReasonImportRowsInvalid:      codes.InvalidArgument,
	dispatch.ReasonShiftHoursInvalid:      codes.InvalidArgument,
	dispatch.ReasonEventOutOfRange:        codes.InvalidArgument,
	dispatch.ReasonEventPayloadInvalid:    codes.InvalidArgument,
	dispatch.ReasonEventIDReused:          codes.InvalidArgument,
	dispatch.ReasonStreamConsumerTooSlow:  codes.Unavailable,
	dispatch.ReasonResyncRequired:         codes.OutOfRange,
	dispatch.ReasonImportTooLarge:         codes.ResourceExhausted,
	dispatch.ReasonReferenceNotFound:      codes.NotFound,
	dispatch.ReasonResourceNotFound:       codes.NotFound,
	dispatch.ReasonResourceExists:         codes.AlreadyExists,
	dispatch.ReasonInternal:               codes.Internal,
	dispatch.ReasonRequestTooLarge:        codes.ResourceExhausted,
	dispatch.ReasonDeadlineExceeded:       codes.DeadlineExceeded,
	dispatch.ReasonCancelled:              codes.Canceled,
	dispatch.ReasonServerStopping:         codes.Unavailable,

	dispatch.ReasonSlotTokenExpired:     codes.FailedPrecondition,
	dispatch.ReasonSlotUnavailable:      codes.FailedPrecondition,
	dispatch.ReasonHoldExpired:          codes.FailedPrecondition,
	dispatch.ReasonHoldConsumed:         codes.FailedPrecondition,
	dispatch.ReasonHoldExtensionLimit:   codes.FailedPrecondition,
	dispatch.ReasonHoldLimit:            codes.ResourceExhausted,
	dispatch.ReasonDuplicateSuspected:   codes.FailedPrecondition,
	dispatch.ReasonTerminalState:        codes.FailedPrecondition,
	dispatch.ReasonMoveNotAllowed:       codes.FailedPrecondition,
	dispatch.ReasonCutoffPassed:         codes.FailedPrecondition,
	dispatch.ReasonTechnicianBusy:       codes.FailedPrecondition,
	dispatch.ReasonTechnicianUnsuitable: codes.FailedPrecondition,
	dispatch.ReasonConfirmedProtected:   codes.FailedPrecondition,
	dispatch.ReasonHasFutureJobs:        codes.FailedPrecondition,
	dispatch.ReasonResourceInUse:        codes.FailedPrecondition,
	dispatch.ReasonLastAdmin:            codes.FailedPrecondition,
	dispatch.ReasonSelfReferral:         codes.FailedPrecondition,
	dispatch.ReasonPhotoUnreadable:      codes.InvalidArgument,
	dispatch.ReasonStorageUnavailable:   codes.Unavailable,
	dispatch.ReasonOpenCases:            codes.FailedPrecondition,
	dispatch.ReasonOutOfArea:            codes.FailedPrecondition,
	dispatch.ReasonNothingToPay:         codes.FailedPrecondition,
	dispatch.ReasonEndpointLimit:        codes.ResourceExhausted,
	dispatch.ReasonStockInsufficient:    codes.FailedPrecondition,
	dispatch.ReasonEtagMismatch:         codes.Aborted,
	dispatch.ReasonRequestInFlight:      codes.Aborted,
	dispatch.ReasonTransactionConflict:  codes.Aborted,
	dispatch.ReasonOperationInProgress:  codes.Aborted,
}

// statusOf turns whatever a handler or interceptor returned into the status
// that leaves the process. Text of an error that is not a refusal stays here.
func statusOf(err error) *status.Status {
	var refused *dispatch.Error
	if errors.As(err, &refused) {
		return refusalStatus(refused)
	}
	// The transport's own answers (an unfilled method, a broken stream) and the
	// end of the call's time come without a reason of ours.
	if s, ok := status.FromError(err); ok && s.Code() == codes.Unimplemented {
		return refusalStatus(dispatch.Refuse(dispatch.ReasonMethodNotAvailable, "", "the method is not there yet"))
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		refused = dispatch.Refuse(dispatch.ReasonDeadlineExceeded, "", "the call ran out of time; whether it took effect is unknown: repeat it with the same request_id")
	case errors.Is(err, context.Canceled):
		refused = dispatch.Refuse(dispatch.ReasonCancelled, "", "the caller gave the call up; whether it took effect is unknown: repeat it with the same request_id")
	default:
		refused = dispatch.Refuse(dispatch.ReasonInternal, "", "something is wrong with us; the log says what")
	}
	return refusalStatus(refused)
}

// refusalStatus gives a refusal its code and details. A reason without a code
// is our bug, which TestEveryReasonHasACode finds.
func refusalStatus(refused *dispatch.Error) *status.Status {
	code, ok := codeOf[refused.Reason]
	if !ok {
		code = codes.Internal
	}
	message := refused.Message
	metadata := maps.Clone(refused.Metadata)
	if refused.Subject != "" {
		message = refused.Subject + ": " + message
		if metadata == nil {
			metadata = map[string]string{}
		}
		metadata["resource"] = refused.Subject
	}
	details := []protoadapt.MessageV1{
		&errdetails.ErrorInfo{Reason: string(refused.Reason), Domain: errorDomain, Metadata: metadata},
	}
	return withDetails(status.New(code, message), append(details, furtherDetails(code, refused)...)...)
}

func furtherDetails(code codes.Code, refused *dispatch.Error) []protoadapt.MessageV1 {
	var details []protoadapt.MessageV1
	if len(refused.Fields) > 0 {
		bad := &errdetails.BadRequest{}
		for _, f := range refused.Fields {
			bad.FieldViolations = append(bad.FieldViolations,
				&errdetails.BadRequest_FieldViolation{Field: f.Field, Reason: f.Reason, Description: f.Message})
		}
		details = append(details, bad)
	}
	if code == codes.FailedPrecondition {
		details = append(details, &errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{
			{Type: string(refused.Reason), Subject: refused.Subject, Description: refused.Message},
		}})
	}
	if refused.Subject != "" && tellsResource(code, refused.Reason) {
		details = append(details, &errdetails.ResourceInfo{
			ResourceType: resourceType(refused.Subject), ResourceName: refused.Subject, Description: refused.Message,
		})
	}
	if code == codes.ResourceExhausted {
		details = append(details, &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{
			{Subject: refused.Metadata["quota"], Description: refused.Message},
		}})
	}
	if refused.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(refused.RetryAfter)})
	}
	return details
}

// tellsResource reports whether ResourceInfo belongs to the answer: the subject
// is missing, in the way, or what the hold or booking has become.
func tellsResource(code codes.Code, reason dispatch.Reason) bool {
	switch reason {
	case dispatch.ReasonHoldConsumed, dispatch.ReasonDuplicateSuspected:
		return true
	}
	return code == codes.NotFound || code == codes.AlreadyExists
}

// resourceTypes are the types of the contract's resources by collection.
var resourceTypes = map[string]string{
	"customers": "Customer", "contacts": "Contact", "sites": "Site", "assets": "Asset",
	"technicians": "Technician", "skills": "Skill", "shifts": "Shift", "absences": "Absence",
	"planningAreas": "PlanningArea", "territories": "Territory", "services": "Service", "tiers": "Tier", "parts": "Part",
	"workOrders": "WorkOrder", "visits": "Visit", "appointments": "Appointment", "promises": "Promise", "holds": "Hold",
	"plans": "Plan", "referrals": "Referral", "operations": "Operation", "members": "Member", "tenants": "Tenant",
	"incentiveRules": "IncentiveRule", "payrolls": "Payroll", "webhookEndpoints": "WebhookEndpoint", "webhookDeliveries": "WebhookDelivery",
	"photos": "Photo", "followUps": "FollowUp", "followUpPlans": "FollowUpPlan", "serviceCases": "ServiceCase",
	"salesDesks": "SalesDesk", "routingRules": "RoutingRule", "waitlistEntries": "WaitlistEntry",
	"warehouses": "Warehouse", "stockMoves": "StockMove",
}

// resourceType gives the type of what name names, e.g. "firstfix.dev/Hold".
func resourceType(name string) string {
	segments := strings.Split(name, "/")
	if len(segments) < 2 {
		return ""
	}
	kind, ok := resourceTypes[segments[len(segments)-2]]
	if !ok {
		return ""
	}
	return errorDomain + "/" + kind
}

// withDetails adds details, which cannot fail: the status is not OK and every
// detail is a message of ours.
func withDetails(s *status.Status, details ...protoadapt.MessageV1) *status.Status {
	full, err := s.WithDetails(details...)
	if err != nil {
		return s
	}
	return full
}

// pushback is the trailer grpc-retry-pushback-ms of an answer: how long clients
// with a retry policy wait (gRFC A6), "" where they need not.
func pushback(s *status.Status) string {
	if s.Code() != codes.Unavailable {
		return ""
	}
	for _, detail := range s.Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			return strconv.FormatInt(int64(retry.GetRetryDelay().AsDuration()/time.Millisecond), 10)
		}
	}
	return ""
}

// reasonOf gives the reason in a status, for the log.
func reasonOf(s *status.Status) string {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// conceal makes the answer about an object of its own the same whether it is
// missing, of another tenant or somebody else's (AIP-211), for a caller who is
// bound to single objects. Staff may know what does not exist.
func conceal(caller dispatch.Principal, err error) error {
	if caller.Role.Staff() || !ownedBySomebody(err) {
		return err
	}
	return dispatch.Refuse(dispatch.ReasonAccessDenied, "", "it does not exist, or you may not do this with it").Because(err)
}

// ownedBySomebody reports whether err refuses an object that belongs to a single
// customer or technician, as against the catalogue and the map.
func ownedBySomebody(err error) bool {
	var refused *dispatch.Error
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Reason {
	case dispatch.ReasonAccessDenied:
		return true
	case dispatch.ReasonResourceNotFound:
	default:
		return false
	}
	collection, _, _ := strings.Cut(refused.Subject, "/")
	switch collection {
	case "services", "skills", "parts", "territories", "planningAreas":
		return false
	}
	return true
}
