// Command lassode forecasts dynamical systems from a few observations, with
// weights that are built in, and does everything around it: it generates
// systems, pretrains, fine-tunes, evaluates and inspects.
//
// Run "lassode help" for the commands and "lassode COMMAND -h" for the flags
// of one of them, with examples.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit codes of the command.
const (
	exitOK    = 0
	exitError = 1 // the work failed: bad input, unwritable output, interrupted
	exitUsage = 2 // the command line itself is wrong
)

// environment is what a command sees of the outside, so that tests can run
// commands in process.
type environment struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// command is one subcommand.
type command struct {
	name     string
	synopsis string // the arguments, after the name
	summary  string // one line
	detail   string // paragraphs shown by -h, before the flags
	examples string
	run      func(ctx context.Context, env *environment, c *command, args []string) error
}

func commands() []*command {
	return []*command{
		demoCommand(), forecastCommand(), generateCommand(), pretrainCommand(),
		finetuneCommand(), convertCommand(), evalCommand(), inspectCommand(), serveCommand(),
	}
}

// usageError is a mistake on the command line; it exits with code 2.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default handling returns, so that a second
	// one ends a job that takes long to stop.
	context.AfterFunc(ctx, stop)
	code := run(ctx, &environment{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// firstError passes writes on and remembers the first error, since commands print
// without looking.
type firstError struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (f *firstError) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if f.err == nil {
		f.err = err
	}
	return n, err
}

// run executes one command line and returns the exit code: that of a failure
// where the standard output could not be written.
func run(ctx context.Context, env *environment, args []string) int {
	stdout := &firstError{w: env.stdout}
	code := dispatch(ctx, &environment{env.stdin, stdout, env.stderr}, args)
	if code == exitOK && stdout.err != nil {
		fmt.Fprintf(env.stderr, "lassode: cannot write the standard output: %v\n", stdout.err)
		return exitError
	}
	return code
}

func dispatch(ctx context.Context, env *environment, args []string) int {
	if len(args) == 0 {
		printHelp(env.stderr)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		if len(rest) == 0 {
			printHelp(env.stdout)
			return exitOK
		}
		name, rest = rest[0], []string{"-h"}
	}
	for _, c := range commands() {
		if c.name != name {
			continue
		}
		err := c.run(ctx, env, c, rest)
		var usage *usageError
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return exitOK
		case errors.As(err, &usage):
			fmt.Fprintf(env.stderr, "lassode %s: %v\nRun 'lassode %s -h' for its flags and examples.\n", name, err, name)
			return exitUsage
		case errors.Is(err, context.Canceled):
			fmt.Fprintf(env.stderr, "lassode %s: interrupted\n", name)
			return exitError
		default:
			fmt.Fprintf(env.stderr, "lassode %s: %v\n", name, err)
			return exitError
		}
	}
	fmt.Fprintf(env.stderr, "lassode: there is no command %q.\n\n", name)
	printHelp(env.stderr)
	return exitUsage
}

func printHelp(w io.Writer) {
	fmt.Fprint(w, `lassode forecasts dynamical systems from a few observations.

Usage:  lassode COMMAND [flags]

`)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, `
Run 'lassode COMMAND -h' for the flags of a command, with examples.
A file name of - is standard input or standard output; names that end in .gz
are compressed (but pretrain refuses them). Exit codes: 0 done, 1 failed, 2 wrong command line.
`)
}

// flags makes the flag set of a command; its -h prints everything the command
// has to say.
func (c *command) flags(env *environment) *flag.FlagSet {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are printed once, by run
	fs.Usage = func() {
		w := env.stdout
		fmt.Fprintf(w, "lassode %s: %s\n\nUsage:  lassode %s %s\n", c.name, c.summary, c.name, c.synopsis)
		if c.detail != "" {
			fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(c.detail))
		}
		fmt.Fprintln(w, "\nFlags:")
		fs.SetOutput(w)
		fs.PrintDefaults()
		fs.SetOutput(io.Discard)
		fmt.Fprintf(w, "\nExamples:\n")
		for line := range strings.Lines(strings.TrimSpace(c.examples)) {
			fmt.Fprintf(w, "  %s", line)
		}
		fmt.Fprintln(w)
	}
	return fs
}

// await returns what f returns, or the error of ctx as soon as that ends. f is then
// left behind: it may be reading a standard input that says no more.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	var v T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		v, err = f()
	}()
	select {
	case <-done:
		return v, err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// parse reads flags wherever they stand, before or after positional
// arguments, and returns the latter. Both -name and --name are understood;
// everything after a bare -- is positional.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	help := fs.Usage
	fs.Usage = func() {} // package flag would print it after every mistake
	var positional []string
	for {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				help()
				return nil, err
			}
			return nil, &usageError{err.Error()}
		}
		rest := fs.Args()
		if len(rest) == 0 {
			return positional, nil
		}
		if used := len(args) - len(rest); used > 0 && args[used-1] == "--" {
			return append(positional, rest...), nil
		}
		positional = append(positional, rest[0])
		args = rest[1:]
	}
}

// given reports whether a flag was set on the command line.
func given(fs *flag.FlagSet, name string) bool {
	found := false
	fs.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// maxWorkers bounds -workers: each may hold a model's memory.
const maxWorkers = 1024

// checkWorkers rejects a -workers, of which 0 is that of the default.
func checkWorkers(n int) error {
	if n < 0 || n > maxWorkers {
		return usagef("-workers is %d, want 1 to %d", n, maxWorkers)
	}
	return nil
}

// noArguments rejects positional arguments.
func noArguments(positional []string) error {
	if len(positional) > 0 {
		return usagef("unexpected argument %q", positional[0])
	}
	return nil
}
