package dispatch

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// ID is the identity of one entity of kind K: a UUID of version 7, so that ids
// sort by the time they were made. Two kinds of id do not mix.
type ID[K Kind] struct{ uuid.UUID }

// Kind is the collection that a resource belongs to, the first segment of its
// name (AIP-122).
type Kind interface{ Collection() string }

// New makes a fresh id of the same kind: dispatch.VisitID{}.New(). Ids made by
// one process sort in the order they were made, also within a millisecond.
func (ID[K]) New() ID[K] { return ID[K]{uuid.Must(uuid.NewV7())} }

// Name is the resource name, "collection/uuid".
func (id ID[K]) Name() string {
	var kind K
	return kind.Collection() + "/" + id.String()
}

// IsZero reports whether the id is not set.
func (id ID[K]) IsZero() bool { return id.UUID == uuid.Nil }

// ParseName reads a resource name of kind K. The error names what was expected.
func ParseName[K Kind](name string) (ID[K], error) {
	var kind K
	rest, ok := strings.CutPrefix(name, kind.Collection()+"/")
	// uuid.Parse accepts four spellings; one resource shall have one name.
	if ok && len(rest) == 36 {
		if id, err := uuid.Parse(rest); err == nil && id != uuid.Nil && id.String() == rest {
			return ID[K]{id}, nil
		}
	}
	return ID[K]{}, fmt.Errorf("%.80q is not a resource name, expected %s/{uuid in lower case}", name, kind.Collection())
}

// The kinds of resource that carry a UUID, and their ids.
type (
	tenantKind      struct{}
	customerKind    struct{}
	contactKind     struct{}
	siteKind        struct{}
	assetKind       struct{}
	technicianKind  struct{}
	shiftKind       struct{}
	absenceKind     struct{}
	workOrderKind   struct{}
	visitKind       struct{}
	appointmentKind struct{}
	holdKind        struct{}
	commitmentKind  struct{}
	planKind        struct{}
	referralKind    struct{}
	noticeKind      struct{}
	deliveryKind    struct{}
	operationKind   struct{}
	payrollKind     struct{}
	endpointKind    struct{}
	handOffKind     struct{}
	followUpKind    struct{}
	serviceCaseKind struct{}
	waitlistKind    struct{}
	stockMoveKind   struct{}

	TenantID          = ID[tenantKind]
	CustomerID        = ID[customerKind]
	ContactID         = ID[contactKind]
	SiteID            = ID[siteKind]
	AssetID           = ID[assetKind]
	TechnicianID      = ID[technicianKind]
	ShiftID           = ID[shiftKind]
	AbsenceID         = ID[absenceKind]
	WorkOrderID       = ID[workOrderKind]
	VisitID           = ID[visitKind]
	AppointmentID     = ID[appointmentKind]
	HoldID            = ID[holdKind]
	CommitmentID      = ID[commitmentKind]
	PlanID            = ID[planKind]
	ReferralID        = ID[referralKind]
	NoticeID          = ID[noticeKind]
	DeliveryID        = ID[deliveryKind]
	OperationID       = ID[operationKind]
	PayrollID         = ID[payrollKind]
	WebhookEndpointID = ID[endpointKind]
	WebhookDeliveryID = ID[handOffKind]
	FollowUpID        = ID[followUpKind]
	ServiceCaseID     = ID[serviceCaseKind]
	WaitlistEntryID   = ID[waitlistKind]
	StockMoveID       = ID[stockMoveKind]
)

func (tenantKind) Collection() string      { return "tenants" }
func (customerKind) Collection() string    { return "customers" }
func (contactKind) Collection() string     { return "contacts" }
func (siteKind) Collection() string        { return "sites" }
func (assetKind) Collection() string       { return "assets" }
func (technicianKind) Collection() string  { return "technicians" }
func (shiftKind) Collection() string       { return "shifts" }
func (absenceKind) Collection() string     { return "absences" }
func (workOrderKind) Collection() string   { return "workOrders" }
func (visitKind) Collection() string       { return "visits" }
func (appointmentKind) Collection() string { return "appointments" }
func (holdKind) Collection() string        { return "holds" }
func (commitmentKind) Collection() string  { return "commitments" }
func (planKind) Collection() string        { return "plans" }
func (referralKind) Collection() string    { return "referrals" }
func (noticeKind) Collection() string      { return "notices" }
func (deliveryKind) Collection() string    { return "deliveries" }
func (operationKind) Collection() string   { return "operations" }
func (payrollKind) Collection() string     { return "payrolls" }
func (endpointKind) Collection() string    { return "webhookEndpoints" }
func (handOffKind) Collection() string     { return "webhookDeliveries" }
func (followUpKind) Collection() string    { return "followUps" }
func (serviceCaseKind) Collection() string { return "serviceCases" }
func (waitlistKind) Collection() string    { return "waitlistEntries" }
func (stockMoveKind) Collection() string   { return "stockMoves" }

// Ids that the company chooses for its catalogue and its map: slugs of lower
// case letters, digits and dashes, 1 to 63 long, unique within a tenant.
type (
	SkillID         string
	ServiceID       string
	TierID          string
	PartID          string
	TerritoryID     string
	PlanningAreaID  string
	IncentiveRuleID string
	SalesDeskID     string
	RoutingRuleID   string
	FollowUpPlanID  string
	WarehouseID     string
)
