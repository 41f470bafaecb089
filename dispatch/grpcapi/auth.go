package grpcapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/firstfix/firstfix/dispatch"
)

// longestToken bounds what is parsed of an Authorization header.
const longestToken = 8 << 10

// authenticator tells who calls from the token that came with the call.
type authenticator struct {
	issuers map[string]*issuer // by the claim iss, exactly
	seal    *dispatch.Seal
	store   dispatch.Store
	now     func() time.Time
}

// caller gives the principal of a call and when its token is over. It refuses
// with one of the TOKEN_ reasons, or ACCESS_DENIED where the token is good and
// its owner has no place in the tenant.
func (a *authenticator) caller(ctx context.Context) (dispatch.Principal, time.Time, error) {
	token, err := bearer(ctx)
	if err != nil {
		return dispatch.Principal{}, time.Time{}, err
	}
	switch {
	case strings.HasPrefix(token, dispatch.VisitorTokenPrefix):
		return a.visitor(token)
	case strings.HasPrefix(token, dispatch.LinkSessionPrefix):
		return a.link(ctx, token)
	case strings.Count(token, ".") == 2:
		return a.member(ctx, token)
	case a.sealedForElsewhere(token):
		return dispatch.Principal{}, time.Time{}, dispatch.Refuse(dispatch.ReasonTokenWrongType, "", "this is not an access token; a link is opened by OpenAppointmentLink")
	}
	return dispatch.Principal{}, time.Time{}, dispatch.Refuse(dispatch.ReasonTokenInvalid, "", "the token is not one that we accept")
}

// bearer reads the token of the Authorization header, exactly one.
func bearer(ctx context.Context) (string, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	values := md.Get("authorization")
	if len(values) == 0 {
		return "", dispatch.Refuse(dispatch.ReasonTokenMissing, "", "the call carries no token, expected Authorization: Bearer …")
	}
	if len(values) > 1 {
		return "", dispatch.Refuse(dispatch.ReasonTokenInvalid, "", "the call carries %d Authorization headers, expected one", len(values))
	}
	if len(values[0]) > longestToken {
		return "", dispatch.Refuse(dispatch.ReasonTokenTooLarge, "", "the token has more than %d bytes", longestToken)
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	switch {
	case !ok && values[0] == "", ok && strings.EqualFold(scheme, "bearer") && token == "":
		return "", dispatch.Refuse(dispatch.ReasonTokenMissing, "", "the Authorization header is empty, expected Bearer …")
	case !ok, !strings.EqualFold(scheme, "bearer"):
		return "", dispatch.Refuse(dispatch.ReasonTokenInvalid, "", "the Authorization header has another form than Bearer …")
	}
	return token, nil
}

func (a *authenticator) visitor(token string) (dispatch.Principal, time.Time, error) {
	grant, err := a.seal.OpenVisitorToken(token, a.now())
	if err != nil {
		return dispatch.Principal{}, time.Time{}, err
	}
	return dispatch.Principal{Tenant: grant.Tenant, Role: dispatch.RoleVisitor, Subject: grant.Subject()}, grant.ExpiresAt, nil
}

// link lets a session in as long as the appointment's links are those of its
// epoch. The appointment's state is not looked at: a cancellation that is
// repeated over the same session has to get the same answer.
func (a *authenticator) link(ctx context.Context, token string) (dispatch.Principal, time.Time, error) {
	session, err := a.seal.OpenLinkSessionToken(token, a.now())
	if err != nil {
		return dispatch.Principal{}, time.Time{}, err
	}
	var appointment dispatch.Appointment
	err = a.store.View(ctx, session.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		appointment, err = tx.GetAppointment(ctx, session.Appointment)
		return err
	})
	switch {
	case dispatch.ReasonOf(err) == dispatch.ReasonResourceNotFound, err == nil && appointment.LinkEpoch != session.Epoch:
		return dispatch.Principal{}, time.Time{}, dispatch.Refuse(dispatch.ReasonTokenInvalid, "", "the session's link is no longer good")
	case err != nil:
		return dispatch.Principal{}, time.Time{}, fmt.Errorf("check the session of a link: %w", err)
	}
	return dispatch.Principal{
		Tenant: session.Tenant, Role: dispatch.RoleLink, Subject: session.Subject(),
		Appointment: session.Appointment, Customer: appointment.Customer,
	}, session.ExpiresAt, nil
}

// member verifies an issuer's token and looks up what its owner may do: the
// issuer says who somebody is, the members table what he may, at this moment.
func (a *authenticator) member(ctx context.Context, token string) (dispatch.Principal, time.Time, error) {
	name, err := unverifiedIssuer(token)
	if err != nil {
		return dispatch.Principal{}, time.Time{}, err
	}
	from, ok := a.issuers[name]
	if !ok {
		return dispatch.Principal{}, time.Time{}, invalidToken(errors.New("no such issuer is configured"))
	}
	subject, expiry, err := from.verify(ctx, token, a.now())
	if err != nil {
		return dispatch.Principal{}, time.Time{}, err
	}
	var member dispatch.Member
	var found bool
	err = a.store.View(ctx, from.tenant, func(ctx context.Context, tx dispatch.Tx) error {
		member, found, err = tx.FindMember(ctx, name, subject)
		return err
	})
	if err != nil {
		return dispatch.Principal{}, time.Time{}, fmt.Errorf("look up the member: %w", err)
	}
	if !found || member.Disabled {
		return dispatch.Principal{}, time.Time{}, dispatch.Refuse(dispatch.ReasonAccessDenied, "", "the token's owner is not a member of the tenant; an administrator can make him one")
	}
	return dispatch.Principal{
		Tenant: from.tenant, Role: member.Role, Subject: "member:" + subject,
		Technician: member.Technician, Customer: member.Customer,
	}, expiry, nil
}

// sealedForElsewhere reports whether a token is ours but no access token, so
// that a developer who mixes them up is told.
func (a *authenticator) sealedForElsewhere(token string) bool {
	for _, purpose := range []dispatch.Purpose{
		dispatch.PurposeAppointmentLink, dispatch.PurposeBookingSite, dispatch.PurposeSlotOffer, dispatch.PurposeHold, dispatch.PurposePage,
	} {
		var content struct{}
		if a.seal.Open(purpose, token, &content) == nil {
			return true
		}
	}
	return false
}

func invalidToken(cause error) error {
	return dispatch.Refuse(dispatch.ReasonTokenInvalid, "", "the token is not one that we accept").Because(cause)
}
