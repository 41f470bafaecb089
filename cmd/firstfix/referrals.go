package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/firstfix/firstfix/cmd/internal/sample"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// referralsCommand prints referrals for people, for a spreadsheet, or for a CRM that
// takes files and no webhooks.
type referralsCommand struct {
	apiClient
	Filter string `placeholder:"TEXT" help:"Filter (AIP-160) over state, owner, technician, customer, service and log_time, e.g. 'state = \"ROUTED\"'."`
	AsCSV  bool   `name:"csv" xor:"format" help:"Print CSV, all that is known of each."`
	AsJSON bool   `name:"json" xor:"format" help:"Print JSON, one object a line."`
}

// referralPrinter prints one referral after another, as they come in.
type referralPrinter struct {
	one func(*pb.Referral) error
	end func() error
}

// Run implements kong's command.
func (c *referralsCommand) Run(ctx context.Context, s *streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	api := pb.NewReferralServiceClient(conn)
	printer, err := c.printer(s)
	if err != nil {
		return err
	}
	err = sample.Pages(func(token string) (string, error) {
		page, err := api.ListReferrals(ctx, &pb.ListReferralsRequest{Filter: c.Filter, PageSize: 1000, PageToken: token})
		if err != nil {
			return "", said(err)
		}
		for _, r := range page.GetReferrals() {
			if err := printer.one(r); err != nil {
				return "", err
			}
		}
		return page.GetNextPageToken(), nil
	})
	if err != nil {
		return err
	}
	return printer.end()
}

func (c *referralsCommand) printer(s *streams) (referralPrinter, error) {
	switch {
	case c.AsJSON:
		return referralPrinter{
			one: func(r *pb.Referral) error {
				line, err := protojson.Marshal(r)
				if err == nil {
					_, err = fmt.Fprintf(s.Out, "%s\n", line)
				}
				return err
			},
			end: func() error { return nil },
		}, nil
	case c.AsCSV:
		out := csv.NewWriter(s.Out)
		return referralPrinter{
			one: func(r *pb.Referral) error { return out.Write(referralRow(r)) },
			end: func() error { out.Flush(); return out.Error() },
		}, out.Write(referralColumns)
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(table, "referral\tlogged\tstate\towner\tneed")
	return referralPrinter{
		one: func(r *pb.Referral) error {
			_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%.60s\n", r.GetName(), at(r.GetLogTime()), stateWord(r), r.GetOwner(), r.GetNeed())
			return err
		},
		end: table.Flush,
	}, err
}

var referralColumns = []string{
	"referral", "state", "state_reason", "need", "suggestion", "service", "urgency", "consent_channel", "estimate", "value", "currency",
	"owner", "technician", "customer", "site", "visit", "work_order", "duplicate_of", "log_time", "accept_time", "contact_time", "close_time",
}

func referralRow(r *pb.Referral) []string {
	currency := r.GetEstimate().GetCurrencyCode()
	if currency == "" {
		currency = r.GetValue().GetCurrencyCode()
	}
	row := []string{
		r.GetName(), stateWord(r), r.GetStateReason(), r.GetNeed(), r.GetSuggestion(), r.GetService(),
		word(r.GetUrgency().String(), "REFERRAL_URGENCY_"), word(r.GetConsentChannel().String(), "CONSENT_CHANNEL_"),
		amountOrNone(r.GetEstimate()), amountOrNone(r.GetValue()), currency,
		r.GetOwner(), r.GetTechnician(), r.GetCustomer(), r.GetSite(), r.GetVisit(), r.GetWorkOrder(), r.GetDuplicateOf(),
		at(r.GetLogTime()), at(r.GetAcceptTime()), at(r.GetContactTime()), at(r.GetCloseTime()),
	}
	for i, cell := range row {
		row[i] = inert(cell)
	}
	return row
}

// inert keeps a spreadsheet from computing what somebody wrote: a cell that begins
// like a formula gets an apostrophe before it (OWASP, CSV injection). Numbers stay.
func inert(cell string) string {
	if cell == "" || !strings.ContainsAny(cell[:1], "=+-@\t\r") {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return cell
	}
	return "'" + cell
}

func stateWord(r *pb.Referral) string { return word(r.GetState().String(), "REFERRAL_STATE_") }

// word is a value of an enumeration as people write it.
func word(name, prefix string) string { return strings.ToLower(strings.TrimPrefix(name, prefix)) }

func at(stamp *timestamppb.Timestamp) string {
	if stamp == nil {
		return ""
	}
	return stamp.AsTime().Format(time.RFC3339)
}

func amountOrNone(m *money.Money) string {
	if m == nil {
		return ""
	}
	return decimal(m)
}
