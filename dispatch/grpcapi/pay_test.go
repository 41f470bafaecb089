package grpcapi_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// A rule, a sale that is reversed and stands again, a statement, a payroll.
func TestPayOverTheWire(t *testing.T) {
	t.Parallel()
	v := openVan(t)
	pay := pb.NewPayServiceClient(v.conn)
	usd := func(units int64) *money.Money { return &money.Money{CurrencyCode: "USD", Units: units} }
	rule, err := pay.CreateIncentiveRule(v.as(t, "administrator"), &pb.CreateIncentiveRuleRequest{
		IncentiveRuleId: "noticed", RequestId: uuid.NewString(), IncentiveRule: &pb.IncentiveRule{
			Earner: pb.Earner_EARNER_TECHNICIAN, AcceptAmount: usd(10), WinAmount: usd(100), HoldBackBasisPoints: 2500, RetentionDays: 30,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if rule, err = pay.UpdateIncentiveRule(v.as(t, "administrator"), &pb.UpdateIncentiveRuleRequest{
		IncentiveRule: &pb.IncentiveRule{Name: rule.GetName(), Etag: rule.GetEtag(), WinAmount: usd(200), WinCap: usd(120)},
		UpdateMask:    &fieldmaskpb.FieldMask{Paths: []string{"win_amount", "win_cap"}}, RequestId: uuid.NewString(),
	}); err != nil || rule.GetWinCap().GetUnits() != 120 || rule.GetAcceptAmount().GetUnits() != 10 {
		t.Fatalf("changed %v, %v", rule, err)
	}
	if _, err := pay.UpdateIncentiveRule(v.as(t, "administrator"), &pb.UpdateIncentiveRuleRequest{
		IncentiveRule: &pb.IncentiveRule{Name: rule.GetName(), Etag: rule.GetEtag(), Earner: pb.Earner_EARNER_SELLER},
		UpdateMask:    &fieldmaskpb.FieldMask{Paths: []string{"earner"}}, RequestId: uuid.NewString(),
	}); reason(err) != dispatch.ReasonFieldNotWritable {
		t.Errorf("another earner: %v", err)
	}
	if rules, err := pay.ListIncentiveRules(v.as(t, "technician"), &pb.ListIncentiveRulesRequest{}); err != nil || len(rules.GetIncentiveRules()) != 1 {
		t.Errorf("a technician lists %v, %v", rules, err)
	}

	r, err := v.sales.CreateReferral(v.as(t, "technician"), &pb.CreateReferralRequest{RequestId: uuid.NewString(), Referral: &pb.Referral{
		Visit: v.visit(t), Need: "the boiler is from 1987", ConsentChannel: pb.ConsentChannel_CONSENT_CHANNEL_PHONE,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.sales.AcceptReferral(v.as(t, "sales"), &pb.AcceptReferralRequest{Name: r.GetName(), RequestId: uuid.NewString()}); err != nil {
		t.Fatal(err)
	}
	if r, err = v.sales.RecordOutcome(v.as(t, "sales"), &pb.RecordOutcomeRequest{
		Name: r.GetName(), State: pb.ReferralState_REFERRAL_STATE_WON, Value: usd(12000), RequestId: uuid.NewString(),
	}); err != nil || r.GetSaleState() != pb.SaleState_SALE_STATE_STANDING || r.GetEarned() != nil {
		t.Fatalf("won %v, %v", r, err)
	}
	change := func(as string, state pb.SaleState) error {
		_, err := v.sales.RecordSaleChange(v.as(t, as), &pb.RecordSaleChangeRequest{Name: r.GetName(), State: state, Reason: "heard so", RequestId: uuid.NewString()})
		return err
	}
	if err := change("sales", pb.SaleState_SALE_STATE_REVERSED); err != nil {
		t.Fatal(err)
	}
	if err := change("sales", pb.SaleState_SALE_STATE_STANDING); reason(err) != dispatch.ReasonAccessDenied {
		t.Errorf("the seller says himself that it stands: %v", err)
	}
	if err := change("administrator", pb.SaleState_SALE_STATE_STANDING); err != nil {
		t.Fatal(err)
	}

	period := &pb.GetPayStatementRequest{StartTime: timestamppb.New(company.Now), EndTime: timestamppb.New(company.Now.AddDate(0, 1, 0)), PageSize: 2}
	first, err := pay.GetPayStatement(v.as(t, "technician"), period)
	if err != nil || first.GetClosingPayable().GetUnits() != 100 || first.GetClosingHeld().GetUnits() != 30 || len(first.GetLines()) != 2 || first.GetNextPageToken() == "" {
		t.Fatalf("statement %v, %v", first, err)
	}
	period.PageToken = first.GetNextPageToken()
	second, err := pay.GetPayStatement(v.as(t, "technician"), period)
	var said []string
	for _, line := range append(first.GetLines(), second.GetLines()...) {
		said = append(said, fmt.Sprintf("%s %d %d", line.GetReason(), line.GetPayable().GetUnits(), line.GetHeld().GetUnits()))
	}
	want := []string{"PAY_REASON_ACCEPTED 10 0", "PAY_REASON_WON 90 30", "PAY_REASON_REVERSED -90 -30", "PAY_REASON_REINSTATED 90 30"}
	if err != nil || !slices.Equal(said, want) {
		t.Errorf("lines %q, %v", said, err)
	}
	if _, err := pay.GetPayStatement(v.as(t, "technician-2"), &pb.GetPayStatementRequest{
		Payee: v.Technicians[0].Name(), StartTime: period.GetStartTime(), EndTime: period.GetEndTime(),
	}); reason(err) != dispatch.ReasonAccessDenied {
		t.Errorf("a colleague's statement: %v", err)
	}

	payroll, err := pay.CreatePayroll(v.as(t, "administrator"), &pb.CreatePayrollRequest{RequestId: uuid.NewString()})
	if err != nil || payroll.GetTotal().GetUnits() != 100 || len(payroll.GetLines()) != 1 || payroll.GetLines()[0].GetDisplayName() != v.Technicians[0].DisplayName {
		t.Errorf("payroll %v, %v", payroll, err)
	}
	if read, err := pay.GetPayroll(v.as(t, "administrator"), &pb.GetPayrollRequest{Name: payroll.GetName()}); err != nil || !proto.Equal(read, payroll) {
		t.Errorf("read again %v, %v", read, err)
	}
	if all, err := pay.ListPayrolls(v.as(t, "administrator"), &pb.ListPayrollsRequest{}); err != nil || len(all.GetPayrolls()) != 1 {
		t.Errorf("payrolls %v, %v", all, err)
	}
}
