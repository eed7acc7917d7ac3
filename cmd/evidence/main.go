// Command evidence measures the claims that docs/evidence.md makes about local
// linearity: it prints their tables as Markdown and draws their figures.
//
//	go run ./cmd/evidence fidelity          error of linear windows, bound, order; the model's
//	go run ./cmd/evidence windows           windows to a tolerance: adaptive against uniform
//	go run ./cmd/evidence cost              closed form against integrators; growth of cost
//	go run ./cmd/evidence stability         growth of generators, far horizons, stiffness
//	go run ./cmd/evidence scaling -runs DIR error against parameters, data and steps
//
// -quick takes fewer systems, -out DIR is where figures go, -model W takes other
// weights. Everything but times is the same in every run.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/ode"
	"github.com/lassode/lassode/pretrained"
)

// options are the flags of all subcommands.
type options struct {
	quick   bool
	out     string
	weights string
	runs    string
}

// model loads the weights that the flags name.
func (o options) model() (*lassode.Model, error) {
	if o.weights == "" {
		return pretrained.Model()
	}
	f, err := os.Open(o.weights)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return lassode.Load(f)
}

var commands = map[string]func(io.Writer, options) error{
	"fidelity": runFidelity, "windows": runWindows, "cost": runCost, "stability": runStability,
	"scaling": runScaling,
}

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "evidence:", err)
		}
		os.Exit(2)
	}
}

// run executes one subcommand.
func run(args []string, stdout, stderr io.Writer) error {
	const usage = "usage: evidence fidelity|windows|cost|stability|scaling [-quick] [-out DIR] [-model FILE] [-runs DIR]"
	if len(args) == 0 {
		return errors.New(usage)
	}
	if args[0] == "-h" || args[0] == "--help" {
		fmt.Fprintln(stderr, usage)
		return flag.ErrHelp
	}
	command, ok := commands[args[0]]
	if !ok {
		return fmt.Errorf("%q is no subcommand; %s", args[0], usage)
	}
	var o options
	fs := flag.NewFlagSet(args[0], flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.BoolVar(&o.quick, "quick", false, "fewer systems")
	fs.StringVar(&o.out, "out", ".", "folder for the figures")
	fs.StringVar(&o.weights, "model", "", "weights to measure; the built-in ones if empty")
	fs.StringVar(&o.runs, "runs", "", "scaling: folder of the trained weights")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%q is not expected; %s", fs.Arg(0), usage)
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	return command(stdout, o)
}

// stateCount is the number of states, with the mark of time as a further one.
func stateCount(s *subject) string {
	if s.dim > s.n {
		return fmt.Sprintf("%d + t", s.n)
	}
	return fmt.Sprint(s.n)
}

// number formats a value, or a dash where there is none.
func number(v float64, format string) string {
	if v-v != 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

// widthCell formats a width in periods.
func widthCell(v, period float64) string {
	switch {
	case math.IsInf(v, 1):
		return fmt.Sprintf("> %.3g", 1/period)
	case math.IsInf(v, -1):
		return fmt.Sprintf("< %.2g", 1/float64(levels[len(levels)-1])/period)
	}
	return fmt.Sprintf("%.3g", v)
}

// quantile of the values that are not NaN, by linear interpolation; NaN without any.
func quantile(v []float64, p float64) float64 {
	v = slices.DeleteFunc(slices.Clone(v), math.IsNaN)
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	at := p * float64(len(v)-1)
	i := int(at)
	if i+1 == len(v) || v[i] == v[i+1] {
		return v[i]
	}
	return v[i] + (at-float64(i))*(v[i+1]-v[i])
}

func median(v []float64) float64 { return quantile(v, .5) }

// rankCorrelation is Spearman's; ties keep their order.
func rankCorrelation(a, b []float64) float64 {
	rank := func(v []float64) []float64 {
		order := make([]int, len(v))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(v[i], v[j]) })
		out := make([]float64, len(v))
		for r, i := range order {
			out[i] = float64(r)
		}
		return out
	}
	x, y := rank(a), rank(b)
	n := float64(len(a))
	mean := (n - 1) / 2
	var xy, xx float64
	for i := range x {
		xy += (x[i] - mean) * (y[i] - mean)
		xx += (x[i] - mean) * (x[i] - mean)
	}
	return xy / xx
}

// suite returns the trajectories of a suite by name, about ten times per.
func suite(name string, per int) []ode.Trajectory {
	switch name {
	case "zero-shot":
		return ode.HeldOutTrajectories(1, per)
	case "unseen":
		return ode.UnseenKinds(1, 5*per)
	}
	return ode.InDomain(1, 10*per)
}
