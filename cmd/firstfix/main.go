// Command firstfix is the one binary of Firstfix: a subcommand per file.
package main

import "github.com/alecthomas/kong"

type commands struct {
	Solve SolveCmd `cmd:"" help:"Plan a problem from a file."`
}

func main() {
	var c commands
	k := kong.Parse(&c, kong.Name("firstfix"), kong.Description("Field-service dispatch."), kong.UsageOnError())
	k.FatalIfErrorf(k.Run())
}
