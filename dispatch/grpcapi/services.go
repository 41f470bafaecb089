package grpcapi

import (
	"time"

	"google.golang.org/grpc"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
	"github.com/firstfix/firstfix/dispatch/insight"
	"github.com/firstfix/firstfix/dispatch/planning"
	"github.com/firstfix/firstfix/dispatch/referral"
	"github.com/firstfix/firstfix/dispatch/workforce"
	firstfixv1 "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// Services are the use cases behind the doors; cmd/firstfix makes them.
//
// To add one: give it a field here, write its handlers as a thin struct in a
// file of its own (booking.go: type bookingServer struct {
// firstfixv1.UnimplementedBookingServiceServer; booking *booking.Booking; pages
// pages }), and register that struct in Register in place of the Unimplemented
// one. Handlers take the caller from callOf(ctx), return a *dispatch.Error or
// any other error as it is (the chain makes the status), and need not check what
// the annotations of the contract check.
type Services struct {
	Seal      *dispatch.Seal   // of page tokens
	Now       func() time.Time // the real clock
	Booking   *booking.Booking
	Planning  *planning.Planning
	Fieldwork *fieldwork.Fieldwork
	Photos    *fieldwork.Photos
	Referral  *referral.Desk
	Insight   *insight.Insight
	Stock     *fieldwork.Stock
	Workforce *workforce.Workforce
	Imports   *workforce.Importer
}

// Register binds every service of the contract to server. What nobody has filled
// answers METHOD_NOT_AVAILABLE.
func Register(server grpc.ServiceRegistrar, s Services) {
	firstfixv1.RegisterBookingServiceServer(server, bookingServer{booking: s.Booking, pages: pages{s.Seal}, now: s.Now})
	firstfixv1.RegisterCustomerServiceServer(server, customerServer{workforce: s.Workforce, pages: pages{s.Seal}})
	firstfixv1.RegisterDispatchServiceServer(server, dispatchServer{planning: s.Planning, imports: s.Imports, pages: pages{s.Seal}, now: s.Now})
	firstfixv1.RegisterFollowUpServiceServer(server, followUpServer{desk: s.Referral, pages: pages{s.Seal}})
	firstfixv1.RegisterInsightServiceServer(server, insightServer{insight: s.Insight})
	firstfixv1.RegisterPayServiceServer(server, payServer{desk: s.Referral, pages: pages{s.Seal}})
	firstfixv1.RegisterPhotoServiceServer(server, photoServer{photos: s.Photos})
	firstfixv1.RegisterReferralServiceServer(server, referralServer{desk: s.Referral, pages: pages{s.Seal}, now: s.Now})
	firstfixv1.RegisterSalesDeskServiceServer(server, salesDeskServer{desk: s.Referral, pages: pages{s.Seal}})
	firstfixv1.RegisterStockServiceServer(server, stockServer{stock: s.Stock, planning: s.Planning, pages: pages{s.Seal}})
	firstfixv1.RegisterTechnicianServiceServer(server, technicianServer{fieldwork: s.Fieldwork, desk: s.Referral})
	firstfixv1.RegisterWaitlistServiceServer(server, waitlistServer{booking: s.Booking, pages: pages{s.Seal}})
	firstfixv1.RegisterWebhookServiceServer(server, webhookServer{desk: s.Referral, pages: pages{s.Seal}})
	firstfixv1.RegisterWorkforceServiceServer(server, workforceServer{workforce: s.Workforce, pages: pages{s.Seal}})
}
