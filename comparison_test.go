package lassode_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/ode"
	"github.com/lassode/lassode/pretrained"
)

// ablationConfig is the network of the comparisons: a smaller one than the
// embedded.
func ablationConfig() lassode.Config {
	c := lassode.DefaultConfig()
	c.Width, c.Blocks, c.Feed, c.PhaseModes, c.Encoder, c.Mixer = 48, 3, 96, 8, 32, 24
	return c
}

// firstHalf makes the task of forecasting the second half of a trajectory from
// the first. With noise, its standard deviation is that share of half the range
// of each channel and half of the rows are dropped.
func firstHalf(family string, s lassode.Series, noise float64, seed, index uint64) lassode.AblationTask {
	r := rand.New(rand.NewPCG(seed, index))
	cut := len(s.Times) / 2
	amplitude := make([]float64, s.Channels())
	for c := range amplitude {
		lo, hi := s.Values[0][c], s.Values[0][c]
		for _, row := range s.Values[:cut] {
			lo, hi = min(lo, row[c]), max(hi, row[c])
		}
		amplitude[c] = noise * (hi - lo) / 2
	}
	out := lassode.AblationTask{Family: family, Whole: s}
	for i, row := range s.Values[:cut] {
		if noise > 0 && r.IntN(2) == 0 && i+1 < cut {
			continue
		}
		seen := make([]float64, len(row))
		for c, v := range row {
			seen[c] = v + amplitude[c]*r.NormFloat64()
		}
		out.Context.Times = append(out.Context.Times, s.Times[i])
		out.Context.Values = append(out.Context.Values, seen)
	}
	return out
}

// ablationSuites are fixed tasks: trajectories of the collection that are not
// trained on, systems of the ten held-out families and of the two unseen kinds.
func ablationSuites(t testing.TB, src lassode.Source, held, n int) []lassode.AblationSuite {
	var known []ode.Trajectory
	for i := range n {
		s, err := src.At(src.Len() - held + i*held/n)
		require.NoError(t, err)
		known = append(known, ode.Trajectory{Series: s})
	}
	return suitesOf(known, 5)
}

// suitesOf are five suites of as many tasks as there are known trajectories: those,
// clean and noisy, and others from the seed, of the ten held-out families, clean and
// noisy, and of the two unseen kinds.
func suitesOf(known []ode.Trajectory, seed uint64) []lassode.AblationSuite {
	suites := []lassode.AblationSuite{{Name: "in-domain"}, {Name: "in-domain, noisy"}, {Name: "zero-shot"}, {Name: "zero-shot, noisy"}, {Name: "unseen"}}
	const noise = .05
	add := func(suite int, noise float64, salt uint64, all []ode.Trajectory) {
		for i, x := range all {
			suites[suite].Tasks = append(suites[suite].Tasks, firstHalf(x.Family, x.Series, noise, salt, uint64(i)))
		}
	}
	held := ode.HeldOutTrajectories(seed, len(known)/10)
	add(0, 0, 1, known)
	add(1, noise, 1, known)
	add(2, 0, 2, held)
	add(3, noise, 2, held)
	add(4, 0, 3, ode.UnseenKinds(seed, len(known)/2))
	return suites
}

// TestAblation trains the contenders of ablation_test.go and writes what they
// reach to ablation.jsonl in the folder LASSODE_OUT:
//
//	LASSODE_ABLATION=quick LASSODE_COLLECTION=DIR LASSODE_OUT=OUT go test . -run 'TestAblation$' -v -timeout 12h
//
// full for more seeds and steps; LASSODE_SEEDS=1,2,3 and LASSODE_STEPS change
// them. TestAblationReport makes tables and figures of the file.
func TestAblation(t *testing.T) {
	kind, dir, out := os.Getenv("LASSODE_ABLATION"), os.Getenv("LASSODE_COLLECTION"), os.Getenv("LASSODE_OUT")
	if kind == "" {
		t.Skip("LASSODE_ABLATION is neither quick nor full")
	}
	require.NotEmpty(t, out, "LASSODE_OUT names no folder")
	opt := lassode.AblationOptions{Config: ablationConfig(), Micro: 2, Tokens: 256, Held: 4096, Only: os.Getenv("LASSODE_ONLY"), Log: t.Logf}
	n := 100
	switch kind {
	case "quick":
		opt.Seeds, opt.Steps, n = []uint64{1}, 150, 60
	case "full":
		opt.Seeds, opt.Steps = []uint64{1, 2, 3}, 800
	default:
		t.Fatalf("LASSODE_ABLATION is %q, want quick or full", kind)
	}
	if s := os.Getenv("LASSODE_STEPS"); s != "" {
		var err error
		opt.Steps, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	if s := os.Getenv("LASSODE_SEEDS"); s != "" {
		require.NoError(t, json.Unmarshal([]byte("["+s+"]"), &opt.Seeds))
	}
	var src lassode.Source = ode.Zoo{Seed: 11, N: 500000}
	if dir != "" {
		c, err := ode.OpenCollection(dir)
		require.NoError(t, err)
		defer c.Close()
		src = c
	}
	require.NoError(t, os.MkdirAll(out, 0o777))
	file, err := os.OpenFile(filepath.Join(out, "ablation.jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	require.NoError(t, err)
	defer file.Close()
	opt.Write = func(r lassode.AblationResult) error {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = file.Write(append(line, '\n'))
		return err
	}
	require.NoError(t, lassode.RunAblation(src, ablationSuites(t, src, opt.Held, n), opt))
}

// ablationResults reads what TestAblation wrote to a folder and the folders in it.
func ablationResults(t testing.TB, dir string) []lassode.AblationResult {
	var out []lassode.AblationResult
	for _, pattern := range []string{"ablation.jsonl", "*/ablation.jsonl"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		for _, name := range files {
			file, err := os.Open(name)
			require.NoError(t, err)
			lines := bufio.NewScanner(file)
			lines.Buffer(nil, 1<<26)
			for lines.Scan() {
				var r lassode.AblationResult
				require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
				out = append(out, r)
			}
			require.NoError(t, lines.Err())
			require.NoError(t, file.Close())
		}
	}
	return out
}

// TestAblationReport makes ablation.md, ablation.svg and curves.svg of the results
// of TestAblation in the folder LASSODE_OUT and the folders in it:
//
//	LASSODE_ABLATION=report LASSODE_OUT=OUT go test . -run 'TestAblationReport$' -v
func TestAblationReport(t *testing.T) {
	out := os.Getenv("LASSODE_OUT")
	if os.Getenv("LASSODE_ABLATION") != "report" {
		t.Skip("LASSODE_ABLATION is not report")
	}
	if base := os.Getenv("LASSODE_BASE"); base != "" {
		defaultName = base
	}
	c := newComparison(ablationResults(t, out))
	require.NotEmpty(t, c.seeds, "no results in %s", out)
	require.NoError(t, os.WriteFile(filepath.Join(out, "ablation.md"), []byte(c.markdown()), 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(out, "ablation.svg"), []byte(c.forest()), 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(out, "curves.svg"), []byte(c.curves()), 0o666))
	t.Logf("\n%s", c.markdown())
}

// comparison are the results of contenders over the seeds that all of them have.
type comparison struct {
	seeds  []uint64
	names  []string // in the order of the first seed; the default first
	suites []string
	of     map[string]map[uint64]lassode.AblationResult
}

// defaultName is what the others are compared with; TestAblationReport takes
// another one from LASSODE_BASE.
var defaultName = "default"

func newComparison(all []lassode.AblationResult) *comparison {
	c := &comparison{of: map[string]map[uint64]lassode.AblationResult{}, suites: []string{"in-domain", "in-domain, noisy", "zero-shot", "zero-shot, noisy", "unseen"}}
	for _, r := range all {
		if c.of[r.Name] == nil {
			c.of[r.Name] = map[uint64]lassode.AblationResult{}
			c.names = append(c.names, r.Name)
		}
		c.of[r.Name][r.Seed] = r
	}
	for _, seed := range slices.Sorted(maps.Keys(c.of[defaultName])) {
		complete := true
		for _, runs := range c.of {
			_, ok := runs[seed]
			complete = complete && ok
		}
		if complete {
			c.seeds = append(c.seeds, seed)
		}
	}
	return c
}

// errors returns the errors of a contender by seed, of one suite or, for "", of
// all suites one after the other.
func (c *comparison) errors(name, suite string) [][]float64 {
	var out [][]float64
	for _, seed := range c.seeds {
		r := c.of[name][seed]
		if suite != "" {
			out = append(out, r.Errors[suite])
			continue
		}
		var all []float64
		for _, s := range c.suites {
			all = append(all, r.Errors[s]...)
		}
		out = append(out, all)
	}
	return out
}

func mean(x []float64) float64 {
	sum := 0.
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// level returns the mean of a contender's errors and its standard deviation over
// the seeds.
func (c *comparison) level(name, suite string) (m, spread float64) {
	var means []float64
	for _, e := range c.errors(name, suite) {
		means = append(means, mean(e))
	}
	m = mean(means)
	for _, v := range means {
		spread += (v - m) * (v - m)
	}
	return m, math.Sqrt(spread / max(float64(len(means)-1), 1))
}

// difference is that to the default on the same tasks from the same seeds.
type difference struct {
	mean, lo, hi float64
	seeds        []float64
}

// settled reports whether the interval and all seeds are on one side of zero.
func (d difference) settled() bool {
	if d.lo <= 0 && d.hi >= 0 {
		return false
	}
	return slices.Min(d.seeds) > 0 || slices.Max(d.seeds) < 0
}

func (d difference) String() string {
	s := fmt.Sprintf("%+.3f [%+.3f, %+.3f]", d.mean, d.lo, d.hi)
	if d.settled() {
		return "**" + s + "**"
	}
	return s
}

// against returns the paired difference to the default, with a 95 % bootstrap
// interval that draws seeds and, within each, trajectories.
func (c *comparison) against(name, suite string) difference {
	var diffs [][]float64
	d := difference{}
	base := c.errors(defaultName, suite)
	for i, e := range c.errors(name, suite) {
		diffs = append(diffs, minus(e, base[i]))
		d.seeds = append(d.seeds, mean(diffs[i]))
	}
	d.mean = mean(d.seeds)
	r := rand.New(rand.NewPCG(1, 0xb007))
	const draws = 2000
	means := make([]float64, draws)
	for i := range means {
		for range diffs {
			x := diffs[r.IntN(len(diffs))]
			sum := 0.
			for range x {
				sum += x[r.IntN(len(x))]
			}
			means[i] += sum / float64(len(x)) / float64(len(diffs))
		}
	}
	slices.Sort(means)
	d.lo, d.hi = means[draws/40], means[draws-draws/40]
	return d
}

// solved is the share of tasks with R2 = 1 - error^2 over 0.9.
func solved(errors [][]float64) float64 {
	var hits, n float64
	for _, e := range errors {
		for _, v := range e {
			n++
			if v*v < .1 {
				hits++
			}
		}
	}
	return hits / n
}

// relative is the time of a step over that of the default, the mean over seeds.
func (c *comparison) relative(name string) float64 {
	var x []float64
	for _, seed := range c.seeds {
		x = append(x, c.of[name][seed].Relative)
	}
	return mean(x)
}

var ablationParts = []string{"default", "hub", "generator", "encoder", "parts", "tokens alone", "alternatives"}

func (c *comparison) markdown() string {
	var b strings.Builder
	first := c.of[defaultName][c.seeds[0]]
	fmt.Fprintf(&b, "%d seeds, %d steps of %d tokens, %d tasks.\n", len(c.seeds), first.Steps, first.Batch, len(c.errors(defaultName, "")[0]))
	for _, part := range ablationParts {
		fmt.Fprintf(&b, "\n### %s\n\n| | weights | time | MB | %s | solved, all |\n|---|---|---|---|%s---|\n", part, strings.Join(c.suites, " | "), strings.Repeat("---|", len(c.suites)))
		for _, name := range c.names {
			r := c.of[name][c.seeds[0]]
			if r.Part != part && name != defaultName {
				continue
			}
			fmt.Fprintf(&b, "| %s | %d k | %.2f | %.0f |", name, r.Parameters/1000, c.relative(name), r.Megabytes)
			for _, suite := range c.suites {
				m, s := c.level(name, suite)
				fmt.Fprintf(&b, " %.3f ± %.3f |", m, s)
			}
			fmt.Fprintf(&b, " %.1f %% |\n", 100*solved(c.errors(name, "")))
		}
		fmt.Fprintf(&b, "\n| minus the default | %s | all | all, by seed |\n|---|%s---|---|\n", strings.Join(c.suites, " | "), strings.Repeat("---|", len(c.suites)))
		for _, name := range c.names {
			if c.of[name][c.seeds[0]].Part != part || name == defaultName {
				continue
			}
			fmt.Fprintf(&b, "| %s |", name)
			for _, suite := range c.suites {
				fmt.Fprintf(&b, " %s |", c.against(name, suite))
			}
			d := c.against(name, "")
			var seeds []string
			for _, v := range d.seeds {
				seeds = append(seeds, fmt.Sprintf("%+.3f", v))
			}
			fmt.Fprintf(&b, " %s | %s |\n", d, strings.Join(seeds, ", "))
		}
	}
	b.WriteString("\n")
	for _, name := range c.names {
		r := c.of[name][c.seeds[0]]
		fmt.Fprintf(&b, "- %s: %s", name, r.About)
		if r.Note != "" {
			fmt.Fprintf(&b, " (%s)", r.Note)
		}
		b.WriteString(".\n")
	}
	return b.String()
}

// forest draws the difference of every contender to the default over all tasks:
// the interval, the mean and the single seeds. Differences beyond the frame are
// cut at its edge.
func (c *comparison) forest() string {
	var names []string
	for _, part := range ablationParts {
		for _, name := range c.names {
			if name != defaultName && c.of[name][c.seeds[0]].Part == part {
				names = append(names, name)
			}
		}
	}
	const left, width, row, top, limit = 210., 520., 20., 40., .25
	x := func(v float64) float64 { return left + width*(min(max(v, -limit/2), limit)+limit/2)/(1.5*limit) }
	height := top + row*float64(len(names)) + 40
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", left+width+20, height)
	fmt.Fprintf(&b, "<text x=\"%.0f\" y=\"18\">error minus that of the default, all suites; less is better</text>\n", left)
	for v := -.10; v <= limit+1e-9; v += .05 {
		fmt.Fprintf(&b, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\" stroke=\"#ddd\"/><text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%+.2f</text>\n", x(v), x(v), top-10, height-30, x(v), height-14, v)
	}
	fmt.Fprintf(&b, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\" stroke=\"black\"/>\n", x(0), x(0), top-10, height-30)
	for i, name := range names {
		d, y := c.against(name, ""), top+row*float64(i)
		colour := "#888"
		if d.settled() && d.mean < 0 {
			colour = "#17803d"
		} else if d.settled() {
			colour = "#b3261e"
		}
		fmt.Fprintf(&b, "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%s</text><line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"3\"/>", left-8, y+4, name, x(d.lo), x(d.hi), y, y, colour)
		for _, v := range d.seeds {
			fmt.Fprintf(&b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"white\" stroke=\"%s\"/>", x(v), y, colour)
		}
		fmt.Fprintf(&b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", x(d.mean), y, colour)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// curves draws training losses over time, in steps of the default, the mean over
// the seeds, smoothed over three points.
func (c *comparison) curves() string {
	colours := map[string]string{
		defaultName: "#000000", "hub of 32": "#0b57d0", "no guides": "#b3261e",
		"patch transformer": "#e37400", "GRU forecaster": "#17803d", "latent ODE": "#8430ce",
		"patch transformer + guides": "#e37400", "GRU forecaster + guides": "#17803d", "latent ODE + guides": "#8430ce",
	}
	const left, width, top, height, lo, hi = 50., 560., 20., 340., .25, .75
	steps := float64(c.of[defaultName][c.seeds[0]].Steps)
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", left+width+230, top+height+50)
	y := func(v float64) float64 { return top + height*(1-(min(max(v, lo), hi)-lo)/(hi-lo)) }
	for v := lo; v <= hi+1e-9; v += .1 {
		fmt.Fprintf(&b, "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/><text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%.2f</text>\n", left, left+width, y(v), y(v), left-6, y(v)+4, v)
	}
	fmt.Fprintf(&b, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">state loss in training over the time taken, in steps of the default; %.0f at the right edge</text>\n", left+width/2, top+height+30, 1.2*steps)
	line := 0
	for _, name := range c.names {
		colour, ok := colours[name]
		if !ok {
			continue
		}
		points := len(c.of[name][c.seeds[0]].Curve)
		curve := make([]float64, points)
		for _, seed := range c.seeds {
			for i, v := range c.of[name][seed].Curve {
				curve[i] += v / float64(len(c.seeds))
			}
		}
		dash := ""
		if strings.HasSuffix(name, "+ guides") {
			dash = " stroke-dasharray=\"5 3\""
		}
		var path strings.Builder
		for i := 1; i+1 < points; i++ {
			at := c.relative(name) * (float64(i) + .5) / float64(points) / 1.2
			if at <= 1 {
				fmt.Fprintf(&path, "%.1f,%.1f ", left+width*at, y((curve[i-1]+curve[i]+curve[i+1])/3))
			}
		}
		fmt.Fprintf(&b, "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s/>\n", strings.TrimSpace(path.String()), colour, dash)
		at := top + 14 + 18*float64(line)
		fmt.Fprintf(&b, "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.0f\" y2=\"%.0f\" stroke=\"%s\" stroke-width=\"2\"%s/><text x=\"%.0f\" y=\"%.0f\">%s</text>\n", left+width+10, left+width+34, at, at, colour, dash, left+width+40, at+4, name)
		line++
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// TestComparison checks the statistics on results made for it.
func TestComparison(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var all []lassode.AblationResult
	for seed := uint64(1); seed <= 3; seed++ {
		base := map[string][]float64{}
		for _, suite := range []string{"in-domain", "in-domain, noisy", "zero-shot", "zero-shot, noisy", "unseen"} {
			for range 50 {
				base[suite] = append(base[suite], r.Float64())
			}
		}
		for _, v := range []struct {
			name        string
			shift, size float64
		}{{defaultName, 0, 0}, {"worse", .1, .05}, {"chance", 0, .05}} {
			errors := map[string][]float64{}
			for suite, x := range base {
				for _, e := range x {
					errors[suite] = append(errors[suite], e+v.shift+v.size*r.NormFloat64())
				}
			}
			all = append(all, lassode.AblationResult{Name: v.name, Part: "hub", Seed: seed, Steps: 100, Relative: 1, Errors: errors, Curve: []float64{.5, .4, .3, .3}})
		}
	}
	all = append(all, lassode.AblationResult{Name: defaultName, Seed: 4}) // not complete
	c := newComparison(all)
	require.Equal(t, []uint64{1, 2, 3}, c.seeds)
	worse, chance := c.against("worse", ""), c.against("chance", "")
	require.InDelta(t, .1, worse.mean, .01)
	require.True(t, worse.settled())
	require.Less(t, worse.hi-worse.lo, .05)
	require.False(t, chance.settled())
	require.Zero(t, c.against(defaultName, "").mean)
	require.InDelta(t, math.Sqrt(.1), solved(c.errors(defaultName, "")), .08)
	require.Contains(t, c.markdown(), "| worse |")
	for _, svg := range []string{c.forest(), c.curves()} {
		require.NoError(t, xml.Unmarshal([]byte(svg), new(struct{ XMLName xml.Name })))
		require.NotContains(t, svg, "NaN")
	}
}

// TestAblationSpeed prints what a step of each contender takes on this machine:
// a few steps with nothing else running.
//
//	LASSODE_ABLATION=speed go test . -run 'TestAblationSpeed$' -v
func TestAblationSpeed(t *testing.T) {
	if os.Getenv("LASSODE_ABLATION") != "speed" {
		t.Skip("LASSODE_ABLATION is not speed")
	}
	opt := lassode.AblationOptions{Config: ablationConfig(), Seeds: []uint64{1}, Steps: 12, Micro: 2, Tokens: 256, Held: 10, Log: t.Logf}
	opt.Write = func(r lassode.AblationResult) error {
		t.Logf("| %s | %d | %.1f ms | %.2f | %.0f MB |", r.Name, r.Parameters, r.Milliseconds, r.Relative, r.Megabytes)
		return nil
	}
	require.NoError(t, lassode.RunAblation(ode.Zoo{Seed: 1, N: 2000}, nil, opt))
}

// TestHubEvidence looks at what Adapt gains for the embedded model, or that of the
// file LASSODE_MODEL, and if it has hub tokens, by what they are read and what is lost
// without single ones. It writes hub.md to the folder LASSODE_OUT; LASSODE_HUB=quick
// or full.
//
//	LASSODE_HUB=full LASSODE_OUT=OUT go test . -run 'TestHubEvidence$' -v -timeout 1h
func TestHubEvidence(t *testing.T) {
	kind, out := os.Getenv("LASSODE_HUB"), os.Getenv("LASSODE_OUT")
	perFamily := 15
	switch kind {
	case "":
		t.Skip("LASSODE_HUB is neither quick nor full")
	case "quick":
		perFamily = 4
	case "full":
	default:
		t.Fatalf("LASSODE_HUB is %q, want quick or full", kind)
	}
	require.NotEmpty(t, out, "LASSODE_OUT names no folder")
	require.NoError(t, os.MkdirAll(out, 0o777))
	model, err := pretrained.Model()
	if file := os.Getenv("LASSODE_MODEL"); file != "" {
		f, e := os.Open(file)
		require.NoError(t, e)
		defer f.Close()
		model, err = lassode.Load(f)
	}
	require.NoError(t, err)
	var md strings.Builder
	report := func(format string, args ...any) {
		fmt.Fprintf(&md, format, args...)
		t.Logf(strings.TrimRight(format, "\n"), args...)
	}
	if model.Info().Config.HubTokens > 0 {
		studyHubTokens(model, perFamily, report)
	}
	held := ode.HeldOutTrajectories(9, perFamily)

	// Adapt: a fleet of other systems of the family, or of other runs of the same
	// system, and as a control the fleet of the next family.
	report("\n| fleet of 8 | mean error before | change | that of the next family's fleet |\n|---|---|---|---|\n")
	const fleetSize = 8
	for _, runs := range []bool{false, true} {
		fleets, targets, name := ode.HeldOutTrajectories(77, fleetSize), held, "other systems of the family"
		if runs {
			name = "runs of the same system"
			all := ode.HeldOutRuns(78, fleetSize+perFamily)
			fleets, targets = nil, nil
			seen := map[string]int{}
			for _, x := range all {
				if seen[x.Family]++; seen[x.Family] <= fleetSize {
					fleets = append(fleets, x)
				} else {
					targets = append(targets, x)
				}
			}
		}
		fleetOf := map[string][]lassode.Series{}
		var names []string
		for _, x := range fleets {
			if fleetOf[x.Family] == nil {
				names = append(names, x.Family)
			}
			fleetOf[x.Family] = append(fleetOf[x.Family], x.Series)
		}
		tasksOf := map[string][]lassode.AblationTask{}
		var before []float64
		for _, f := range names {
			var tasks []lassode.AblationTask
			for i, x := range targets {
				if x.Family == f {
					tasks = append(tasks, firstHalf(f, x.Series, 0, 4, uint64(i)))
				}
			}
			tasksOf[f] = tasks
			before = append(before, lassode.Probe(model, tasks).Errors(model)...)
		}
		var own, other []float64
		for i, f := range names {
			adapted, err := model.Adapt(fleetOf[f])
			require.NoError(t, err)
			own = append(own, lassode.Probe(adapted, tasksOf[f]).Errors(adapted)...)
			adapted, err = model.Adapt(fleetOf[names[(i+1)%len(names)]])
			require.NoError(t, err)
			other = append(other, lassode.Probe(adapted, tasksOf[f]).Errors(adapted)...)
		}
		base, _, _ := meanInterval(before, 1)
		d, lo, hi := meanInterval(minus(own, before), 2)
		e, elo, ehi := meanInterval(minus(other, before), 3)
		report("| %s | %.4f | %+.4f [%+.4f, %+.4f] | %+.4f [%+.4f, %+.4f] |\n", name, base, d, lo, hi, e, elo, ehi)
	}
	require.NoError(t, os.WriteFile(filepath.Join(out, "hub.md"), []byte(md.String()), 0o666))
}

// TestPartsEvidence takes parts of the embedded network out, without training it anew,
// and writes what that changes to parts.md in the folder LASSODE_OUT; LASSODE_PARTS=quick
// or full.
//
//	LASSODE_PARTS=full LASSODE_OUT=OUT go test . -run 'TestPartsEvidence$' -v -timeout 1h
func TestPartsEvidence(t *testing.T) {
	kind, out := os.Getenv("LASSODE_PARTS"), os.Getenv("LASSODE_OUT")
	if kind == "" {
		t.Skip("LASSODE_PARTS is neither quick nor full")
	}
	n := map[string]int{"quick": 20, "full": 300}[kind]
	require.NotZero(t, n, "LASSODE_PARTS is %q, want quick or full", kind)
	require.NotEmpty(t, out, "LASSODE_OUT names no folder")
	require.NoError(t, os.MkdirAll(out, 0o777))
	model, err := pretrained.Model()
	require.NoError(t, err)
	suites := suitesOf(ode.InDomain(9, n), 9)
	parts := []struct {
		name  string
		zeros []string
	}{
		{"channel attention", []string{".channel.out"}},
		{"attention over time", []string{".time.out"}},
		{"all attention", []string{".channel.out", ".time.out"}},
		{"recurrent encoder", []string{"token.encoder"}},
		{"carried phase", []string{"phase.out"}},
		{"what tokens see of the guides", []string{"token.guide"}},
		{"refinement by the tokens", []string{"mixer.refine"}},
		{"joint layer of the mixer", []string{"mixer.joint"}},
	}
	header, rule, whole := "| without |", "|---|", "| (mean error of the whole) |"
	rows := make([]string, len(parts))
	for _, suite := range suites {
		p := lassode.Probe(model, suite.Tasks)
		base := p.Errors(model)
		m, _, _ := meanInterval(base, 1)
		header, rule, whole = header+" "+suite.Name+" |", rule+"---|", whole+fmt.Sprintf(" %.4f |", m)
		for i, part := range parts {
			d, lo, hi := meanInterval(minus(p.Errors(lassode.Silenced(model, part.zeros)), base), uint64(i))
			rows[i] += fmt.Sprintf(" %+.4f [%+.4f, %+.4f] |", d, lo, hi)
		}
	}
	md := header + "\n" + rule + "\n" + whole + "\n"
	for i, part := range parts {
		md += "| " + part.name + " |" + rows[i] + "\n"
	}
	t.Log("\n" + md)
	require.NoError(t, os.WriteFile(filepath.Join(out, "parts.md"), []byte(md), 0o666))
}

// studyHubTokens reports what the hub tokens of model are read by, and what is lost
// without them.
func studyHubTokens(model *lassode.Model, perFamily int, report func(format string, args ...any)) {
	suites := []lassode.AblationSuite{{Name: "in-domain"}, {Name: "zero-shot"}}
	for i, x := range ode.InDomain(9, 16*perFamily) {
		suites[0].Tasks = append(suites[0].Tasks, firstHalf(x.Family, x.Series, 0, 4, uint64(i)))
	}
	for i, x := range ode.HeldOutTrajectories(9, perFamily) {
		suites[1].Tasks = append(suites[1].Tasks, firstHalf(x.Family, x.Series, 0, 4, uint64(i)))
	}
	studies := map[string]lassode.HubStudy{}
	report("| suite | tasks | families | nearest neighbour by usage | untrained weights | by mean token | by chance | information of usage about the family | effective tokens, whole suite / one trajectory |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, suite := range suites {
		p := lassode.Probe(model, suite.Tasks)
		study := p.Study(model, true)
		untrained := p.Study(lassode.Untrained(model, 1), false)
		studies[suite.Name] = study
		var families []string
		for _, task := range suite.Tasks {
			families = append(families, task.Family)
		}
		known := map[string]bool{}
		for _, f := range families {
			known[f] = true
		}
		bits, all, one := usageInformation(study, families)
		report("| %s | %d | %d | %.0f %% | %.0f %% | %.0f %% | %.0f %% | %.3f bits | %.1f / %.1f of %d |\n", suite.Name, len(families), len(known),
			100*nearestNeighbour(study.Usage, families, true), 100*nearestNeighbour(untrained.Usage, families, true), 100*nearestNeighbour(study.Mean, families, false),
			100*chanceOf(families), bits, all, one, study.Tokens)
	}
	study := studies["zero-shot"]
	report("\nThe gates of the memory have a mean size of %.3f (0.1 at the start of training), two memories a mean cosine of %.2f; reading adds, block by block, %.3f of the size of the final tokens.\n", study.Gate, study.Cosine, study.Share)
	for _, suite := range suites {
		study := studies[suite.Name]
		base, _, _ := meanInterval(study.Errors, 1)
		diff, lo, hi := meanInterval(minus(study.Without, study.Errors), 1)
		report("\n%s: mean error %.4f; with nothing read of the hub %+.4f [%+.4f, %+.4f].\n", suite.Name, base, diff, lo, hi)
		usage := tokenUsage(study)
		type loss struct {
			token        int
			diff, lo, hi float64
			family       string
			worst        float64
		}
		var losses []loss
		for token, errs := range study.Removed {
			d := minus(errs, study.Errors)
			l := loss{token: token}
			l.diff, l.lo, l.hi = meanInterval(d, uint64(token))
			per, count := map[string]float64{}, map[string]float64{}
			for i, v := range d {
				per[suite.Tasks[i].Family] += v
				count[suite.Tasks[i].Family]++
			}
			for _, f := range slices.Sorted(maps.Keys(per)) {
				if v := per[f] / count[f]; count[f] >= 4 && v > l.worst {
					l.worst, l.family = v, f
				}
			}
			losses = append(losses, l)
		}
		slices.SortFunc(losses, func(a, b loss) int { return cmp.Compare(b.diff, a.diff) })
		harm, help := 0, 0
		for _, l := range losses {
			if l.lo > 0 {
				harm++
			}
			if l.hi < 0 {
				help++
			}
		}
		report("Of %d tokens, removing %d raises the error and removing %d lowers it beyond the 95 %% interval.\n\n| token | share of all reading | change of error without it | most for |\n|---|---|---|---|\n", study.Tokens, harm, help)
		for i, l := range losses {
			if i < 5 || i >= len(losses)-2 {
				report("| %d | %.1f %% | %+.4f [%+.4f, %+.4f] | %s %+.4f |\n", l.token, 100*usage[l.token], l.diff, l.lo, l.hi, l.family, l.worst)
			}
		}
	}
	report("\nWhat the families of the zero-shot suite read more of than the others:\n\n| family | hub tokens: times the mean over the families |\n|---|---|\n")
	familyUsage(studies["zero-shot"], suites[1].Tasks, report)
}

// minus returns a - b.
func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

// meanInterval returns the mean and a 95 % bootstrap interval of it.
func meanInterval(x []float64, seed uint64) (mean, lo, hi float64) {
	r := rand.New(rand.NewPCG(seed, 0xb007))
	const draws = 2000
	means := make([]float64, draws)
	for i := range means {
		for range x {
			means[i] += x[r.IntN(len(x))]
		}
		means[i] /= float64(len(x))
	}
	slices.Sort(means)
	for _, v := range x {
		mean += v / float64(len(x))
	}
	return mean, means[draws/40], means[draws-draws/40]
}

// nearestNeighbour is the share of rows whose nearest other row has the same
// label: by the distance of Hellinger for distributions, else by that of Euclid.
func nearestNeighbour(x [][]float64, label []string, distribution bool) float64 {
	hit := 0
	for i := range x {
		best, at := math.Inf(1), -1
		for j := range x {
			if j == i {
				continue
			}
			d := 0.
			for k, v := range x[i] {
				e := v - x[j][k]
				if distribution {
					e = math.Sqrt(v) - math.Sqrt(x[j][k])
				}
				d += e * e
			}
			if d < best {
				best, at = d, j
			}
		}
		if label[at] == label[i] {
			hit++
		}
	}
	return float64(hit) / float64(len(x))
}

// chanceOf is the share of hits of a neighbour drawn at random.
func chanceOf(label []string) float64 {
	count := map[string]float64{}
	for _, l := range label {
		count[l]++
	}
	sum, n := 0., float64(len(label))
	for _, c := range count {
		sum += c / n * (c - 1) / (n - 1)
	}
	return sum
}

func entropy(p []float64) float64 {
	h := 0.
	for _, v := range p {
		if v > 0 {
			h -= v * math.Log2(v)
		}
	}
	return h
}

// overBlocks is the mean over the blocks of the usage of a task.
func overBlocks(usage []float64, tokens int) []float64 {
	out := make([]float64, tokens)
	for i, v := range usage {
		out[i%tokens] += v * float64(tokens) / float64(len(usage))
	}
	return out
}

// tokenUsage is the share of each hub token in all reading.
func tokenUsage(s lassode.HubStudy) []float64 {
	out := make([]float64, s.Tokens)
	for _, u := range s.Usage {
		for i, v := range overBlocks(u, s.Tokens) {
			out[i] += v / float64(len(s.Usage))
		}
	}
	return out
}

// usageInformation returns the mutual information of the hub token that is read
// and the family, averaged over the blocks, and the effective numbers of tokens
// (two to the entropy) of all reading and of that of a single trajectory.
func usageInformation(s lassode.HubStudy, families []string) (bits, all, one float64) {
	blocks := len(s.Usage[0]) / s.Tokens
	n := float64(len(families))
	for b := range blocks {
		total := make([]float64, s.Tokens)
		per, count := map[string][]float64{}, map[string]float64{}
		single := 0.
		for i, f := range families {
			u := s.Usage[i][b*s.Tokens : (b+1)*s.Tokens]
			if per[f] == nil {
				per[f] = make([]float64, s.Tokens)
			}
			count[f]++
			for j, v := range u {
				total[j] += v / n
				per[f][j] += v
			}
			single += math.Exp2(entropy(u)) / n
		}
		bits += entropy(total) / float64(blocks)
		all += math.Exp2(entropy(total)) / float64(blocks)
		one += single / float64(blocks)
		for _, f := range slices.Sorted(maps.Keys(per)) {
			for j := range per[f] {
				per[f][j] /= count[f]
			}
			bits -= count[f] / n * entropy(per[f]) / float64(blocks)
		}
	}
	return bits, all, one
}

// familyUsage reports for each family the hub tokens of which it reads more than
// the mean over the families.
func familyUsage(s lassode.HubStudy, tasks []lassode.AblationTask, report func(string, ...any)) {
	per, count := map[string][]float64{}, map[string]float64{}
	for i, task := range tasks {
		if per[task.Family] == nil {
			per[task.Family] = make([]float64, s.Tokens)
		}
		count[task.Family]++
		for j, v := range overBlocks(s.Usage[i], s.Tokens) {
			per[task.Family][j] += v
		}
	}
	mean := make([]float64, s.Tokens)
	names := slices.Sorted(maps.Keys(per))
	for _, f := range names {
		for j := range per[f] {
			per[f][j] /= count[f]
			mean[j] += per[f][j] / float64(len(names))
		}
	}
	for _, f := range names {
		order := make([]int, s.Tokens)
		for j := range order {
			order[j] = j
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(per[f][b]/mean[b], per[f][a]/mean[a]) })
		var parts []string
		for _, j := range order[:3] {
			parts = append(parts, fmt.Sprintf("%d: %.2f", j, per[f][j]/mean[j]))
		}
		report("| %s | %s |\n", f, strings.Join(parts, ", "))
	}
}
