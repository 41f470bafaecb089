package main

import (
	"log/slog"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
	"github.com/firstfix/firstfix/dispatch/insight"
	"github.com/firstfix/firstfix/dispatch/outbound/travel"
	"github.com/firstfix/firstfix/dispatch/planning"
	"github.com/firstfix/firstfix/dispatch/referral"
	"github.com/firstfix/firstfix/dispatch/workforce"
)

// useCases are what servers call for their callers and workers for their
// workflows: the same ones over the same store.
type useCases struct {
	booking   *booking.Booking
	planning  *planning.Planning
	fieldwork *fieldwork.Fieldwork
	referral  *referral.Desk
	insight   *insight.Insight
	workforce *workforce.Workforce
}

func newUseCases(store dispatch.Store, seal *dispatch.Seal, egress dispatch.Egress, log *slog.Logger) useCases {
	return useCases{
		booking:   booking.New(store, travel.Estimator{}, seal),
		planning:  planning.New(store, travel.Estimator{}),
		fieldwork: fieldwork.New(store, seal, log),
		referral:  referral.New(store, seal, egress),
		insight:   insight.New(store),
		workforce: workforce.New(store),
	}
}
