package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/internal/csv"
	"github.com/lassode/lassode/ode"
)

func pretrainCommand() *command {
	return &command{
		name:     "pretrain",
		synopsis: "-data DIR|zoo -out W [-resume] [-config C.json]",
		summary:  "train new weights on a collection, or on systems made on the way",
		detail: `
-data zoo makes the systems while training; a folder is a collection written by
'lassode generate'. Beside the weights W stand W.state (to resume from), and the
loss as W.loss.jsonl and W.loss.svg. Killing the process at any moment loses at
most the steps since the last save, and a resumed run ends with the same bits. None of
these files is compressed, so that W may not end in .gz.

Not trained on are the last 2 % of the trajectories and six families of systems:
they calibrate the quantiles of the forecasts.

A collection is read and compared with the hashes of its manifest before it is
trained on, which takes about a second for each GB. A damaged one is refused; with
-skip-damaged its whole shards are used. A run resumes with the same bits only over
the same shards.

-config is a JSON file {"model":{...},"train":{...}}; -print-config shows one, with
every field but note and without_guides, which are only written where set. A flag
overrides the file.`,
		examples: `
lassode pretrain -data zoo -out w.safetensors -steps 20000
lassode pretrain -data data/zoo -out w.safetensors -config big.json -resume
lassode pretrain -print-config > big.json`,
		run: runPretrain,
	}
}

// trainingConfig is the file given by -config.
type trainingConfig struct {
	Model lassode.Config `json:"model"`
	Train struct {
		Steps        int     `json:"steps"`
		Batch        int     `json:"batch"`
		Seed         uint64  `json:"seed"`
		LearningRate float64 `json:"learning_rate"`
		SaveEvery    int     `json:"save_every"`
		Note         string  `json:"note,omitempty"`
	} `json:"train"`
}

func defaultTraining() trainingConfig {
	var c trainingConfig
	c.Model = lassode.DefaultConfig()
	c.Train.Steps, c.Train.Batch, c.Train.Seed = 10000, 4096, 1
	c.Train.LearningRate, c.Train.SaveEvery = 1, 250
	return c
}

// check returns an error that names a bad field of the training, as the file has it. Zeros
// that an engine would replace by its defaults are none of them.
func (c *trainingConfig) check() error {
	t := &c.Train
	for _, f := range []struct {
		name        string
		value, most int
	}{{"steps", t.Steps, math.MaxInt32}, {"batch", t.Batch, 1 << 20}, {"save_every", t.SaveEvery, math.MaxInt32}} {
		if f.value < 1 || f.value > f.most {
			return fmt.Errorf("%s is %d, want 1 to %d", f.name, f.value, f.most)
		}
	}
	if !(t.LearningRate > 0 && t.LearningRate <= 100) {
		return fmt.Errorf("learning_rate is %v, want more than 0 and at most 100", t.LearningRate)
	}
	return nil
}

// readTraining reads a config file on top of the defaults. Unknown fields are
// errors, since they are misspelled ones.
func readTraining(r io.Reader, name string) (trainingConfig, error) {
	c := defaultTraining()
	text, err := io.ReadAll(io.LimitReader(r, 1<<20+1))
	if err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > 1<<20 {
		return c, fmt.Errorf("%s: longer than 1 MiB, want a configuration as -print-config shows it", name)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		var syntax *json.SyntaxError
		if errors.Is(err, io.EOF) {
			return c, fmt.Errorf("%s: empty, want a configuration as -print-config shows it", name)
		}
		if errors.As(err, &syntax) {
			return c, fmt.Errorf("%s: not JSON at byte %d: %v", name, syntax.Offset, syntax)
		}
		return c, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "json: "))
	}
	end := d.InputOffset()
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%s: something follows the configuration, which ends at byte %d", name, end)
	}
	if err := c.Model.Validate(); err != nil {
		return c, describe(name, err)
	}
	if err := c.check(); err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// zooLength is the number of trajectories that -data zoo draws from.
const zooLength = 1 << 24

func runPretrain(ctx context.Context, env *environment, c *command, args []string) error {
	fs := c.flags(env)
	data := fs.String("data", "zoo", "`folder` of a collection, or zoo")
	out := fs.String("out", "", "weights `file` to write")
	from := fs.String("from", "", "weights `file` to start from (default: random weights)")
	resume := fs.Bool("resume", false, "go on from the state beside -out")
	skipDamaged := fs.Bool("skip-damaged", false, "train without the damaged shards of the collection")
	configFile := fs.String("config", "", "JSON `file` with the shape of the model and the options of the training")
	printConfig := fs.Bool("print-config", false, "print the configuration and stop")
	def := defaultTraining().Train
	steps := fs.Int("steps", def.Steps, "`number` of optimiser steps")
	batch := fs.Int("batch", def.Batch, "`tokens` of a step: channels times windows over all its systems")
	seed := fs.Uint64("seed", def.Seed, "`seed` of everything random")
	saveEvery := fs.Int("save-every", def.SaveEvery, "`steps` between saves")
	workers := fs.Int("workers", 0, "`number` of goroutines (default: eight, so that some compute while others wait for the disk); does not change the result")
	logEvery := fs.Int("log-every", 10, "`steps` between entries of the loss log")
	positional, err := parse(fs, args)
	if err != nil {
		return err
	}
	if err := noArguments(positional); err != nil {
		return err
	}
	cfg := defaultTraining()
	if *configFile != "" {
		in, err := openInput(env, *configFile)
		if err != nil {
			return err
		}
		cfg, err = readTraining(in, in.name)
		in.Close()
		if err != nil {
			return err
		}
	}
	for name, set := range map[string]func(){
		"steps":      func() { cfg.Train.Steps = *steps },
		"batch":      func() { cfg.Train.Batch = *batch },
		"seed":       func() { cfg.Train.Seed = *seed },
		"save-every": func() { cfg.Train.SaveEvery = *saveEvery },
	} {
		if given(fs, name) {
			set()
		}
	}
	if err := cfg.check(); err != nil { // of the flags, since that of the file was good
		return usagef("-%s", strings.ReplaceAll(err.Error(), "_", "-"))
	}
	if err := checkWorkers(*workers); err != nil {
		return err
	}
	if *printConfig {
		e := json.NewEncoder(env.stdout)
		e.SetIndent("", "  ")
		return e.Encode(cfg)
	}
	if *out == "" || *out == "-" {
		return usagef("-out is missing, want a weights file")
	}
	if strings.HasSuffix(strings.ToLower(*out), ".gz") {
		return usagef("-out is %s, want a name without .gz: the weights of a training are not compressed", *out)
	}
	if *logEvery < 1 {
		return usagef("-log-every is %d, want at least 1", *logEvery)
	}
	opt := lassode.TrainOptions{
		Steps: cfg.Train.Steps, Batch: cfg.Train.Batch, Seed: cfg.Train.Seed, SaveEvery: cfg.Train.SaveEvery,
		LearningRate: cfg.Train.LearningRate, Note: cfg.Train.Note,
		Workers: *workers, Checkpoint: *out, Resume: *resume,
		Log: slog.New(slog.NewTextHandler(env.stderr, nil)),
	}
	inputs := []string{*configFile, *from}
	if *data != "zoo" {
		inputs = append(inputs, dataFiles(*data)...)
	}
	if err := keepInputs(inputs, *out, *out+".state", *out+".loss.jsonl", *out+".loss.svg"); err != nil {
		return err
	}
	if *from != "" {
		if opt.From, err = loadModel(env, *from); err != nil {
			return err
		}
	}
	if !*resume {
		if _, err := os.Stat(*out + ".state"); err == nil {
			return fmt.Errorf("%s.state is from an earlier run; go on with -resume, or remove it", *out)
		}
	}
	var source lassode.Source
	if *data == "zoo" {
		if *skipDamaged {
			return usagef("-skip-damaged needs the folder of a collection as -data")
		}
		source, opt.Calibration = ode.Zoo{Seed: opt.Seed, N: zooLength}.Split()
		opt.ZooHash = ode.ZooHash()
	} else {
		var collection *ode.Collection
		if *skipDamaged {
			var faults []error
			collection, faults, err = ode.OpenUndamaged(ctx, *data)
			for _, fault := range faults {
				fmt.Fprintf(env.stderr, "lassode pretrain: left out: %v\n", fault)
			}
		} else {
			collection, err = ode.OpenCollection(*data)
		}
		if err != nil {
			return err
		}
		defer collection.Close()
		if !*skipDamaged { // else it was read already
			if err := collection.Verify(ctx); err != nil {
				return fmt.Errorf("%w; -skip-damaged trains without damaged shards", err)
			}
		}
		source, opt.Calibration = collection.Split()
		opt.ZooHash = collection.Manifest().ZooHash
	}

	log, err := openLossLog(*out+".loss.jsonl", *resume)
	if err != nil {
		return err
	}
	defer log.Close()
	bar := newProgress(env.stderr)
	drawn := time.Now()
	opt.Progress = func(p lassode.Progress) {
		log.step(p, *logEvery)
		if time.Since(drawn) > time.Minute {
			drawn = time.Now()
			log.draw(env, *out)
		}
		bar.show(float64(p.Step)/float64(p.Steps), "step %d of %d, loss %.4f, guides %.4f, %.0f trajectories/s", p.Step, p.Steps, p.RunLoss, p.MixtureLoss, p.TrajectoriesPerSecond)
	}
	// The only garbage of a step are its trajectories, next to buffers that stay:
	// collecting it more often costs little and keeps the process small.
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	model, err := lassode.Pretrain(ctx, cfg.Model, source, opt)
	bar.done()
	if drawErr := errors.Join(log.Close(), log.draw(env, *out)); drawErr != nil {
		fmt.Fprintf(env.stderr, "lassode pretrain: loss log: %v\n", drawErr)
	}
	if err != nil {
		if ctx.Err() != nil {
			fmt.Fprintf(env.stderr, "lassode pretrain: the state is saved; go on with -resume\n")
		}
		return err
	}
	info := model.Info()
	fmt.Fprintf(env.stdout, "%s: %d parameters, step %d\n", *out, info.Parameters, info.Provenance.Step)
	return nil
}

// lossEntry is one line of the loss log.
type lossEntry struct {
	Step         int     `json:"step"`
	Loss         number  `json:"loss"`
	WorstLoss    number  `json:"worst_loss"` // since the entry before: spikes between entries show
	RunLoss      number  `json:"run_loss"`
	MixtureLoss  number  `json:"mixture_loss"`
	ScaleLoss    number  `json:"scale_loss"`
	GradientNorm number  `json:"gradient_norm"`
	LearningRate float64 `json:"learning_rate"`
	Skipped      int     `json:"skipped"`
	Seconds      float64 `json:"seconds"`
}

// number is null in JSON where it is not finite.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	if v := float64(n); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

func (n *number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*n = number(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(n))
}

// lossLog is a JSON Lines file of the loss, flushed with every entry, and the
// entries for the picture.
type lossLog struct {
	file    *os.File
	entries []lossEntry
	worst   float64 // largest loss since the last entry
	skipped int     // steps left out until the last entry
	err     error   // the first of a write
}

// openLossLog starts a log, or with resume goes on with one.
func openLossLog(path string, resume bool) (*lossLog, error) {
	l := &lossLog{worst: math.Inf(-1)}
	mode := os.O_RDWR | os.O_CREATE | os.O_TRUNC
	if resume {
		mode = os.O_RDWR | os.O_CREATE | os.O_APPEND
		old, err := os.Open(path)
		if err == nil {
			l.entries = readLossLog(old)
			old.Close()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	var err error
	if l.file, err = os.OpenFile(path, mode, 0o666); err != nil {
		return nil, err
	}
	if end, err := l.file.Seek(0, io.SeekEnd); err == nil && end > 0 {
		var last [1]byte
		if _, err := l.file.ReadAt(last[:], end-1); err == nil && last[0] != '\n' {
			_, err = l.file.WriteString("\n") // a line cut off by a kill ends here
			return l, err
		}
	}
	return l, nil
}

// step notes a step: every so many of them, the last one, and each that was left
// out get an entry.
func (l *lossLog) step(p lassode.Progress, every int) {
	if !(p.Loss <= l.worst) { // or NaN
		l.worst = p.Loss
	}
	if p.Step%every != 0 && p.Step != p.Steps && p.SkippedSteps == l.skipped {
		return
	}
	l.add(lossEntry{Step: p.Step, Loss: number(p.Loss), WorstLoss: number(l.worst), RunLoss: number(p.RunLoss),
		MixtureLoss: number(p.MixtureLoss), ScaleLoss: number(p.ScaleLoss), GradientNorm: number(p.GradientNorm),
		LearningRate: p.LearningRate, Skipped: p.SkippedSteps, Seconds: p.Elapsed.Seconds()})
	l.worst, l.skipped = math.Inf(-1), p.SkippedSteps
}

// readLossLog reads the entries of a log. A line cut off by a kill is left
// out, and steps that a resumed run did again count once.
func readLossLog(r io.Reader) []lossEntry {
	var entries []lossEntry
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		var e lossEntry
		if json.Unmarshal(scanner.Bytes(), &e) == nil {
			entries = appendEntry(entries, e)
		}
	}
	return entries
}

func appendEntry(entries []lossEntry, e lossEntry) []lossEntry {
	for len(entries) > 0 && entries[len(entries)-1].Step >= e.Step {
		entries = entries[:len(entries)-1]
	}
	return append(entries, e)
}

func (l *lossLog) add(e lossEntry) {
	l.entries = appendEntry(l.entries, e)
	line, err := json.Marshal(e)
	if err == nil {
		_, err = l.file.Write(append(line, '\n'))
	}
	if l.err == nil {
		l.err = err
	}
}

// Close closes the file and returns the first error of any write.
func (l *lossLog) Close() error {
	if l.file != nil {
		err := l.file.Close()
		l.file = nil
		if l.err == nil {
			l.err = err
		}
	}
	return l.err
}

// draw draws the loss into weights + ".loss.svg".
func (l *lossLog) draw(env *environment, weights string) error {
	if len(l.entries) < 2 {
		return nil
	}
	f := lossFigure(l.entries, filepath.Base(weights))
	return writeFile(env, weights+".loss.svg", func(w io.Writer) error { return f.draw(w, "svg") })
}

// lossFigure shows the moving averages. The first steps, where the loss falls
// fastest, would flatten the rest: the range is that of the last nine tenths.
func lossFigure(entries []lossEntry, name string) *figure {
	last := entries[len(entries)-1]
	f := &figure{title: "Loss of " + name, note: fmt.Sprintf("moving averages, step %d", last.Step), xLabel: "step", plain: true, columns: 1}
	for _, curve := range []struct {
		title string
		of    func(lossEntry) number
	}{
		{"total", func(e lossEntry) number { return e.RunLoss }},
		{"mixture of the guides", func(e lossEntry) number { return e.MixtureLoss }},
		{"negative log likelihood of the error's scale", func(e lossEntry) number { return e.ScaleLoss }},
	} {
		tail := make([]float64, 0, len(entries))
		for _, e := range entries[len(entries)/10:] {
			if v := float64(curve.of(e)); v == v {
				tail = append(tail, v)
			}
		}
		_, top := span(tail)
		p := panel{title: curve.title}
		for _, e := range entries {
			if v := float64(curve.of(e)); v == v { // no step has had a finite loss yet
				p.mean.add(float64(e.Step), math.Min(v, top))
			}
		}
		f.panels = append(f.panels, p)
	}
	return f
}

func finetuneCommand() *command {
	return &command{
		name:     "finetune",
		synopsis: "-data F|DIR -out W2 [-model W]",
		summary:  "adapt weights to one kind of system",
		detail: `
The data are a CSV file (one series), a JSON Lines file (a series a line, with
t and x), a folder of CSV files (a run a file), or a collection of 'lassode generate'.
Each series needs 24 rows at least. A part of them is kept apart, and the original
weights are written where the tuned ones are not clearly better on it.

The series are also stored with the weights, where that helps to forecast each of them
from the others: most models that are fitted to a new series are then fitted to the
stored ones too, with a smaller weight. -scope chooses what may change: all weights, the
head (what mixes the fitted models and makes the answer), or hub: no weight (but for
hub tokens of a network that has any), only the stored series, which takes seconds.

Channels are matched by their names, in the data and later in forecasts, in any order;
without names, by their order.`,
		examples: `
lassode finetune -data pumps/ -out pump.safetensors
lassode finetune -data log.csv -out tuned.safetensors -scope head -steps 200
lassode finetune -data fleet.jsonl -out fleet.safetensors -scope hub`,
		run: runFinetune,
	}
}

func runFinetune(ctx context.Context, env *environment, c *command, args []string) error {
	fs := c.flags(env)
	data := fs.String("data", "", "CSV or JSON Lines `file`, folder of CSV files, or collection")
	out := fs.String("out", "", "weights `file` to write")
	modelFile := fs.String("model", "", "weights `file` to start from (default: the built-in weights)")
	steps := fs.Int("steps", 0, "`number` of optimiser steps (default 100)")
	scope := fs.String("scope", "all", "what may change: all, head or hub")
	share := fs.Float64("validation", 0, "`share` of the series kept apart (default a quarter)")
	seed := fs.Uint64("seed", 1, "`seed` of everything random")
	workers := fs.Int("workers", 0, "`number` of goroutines (default: eight for a training step, else all processors); does not change the result")
	format := fs.String("precision", "float32", precisionUsage)
	limit := fs.Int("n", 10000, "largest `number` of series to read")
	keep := fs.Bool("keep-outliers", false, keepUsage)
	positional, err := parse(fs, args)
	if err != nil {
		return err
	}
	if err := noArguments(positional); err != nil {
		return err
	}
	if *data == "" {
		return usagef("-data is missing, want a file or a folder")
	}
	if *out == "" {
		return usagef("-out is missing, want a weights file")
	}
	if *limit < 1 {
		return usagef("-n is %d, want at least 1", *limit)
	}
	precision, err := lassode.ParsePrecision(*format)
	if err != nil {
		return &usageError{describe("", err).Error()}
	}
	if given(fs, "validation") && !(*share > 0 && *share < 1) {
		return usagef("-validation is %v, want more than 0 and less than 1", *share)
	}
	opt := lassode.FineTuneOptions{Steps: *steps, Scope: *scope, ValidationShare: *share, Seed: *seed, Workers: *workers}
	if err := checkTuning(fs, opt); err != nil {
		return err
	}
	if err := keepInputs(append(dataFiles(*data), *modelFile), *out); err != nil {
		return err
	}
	model, err := loadModel(env, *modelFile)
	if err != nil {
		return err
	}
	var names []string
	series, err := await(ctx, func() (all []lassode.Series, err error) {
		all, names, err = loadSeries(ctx, env, *data, *limit)
		return all, err
	})
	if err != nil {
		return err
	}
	for i := range series {
		series[i].KeepOutliers = *keep
	}
	target, err := createOutput(env, *out)
	if err != nil {
		return err
	}
	defer target.Abort()
	bar := newProgress(env.stderr)
	opt.Progress = func(p lassode.Progress) {
		bar.show(float64(p.Step)/float64(p.Steps), "step %d of %d, loss %.4f", p.Step, p.Steps, p.Loss)
	}
	tuned, report, err := model.FineTune(ctx, series, opt)
	bar.done()
	if err != nil {
		var input *lassode.InputError
		if errors.As(err, &input) {
			for i, name := range names {
				rest, ok := strings.CutPrefix(input.Field, fmt.Sprintf("series[%d]", i))
				if part, inside := strings.CutPrefix(rest, "."); ok && inside {
					return describe(name, &lassode.InputError{Field: part, Got: input.Got, Want: input.Want})
				}
				if ok {
					return fmt.Errorf("%s is %s, want %s", name, input.Got, input.Want)
				}
			}
		}
		return describe(*data, err)
	}
	kept := fmt.Sprintf("the weights of step %d are written", report.Steps)
	switch {
	case report.Kept == "original":
		kept = "no improvement: the original model is written"
	case report.Steps == 0:
		kept = "the series are written into the hub, with the original weights"
	}
	on := "each, forecast from the others,"
	switch {
	case len(series) == 1:
		on = "parts of it"
	case report.Steps > 0:
		on = fmt.Sprintf("the %d kept apart", report.ValidationTrajectories)
	}
	if report.SkippedSteps > 0 {
		fmt.Fprintf(env.stderr, "%d steps were left out: their loss or gradient was not finite\n", report.SkippedSteps)
	}
	fmt.Fprintf(env.stderr, "%d series; error on %s %.4g before, %.4g after; %s\n", len(series), on, report.Before, report.After, kept)
	if err := tuned.Save(target, precision); err != nil {
		return err
	}
	return target.Commit()
}

// checkTuning rejects what the flags of finetune and of eval ask for.
func checkTuning(fs *flag.FlagSet, opt lassode.FineTuneOptions) error {
	if given(fs, "steps") && opt.Steps < 1 {
		return usagef("-steps is %d, want at least 1", opt.Steps)
	}
	if err := checkWorkers(opt.Workers); err != nil {
		return err
	}
	var input *lassode.InputError
	if errors.As(opt.Validate(), &input) { // of -scope, the rest was looked at
		return usagef("-scope is %s, want %s", input.Got, input.Want)
	}
	return nil
}

// loadSeries reads training series from wherever they are, with their channels in one
// order, and says where each is from.
func loadSeries(ctx context.Context, env *environment, path string, limit int) (all []lassode.Series, names []string, err error) {
	if all, names, err = readAllSeries(ctx, env, path, limit); err == nil {
		err = alignChannels(all, names)
	}
	return all, names, err
}

// alignChannels brings the channels of all series into the order of the first, where all
// have names. from says where each series is from.
func alignChannels(all []lassode.Series, from []string) error {
	if slices.ContainsFunc(all, func(s lassode.Series) bool { return s.Names == nil }) {
		return nil
	}
	want := all[0].Names
	place := make(map[string]int, len(want))
	for i, name := range want {
		place[name] = i
	}
	for i := range all {
		s := &all[i]
		if slices.Equal(s.Names, want) {
			continue
		}
		order := make([]int, len(s.Names))
		known := len(s.Names) == len(want)
		for c, name := range s.Names {
			var ok bool
			order[c], ok = place[name]
			known = known && ok
		}
		if !known {
			return fmt.Errorf("%s has the channels %s, want %s as in %s", from[i], listNames(s.Names), listNames(want), from[0])
		}
		s.Names = want
		for k, row := range s.Values {
			moved := make([]float64, len(row))
			for c, v := range row {
				moved[order[c]] = v
			}
			s.Values[k] = moved
		}
	}
	return nil
}

// readAllSeries is loadSeries with the channels as they are written.
func readAllSeries(ctx context.Context, env *environment, path string, limit int) (all []lassode.Series, names []string, err error) {
	info, err := os.Stat(path)
	if path != "-" && err != nil {
		return nil, nil, err
	}
	if path == "-" || !info.IsDir() {
		return loadSeriesFile(ctx, env, path, limit)
	}
	if _, err := os.Stat(filepath.Join(path, manifestFile)); err == nil {
		collection, err := ode.OpenCollection(path)
		if err != nil {
			return nil, nil, err
		}
		defer collection.Close()
		for i := range min(limit, collection.Len()) {
			s, err := collection.At(i)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: trajectory %d: %w", path, i, err)
			}
			all = append(all, s)
			names = append(names, fmt.Sprintf("%s: trajectory %d", path, i))
		}
		return all, names, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if e.IsDir() || !isSeriesFile(e.Name()) || len(all) >= limit {
			continue
		}
		file := filepath.Join(path, e.Name())
		info, err := os.Stat(file)
		if err != nil {
			return nil, nil, err
		}
		if !info.Mode().IsRegular() { // opening a pipe would wait for its other end
			return nil, nil, fmt.Errorf("%s is not a regular file but %v", file, info.Mode().Type())
		}
		more, of, err := loadSeriesFile(ctx, env, file, limit-len(all))
		if err != nil {
			return nil, nil, err
		}
		all, names = append(all, more...), append(names, of...)
	}
	if len(all) == 0 {
		return nil, nil, fmt.Errorf("%s holds neither .csv or .jsonl files nor a collection", path)
	}
	return all, names, nil
}

func loadSeriesFile(ctx context.Context, env *environment, path string, limit int) (all []lassode.Series, names []string, err error) {
	in, err := openInput(env, path)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	if in.format() == "csv" {
		s, _, err := csv.ReadSeries(in, in.name)
		if err != nil {
			return nil, nil, err
		}
		return []lassode.Series{s}, []string{in.name}, nil
	}
	for number := 1; len(all) < limit; number++ {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		line, tooLong, readErr := readLine(in.Reader, maxLine)
		if number == 1 {
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		if tooLong {
			return nil, nil, fmt.Errorf("%s line %d is longer than %d MiB", in.name, number, maxLine>>20)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			t, err := parseTask(line)
			if err == nil {
				err = describe("", t.series.Validate())
			}
			if err != nil {
				return nil, nil, fmt.Errorf("%s line %d: %w", in.name, number, err)
			}
			all, names = append(all, t.series), append(names, fmt.Sprintf("%s line %d", in.name, number))
		}
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			return nil, nil, fmt.Errorf("%s: %w", in.name, readErr)
		}
	}
	if len(all) == 0 {
		return nil, nil, fmt.Errorf("%s is empty, want a series a line", in.name)
	}
	return all, names, nil
}
