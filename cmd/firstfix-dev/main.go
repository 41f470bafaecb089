// Firstfix-dev is the development stack: it runs everything that Firstfix needs
// on one machine, with nothing installed by hand.
//
//	firstfix-dev run           a stack to look at and to work against
//	firstfix-dev test -- CMD   CMD with a throwaway PostgreSQL and Temporal
//
// It executes bin/firstfix (migrate, serve, work) instead of importing it, so
// that what runs here is what ships.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/progress"
)

type commands struct {
	Run      runCommand      `cmd:"" default:"withargs" help:"Run the whole stack until it is interrupted."`
	Test     testCommand     `cmd:"" help:"Run a command with a throwaway PostgreSQL and Temporal in its environment."`
	Temporal temporalCommand `cmd:"" hidden:"" help:"Run the embedded Temporal server alone."`
}

// exitCode is the exit code of a command that was run on somebody's behalf.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C no longer waits for an orderly end.
	context.AfterFunc(ctx, stop)
	parsed := kong.Parse(&commands{},
		kong.Name("firstfix-dev"),
		kong.Description("The development stack of Firstfix."),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(progress.New(os.Stderr)),
	)
	err := parsed.Run()
	var code exitCode
	if errors.As(err, &code) {
		os.Exit(int(code))
	}
	parsed.FatalIfErrorf(err)
}
