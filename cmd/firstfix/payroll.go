package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/money"

	"github.com/firstfix/firstfix/cmd/internal/sample"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// payrollCommands pay out what referrals earned, through the public API.
type payrollCommands struct {
	Run    payrollRunCommand    `cmd:"" help:"Pay out what is payable to everybody, and print the lines."`
	List   payrollListCommand   `cmd:"" help:"List the payrolls so far."`
	Export payrollExportCommand `cmd:"" help:"Print the lines of a payroll again."`
}

// payrollFormat is how lines are printed.
type payrollFormat struct {
	AsCSV  bool `name:"csv" xor:"format" help:"Print CSV, for payroll software."`
	AsJSON bool `name:"json" xor:"format" help:"Print JSON."`
}

type payrollRunCommand struct {
	apiClient
	payrollFormat
	RequestID string `placeholder:"UUID" help:"Idempotency key; give the same again to repeat a run whose outcome is unknown."`
}

type payrollListCommand struct {
	apiClient
	AsJSON bool `name:"json" help:"Print JSON."`
}

type payrollExportCommand struct {
	apiClient
	payrollFormat
	Payroll string `arg:"" placeholder:"payrolls/UUID" help:"Its name, as run and list print it."`
}

// payrollLine is a line as it is printed for machines.
type payrollLine struct {
	Payee       string `json:"payee"`
	DisplayName string `json:"display_name"`
	Amount      string `json:"amount"`
	Currency    string `json:"currency"`
}

// Run implements kong's command.
func (c *payrollRunCommand) Run(ctx context.Context, s *streams) error {
	if c.RequestID == "" {
		c.RequestID = uuid.NewString()
	}
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	p, err := pb.NewPayServiceClient(conn).CreatePayroll(ctx, &pb.CreatePayrollRequest{RequestId: c.RequestID})
	if err != nil {
		return fmt.Errorf("%w (to repeat this run: --request-id %s)", said(err), c.RequestID)
	}
	return c.print(s, p)
}

// Run implements kong's command.
func (c *payrollExportCommand) Run(ctx context.Context, s *streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	p, err := pb.NewPayServiceClient(conn).GetPayroll(ctx, &pb.GetPayrollRequest{Name: c.Payroll})
	if err != nil {
		return said(err)
	}
	return c.print(s, p)
}

// Run implements kong's command.
func (c *payrollListCommand) Run(ctx context.Context, s *streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	api := pb.NewPayServiceClient(conn)
	var all []*pb.Payroll
	err = sample.Pages(func(token string) (string, error) {
		page, err := api.ListPayrolls(ctx, &pb.ListPayrollsRequest{PageSize: 1000, PageToken: token})
		all = append(all, page.GetPayrolls()...)
		return page.GetNextPageToken(), err
	})
	if err != nil {
		return said(err)
	}
	if c.AsJSON {
		out := make([]payrollHead, 0, len(all))
		for _, p := range all {
			out = append(out, headOf(p))
		}
		return json.NewEncoder(s.Out).Encode(out)
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "payroll\tmade\tby\ttotal")
	for _, p := range all {
		head := headOf(p)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s %s\n", head.Payroll, head.Created, head.Creator, head.Total, head.Currency)
	}
	return table.Flush()
}

// payrollHead is a payroll without its lines as it is printed for machines.
type payrollHead struct {
	Payroll  string `json:"payroll"`
	Created  string `json:"create_time"`
	Creator  string `json:"creator"`
	Total    string `json:"total"`
	Currency string `json:"currency"`
}

func headOf(p *pb.Payroll) payrollHead {
	return payrollHead{
		Payroll: p.GetName(), Created: p.GetCreateTime().AsTime().Format(time.RFC3339), Creator: p.GetCreator(),
		Total: decimal(p.GetTotal()), Currency: p.GetTotal().GetCurrencyCode(),
	}
}

func (f payrollFormat) print(s *streams, p *pb.Payroll) error {
	lines := make([]payrollLine, 0, len(p.GetLines()))
	for _, l := range p.GetLines() {
		lines = append(lines, payrollLine{l.GetPayee(), l.GetDisplayName(), decimal(l.GetAmount()), l.GetAmount().GetCurrencyCode()})
	}
	switch {
	case f.AsJSON:
		return json.NewEncoder(s.Out).Encode(struct {
			payrollHead
			Lines []payrollLine `json:"lines"`
		}{headOf(p), lines})
	case f.AsCSV:
		out := csv.NewWriter(s.Out)
		if err := out.Write([]string{"payroll", "payee", "display_name", "amount", "currency"}); err != nil {
			return err
		}
		for _, l := range lines {
			if err := out.Write([]string{p.GetName(), l.Payee, l.DisplayName, l.Amount, l.Currency}); err != nil {
				return err
			}
		}
		out.Flush()
		return out.Error()
	}
	if _, err := fmt.Fprintln(s.Out, p.GetName()); err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		fmt.Fprintf(table, "%s\t%s\t%s %s\n", l.DisplayName, l.Payee, l.Amount, l.Currency)
	}
	fmt.Fprintf(table, "total\t\t%s %s\n", decimal(p.GetTotal()), p.GetTotal().GetCurrencyCode())
	return table.Flush()
}

// decimal writes an amount with two places, or more where its currency has more.
func decimal(m *money.Money) string {
	sign := ""
	units, nanos := m.GetUnits(), m.GetNanos()
	if units < 0 || nanos < 0 {
		sign, units, nanos = "-", -units, -nanos
	}
	if nanos%10_000_000 != 0 {
		return fmt.Sprintf("%s%d.%03d", sign, units, nanos/1_000_000)
	}
	return fmt.Sprintf("%s%d.%02d", sign, units, nanos/10_000_000)
}
