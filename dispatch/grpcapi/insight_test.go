package grpcapi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/interval"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// openSalesDesk makes a desk that works around the clock, and the rule that everything
// goes there.
func openSalesDesk(t *testing.T, v *van) {
	t.Helper()
	client, admin := pb.NewSalesDeskServiceClient(v.conn), v.as(t, "administrator")
	hour := durationpb.New(time.Hour)
	_, err := client.CreateSalesDesk(admin, &pb.CreateSalesDeskRequest{SalesDeskId: "all", RequestId: uuid.NewString(), SalesDesk: &pb.SalesDesk{
		DisplayName: "All", TimeZone: "America/New_York", Members: []string{"member:sales"},
		Clocks: []*pb.ReferralClock{{AcceptWithin: hour, ContactWithin: hour, NextStepWithin: hour}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CreateRoutingRule(admin, &pb.CreateRoutingRuleRequest{RoutingRuleId: "all", RequestId: uuid.NewString(), RoutingRule: &pb.RoutingRule{
		Position: 1, SalesDesk: "salesDesks/all", Assignment: pb.RoutingAssignment_ROUTING_ASSIGNMENT_LEAST_LOADED,
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// One referral won, one lost after a contact, one declined, one open and one that
// repeats it: each stage counts those that are decided, and nobody twice.
func TestReferralMeasures(t *testing.T) {
	t.Parallel()
	v := openVan(t)
	usd := func(units int64) *money.Money { return &money.Money{CurrencyCode: "USD", Units: units} }
	_, err := pb.NewPayServiceClient(v.conn).CreateIncentiveRule(v.as(t, "administrator"), &pb.CreateIncentiveRuleRequest{
		IncentiveRuleId: "noticed", RequestId: uuid.NewString(),
		IncentiveRule: &pb.IncentiveRule{Earner: pb.Earner_EARNER_TECHNICIAN, AcceptAmount: usd(10), WinAmount: usd(100), HoldBackBasisPoints: 5000, RetentionDays: 30},
	})
	if err != nil {
		t.Fatal(err)
	}
	openSalesDesk(t, v)
	visit := v.visit(t)
	log := func(need string) string {
		t.Helper()
		r, err := v.sales.CreateReferral(v.as(t, "technician"), &pb.CreateReferralRequest{RequestId: uuid.NewString(), Referral: &pb.Referral{
			Visit: visit, Need: need, ConsentChannel: pb.ConsentChannel_CONSENT_CHANNEL_PHONE,
		}})
		if err != nil {
			t.Fatal(err)
		}
		return r.GetName()
	}
	accept := func(name string) {
		t.Helper()
		if _, err := v.sales.AcceptReferral(v.as(t, "sales"), &pb.AcceptReferralRequest{Name: name, RequestId: uuid.NewString()}); err != nil {
			t.Fatal(err)
		}
	}
	record := func(name string, state pb.ReferralState) {
		t.Helper()
		if _, err := v.sales.RecordOutcome(v.as(t, "sales"), &pb.RecordOutcomeRequest{
			Name: name, State: state, Value: usd(9000), Reason: "so it is", RequestId: uuid.NewString(),
		}); err != nil {
			t.Fatal(err)
		}
	}
	won, lost, declined := log("an old boiler"), log("draughts"), log("a wet cellar")
	log("a cold attic")
	log("a cold attic") // again
	v.SetTime(t, company.Now.Add(time.Hour))
	accept(won)
	v.SetTime(t, company.Now.Add(2*time.Hour))
	accept(lost)
	record(won, pb.ReferralState_REFERRAL_STATE_WON)
	v.SetTime(t, company.Now.Add(3*time.Hour))
	record(lost, pb.ReferralState_REFERRAL_STATE_CONTACTED)
	record(lost, pb.ReferralState_REFERRAL_STATE_LOST)
	if _, err := v.sales.DeclineReferral(v.as(t, "sales"), &pb.DeclineReferralRequest{Name: declined, Reason: "not ours", RequestId: uuid.NewString()}); err != nil {
		t.Fatal(err)
	}
	ask := func(who string, by pb.ReferralGrouping, from time.Time) (*pb.ReferralMeasures, error) {
		return v.measure.GetReferralMeasures(v.as(t, who), &pb.GetReferralMeasuresRequest{
			Period:  &interval.Interval{StartTime: timestamppb.New(from), EndTime: timestamppb.New(from.Add(time.Hour))},
			GroupBy: by,
		})
	}
	for by, want := range map[pb.ReferralGrouping][]string{
		pb.ReferralGrouping_REFERRAL_GROUPING_UNSPECIFIED: {"total"},
		pb.ReferralGrouping_REFERRAL_GROUPING_SERVICE:     {"", "total"},
		pb.ReferralGrouping_REFERRAL_GROUPING_SALES_DESK:  {"salesDesks/all", "total"},
		pb.ReferralGrouping_REFERRAL_GROUPING_TERRITORY:   {"territories/" + string(v.Territory.ID), "total"},
	} {
		got, err := ask("sales", by, company.Now)
		if err != nil || len(got.GetFigures()) != len(want) {
			t.Fatalf("%s: %v, %v", by, got, err)
		}
		for i, f := range got.GetFigures() {
			name := f.GetService() + f.GetTerritory() + f.GetSalesDesk()
			if f.GetTotal() {
				name += "total"
			}
			said := fmt.Sprintf("%s %d+%d; accept %d in %s, %s; contact %d in %s, %s; %d.00, %d.00;", name, f.GetLogged(), f.GetDuplicates(),
				f.GetToAccept().GetCount(), f.GetToAccept().GetMedian().AsDuration(), f.GetToAccept().GetNinthDecile().AsDuration(),
				f.GetToContact().GetCount(), f.GetToContact().GetMedian().AsDuration(), f.GetToContact().GetNinthDecile().AsDuration(),
				f.GetWonValue().GetUnits(), f.GetPay().GetUnits())
			for _, s := range f.GetStages() {
				said += fmt.Sprintf(" %d/%d=%.2f", s.GetReached(), s.GetDecided(), s.GetRate())
				if s.GetRateLow() > s.GetRate() || s.GetRateHigh() < s.GetRate() || s.GetRateLow() == s.GetRateHigh() {
					t.Errorf("%s: %s is not within [%f, %f]", name, s.GetState(), s.GetRateLow(), s.GetRateHigh())
				}
			}
			expected := want[i] + " 4+1; accept 2 in 1h0m0s, 2h0m0s; contact 2 in 2h0m0s, 3h0m0s; 9000.00, 70.00; 2/3=0.67 2/2=1.00 1/2=0.50 1/1=1.00 1/1=1.00"
			if diff := cmp.Diff(expected, said); diff != "" {
				t.Errorf("%s (-want +got):\n%s", by, diff)
			}
		}
	}
	if got, err := ask("sales", pb.ReferralGrouping_REFERRAL_GROUPING_SERVICE, company.Now.AddDate(0, 0, 1)); err != nil || len(got.GetFigures()) != 1 || got.GetFigures()[0].GetLogged() != 0 {
		t.Errorf("another day: %v, %v; expected a total of nothing", got, err)
	}
	if _, err := ask("technician", 0, company.Now); reason(err) != dispatch.ReasonAccessDenied {
		t.Errorf("a technician asks: %v", err)
	}
}
