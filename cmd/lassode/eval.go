package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/ode"
)

var suites = []string{"in-domain", "zero-shot", "unseen", "chaotic", "signals", "fine-tune"}

// settingKeys are the names that -conditions knows.
func settingKeys() []string {
	var keys []string
	for _, c := range settings {
		keys = append(keys, c.Key)
	}
	return keys
}

func evalCommand() *command {
	var list strings.Builder
	for _, c := range settings {
		fmt.Fprintf(&list, "  %-12s %s\n", c.Key, c.Name)
	}
	return &command{
		name:     "eval",
		synopsis: "[-model W] [-suite S,...] [-conditions C,...] [-n N] [-seed S] [-json F] [-markdown F]",
		summary:  "measure the model beside the classical forecasters",
		detail: `
Suites (several are separated by commas):
  in-domain    systems of the kinds that were trained on, new draws
  zero-shot    ten kinds of systems that were never trained on
  unseen       random systems of two kinds that were never trained on
  chaotic      random chaotic systems that were kept apart: 512 rows seen, clean,
               30 a period, and 128 to forecast
  signals      ten kinds of series as they are measured outside of simulations, with
               seasons, trends and noise that drives: 280 rows seen with 1 % noise,
               120 to forecast
  fine-tune    one system of each of the ten zero-shot kinds: fine-tune on some of
               its runs, measure on fresh runs of the same system, before and after

Conditions of the first three suites, whose trajectories have 400 rows:
` + list.String() + `The standard deviation of the noise is that share of half the range of each
channel over the seen part; to a wrong value a normal deviate is added whose
standard deviation is that range. Interpolation sees the first and the last row,
and the gap is in the middle.

The error of a trajectory is the root mean square error on the rows asked for
over the standard deviation of the whole clean curve, over all channels. The
tables have the share of trajectories with R2 = 1 - error^2 over 0.9, the median
error and the mean error after clipping at 2. hindsight-best picks the best
classical forecaster of each trajectory by looking at the truth. All intervals
are 95 % bootstrap intervals over trajectories; those of differences are paired.

sMAPE is the mean of 200 |y-f| / (|y|+|f|) in the units of the system, MAE the
mean absolute error over the standard deviation of each channel, both over the
first 64 and over all 128 rows. The pinball loss is the mean over the quantiles
0.1, 0.25, 0.5, 0.75 and 0.9, over the standard deviation of the channel.

Goals: the mark is to be 3 points of the share above auto (8 with noise; above
gp for interpolation), in-domain 10 points; the aim is 5 points above
hindsight-best, and a share of 95 % for interpolation. chaotic: the mark is no
error above that of parroting, the aim 15 % below. A question mark says that the
interval does not settle it.

With -layers the tables have instead what each layer of the model adds to the one
below: the guide with the least validation error, all guides mixed by the mixer,
the mixture refined by the tokens, and the tokens' own linear ODE on top. The gap,
which is forecast from both of its sides, has none.

Equal arguments give equal tables, whatever the number of processors.`,
		examples: `
lassode eval
lassode eval -model w.safetensors -suite zero-shot -conditions first50,noisy -json zero-shot.json
lassode eval -suite all -n 50 -runs 1,4,16,64 -markdown accuracy.md
lassode eval -layers -suite zero-shot
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
	Layers     []layerSuite       `json:"layers,omitempty"`
	// Tune has one entry per number of runs.
	Tune []tuneSummary `json:"fine_tune_summary,omitempty"`
}

// chosenNames splits a comma-separated list of known names; "all" means all.
func chosenNames(name, list string, known []string) ([]string, error) {
	if strings.TrimSpace(list) == "all" {
		return known, nil
	}
	var out []string
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if !slices.Contains(known, item) {
			return nil, usagef("-%s: %q is not a %s, want %s or all", name, item, strings.TrimSuffix(name, "s"), strings.Join(known, ", "))
		}
		if !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out, nil
}

// parseRuns reads the numbers of runs that fine-tuning sees, in rising order.
func parseRuns(list string) ([]int, error) {
	var out []int
	for item := range strings.SplitSeq(list, ",") {
		k, err := strconv.Atoi(strings.TrimSpace(item))
		if err != nil || k < 1 || k > 10000 {
			return nil, usagef("-runs: %q is not a number from 1 to 10000", item)
		}
		out = append(out, k)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// trajectoriesOf makes the trajectories of a suite: ten times n for each, as
// far as they can be drawn.
func trajectoriesOf(suite string, seed uint64, n int) []ode.Trajectory {
	switch suite {
	case "in-domain":
		return ode.InDomain(seed, 10*n)
	case "unseen":
		kinds := len(ode.UnseenFamilies())
		return ode.UnseenKinds(seed, (10*n+kinds-1)/kinds)
	case "chaotic":
		return ode.ChaoticHeldOut(seed, 10*n)
	case "signals":
		return ode.MeasuredSignals(seed, n)
	}
	return ode.HeldOutTrajectories(seed, n)
}

func runEval(ctx context.Context, env *environment, c *command, args []string) error {
	fs := c.flags(env)
	modelFile := fs.String("model", "", "weights `file` (default: the built-in weights)")
	suite := fs.String("suite", "in-domain,zero-shot,unseen,chaotic,signals", "comma-separated `suites`, or all")
	conditions := fs.String("conditions", "all", "comma-separated `conditions` of the first three suites, or all")
	n := fs.Int("n", 20, "`trajectories` of each zero-shot kind and kind of signals; in-domain, unseen and chaotic have ten times as many in all, fine-tune this many fresh runs of each system")
	seed := fs.Uint64("seed", 1, "`seed` of the systems, the noise and the bootstrap")
	jsonFile := fs.String("json", "", "also write the figures, with those of each kind of system, to this `file`")
	markdownFile := fs.String("markdown", "", "also write the tables as Markdown to this `file`")
	layered := fs.Bool("layers", false, "measure what each layer of the model adds, instead of the classical forecasters")
	families := fs.Bool("families", false, "also print the results of each kind of system")
	runList := fs.String("runs", "16", "fine-tune: comma-separated `numbers` of runs to tune on")
	steps := fs.Int("steps", 0, "fine-tune: `number` of steps (default 100)")
	scope := fs.String("scope", "all", "fine-tune: what may change: all, head or hub")
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
	chosen, err := chosenNames("suite", *suite, suites)
	if err != nil {
		return err
	}
	keys, err := chosenNames("conditions", *conditions, settingKeys())
	if err != nil {
		return err
	}
	runs, err := parseRuns(*runList)
	if err != nil {
		return err
	}
	tune := lassode.FineTuneOptions{Steps: *steps, Scope: *scope, Seed: *seed, Workers: *workers}
	if err := checkTuning(fs, tune); err != nil {
		return err
	}
	if *jsonFile == "-" && *markdownFile == "-" {
		return usagef("-json and -markdown cannot both be standard output")
	}
	if *jsonFile != "" && filepath.Clean(*jsonFile) == filepath.Clean(*markdownFile) {
		return usagef("-json and -markdown are both %s, want two files", *jsonFile)
	}
	model, err := loadModel(env, *modelFile)
	if err != nil {
		return err
	}
	if err := keepInputs([]string{*modelFile}, *jsonFile, *markdownFile); err != nil {
		return err
	}
	var outputs [2]*output
	for i, name := range []string{*jsonFile, *markdownFile} {
		if name == "" {
			continue
		}
		if outputs[i], err = createOutput(env, name); err != nil {
			return err
		}
		defer outputs[i].Abort()
	}

	info := model.Info()
	report := evalReport{Parameters: info.Parameters, Provenance: info.Provenance, ZooHash: ode.ZooHash(), Seed: *seed, PerFamily: *n}
	text := env.stdout
	if *jsonFile == "-" || *markdownFile == "-" {
		text = io.Discard
	}
	bar := newProgress(env.stderr)
	defer func() { bar.done() }()
	for _, name := range chosen {
		if name == "fine-tune" {
			if err := evalTune(ctx, bar, model, &report, *n, runs, *redraw, tune); err != nil {
				return err
			}
			printTune(text, &report)
			continue
		}
		var list []setting
		switch name {
		case "chaotic":
			list = []setting{chaoticSetting}
		case "signals":
			list = []setting{signalSetting}
		default:
			for _, key := range keys {
				c, _ := settingOf(key)
				list = append(list, c)
			}
		}
		set := trajectoriesOf(name, *seed, *n)
		if *layered {
			for _, c := range list {
				if c.Gap > 0 {
					continue // its forecasts are of three encodings
				}
				errors, err := runLayers(ctx, model, set, c, *seed, *workers)
				if err != nil {
					return err
				}
				report.Layers = append(report.Layers, scoreLayers(name, c, errors, *seed))
				printLayers(text, &report.Layers[len(report.Layers)-1])
			}
			continue
		}
		first := len(report.Suites)
		bar.done()
		bar = newProgress(env.stderr)
		for i, c := range list {
			trials, err := runTrials(ctx, model, set, c, *seed, *workers, func(done int) {
				share := float64(done) / float64(max(len(set), 1))
				bar.show((float64(i)+share)/float64(len(list)), "%s, %s", name, c.Key)
			})
			if err != nil {
				return err
			}
			report.Suites = append(report.Suites, scoreSuite(name, c, trials, *seed))
		}
		bar.done()
		printSuite(text, report.Suites[first:], *families)
	}
	for i, write := range []func(w io.Writer) error{
		func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(report)
		},
		func(w io.Writer) error {
			writeMarkdown(w, &report, evalCommandLine(fs))
			return nil // Commit reports what could not be written
		},
	} {
		if outputs[i] == nil {
			continue
		}
		if err := write(outputs[i]); err != nil {
			return err
		}
		if err := outputs[i].Commit(); err != nil {
			return err
		}
	}
	return nil
}

// evalCommandLine is the command that gives the same figures.
func evalCommandLine(fs *flag.FlagSet) string {
	line := "lassode eval"
	fs.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "json", "markdown", "families", "workers": // change no figure
		case "redraw", "layers":
			line += fmt.Sprintf(" -%s=%s", f.Name, f.Value)
		default:
			line += fmt.Sprintf(" -%s %s", f.Name, f.Value)
		}
	})
	return line
}

// evalTune fine-tunes on each number of runs of one system of each kind, and
// measures on n fresh ones.
func evalTune(ctx context.Context, bar *progress, model *lassode.Model, report *evalReport, n int, runs []int, redraw bool, opt lassode.FineTuneOptions) error {
	reserve := max(tuneReserve, slices.Max(runs))
	draw := ode.HeldOutRuns
	if redraw {
		draw = ode.HeldOutTrajectories
	}
	set := draw(opt.Seed, reserve+n)
	for lo := 0; lo < len(set); {
		hi := lo
		for hi < len(set) && set[hi].Family == set[lo].Family {
			hi++
		}
		if hi-lo > reserve {
			bar.show(float64(lo)/float64(len(set)), "fine-tune, %s", set[lo].Family)
			list, err := runTune(ctx, model, set[lo:lo+reserve], set[lo+reserve:hi], runs, opt)
			if err != nil {
				return err
			}
			report.FineTune = append(report.FineTune, list...)
		}
		lo = hi
	}
	bar.done()
	for _, k := range runs {
		if list := tuned(report, k); len(list) > 0 {
			report.Tune = append(report.Tune, summariseTune(list))
		}
	}
	return nil
}

// tuned are the systems that were tuned on a number of runs.
func tuned(report *evalReport, runs int) []tuneScore {
	var list []tuneScore
	for _, s := range report.FineTune {
		if s.Runs == runs {
			list = append(list, s)
		}
	}
	return list
}

// errorText is an error in five characters.
func errorText(e float64) string {
	switch {
	case e < 9.9995:
		return fmt.Sprintf("%.3f", e)
	case e < 99.995:
		return fmt.Sprintf("%.2f", e)
	case e < 999.95:
		return fmt.Sprintf("%.1f", e)
	}
	return fmt.Sprintf("%.0e", e)
}

// methodsOf lists the methods of several suites, the classical ones in order.
func methodsOf(list []suiteScore) []string {
	var names []string
	for _, s := range list {
		for _, m := range s.Methods {
			if m.Method != hindsightName && !slices.Contains(names, m.Method) {
				names = append(names, m.Method)
			}
		}
	}
	return append(names, hindsightName)
}

// quantityText names what a comparison compares, for people.
func (c comparison) quantityText() string {
	name, rows, _ := strings.Cut(c.Quantity, "_")
	switch name {
	case "smape":
		return "sMAPE of " + rows + " rows over " + c.Against
	case "mae":
		return "MAE of " + rows + " rows over " + c.Against
	}
	if c.Against == "" {
		return "share of R2 > 0.9"
	}
	return "share minus " + c.Against
}

// valueText is the value with its interval.
func (c comparison) valueText() string {
	format := "%+.1f [%+.1f, %+.1f]"
	if c.Against == "" {
		format = "%.1f [%.1f, %.1f]"
	}
	return fmt.Sprintf(format, c.Value, c.Low, c.High)
}

// goalText is the goals with their verdicts.
func (c comparison) goalText() string {
	var parts []string
	for _, g := range c.Goals {
		sign := ">="
		if g.AtMost {
			sign = "<="
		}
		parts = append(parts, fmt.Sprintf("%s %s %g: %s", g.Name, sign, g.Want, g.verdict()))
	}
	return strings.Join(parts, ", ")
}

// printSuite prints one suite under all its conditions.
func printSuite(w io.Writer, list []suiteScore, families bool) {
	if len(list) == 0 {
		return
	}
	chaotic := list[0].Condition.Key == chaoticSetting.Key
	fmt.Fprintf(w, "%s: %s of %s\n", list[0].Suite, plural(list[0].Trajectories, "trajectory"), plural(len(list[0].Families), "kind"))
	for _, s := range list {
		fmt.Fprintf(w, "  %-12s %s\n", s.Condition.Key, s.Condition.Name)
	}
	if chaotic {
		printHorizons(w, &list[0])
	}
	fmt.Fprintf(w, "\n  share of R2 > 0.9 in %%, median error/mean error clipped at 2\n  %-14s", "")
	for _, s := range list {
		fmt.Fprintf(w, " %16s", s.Condition.Key)
	}
	fmt.Fprintln(w)
	for _, name := range methodsOf(list) {
		fmt.Fprintf(w, "  %-14s", name)
		for _, s := range list {
			if m := s.method(name); m != nil {
				fmt.Fprintf(w, " %4.0f %5s/%5s", 100*m.Good, errorText(m.Median), errorText(m.MeanClipped))
			} else {
				fmt.Fprintf(w, " %16s", "-")
			}
		}
		fmt.Fprintln(w)
	}

	fmt.Fprintf(w, "\n  with 95 %% intervals        %-22s %s\n", "share of R2 > 0.9, %", "median error")
	for _, s := range list {
		for _, name := range []string{modelName, reference(s.Condition), hindsightName} {
			m := s.method(name)
			fmt.Fprintf(w, "  %-12s %-14s %5.1f %-16s %5s [%s, %s]\n", s.Condition.Key, name, 100*m.Good,
				fmt.Sprintf("[%.1f, %.1f]", 100*m.GoodLow, 100*m.GoodHigh), errorText(m.Median), errorText(m.MedianLow), errorText(m.MedianHigh))
		}
	}

	fmt.Fprintf(w, "\n  the model, in points or %%\n")
	for _, s := range list {
		for _, c := range s.Comparisons {
			line := fmt.Sprintf("  %-12s %-32s %-24s %s", s.Condition.Key, c.quantityText(), c.valueText(), c.goalText())
			fmt.Fprintln(w, strings.TrimRight(line, " "))
		}
	}

	fmt.Fprintf(w, "\n  true values inside the model's bands, %%; the 80 %% band by distance, near to far\n")
	fmt.Fprintf(w, "  %-12s %5s %5s %5s     %-20s %s\n", "", "50 %", "80 %", "95 %", "80 % by quarters", "pinball loss: mean, median")
	for _, s := range list {
		b := s.Bands
		fmt.Fprintf(w, "  %-12s %5.1f %5.1f %5.1f    ", s.Condition.Key, 100*b.Coverage50, 100*b.Coverage80, 100*b.Coverage95)
		for _, q := range b.Quarters {
			fmt.Fprintf(w, " %4.0f", 100*q)
		}
		fmt.Fprintf(w, "  %s [%s, %s], %s\n", errorText(b.Pinball), errorText(b.PinballLow), errorText(b.PinballHigh), errorText(b.PinballMedian))
	}
	fmt.Fprintln(w)
	if families {
		printFamilies(w, list)
	}
}

// printHorizons prints the errors that only the chaotic suite has.
func printHorizons(w io.Writer, s *suiteScore) {
	fmt.Fprintf(w, "\n  mean/median     ")
	for _, quantity := range []string{"sMAPE", "MAE"} {
		for _, rows := range horizons {
			fmt.Fprintf(w, " %13s", fmt.Sprintf("%s %d", quantity, rows))
		}
	}
	fmt.Fprintln(w)
	for _, m := range s.Methods {
		fmt.Fprintf(w, "  %-16s", m.Method)
		for _, h := range m.Horizons {
			fmt.Fprintf(w, " %13s", fmt.Sprintf("%.1f/%.1f", h.SMAPE, h.SMAPEMedian))
		}
		for _, h := range m.Horizons {
			fmt.Fprintf(w, " %13s", errorText(h.MAE)+"/"+errorText(h.MAEMedian))
		}
		fmt.Fprintln(w)
	}
}

// printFamilies prints the results of each kind of system.
func printFamilies(w io.Writer, list []suiteScore) {
	for _, s := range list {
		show := []string{modelName, reference(s.Condition), hindsightName}
		fmt.Fprintf(w, "  %s, %s: share of R2 > 0.9 in %%, median error\n  %-24s %5s", s.Suite, s.Condition.Key, "", "")
		for _, name := range show {
			fmt.Fprintf(w, " %14s", name)
		}
		fmt.Fprintf(w, " %13s\n", "80 % band")
		for _, f := range s.Families {
			fmt.Fprintf(w, "  %-24s %5d", f.Family, f.Trajectories)
			for _, name := range show {
				fmt.Fprintf(w, "    %5.0f %5s", 100*f.Good[name], errorText(f.Medians[name]))
			}
			fmt.Fprintf(w, " %12.0f%%\n", 100*f.Coverage)
		}
		fmt.Fprintln(w)
	}
}

// limitText says whether fine-tuning made any system worse than allowed.
func limitText(worst float64, system string, reached bool) string {
	return fmt.Sprintf("%+.1f %% (%s), at most +%d %%: %s", worst, system, tuneLimit, goal{Reached: reached, Certain: true}.verdict())
}

// printTune prints the fine-tuning.
func printTune(w io.Writer, report *evalReport) {
	for _, sum := range report.Tune {
		list := tuned(report, sum.Runs)
		fmt.Fprintf(w, "fine-tune: tuned on %s each; error on %d fresh ones, first 50 %% seen, clean\n", plural(sum.Runs, "run"), list[0].Fresh)
		fmt.Fprintf(w, "  %-16s %26s    %26s\n", "", "median", "mean, clipped at 2")
		fmt.Fprintf(w, "  %-16s %8s %8s %8s    %8s %8s %8s\n", "system", "before", "after", "change", "before", "after", "change")
		for _, s := range list {
			fmt.Fprintf(w, "  %-16s %8.4f %8.4f %+7.0f%%    %8.4f %8.4f %+7.0f%%  %s\n", s.Family,
				s.MedianBefore, s.MedianAfter, increase(s.MedianBefore, s.MedianAfter),
				s.ClippedBefore, s.ClippedAfter, increase(s.ClippedBefore, s.ClippedAfter), s.Kept)
		}
		fmt.Fprintf(w, "  %-16s %8s %8s %+7.0f%%    %8s %8s %+7.0f%%\n", "median", "", "", -100*sum.MedianReduction, "", "", -100*sum.ClippedReduction)
		fmt.Fprintf(w, "  worst change of the median %s\n", limitText(sum.MedianWorst, sum.MedianOf, sum.MedianReached))
		fmt.Fprintf(w, "  worst change of the mean   %s\n\n", limitText(sum.ClippedWorst, sum.ClippedOf, sum.ClippedReached))
	}
}

// markdownRow writes a row of a table.
func markdownRow(w io.Writer, cells ...string) {
	fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}

// markdownHead writes the head of a table.
func markdownHead(w io.Writer, cells ...string) {
	markdownRow(w, cells...)
	fmt.Fprintln(w, "|"+strings.Repeat("---|", len(cells)))
}

// writeMarkdown writes the tables of a report for a README.
func writeMarkdown(w io.Writer, report *evalReport, command string) {
	fmt.Fprintf(w, "Measured by `%s`\non weights of %d parameters, zoo %.12s. Intervals are 95 %% bootstrap intervals over\ntrajectories, paired for differences; a question mark says that they do not settle it.\nConditions, errors and goals are explained by `lassode eval -h`, the forecasters by\n`go doc github.com/lassode/lassode/classical.All`.\n",
		command, report.Parameters, report.ZooHash)
	for lo := 0; lo < len(report.Suites); {
		hi := lo
		for hi < len(report.Suites) && report.Suites[hi].Suite == report.Suites[lo].Suite {
			hi++
		}
		markdownSuite(w, report.Suites[lo:hi])
		lo = hi
	}
	markdownLayers(w, report.Layers)
	for _, sum := range report.Tune {
		fmt.Fprintf(w, "\n### fine-tune on %s\n\n", plural(sum.Runs, "run"))
		markdownHead(w, "system", "median error before", "after", "clipped mean before", "after")
		for _, s := range tuned(report, sum.Runs) {
			markdownRow(w, s.Family, errorText(s.MedianBefore), errorText(s.MedianAfter), errorText(s.ClippedBefore), errorText(s.ClippedAfter))
		}
		fmt.Fprintf(w, "\nThe median over systems: %+.0f %% (median error), %+.0f %% (clipped mean). The worst\nchange: %s; %s.\n",
			-100*sum.MedianReduction, -100*sum.ClippedReduction,
			limitText(sum.MedianWorst, sum.MedianOf, sum.MedianReached), limitText(sum.ClippedWorst, sum.ClippedOf, sum.ClippedReached))
	}
}

// markdownSuite writes one suite under all its conditions.
func markdownSuite(w io.Writer, list []suiteScore) {
	fmt.Fprintf(w, "\n### %s: %s of %s\n\n", list[0].Suite, plural(list[0].Trajectories, "trajectory"), plural(len(list[0].Families), "kind"))
	for _, s := range list {
		fmt.Fprintf(w, "- %s: %s\n", s.Condition.Key, s.Condition.Name)
	}
	if list[0].Condition.Key == chaoticSetting.Key {
		fmt.Fprintf(w, "\nMean over trajectories (median in brackets):\n\n")
		head := []string{""}
		for _, quantity := range []string{"sMAPE", "MAE"} {
			for _, rows := range horizons {
				head = append(head, fmt.Sprintf("%s, %d rows", quantity, rows))
			}
		}
		markdownHead(w, head...)
		for _, m := range list[0].Methods {
			row := []string{m.Method}
			for _, h := range m.Horizons {
				row = append(row, fmt.Sprintf("%.1f (%.1f)", h.SMAPE, h.SMAPEMedian))
			}
			for _, h := range m.Horizons {
				row = append(row, errorText(h.MAE)+" ("+errorText(h.MAEMedian)+")")
			}
			markdownRow(w, row...)
		}
	}

	fmt.Fprintf(w, "\nShare of R2 > 0.9, median error / mean error clipped at 2:\n\n")
	head := []string{""}
	for _, s := range list {
		head = append(head, s.Condition.Key)
	}
	markdownHead(w, head...)
	for _, name := range methodsOf(list) {
		row := []string{name}
		for _, s := range list {
			cell := ""
			if m := s.method(name); m != nil {
				cell = fmt.Sprintf("%.0f %%, %s / %s", 100*m.Good, errorText(m.Median), errorText(m.MeanClipped))
			}
			if name == modelName {
				cell = "**" + cell + "**"
			}
			row = append(row, cell)
		}
		markdownRow(w, row...)
	}

	fmt.Fprintln(w)
	markdownHead(w, "", "model", "value, 95 % interval", "goals")
	for _, s := range list {
		for _, c := range s.Comparisons {
			unit := "points"
			if c.Unit == "%" {
				unit = "%"
			}
			markdownRow(w, s.Condition.Key, c.quantityText()+", "+unit, c.valueText(), c.goalText())
		}
	}

	fmt.Fprintln(w)
	markdownHead(w, "", "inside the 50 % band", "80 %", "95 %", "80 %, near to far", "pinball loss")
	for _, s := range list {
		b := s.Bands
		markdownRow(w, s.Condition.Key, percent(b.Coverage50), percent(b.Coverage80), percent(b.Coverage95),
			fmt.Sprintf("%.0f, %.0f, %.0f, %.0f %%", 100*b.Quarters[0], 100*b.Quarters[1], 100*b.Quarters[2], 100*b.Quarters[3]), errorText(b.Pinball))
	}
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", math.Round(100*share)) }
