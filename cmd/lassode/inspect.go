package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/internal/csv"
	"github.com/lassode/lassode/ode"
)

func inspectCommand() *command {
	return &command{
		name:     "inspect",
		synopsis: "[W | DIR] [-tensors] [-verify] [-json]  or  -in F.csv [-until T] [-model W] [-json]",
		summary:  "look into weights, a collection, or the local dynamics of a series",
		detail: `
Of a weights file (the built-in weights without any argument): configuration,
provenance, sizes and calibration. Of a folder: what the collection holds; with
-verify everything is read and compared with the hashes of the manifest.

With -in, of a series: for each channel and window of time the modes of its
locally linear dynamics, by falling amplitude, with the growth per unit of time
(negative is decay), the period (without one for a mode that does not
oscillate), and the hub tokens that the window read most, if the network has any.
Outliers that were left out are named on the standard error.`,
		examples: `
lassode inspect
lassode inspect w.safetensors -tensors
lassode inspect -verify data/zoo
lassode inspect -in pump.csv -until 120`,
		run: runInspect,
	}
}

func runInspect(ctx context.Context, env *environment, c *command, args []string) error {
	fs := c.flags(env)
	in := fs.String("in", "", "CSV `file` of a series")
	modelFile := fs.String("model", "", "weights `file` for -in (default: the built-in weights)")
	var until momentFlag
	fs.Var(&until, "until", "with -in: end of the last window (default half the observed span ahead)")
	tensors := fs.Bool("tensors", false, "list the tensors of a weights file")
	verify := fs.Bool("verify", false, "of a collection: read everything and compare the hashes")
	keep := fs.Bool("keep-outliers", false, "with -in: "+keepUsage)
	asJSON := fs.Bool("json", false, "write JSON")
	positional, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(positional) > 1 {
		return noArguments(positional[1:])
	}
	for _, name := range []string{"until", "keep-outliers"} {
		if *in == "" && given(fs, name) {
			return usagef("-%s is of a series, give it with -in", name)
		}
	}
	if *in != "" {
		if err := noArguments(positional); err != nil {
			return err
		}
		if *tensors || *verify {
			return usagef("-tensors is of weights and -verify of a collection, give them without -in")
		}
		h := horizon{until: math.NaN(), flag: "-until"}
		if given(fs, "until") {
			if err := h.setUntil(&until.moment); err != nil {
				return err
			}
		}
		return inspectSeries(ctx, env, *in, *modelFile, h, *keep, *asJSON)
	}
	path := *modelFile
	if len(positional) == 1 {
		if path != "" {
			return usagef("-model is %s and the argument %s, want one of them", path, positional[0])
		}
		path = positional[0]
	}
	if path != "" && path != "-" {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			if *tensors {
				return usagef("-tensors is of a weights file, %s is a folder", path)
			}
			return inspectCollection(ctx, env, path, *verify, *asJSON)
		}
	}
	if *verify {
		return usagef("-verify is of the folder of a collection")
	}
	return inspectWeights(env, path, *tensors, *asJSON)
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// tensorInfo is one tensor of a weights file.
type tensorInfo struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
	Bytes int    `json:"bytes"`
}

// library is what the model holds of a fleet, as JSON.
type library struct {
	Runs     int      `json:"runs"`
	Rows     int      `json:"rows"`
	Channels int      `json:"channels"`
	Names    []string `json:"names,omitempty"`
	Weight   float64  `json:"weight"`
}

func inspectWeights(env *environment, path string, tensors, asJSON bool) error {
	var model *lassode.Model
	var err error
	var raw bytes.Buffer // what was read: a pipe can be read once
	if path == "" {
		if model, err = loadModel(env, path); err == nil {
			err = model.Save(&raw, lassode.Float32)
		}
	} else {
		model, err = readModel(env, path, &raw)
	}
	if err != nil {
		return err
	}
	list, err := listTensors(raw.Bytes())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	info := model.Info()
	if asJSON {
		v := struct {
			Config      lassode.Config      `json:"config"`
			Parameters  int                 `json:"parameters"`
			Provenance  lassode.Provenance  `json:"provenance"`
			Calibration lassode.Calibration `json:"calibration"`
			Library     library             `json:"library"`
			Bytes       int                 `json:"bytes"`
			Tensors     []tensorInfo        `json:"tensors"`
		}{info.Config, info.Parameters, info.Provenance, info.Calibration, library(info.Library), raw.Len(), list}
		return printJSON(env.stdout, v)
	}
	w := env.stdout
	name := path
	if path == "" {
		name = "built-in weights"
	}
	fmt.Fprintf(w, "%s: %d parameters in %s, %s\n\n", name, info.Parameters, plural(len(list), "tensor"), formatSize(int64(raw.Len())))
	p := info.Provenance
	fmt.Fprintf(w, "provenance\n  format version %d, seed %d, step %d\n", p.FormatVersion, p.Seed, p.Step)
	if p.ZooHash != "" {
		fmt.Fprintf(w, "  zoo %s", p.ZooHash)
		if p.ZooHash != ode.ZooHash() {
			fmt.Fprintf(w, " (this program makes zoo %s)", ode.ZooHash())
		}
		fmt.Fprintln(w)
	}
	if p.Note != "" {
		fmt.Fprintf(w, "  %s\n", p.Note)
	}
	if l := info.Library; l.Runs > 0 {
		fmt.Fprintf(w, "\nlibrary\n  %s of %s of %s, weight %v\n", plural(l.Rows, "row"), plural(l.Runs, "run"), plural(l.Channels, "channel"), l.Weight)
		if l.Names != nil {
			fmt.Fprintf(w, "  channels %s\n", strings.Join(l.Names, ", "))
		}
	}
	config, err := json.Marshal(info.Config)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nconfiguration")
	for field := range strings.SplitSeq(strings.Trim(string(config), "{}"), ",") {
		key, value, _ := strings.Cut(field, ":")
		fmt.Fprintf(w, "  %-14s %s\n", strings.Trim(key, `"`), value)
	}
	cal := &info.Calibration
	fmt.Fprintf(w, "\ncalibration: scales times %.2f next to the context; quantiles of the error over these, where they are smallest and largest\n  %-10s %8s %8s %10s %8s\n", 1+cal.Near, "level", "inside", "", "ahead", "")
	for i, level := range cal.Levels {
		for _, show := range []float64{0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95} {
			if math.Abs(level-show) < 1e-9 {
				in, ahead := cal.Inside.Quantiles, cal.Ahead.Quantiles
				fmt.Fprintf(w, "  %-10s %8.3f %8.3f %10.3f %8.3f\n", csv.LevelName(show), in[0][i], in[len(in)-1][i], ahead[0][i], ahead[len(ahead)-1][i])
			}
		}
	}
	if tensors {
		fmt.Fprintln(w, "\ntensors")
		for _, t := range list {
			fmt.Fprintf(w, "  %-32s %-5s %-16s %10s\n", t.Name, t.DType, fmt.Sprint(t.Shape), formatSize(int64(t.Bytes)))
		}
	}
	return nil
}

// listTensors reads the header of a safetensors file that was already loaded.
func listTensors(b []byte) ([]tensorInfo, error) {
	if len(b) < 8 || binary.LittleEndian.Uint64(b) > uint64(len(b)-8) {
		return nil, errors.New("no safetensors header")
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(b[8:8+binary.LittleEndian.Uint64(b)], &header); err != nil {
		return nil, err
	}
	var list []tensorInfo
	for name, raw := range header {
		if name == "__metadata__" {
			continue
		}
		var e struct {
			DType   string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, err
		}
		list = append(list, tensorInfo{name, e.DType, e.Shape, e.Offsets[1] - e.Offsets[0]})
	}
	slices.SortFunc(list, func(a, b tensorInfo) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

func inspectCollection(ctx context.Context, env *environment, dir string, verify, asJSON bool) error {
	collection, err := ode.OpenCollection(dir)
	if err != nil {
		return err
	}
	defer collection.Close()
	if verify {
		if err := collection.Verify(ctx); err != nil {
			return err
		}
	}
	m := collection.Manifest()
	if asJSON {
		return printJSON(env.stdout, m)
	}
	w := env.stdout
	fmt.Fprintf(w, "%s: %s, %s in %s; seed %d, zoo %s\n", dir, plural(m.Trajectories, "trajectory"), formatSize(m.Bytes), plural(len(m.Shards), "shard"), m.Seed, m.ZooHash)
	if verify {
		fmt.Fprintln(w, "all hashes agree")
	}
	names := make([]string, 0, len(m.Families))
	for name := range m.Families {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(m.Families[b], m.Families[a]), cmp.Compare(a, b))
	})
	fmt.Fprintln(w)
	for _, name := range names {
		fmt.Fprintf(w, "  %-32s %10d %6.2f %%\n", name, m.Families[name], 100*float64(m.Families[name])/float64(max(1, m.Trajectories)))
	}
	return nil
}

// shownModes is the number of modes and hub tokens printed for a window.
const shownModes = 2

func inspectSeries(ctx context.Context, env *environment, path, modelFile string, h horizon, keep, asJSON bool) error {
	name := path
	var clock csv.Clock
	s, err := await(ctx, func() (s lassode.Series, err error) {
		in, err := openInput(env, path)
		if err != nil {
			return s, err
		}
		defer in.Close()
		name = in.name
		if in.format() == "jsonl" {
			return s, fmt.Errorf("%s is JSON Lines, want the CSV file of one series", name)
		}
		s, clock, err = csv.ReadSeries(in, name)
		return s, err
	})
	if err != nil {
		return err
	}
	s.KeepOutliers = keep
	model, err := loadModel(env, modelFile)
	if err != nil {
		return err
	}
	if h, err = h.on(clock); err != nil {
		return err
	}
	times, err := h.times(s)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fc, err := await(ctx, func() (*lassode.Forecast, error) { return model.Forecast(s, times) })
	if err != nil {
		return describe(name, err)
	}
	reportOutliers(env, s, clock, fc)
	names := channelNames(s)
	if asJSON {
		type segment struct {
			Channel  string         `json:"channel"`
			Start    float64        `json:"start"`
			End      float64        `json:"end"`
			Observed bool           `json:"observed"`
			Modes    []lassode.Mode `json:"modes"`
			Hub      []float32      `json:"hub"`
		}
		list := make([]segment, len(fc.Segments))
		for i, g := range fc.Segments {
			list[i] = segment{names[g.Channel], g.Start, g.End, g.Observed, g.Modes, g.Hub}
		}
		return printJSON(env.stdout, list)
	}
	w := env.stdout
	fmt.Fprintf(w, "%s: %s, %s from %s to %s\n", name, plural(len(s.Times), "row"), plural(len(names), "channel"), clock.Text(s.Times[0]), clock.Text(s.Times[len(s.Times)-1]))
	if clock.Dated() {
		fmt.Fprintln(w, "windows and periods in seconds from the first row")
	}
	columns := "modes: amplitude, growth, period"
	if len(fc.Segments) > 0 && len(fc.Segments[0].Hub) > 0 {
		columns += " | hub tokens read"
	}
	channel := -1
	for _, g := range fc.Segments {
		if g.Channel != channel {
			channel = g.Channel
			fmt.Fprintf(w, "\n%s\n  %-25s %-9s %s\n", names[channel], "window", "", columns)
		}
		seen := "unseen"
		if g.Observed {
			seen = "observed"
		}
		fmt.Fprintf(w, "  %10.4g ..%-12.4g %-9s", g.Start, g.End, seen)
		for i, m := range g.Modes {
			if i == shownModes {
				break
			}
			period := "none"
			if m.Frequency != 0 {
				period = fmt.Sprintf("%.4g", 1/math.Abs(m.Frequency))
			}
			fmt.Fprintf(w, "  %10.3g %+9.3g %9s;", m.Amplitude, m.Growth, period)
		}
		if len(g.Hub) > 0 {
			fmt.Fprint(w, " |")
		}
		for _, k := range largest(g.Hub, shownModes) {
			fmt.Fprintf(w, " %d (%.0f %%)", k, 100*g.Hub[k])
		}
		fmt.Fprintln(w)
	}
	total := make([]float64, 0)
	for _, g := range fc.Segments {
		for k, v := range g.Hub {
			if k == len(total) {
				total = append(total, 0)
			}
			total[k] += float64(v) / float64(len(fc.Segments))
		}
	}
	if len(total) > 0 {
		fmt.Fprint(w, "\nhub usage over all windows:")
		for _, k := range largest(total, 6) {
			fmt.Fprintf(w, " token %d %.0f %%;", k, 100*total[k])
		}
		fmt.Fprintln(w)
	}
	return nil
}

// largest are the indices of the n largest entries, by falling size.
func largest[T float32 | float64](list []T, n int) []int {
	index := make([]int, len(list))
	for i := range index {
		index[i] = i
	}
	slices.SortStableFunc(index, func(a, b int) int { return cmp.Compare(list[b], list[a]) })
	return index[:min(n, len(index))]
}
