package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/firstfix/firstfix/cmd/internal/replay"
)

// replayCommand plays real days through the public API. docs/replay.md describes
// what is real and what is generated.
type replayCommand struct {
	Requests    string `required:"" type:"existingfile" placeholder:"FILE.csv" help:"The requests, as ImportRequests reads them."`
	Territories string `required:"" type:"existingfile" placeholder:"FILE.geojson" help:"The territories, as ImportRequests reads them."`
	Technicians int    `required:"" placeholder:"N" help:"How many technicians are generated."`
	From        string `placeholder:"DATE" help:"First local day, e.g. 2011-10-31; that of the first request by default."`
	Days        int    `placeholder:"N" help:"How many days; until the last request by default."`
	Seed        uint64 `default:"1" help:"Seed of everything that is generated (${default})."`
	Zone        string `default:"America/New_York" help:"IANA zone of the territories (${default})."`
	AsJSON      bool   `name:"json" help:"Print the report as JSON: the part that the seed decides first, then what depends on the machine."`
	Out         string `type:"path" placeholder:"DIR" help:"Write report.json, facts.json, report.txt, plan.svg and plan.geojson there."`
	Picture     string `placeholder:"DATE" help:"The day that is drawn; the Monday in the middle by default."`

	Server  string `placeholder:"HOST:PORT" help:"gRPC address of a development stack that runs; without --control the replay starts one of its own and removes it."`
	Control string `placeholder:"URL" help:"Control endpoint of that stack, e.g. http://127.0.0.1:8081/control. Its tenant has to be empty."`
	Tenant  string `default:"sample" help:"Slug of the tenant that is played in (${default})."`

	DisturbTemporal time.Duration `name:"disturb-temporal" placeholder:"2m" help:"Stop Temporal for so long in the middle."`
	DisturbKill     bool          `name:"disturb-kill" help:"Kill the worker in the middle."`
	DisturbReplace  string        `name:"disturb-replace" type:"existingfile" placeholder:"BINARY" help:"Replace the worker by that of another build in the middle."`
}

// Run implements kong's command.
func (c *replayCommand) Run(ctx context.Context, s *streams) error {
	if c.Technicians < 1 || c.Days < 0 {
		return fmt.Errorf("technicians %d, days %d; want at least one technician", c.Technicians, c.Days)
	}
	if (c.Server != "") && c.Control == "" {
		return errors.New("--server needs --control too: the replay moves the clock")
	}
	report, picture, err := replay.Run(ctx, replay.Options{
		Requests: c.Requests, Territories: c.Territories, Zone: c.Zone, Technicians: c.Technicians,
		From: c.From, Days: c.Days, Seed: c.Seed, Picture: c.Picture,
		Server: c.Server, Control: c.Control, Tenant: c.Tenant,
		Disturb: replay.Disturbance{StopTemporal: c.DisturbTemporal, KillWorker: c.DisturbKill, NextWorker: c.DisturbReplace},
		Log:     s.Err,
	})
	if report != nil {
		err = errors.Join(err, c.print(s.Out, report), c.write(report, picture))
	}
	if err == nil && len(report.Mismatches) > 0 {
		err = fmt.Errorf("%d figures of GetServiceLevels are not what the replay saw; the report names them", len(report.Mismatches))
	}
	return err
}

func (c *replayCommand) print(out io.Writer, report *replay.Report) error {
	if !c.AsJSON {
		return report.Table(out)
	}
	text, err := report.JSON(false)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// write puts everything into the directory that was asked for.
func (c *replayCommand) write(report *replay.Report, picture *replay.Picture) error {
	if c.Out == "" {
		return nil
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil { //nolint:gosec // a report is for reading
		return fmt.Errorf("make the directory of the report: %w", err)
	}
	table, err := os.Create(filepath.Join(c.Out, "report.txt"))
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	errs := []error{report.Table(table), table.Close()}
	save := func(name string, text []byte, err error) {
		if err == nil {
			err = os.WriteFile(filepath.Join(c.Out, name), text, 0o644) //nolint:gosec // a report is for reading
		}
		errs = append(errs, err)
	}
	whole, err := report.JSON(false)
	save("report.json", whole, err)
	facts, err := report.JSON(true)
	save("facts.json", facts, err)
	save("plan.svg", picture.SVG(), nil)
	geo, err := picture.GeoJSON()
	save("plan.geojson", geo, err)
	return errors.Join(errs...)
}
