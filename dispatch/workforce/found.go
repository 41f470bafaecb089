package workforce

import (
	"context"
	"regexp"
	"strings"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"

	"github.com/firstfix/firstfix/dispatch"
)

var slugPattern = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// FoundTenant makes a tenant with its first administrator. Nobody is a member
// yet who could ask for it, so only the operator's command line does.
// RESOURCE_EXISTS if the slug is taken, INVALID_REQUEST naming every fault.
func (w *Workforce) FoundTenant(ctx context.Context, tenant dispatch.Tenant, administrator dispatch.Member) (dispatch.Tenant, error) {
	if err := checkTenant(tenant, administrator); err != nil {
		return dispatch.Tenant{}, err
	}
	tenant.ID = dispatch.TenantID{}.New()
	administrator.Role = dispatch.RoleAdministrator
	call := dispatch.Call{Principal: dispatch.System(tenant.ID, "tenant create"), Method: "firstfix tenant create"}
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Tenant, error) {
		if err := tx.CreateTenant(ctx, tenant); err != nil {
			return dispatch.Tenant{}, err
		}
		_, err := tx.PutMember(ctx, administrator)
		return tenant, err
	})
}

func checkTenant(t dispatch.Tenant, administrator dispatch.Member) error {
	var faults []dispatch.FieldViolation
	fault := func(wrong bool, field, message string) {
		if wrong {
			faults = append(faults, dispatch.FieldViolation{Field: field, Reason: "FORMAT_INVALID", Message: message})
		}
	}
	_, err := dispatch.Zone(t.TimeZone)
	fault(err != nil, "time_zone", "expected an IANA zone of a region, e.g. Europe/Berlin")
	unit, err := currency.ParseISO(t.Currency)
	fault(err != nil || unit.String() != t.Currency, "currency", "expected an ISO 4217 code, e.g. EUR")
	_, err = language.Parse(t.Language)
	fault(err != nil, "language", "expected a BCP 47 tag, e.g. de")
	fault(!slugPattern.MatchString(t.Slug), "slug", "expected lower case letters, digits and dashes, 1 to 63")
	fault(strings.TrimSpace(t.DisplayName) == "", "display_name", "expected a name")
	fault(administrator.Issuer == "", "administrator.issuer", "expected the claim iss of the administrator's tokens")
	fault(administrator.Subject == "", "administrator.subject", "expected the claim sub of the administrator's tokens")
	fault(strings.TrimSpace(administrator.DisplayName) == "", "administrator.display_name", "expected a name")
	if len(faults) == 0 {
		return nil
	}
	refused := dispatch.Refuse(dispatch.ReasonInvalidRequest, "", "%s", describe(faults))
	refused.Fields = faults
	return refused
}

func describe(faults []dispatch.FieldViolation) string {
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.Field+": "+f.Message)
	}
	return strings.Join(lines, "; ")
}
