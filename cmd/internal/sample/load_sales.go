package sample

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// openDesk makes a sales desk of the personas, and the rules that send it what
// technicians notice: to who owns the customer's account, else to its member with
// the least to do; and the plan of what is asked after a sale.
func (l *loading) openDesk(ctx context.Context, personas []Persona) error {
	desk := &pb.SalesDesk{
		DisplayName: "Sales", TimeZone: zone,
		OfficeHours: []*pb.WindowRule{windowRule([]dayofweek.DayOfWeek{
			dayofweek.DayOfWeek_MONDAY, dayofweek.DayOfWeek_TUESDAY, dayofweek.DayOfWeek_WEDNESDAY,
			dayofweek.DayOfWeek_THURSDAY, dayofweek.DayOfWeek_FRIDAY,
		}, 8, 18)},
		Clocks: []*pb.ReferralClock{
			clock("", pb.ReferralUrgency_REFERRAL_URGENCY_HIGH, 2, 4, 20),
			clock("priority", 0, 4, 10, 40),
			clock("", 0, 10, 20, 60),
		},
	}
	for _, p := range personas {
		switch p.Name {
		case "sales":
			desk.Members = append(desk.Members, "member:"+p.Subject)
		case "administrator":
			desk.Ladder = append(desk.Ladder, "member:"+p.Subject)
		}
	}
	client := pb.NewSalesDeskServiceClient(l.Conn)
	_, err := client.CreateSalesDesk(ctx, &pb.CreateSalesDeskRequest{SalesDeskId: "sales", SalesDesk: desk, RequestId: requestID()})
	if existing(err) != nil {
		return fmt.Errorf("make the sales desk: %w", err)
	}
	for i, assignment := range []pb.RoutingAssignment{
		pb.RoutingAssignment_ROUTING_ASSIGNMENT_ACCOUNT_OWNER, pb.RoutingAssignment_ROUTING_ASSIGNMENT_LEAST_LOADED,
	} {
		_, err := client.CreateRoutingRule(ctx, &pb.CreateRoutingRuleRequest{
			RoutingRuleId: []string{"account-owners", "everything-else"}[i],
			RoutingRule:   &pb.RoutingRule{Position: int32(10 * (i + 1)), SalesDesk: "salesDesks/sales", Assignment: assignment},
			RequestId:     requestID(),
		})
		if existing(err) != nil {
			return fmt.Errorf("make the rules of routing: %w", err)
		}
	}
	_, err = pb.NewFollowUpServiceClient(l.Conn).CreateFollowUpPlan(ctx, &pb.CreateFollowUpPlanRequest{
		FollowUpPlanId: "everything", FollowUpPlan: &pb.FollowUpPlan{InstalledAfterDays: 21, UsedAfterDays: 30, SavingAfterDays: 180}, RequestId: requestID(),
	})
	if existing(err) != nil {
		return fmt.Errorf("make the plan of what is asked after a sale: %w", err)
	}
	return nil
}

func clock(tier string, urgency pb.ReferralUrgency, accept, contact, next int) *pb.ReferralClock {
	hours := func(n int) *durationpb.Duration { return durationpb.New(time.Duration(n) * time.Hour) }
	return &pb.ReferralClock{Tier: tier, Urgency: urgency, AcceptWithin: hours(accept), ContactWithin: hours(contact), NextStepWithin: hours(next)}
}
