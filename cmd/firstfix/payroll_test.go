package main

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/type/money"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// Nobody has earned anything yet: the list is empty, a run says so.
func TestPayrollCommand(t *testing.T) {
	t.Parallel()
	town := newTown(t)
	if code, out, errs := command(t, town.env, "payroll", "list", "--json"); code != 0 || out != "[]\n" {
		t.Errorf("list: %d, %q, %s", code, out, errs)
	}
	code, out, errs := command(t, town.env, "payroll", "run", "--csv", "--request-id", "0190b0a0-0000-7000-8000-000000000001")
	if code != 1 || out != "" || !strings.Contains(errs, "nobody has anything to get") || !strings.Contains(errs, "--request-id 0190b0a0") {
		t.Errorf("run: %d, %q, %s", code, out, errs)
	}
	if code, _, errs := command(t, town.env, "payroll", "export", "payrolls/0190b0a0-0000-7000-8000-000000000001"); code != 1 || !strings.Contains(errs, "does not exist") {
		t.Errorf("export of another: %d, %s", code, errs)
	}
}

func TestPayrollPrints(t *testing.T) {
	t.Parallel()
	usd := func(units int64, nanos int32) *money.Money {
		return &money.Money{CurrencyCode: "USD", Units: units, Nanos: nanos}
	}
	p := &pb.Payroll{Name: "payrolls/1", Creator: "member:ada", Total: usd(290, 50_000_000), Lines: []*pb.PayrollLine{
		{Payee: "member:sal", DisplayName: `Sal "the pen", Lee`, Amount: usd(180, 0)}, {Payee: "technicians/7", DisplayName: "Ada", Amount: usd(110, 50_000_000)},
	}}
	for format, want := range map[payrollFormat]string{
		{}:             "payrolls/1\n" + `Sal "the pen", Lee  member:sal     180.00 USD` + "\nAda                 technicians/7  110.05 USD\ntotal                              290.05 USD\n",
		{AsCSV: true}:  "payroll,payee,display_name,amount,currency\n" + `payrolls/1,member:sal,"Sal ""the pen"", Lee",180.00,USD` + "\npayrolls/1,technicians/7,Ada,110.05,USD\n",
		{AsJSON: true}: `{"payroll":"payrolls/1","create_time":"1970-01-01T00:00:00Z","creator":"member:ada","total":"290.05","currency":"USD","lines":[{"payee":"member:sal","display_name":"Sal \"the pen\", Lee","amount":"180.00","currency":"USD"},{"payee":"technicians/7","display_name":"Ada","amount":"110.05","currency":"USD"}]}` + "\n",
	} {
		var out bytes.Buffer
		if err := format.print(&streams{Out: &out}, p); err != nil || out.String() != want {
			t.Errorf("%+v: %v, printed\n%s, want\n%s", format, err, out.String(), want)
		}
	}
	if got := decimal(usd(-3, -500_000_000)); got != "-3.50" {
		t.Errorf("decimal of minus three and a half: %s", got)
	}
}
