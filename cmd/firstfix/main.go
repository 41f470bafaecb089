// Firstfix is the one binary: the server, the workers, and what an operator does
// by hand. Each subcommand is a file beside this one and only puts the parts
// together; what they do lies in the packages they call.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	_ "time/tzdata" // the zones of sites must not depend on the machine

	"github.com/alecthomas/kong"
)

// commands is the command line: the configuration that subcommands share, and
// the subcommands.
type commands struct {
	config

	Serve     serveCommand     `cmd:"" help:"Serve gRPC and HTTP/JSON."`
	Work      workCommand      `cmd:"" help:"Run what happens by itself: workflows, reminders, messages, plans."`
	Migrate   migrateCommand   `cmd:"" help:"Bring the database's schema up to date."`
	Tenant    tenantCommands   `cmd:"" help:"Tenants of this installation."`
	Sample    sampleCommand    `cmd:"" help:"Load a generated city through the public API."`
	Import    importCommand    `cmd:"" help:"Import a city's requests through the public API."`
	Payroll   payrollCommands  `cmd:"" help:"Pay out what referrals earned."`
	Referrals referralsCommand `cmd:"" help:"List referrals, or export them as CSV."`
	Solve     solveCommand     `cmd:"" help:"Plan a problem from a file."`
	Replay    replayCommand    `cmd:"" help:"Play real days through the public API and report."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) //nolint:gocritic // nothing is left to do for stop
}

// streams are where a subcommand writes: Out what was asked for, Err what a
// person wants to know meanwhile.
type streams struct {
	Out, Err io.Writer
}

// run is main without the process: it reads flags and environment, runs the
// subcommand and gives the exit code.
func run(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("firstfix"),
		kong.Description("Dispatch of field service: offers that are promises, days that are planned, jobs that stay fixed."),
		kong.UsageOnError(),
		kong.Writers(stdout, stderr),
		kong.Resolvers(environment(env)),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&cli.config, &streams{Out: stdout, Err: stderr}),
		kong.Bind(slog.New(slog.NewJSONHandler(stderr, nil))),
	)
	if err != nil {
		fmt.Fprintf(stderr, "firstfix: %v\n", err)
		return 1
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "firstfix: %v; firstfix --help lists commands and flags\n", err)
		return 2
	}
	if err := parsed.Run(); err != nil {
		fmt.Fprintf(stderr, "firstfix %s: %v\n", strings.Fields(parsed.Command())[0], err)
		var coded kong.ExitCoder
		if errors.As(err, &coded) {
			return coded.ExitCode()
		}
		return 1
	}
	return 0
}

// environment resolves a flag by the variable that its tag names.
func environment(env []string) kong.Resolver {
	values := map[string]string{}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Tag.Envs {
			if value, ok := values[name]; ok && value != "" {
				return value, nil
			}
		}
		return nil, nil
	})
}

type versionCommand struct{}

// Run implements kong's command.
func (versionCommand) Run(s *streams) error {
	version, goVersion := "(unknown)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version, goVersion = info.Main.Version, info.GoVersion
	}
	_, err := fmt.Fprintf(s.Out, "firstfix %s %s\n", version, goVersion)
	return err
}
