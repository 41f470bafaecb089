package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func TestReferralsCommand(t *testing.T) {
	t.Parallel()
	town := newTown(t)
	if code, out, errs := command(t, town.env, "referrals", "--csv", "--filter", `state = "ROUTED"`); code != 0 || out != strings.Join(referralColumns, ",")+"\n" {
		t.Errorf("none: %d, %q, %s", code, out, errs)
	}
	if code, _, errs := command(t, town.env, "referrals", "--filter", `need = "x"`); code != 1 || !strings.Contains(errs, "need") {
		t.Errorf("a field that cannot be filtered: %d, %s", code, errs)
	}
	if code, _, errs := command(t, town.env, "referrals", "--csv", "--json"); code != 2 {
		t.Errorf("two formats: %d, %s", code, errs)
	}
}

// What technicians wrote is text in a spreadsheet too, and never a formula.
func TestReferralsPrint(t *testing.T) {
	t.Parallel()
	r := &pb.Referral{
		Name: "referrals/1", State: pb.ReferralState_REFERRAL_STATE_WON, Need: `=HYPERLINK("https://evil.example")`, Suggestion: "a heat pump, large",
		Urgency: pb.ReferralUrgency_REFERRAL_URGENCY_HIGH, ConsentChannel: pb.ConsentChannel_CONSENT_CHANNEL_PHONE,
		Value: &money.Money{CurrencyCode: "USD", Units: 9400}, Owner: "member:sal", LogTime: timestamppb.New(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)),
	}
	for _, c := range []struct {
		command referralsCommand
		want    string
	}{
		{referralsCommand{AsCSV: true}, strings.Join(referralColumns, ",") + "\n" +
			`referrals/1,won,,"'=HYPERLINK(""https://evil.example"")","a heat pump, large",,high,phone,,9400.00,USD,member:sal,,,,,,,2026-03-02T09:00:00Z,,,` + "\n"},
		{referralsCommand{}, "referral     logged                state  owner       need\n" +
			`referrals/1  2026-03-02T09:00:00Z  won    member:sal  =HYPERLINK("https://evil.example")` + "\n"},
	} {
		var out bytes.Buffer
		printer, err := c.command.printer(&streams{Out: &out})
		if err != nil {
			t.Fatal(err)
		}
		if err := printer.one(r); err != nil {
			t.Fatal(err)
		}
		if err := printer.end(); err != nil || out.String() != c.want {
			t.Errorf("%v, printed\n%s, want\n%s", err, out.String(), c.want)
		}
	}
	var out bytes.Buffer
	printer, err := (&referralsCommand{AsJSON: true}).printer(&streams{Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	if err := printer.one(r); err != nil || strings.Count(out.String(), "\n") != 1 || !json.Valid(out.Bytes()) {
		t.Errorf("%v, printed %s, want one line of JSON", err, out.String())
	}
	for cell, want := range map[string]string{"-3.50": "-3.50", "-x": "'-x", "+1": "+1", "@SUM(A1)": "'@SUM(A1)", "": "", "a=b": "a=b"} {
		if got := inert(cell); got != want {
			t.Errorf("%q: %q, want %q", cell, got, want)
		}
	}
}
