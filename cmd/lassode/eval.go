package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/ode"
)

var suites = []string{"in-domain", "zero-shot", "fine-tune"}

func evalCommand() *command {
	return &command{
		name:     "eval",
		synopsis: "[-model W] [-suite in-domain|zero-shot|fine-tune] [-n N] [-seed S] [-json F]",
		summary:  "measure the model beside the classical forecasters",
		detail: `
Suites (several are separated by commas):
  in-domain  systems of the kinds that were trained on, new draws
  zero-shot  ten kinds of systems that were never trained on
  fine-tune  one system of each of those ten kinds: fine-tune on 16 of its runs,
             measure on fresh runs of the same system, before and after

Each trajectory has 400 rows. The first two suites run under three conditions:
the first 50 % of the rows seen, clean; the first 30 % seen, clean; the first
50 % seen with half of these rows dropped at random and Gaussian noise on the
others, its standard deviation 5 % of half the range of each channel. The rest
of the rows is forecast, and never seen.

The error of a trajectory is the root mean square error on the unseen rows over
the standard deviation of the whole clean curve, over all channels. The tables
have its median with a 95 % bootstrap interval, its mean after clipping at 2,
and the share of trajectories with R2 = 1 - error^2 over 0.9. hindsight-best
picks the best classical forecaster of each trajectory by looking at the truth.

Equal arguments give equal tables, whatever the number of processors.`,
		examples: `
lassode eval
lassode eval -model w.safetensors -suite zero-shot -n 50 -json zero-shot.json
lassode eval -suite fine-tune -n 8`,
		run: runEval,
	}
}

// evalReport is the file written by -json.
type evalReport struct {
	Parameters int                `json:"parameters"`
	Provenance lassode.Provenance `json:"provenance"`
	ZooHash    string             `json:"zoo_hash"`
	Seed       uint64             `json:"seed"`
	PerFamily  int                `json:"per_family"`
	Suites     []suiteScore       `json:"suites,omitempty"`
	FineTune   []tuneScore        `json:"fine_tune,omitempty"`
	// TuneReduction is the median over families of the share of the error
	// that fine-tuning took away, of its median and of its clipped mean.
	TuneReduction *[2]float64 `json:"fine_tune_median_reduction,omitempty"`
}

func runEval(ctx context.Context, env *environment, c *command, args []string) error {
	fs := c.flags(env)
	modelFile := fs.String("model", "", "weights `file` (default: the built-in weights)")
	suite := fs.String("suite", "in-domain,zero-shot", "comma-separated `suites`, or all")
	n := fs.Int("n", 20, "`trajectories` of each kind of system; in-domain has ten times as many in all")
	seed := fs.Uint64("seed", 1, "`seed` of the systems, the noise and the bootstrap")
	jsonFile := fs.String("json", "", "also write the figures, with those of each kind of system, to this `file`")
	families := fs.Bool("families", false, "also print the medians of each kind of system")
	steps := fs.Int("steps", 0, "fine-tune: `number` of steps (default 100)")
	redraw := fs.Bool("redraw", false, "fine-tune: draw the parameters anew for every run, instead of runs of one system")
	workers := fs.Int("workers", 0, "`number` of goroutines (default: all processors); does not change the result")
	positional, err := parse(fs, args)
	if err != nil {
		return err
	}
	if err := noArguments(positional); err != nil {
		return err
	}
	if *n < 1 || *n > 100000 {
		return usagef("-n is %d, want 1 to 100000", *n)
	}
	if *workers < 0 {
		return usagef("-workers is %d, want at least 1", *workers)
	}
	if *steps < 0 {
		return usagef("-steps is %d, want at least 1", *steps)
	}
	chosen := strings.Split(*suite, ",")
	if *suite == "all" {
		chosen = suites
	}
	for i, name := range chosen {
		chosen[i] = strings.TrimSpace(name)
		if !slices.Contains(suites, chosen[i]) {
			return usagef("-suite: %q is not a suite, want %s or all", name, strings.Join(suites, ", "))
		}
	}
	model, err := loadModel(env, *modelFile)
	if err != nil {
		return err
	}
	var file *output
	if *jsonFile != "" {
		if file, err = createOutput(env, *jsonFile); err != nil {
			return err
		}
		defer file.Abort()
	}

	info := model.Info()
	report := evalReport{Parameters: info.Parameters, Provenance: info.Provenance, ZooHash: ode.ZooHash(), Seed: *seed, PerFamily: *n}
	text := env.stdout
	if *jsonFile == "-" {
		text = io.Discard
	}
	bar := newProgress(env.stderr)
	defer bar.done()
	for _, name := range chosen {
		if name == "fine-tune" {
			if err := evalTune(ctx, text, bar, model, &report, *n, *steps, *redraw, *seed, *workers); err != nil {
				return err
			}
			continue
		}
		var set []ode.Trajectory
		if name == "in-domain" {
			set = ode.InDomain(*seed, 10**n)
		} else {
			set = ode.HeldOutTrajectories(*seed, *n)
		}
		for _, cond := range conditions {
			bar.done()
			bar = newProgress(env.stderr)
			trials, err := runTrials(ctx, model, set, cond, *seed, *workers, func(done int) {
				bar.show(float64(done)/float64(len(set)), "%s, %s", name, cond.Name)
			})
			bar.done()
			if err != nil {
				return err
			}
			score := scoreSuite(name, cond, trials, *seed)
			report.Suites = append(report.Suites, score)
			printScore(text, score, *families)
		}
	}
	if file == nil {
		return nil
	}
	e := json.NewEncoder(file)
	e.SetIndent("", "  ")
	if err := e.Encode(report); err != nil {
		return err
	}
	return file.Commit()
}

func evalTune(ctx context.Context, w io.Writer, bar *progress, model *lassode.Model, report *evalReport, n, steps int, redraw bool, seed uint64, workers int) error {
	set := ode.HeldOutRuns(seed, tuneTrajectories+n)
	if redraw {
		set = ode.HeldOutTrajectories(seed, tuneTrajectories+n)
	}
	var medians, clipped []float64
	for lo := 0; lo < len(set); {
		hi := lo
		for hi < len(set) && set[hi].Family == set[lo].Family {
			hi++
		}
		if hi-lo > tuneTrajectories {
			bar.show(float64(lo)/float64(len(set)), "fine-tune, %s", set[lo].Family)
			s, err := runTune(ctx, model, set[lo:hi], steps, seed, workers)
			if err != nil {
				return err
			}
			report.FineTune = append(report.FineTune, s)
			medians = append(medians, reduction(s.MedianBefore, s.MedianAfter))
			clipped = append(clipped, reduction(s.ClippedBefore, s.ClippedAfter))
		}
		lo = hi
	}
	bar.done()
	report.TuneReduction = &[2]float64{median(medians), median(clipped)}

	fmt.Fprintf(w, "fine-tune: %d trajectories each; error on %d fresh ones, %s\n", tuneTrajectories, n, conditions[0].Name)
	fmt.Fprintf(w, "  %-16s %26s    %26s\n", "", "median", "mean, clipped at 2")
	fmt.Fprintf(w, "  %-16s %8s %8s %8s    %8s %8s %8s\n", "system", "before", "after", "change", "before", "after", "change")
	for i, s := range report.FineTune {
		fmt.Fprintf(w, "  %-16s %8.4f %8.4f %+7.0f%%    %8.4f %8.4f %+7.0f%%  %s\n", s.Family,
			s.MedianBefore, s.MedianAfter, -100*medians[i], s.ClippedBefore, s.ClippedAfter, -100*clipped[i], s.Kept)
	}
	fmt.Fprintf(w, "  %-16s %8s %8s %+7.0f%%    %8s %8s %+7.0f%%\n\n", "median", "", "", -100*report.TuneReduction[0], "", "", -100*report.TuneReduction[1])
	return nil
}

func printScore(w io.Writer, s suiteScore, families bool) {
	fmt.Fprintf(w, "%s, %s: %s of %s\n", s.Suite, s.Condition.Name, plural(s.Trajectories, "trajectory"), plural(len(s.Families), "kind"))
	fmt.Fprintf(w, "  %-15s %8s  %-19s %15s %9s\n", "", "median", "95 % interval", "mean, clip 2", "R2 > 0.9")
	for _, m := range s.Methods {
		interval := fmt.Sprintf("[%.4f, %.4f]", m.MedianLow, m.MedianHigh)
		fmt.Fprintf(w, "  %-15s %8.4f  %-19s %15.4f %8.0f%%\n", m.Method, m.Median, interval, m.MeanClipped, 100*m.Good)
	}
	fmt.Fprintf(w, "  the model's 80 %% band holds %.0f %% of the true values\n\n", 100*s.Coverage)
	if !families {
		return
	}
	show := []string{modelName, "persistence", "linear-ar4", "parroting", "auto", hindsightName}
	fmt.Fprintf(w, "  medians %-16s", "")
	for _, m := range show {
		fmt.Fprintf(w, " %14s", m)
	}
	fmt.Fprintln(w)
	for _, f := range s.Families {
		fmt.Fprintf(w, "  %-24s", f.Family)
		for _, m := range show {
			fmt.Fprintf(w, " %14.4f", f.Medians[m])
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}
