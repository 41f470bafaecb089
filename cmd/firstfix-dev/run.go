package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/cluster"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/progress"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/stack"
)

// runCommand runs the whole stack until it is interrupted.
type runCommand struct {
	Dir         string `default:".firstfix" help:"Directory of all data; a second start finds them again."`
	Binary      string `help:"The program to run; bin/firstfix beside this one by default."`
	Fresh       bool   `help:"Throw away what an earlier start left in the directory."`
	Ephemeral   bool   `help:"Use a temporary directory and any free ports, and remove all of it at the end."`
	AnyPort     bool   `help:"On the first start take any free ports, not the usual ones."`
	ServersOnly bool   `help:"PostgreSQL, Temporal, issuer and mailbox only, to run firstfix by hand or in a debugger."`
	Work        bool   `default:"true" negatable:"" help:"Run the workers; without them bookings go on and nothing else does."`
	Sample      bool   `default:"true" negatable:"" help:"Load the sample city."`
	JSON        bool   `help:"When ready, print what /control/status answers, as one line, instead of a description."`
}

// Run implements kong's command.
func (r *runCommand) Run(ctx context.Context, say *progress.Printer) (err error) {
	opts := stack.Options{Dir: r.Dir, Binary: r.Binary, Throwaway: r.Ephemeral, AnyPort: r.AnyPort || r.Ephemeral, ServersOnly: r.ServersOnly, Work: r.Work, Sample: r.Sample}
	if opts.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find our own program, to look for firstfix beside it: %w", err)
		}
		opts.Binary = filepath.Join(filepath.Dir(self), "firstfix")
	}
	if r.Ephemeral {
		if opts.Dir, err = temporaryDir(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, discardDir(opts.Dir)) }()
	}
	if r.Fresh {
		if err := stack.Erase(opts.Dir); err != nil {
			return err
		}
	}
	s, err := stack.Start(ctx, opts, say)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() {
		closeErr := say.Step("stop", s.Close)
		err = errors.Join(err, closeErr)
	}()
	if err := r.report(s); err != nil {
		return err
	}
	return s.Wait(ctx)
}

// report tells that the stack is ready.
func (r *runCommand) report(s *stack.Stack) error {
	path, err := s.WriteVariables()
	if err != nil {
		return err
	}
	if r.JSON {
		return json.NewEncoder(os.Stdout).Encode(s.Status())
	}
	return s.Describe(os.Stdout, path)
}

// interrupted turns the failure of a start that somebody broke off into one
// short line.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted before the stack was ready; what had been started is stopped")
	}
	return err
}

// temporaryDir makes a directory that the database's own user can get through.
func temporaryDir() (string, error) {
	dir, err := os.MkdirTemp("", "firstfix-")
	if err != nil {
		return "", fmt.Errorf("make a temporary directory: %w", err)
	}
	return dir, os.Chmod(dir, 0o711)
}

// discardDir removes a temporary directory and a cluster that may live apart
// from it.
func discardDir(dir string) error {
	return errors.Join(cluster.Remove(dir), os.RemoveAll(dir))
}
