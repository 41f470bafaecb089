package grpcapi

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// rule is what the doors know of one method: who may call it and for how long.
// Which objects a caller may reach with it is the use case's to judge.
type rule struct {
	public bool // callable without a token; limited by address
	roles  []dispatch.Role
	cap    time.Duration // longest a call may take, whatever its caller says
}

// The caps. The database gives up on a statement after 15 s, before the first of
// them; streams end with their caller's token if that comes first.
const (
	shortCap  = 20 * time.Second
	longCap   = 2 * time.Minute
	streamCap = 30 * time.Minute
)

func to(roles ...dispatch.Role) rule { return rule{roles: roles, cap: shortCap} }

func public() rule { return rule{public: true, cap: shortCap} }

func (r rule) within(limit time.Duration) rule {
	r.cap = limit
	return r
}

// may reports whether the role may call the method.
func (r rule) may(role dispatch.Role) bool { return slices.Contains(r.roles, role) }

// Short names for the columns of the table.
const (
	visitor       = dispatch.RoleVisitor
	link          = dispatch.RoleLink
	customer      = dispatch.RoleCustomer
	technician    = dispatch.RoleTechnician
	dispatcher    = dispatch.RoleDispatcher
	sales         = dispatch.RoleSales
	administrator = dispatch.RoleAdministrator
)

// access is the one table of method and role; docs/security.md is made from it.
// A method that is registered but not here stops the start.
var access = map[string]rule{
	pb.BookingService_CreateVisitorToken_FullMethodName:     public(),
	pb.BookingService_OpenAppointmentLink_FullMethodName:    public(),
	pb.BookingService_GetBookingRequirements_FullMethodName: to(visitor, link, customer, dispatcher, sales, administrator),
	pb.BookingService_SearchSlotOffers_FullMethodName:       to(visitor, link, customer, dispatcher, administrator),
	pb.BookingService_CreateHold_FullMethodName:             to(visitor, link, customer, dispatcher, administrator),
	pb.BookingService_ExtendHold_FullMethodName:             to(visitor, link, customer, dispatcher, administrator),
	pb.BookingService_ReleaseHold_FullMethodName:            to(visitor, link, customer, dispatcher, administrator),
	pb.BookingService_ConfirmHold_FullMethodName:            to(visitor, customer, dispatcher, administrator),
	pb.BookingService_GetAppointment_FullMethodName:         to(link, customer, dispatcher, sales, administrator),
	pb.BookingService_ListAppointments_FullMethodName:       to(customer, dispatcher, sales, administrator),
	pb.BookingService_RescheduleAppointment_FullMethodName:  to(link, customer, dispatcher, administrator),
	pb.BookingService_CancelAppointment_FullMethodName:      to(link, customer, dispatcher, administrator),
	pb.BookingService_ListPromises_FullMethodName:           to(link, customer, dispatcher, administrator),

	pb.CustomerService_CreateCustomer_FullMethodName:  to(dispatcher, administrator),
	pb.CustomerService_GetCustomer_FullMethodName:     to(dispatcher, sales, administrator),
	pb.CustomerService_SearchCustomers_FullMethodName: to(dispatcher, sales, administrator),
	pb.CustomerService_UpdateCustomer_FullMethodName:  to(dispatcher, administrator),
	pb.CustomerService_MergeCustomers_FullMethodName:  to(dispatcher, administrator),
	pb.CustomerService_SetAccountOwner_FullMethodName: to(sales, administrator),
	pb.CustomerService_CreateContact_FullMethodName:   to(dispatcher, administrator),
	pb.CustomerService_GetContact_FullMethodName:      to(dispatcher, sales, administrator),
	pb.CustomerService_SearchContacts_FullMethodName:  to(dispatcher, sales, administrator),
	pb.CustomerService_UpdateContact_FullMethodName:   to(dispatcher, administrator),
	pb.CustomerService_MergeContacts_FullMethodName:   to(dispatcher, administrator),
	pb.CustomerService_CreateSite_FullMethodName:      to(dispatcher, administrator),
	pb.CustomerService_GetSite_FullMethodName:         to(dispatcher, sales, administrator),
	pb.CustomerService_SearchSites_FullMethodName:     to(dispatcher, sales, administrator),
	pb.CustomerService_UpdateSite_FullMethodName:      to(dispatcher, administrator),
	pb.CustomerService_MergeSites_FullMethodName:      to(dispatcher, administrator),
	pb.CustomerService_CreateAsset_FullMethodName:     to(dispatcher, administrator),
	pb.CustomerService_GetAsset_FullMethodName:        to(dispatcher, sales, administrator),
	pb.CustomerService_SearchAssets_FullMethodName:    to(dispatcher, sales, administrator),
	pb.CustomerService_UpdateAsset_FullMethodName:     to(dispatcher, administrator),
	pb.CustomerService_MergeAssets_FullMethodName:     to(dispatcher, administrator),

	pb.DispatchService_CreateWorkOrder_FullMethodName: to(dispatcher, administrator),
	pb.DispatchService_GetWorkOrder_FullMethodName:    to(dispatcher, sales, administrator),
	pb.DispatchService_ListWorkOrders_FullMethodName:  to(dispatcher, sales, administrator),
	pb.DispatchService_UpdateWorkOrder_FullMethodName: to(dispatcher, administrator),
	pb.DispatchService_CancelWorkOrder_FullMethodName: to(dispatcher, administrator),
	pb.DispatchService_GetVisit_FullMethodName:        to(dispatcher, sales, administrator),
	pb.DispatchService_ListVisits_FullMethodName:      to(dispatcher, sales, administrator),
	pb.DispatchService_AssignVisit_FullMethodName:     to(dispatcher, administrator),
	pb.DispatchService_UnassignVisit_FullMethodName:   to(dispatcher, administrator),
	pb.DispatchService_ExplainVisit_FullMethodName:    to(dispatcher, administrator),
	pb.DispatchService_GetBoard_FullMethodName:        to(dispatcher, administrator),
	pb.DispatchService_GetOutlook_FullMethodName:      to(dispatcher, administrator),
	pb.DispatchService_WatchBoard_FullMethodName:      to(dispatcher, administrator).within(streamCap),
	pb.DispatchService_PlanDay_FullMethodName:         to(dispatcher, administrator).within(longCap),
	pb.DispatchService_GetPlan_FullMethodName:         to(dispatcher, administrator),
	pb.DispatchService_ListPlans_FullMethodName:       to(dispatcher, administrator),
	pb.DispatchService_ImportRequests_FullMethodName:  to(administrator).within(longCap),
	pb.DispatchService_GetOperation_FullMethodName:    to(dispatcher, administrator),

	pb.FollowUpService_CreateFollowUpPlan_FullMethodName: to(administrator),
	pb.FollowUpService_GetFollowUpPlan_FullMethodName:    to(sales, administrator),
	pb.FollowUpService_ListFollowUpPlans_FullMethodName:  to(sales, administrator),
	pb.FollowUpService_UpdateFollowUpPlan_FullMethodName: to(administrator),
	pb.FollowUpService_GetFollowUp_FullMethodName:        to(sales, administrator),
	pb.FollowUpService_ListFollowUps_FullMethodName:      to(sales, administrator),
	pb.FollowUpService_AnswerFollowUp_FullMethodName:     to(sales, administrator),
	pb.FollowUpService_OpenFollowUpLink_FullMethodName:   public(),
	pb.FollowUpService_AnswerFollowUpLink_FullMethodName: public(),
	pb.FollowUpService_GetServiceCase_FullMethodName:     to(dispatcher, sales, administrator),
	pb.FollowUpService_ListServiceCases_FullMethodName:   to(dispatcher, sales, administrator),
	pb.FollowUpService_AssignServiceCase_FullMethodName:  to(sales, administrator),
	pb.FollowUpService_CloseServiceCase_FullMethodName:   to(sales, administrator),

	pb.InsightService_GetServiceLevels_FullMethodName:    to(dispatcher, sales, administrator),
	pb.InsightService_GetFirstTimeFix_FullMethodName:     to(dispatcher, sales, administrator),
	pb.InsightService_GetReferralMeasures_FullMethodName: to(sales, administrator),

	pb.PayService_CreateIncentiveRule_FullMethodName: to(administrator),
	pb.PayService_GetIncentiveRule_FullMethodName:    to(technician, sales, administrator),
	pb.PayService_ListIncentiveRules_FullMethodName:  to(technician, sales, administrator),
	pb.PayService_UpdateIncentiveRule_FullMethodName: to(administrator),
	pb.PayService_GetPayStatement_FullMethodName:     to(technician, sales, administrator),
	pb.PayService_CreatePayroll_FullMethodName:       to(administrator),
	pb.PayService_GetPayroll_FullMethodName:          to(administrator),
	pb.PayService_ListPayrolls_FullMethodName:        to(administrator),

	pb.WaitlistService_JoinWaitlist_FullMethodName:        to(visitor, link, customer, dispatcher, sales, administrator),
	pb.WaitlistService_GetWaitlistEntry_FullMethodName:    to(visitor, link, customer, dispatcher, sales, administrator),
	pb.WaitlistService_ListWaitlistEntries_FullMethodName: to(customer, dispatcher, sales, administrator),
	pb.WaitlistService_AnswerWaitlistEntry_FullMethodName: to(visitor, link, customer, dispatcher, administrator),
	pb.WaitlistService_OpenWaitlistLink_FullMethodName:    public(),
	pb.WaitlistService_AnswerWaitlistLink_FullMethodName:  public(),

	pb.WebhookService_CreateWebhookEndpoint_FullMethodName:   to(administrator),
	pb.WebhookService_GetWebhookEndpoint_FullMethodName:      to(administrator),
	pb.WebhookService_ListWebhookEndpoints_FullMethodName:    to(administrator),
	pb.WebhookService_UpdateWebhookEndpoint_FullMethodName:   to(administrator),
	pb.WebhookService_RotateWebhookKey_FullMethodName:        to(administrator),
	pb.WebhookService_TestWebhookEndpoint_FullMethodName:     to(administrator),
	pb.WebhookService_ListWebhookDeliveries_FullMethodName:   to(administrator),
	pb.WebhookService_ReplayWebhookDeliveries_FullMethodName: to(administrator),

	pb.PhotoService_UploadPhoto_FullMethodName:   to(technician),
	pb.PhotoService_GetPhoto_FullMethodName:      to(technician, dispatcher, sales, administrator),
	pb.PhotoService_DownloadPhoto_FullMethodName: to(technician, dispatcher, sales, administrator),

	pb.ReferralService_CreateReferral_FullMethodName:   to(technician),
	pb.ReferralService_GetReferral_FullMethodName:      to(technician, dispatcher, sales, administrator),
	pb.ReferralService_ListReferrals_FullMethodName:    to(technician, dispatcher, sales, administrator),
	pb.ReferralService_AcceptReferral_FullMethodName:   to(sales, administrator),
	pb.ReferralService_DeclineReferral_FullMethodName:  to(sales, administrator),
	pb.ReferralService_RecordOutcome_FullMethodName:    to(sales, administrator),
	pb.ReferralService_RecordSaleChange_FullMethodName: to(sales, administrator),
	pb.ReferralService_PauseReferral_FullMethodName:    to(sales, administrator),
	pb.ReferralService_ResumeReferral_FullMethodName:   to(sales, administrator),
	pb.ReferralService_AssignReferral_FullMethodName:   to(sales, administrator),
	pb.ReferralService_WatchReferrals_FullMethodName:   to(sales, administrator).within(streamCap),

	pb.SalesDeskService_CreateSalesDesk_FullMethodName:   to(administrator),
	pb.SalesDeskService_GetSalesDesk_FullMethodName:      to(sales, administrator),
	pb.SalesDeskService_ListSalesDesks_FullMethodName:    to(sales, administrator),
	pb.SalesDeskService_UpdateSalesDesk_FullMethodName:   to(administrator),
	pb.SalesDeskService_CreateRoutingRule_FullMethodName: to(administrator),
	pb.SalesDeskService_GetRoutingRule_FullMethodName:    to(sales, administrator),
	pb.SalesDeskService_ListRoutingRules_FullMethodName:  to(sales, administrator),
	pb.SalesDeskService_UpdateRoutingRule_FullMethodName: to(administrator),
	pb.SalesDeskService_DeleteRoutingRule_FullMethodName: to(administrator),
	pb.SalesDeskService_DryRunRouting_FullMethodName:     to(sales, administrator),

	pb.StockService_CreateWarehouse_FullMethodName: to(administrator),
	pb.StockService_GetWarehouse_FullMethodName:    to(dispatcher, administrator),
	pb.StockService_ListWarehouses_FullMethodName:  to(dispatcher, administrator),
	pb.StockService_UpdateWarehouse_FullMethodName: to(administrator),
	pb.StockService_ListStock_FullMethodName:       to(technician, dispatcher, administrator),
	pb.StockService_MoveStock_FullMethodName:       to(dispatcher, administrator),
	pb.StockService_CountStock_FullMethodName:      to(technician, dispatcher, administrator),
	pb.StockService_ListStockMoves_FullMethodName:  to(dispatcher, administrator),
	pb.StockService_GetReadiness_FullMethodName:    to(dispatcher, administrator),

	pb.TechnicianService_Sync_FullMethodName:         to(technician),
	pb.TechnicianService_UploadEvents_FullMethodName: to(technician),

	pb.WorkforceService_CreateTechnician_FullMethodName:     to(administrator),
	pb.WorkforceService_GetTechnician_FullMethodName:        to(dispatcher, administrator),
	pb.WorkforceService_ListTechnicians_FullMethodName:      to(dispatcher, administrator),
	pb.WorkforceService_UpdateTechnician_FullMethodName:     to(administrator),
	pb.WorkforceService_DeactivateTechnician_FullMethodName: to(administrator),
	pb.WorkforceService_ReactivateTechnician_FullMethodName: to(administrator),
	pb.WorkforceService_CreateSkill_FullMethodName:          to(administrator),
	pb.WorkforceService_GetSkill_FullMethodName:             to(technician, dispatcher, sales, administrator),
	pb.WorkforceService_ListSkills_FullMethodName:           to(technician, dispatcher, sales, administrator),
	pb.WorkforceService_UpdateSkill_FullMethodName:          to(administrator),
	pb.WorkforceService_CreateShift_FullMethodName:          to(dispatcher, administrator),
	pb.WorkforceService_BatchCreateShifts_FullMethodName:    to(dispatcher, administrator).within(longCap),
	pb.WorkforceService_GetShift_FullMethodName:             to(dispatcher, administrator),
	pb.WorkforceService_ListShifts_FullMethodName:           to(dispatcher, administrator),
	pb.WorkforceService_UpdateShift_FullMethodName:          to(dispatcher, administrator),
	pb.WorkforceService_DeleteShift_FullMethodName:          to(dispatcher, administrator),
	pb.WorkforceService_CreateAbsence_FullMethodName:        to(dispatcher, administrator),
	pb.WorkforceService_GetAbsence_FullMethodName:           to(dispatcher, administrator),
	pb.WorkforceService_ListAbsences_FullMethodName:         to(dispatcher, administrator),
	pb.WorkforceService_UpdateAbsence_FullMethodName:        to(dispatcher, administrator),
	pb.WorkforceService_CancelAbsence_FullMethodName:        to(dispatcher, administrator),
	pb.WorkforceService_CreateTerritory_FullMethodName:      to(administrator),
	pb.WorkforceService_GetTerritory_FullMethodName:         to(dispatcher, sales, administrator),
	pb.WorkforceService_ListTerritories_FullMethodName:      to(dispatcher, sales, administrator),
	pb.WorkforceService_UpdateTerritory_FullMethodName:      to(administrator),
	pb.WorkforceService_CreatePlanningArea_FullMethodName:   to(administrator),
	pb.WorkforceService_GetPlanningArea_FullMethodName:      to(dispatcher, sales, administrator),
	pb.WorkforceService_ListPlanningAreas_FullMethodName:    to(dispatcher, sales, administrator),
	pb.WorkforceService_UpdatePlanningArea_FullMethodName:   to(administrator),
	pb.WorkforceService_CreateService_FullMethodName:        to(administrator),
	pb.WorkforceService_GetService_FullMethodName:           to(visitor, link, customer, technician, dispatcher, sales, administrator),
	pb.WorkforceService_ListServices_FullMethodName:         to(visitor, link, customer, technician, dispatcher, sales, administrator),
	pb.WorkforceService_UpdateService_FullMethodName:        to(administrator),
	pb.WorkforceService_CreateTier_FullMethodName:           to(administrator),
	pb.WorkforceService_GetTier_FullMethodName:              to(visitor, link, customer, technician, dispatcher, sales, administrator),
	pb.WorkforceService_ListTiers_FullMethodName:            to(visitor, link, customer, technician, dispatcher, sales, administrator),
	pb.WorkforceService_UpdateTier_FullMethodName:           to(administrator),
	pb.WorkforceService_CreatePart_FullMethodName:           to(administrator),
	pb.WorkforceService_GetPart_FullMethodName:              to(technician, dispatcher, administrator),
	pb.WorkforceService_ListParts_FullMethodName:            to(technician, dispatcher, administrator),
	pb.WorkforceService_UpdatePart_FullMethodName:           to(administrator),
	pb.WorkforceService_GrantRole_FullMethodName:            to(administrator),
	pb.WorkforceService_RevokeRole_FullMethodName:           to(administrator),
	pb.WorkforceService_ListMembers_FullMethodName:          to(administrator),
}

// ours is the prefix of the methods that the table rules; the transport's own
// services (health, reflection) are open and know nothing of a tenant.
const ours = "/firstfix."

// checkAccess refuses to start with a method of ours that the table lacks, or a
// row whose method is gone.
func checkAccess(registered map[string]grpc.ServiceInfo) error {
	seen := map[string]bool{}
	for service, info := range registered {
		for _, method := range info.Methods {
			full := "/" + service + "/" + method.Name
			if _, ok := access[full]; !ok && len(full) > len(ours) && full[:len(ours)] == ours {
				return fmt.Errorf("%s is registered and not in the table of access", full)
			}
			seen[full] = true
		}
	}
	for method := range access {
		if !seen[method] {
			return fmt.Errorf("%s is in the table of access and not registered", method)
		}
	}
	return nil
}

// authorize lets a principal through to a method or refuses.
func authorize(caller dispatch.Principal, method string) error {
	rule := access[method] // of a method that is not there nobody has a role
	switch {
	case rule.public || rule.may(caller.Role):
		return nil
	case caller.Role == link:
		return dispatch.Refuse(dispatch.ReasonTokenWrongType, "", "the session of an appointment's link is not good for %s", method).With("method", method)
	}
	return dispatch.Refuse(dispatch.ReasonAccessDenied, "", "the role %s may not call %s", caller.Role, method).
		With("role", string(caller.Role)).With("method", method)
}
