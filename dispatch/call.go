package dispatch

import "github.com/google/uuid"

// Role is what a principal may do; dispatch/grpcapi holds the one table of
// method × role.
type Role string

// The roles. Link is a customer who came through the purpose-bound link of one
// appointment; System is our own workers.
const (
	RoleVisitor       Role = "visitor"
	RoleLink          Role = "link"
	RoleCustomer      Role = "customer"
	RoleTechnician    Role = "technician"
	RoleDispatcher    Role = "dispatcher"
	RoleSales         Role = "sales"
	RoleAdministrator Role = "administrator"
	RoleSystem        Role = "system"
)

// Staff reports whether the role may read whole collections of its tenant; its
// acts leave an audit row.
func (r Role) Staff() bool {
	return r == RoleDispatcher || r == RoleSales || r == RoleAdministrator || r == RoleSystem
}

// Principal is who calls, as the verified credential and the members table say.
type Principal struct {
	Tenant  TenantID
	Role    Role
	Subject string // stable and unique within the tenant, e.g. "member:…"
	// Bindings to single objects; zero where the role has none.
	Technician  TechnicianID
	Customer    CustomerID
	Appointment AppointmentID
}

// System is the principal of our own workers inside a tenant; what names the
// part, e.g. "relay".
func System(tenant TenantID, what string) Principal {
	return Principal{Tenant: tenant, Role: RoleSystem, Subject: "system:" + what}
}

// Call is one request as the use cases see it: who asks, and for a mutation the
// idempotency key with the canonical hash of what was asked.
type Call struct {
	Principal Principal
	Method    string    // full gRPC method name
	RequestID uuid.UUID // uuid.Nil for reads and for our own workers
	Hash      [32]byte  // of the decoded request without request_id
}

// Page asks for at most Size rows after the key After, which is opaque to
// everybody but the store's query.
type Page struct {
	Size  int
	After string
}
