package lassode_test

import (
	"bufio"
	"cmp"
	"encoding/json"
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
	suites := []lassode.AblationSuite{{Name: "in-domain"}, {Name: "in-domain, noisy"}, {Name: "zero-shot"}, {Name: "zero-shot, noisy"}, {Name: "unseen"}}
	const noise = .05
	for i := range n {
		at := src.Len() - held + i*held/n
		s, err := src.At(at)
		require.NoError(t, err)
		suites[0].Tasks = append(suites[0].Tasks, firstHalf("", s, 0, 1, uint64(i)))
		suites[1].Tasks = append(suites[1].Tasks, firstHalf("", s, noise, 1, uint64(i)))
	}
	for i, x := range ode.HeldOutTrajectories(5, n/10) {
		suites[2].Tasks = append(suites[2].Tasks, firstHalf(x.Family, x.Series, 0, 2, uint64(i)))
		suites[3].Tasks = append(suites[3].Tasks, firstHalf(x.Family, x.Series, noise, 2, uint64(i)))
	}
	for i, x := range ode.UnseenKinds(5, n/2) {
		suites[4].Tasks = append(suites[4].Tasks, firstHalf(x.Family, x.Series, 0, 3, uint64(i)))
	}
	return suites
}

// TestAblation trains the contenders of ablation_test.go and writes what they
// reach to ablation.jsonl in the folder LASSODE_EVIDENCE:
//
//	LASSODE_ABLATION=quick LASSODE_COLLECTION=DIR LASSODE_EVIDENCE=OUT go test . -run 'TestAblation$' -v -timeout 12h
//
// full for more seeds and steps; LASSODE_SEEDS=1,2,3 and LASSODE_STEPS change
// them. TestAblationReport makes tables and figures of the file.
func TestAblation(t *testing.T) {
	kind, dir, out := os.Getenv("LASSODE_ABLATION"), os.Getenv("LASSODE_COLLECTION"), os.Getenv("LASSODE_EVIDENCE")
	if kind == "" {
		t.Skip("LASSODE_ABLATION is neither quick nor full")
	}
	require.NotEmpty(t, out, "LASSODE_EVIDENCE names no folder")
	opt := lassode.AblationOptions{Config: ablationConfig(), Micro: 2, Tokens: 256, Held: 4096, Only: os.Getenv("LASSODE_ONLY"), Log: t.Logf}
	n := 100
	switch kind {
	case "quick":
		opt.Seeds, opt.Steps, n = []uint64{1}, 150, 60
	case "full":
		opt.Seeds, opt.Steps = []uint64{1, 2, 3}, 400
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

// ablationResults reads what TestAblation wrote.
func ablationResults(t testing.TB, dir string) []lassode.AblationResult {
	file, err := os.Open(filepath.Join(dir, "ablation.jsonl"))
	require.NoError(t, err)
	defer file.Close()
	var out []lassode.AblationResult
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		var r lassode.AblationResult
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		out = append(out, r)
	}
	require.NoError(t, lines.Err())
	return out
}

// TestHubEvidence looks at the hub of the embedded model: what tokens its tokens
// are read by, what is lost without single ones, and what Adapt gains. It writes
// hub.json and hub.md to the folder LASSODE_EVIDENCE; LASSODE_HUB=quick or full.
//
//	LASSODE_HUB=full LASSODE_EVIDENCE=OUT go test . -run 'TestHubEvidence$' -v -timeout 1h
func TestHubEvidence(t *testing.T) {
	kind, out := os.Getenv("LASSODE_HUB"), os.Getenv("LASSODE_EVIDENCE")
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
	require.NotEmpty(t, out, "LASSODE_EVIDENCE names no folder")
	require.NoError(t, os.MkdirAll(out, 0o777))
	model, err := pretrained.Model()
	require.NoError(t, err)
	var md strings.Builder
	report := func(format string, args ...any) {
		fmt.Fprintf(&md, format, args...)
		t.Logf(strings.TrimRight(format, "\n"), args...)
	}
	suites := []lassode.AblationSuite{{Name: "in-domain"}, {Name: "zero-shot"}}
	for i, x := range ode.InDomain(9, 24*perFamily) {
		suites[0].Tasks = append(suites[0].Tasks, firstHalf(x.Family, x.Series, 0, 4, uint64(i)))
	}
	held := ode.HeldOutTrajectories(9, perFamily)
	for i, x := range held {
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

	// Adapt: a fleet of other systems of the family, or of other runs of the same
	// system, and as a control the fleet of the next family.
	report("\n| fleet of 8 | rate | mean error before | change | that of the next family's fleet |\n|---|---|---|---|---|\n")
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
		probes := map[string]lassode.Probed{}
		var before []float64
		for _, f := range names {
			var tasks []lassode.AblationTask
			for i, x := range targets {
				if x.Family == f {
					tasks = append(tasks, firstHalf(f, x.Series, 0, 4, uint64(i)))
				}
			}
			probes[f] = lassode.Probe(model, tasks)
			before = append(before, probes[f].Errors(model)...)
		}
		for _, rate := range []float64{.03, .3, 1} {
			var own, other []float64
			for i, f := range names {
				adapted, err := model.Adapt(fleetOf[f], rate)
				require.NoError(t, err)
				own = append(own, probes[f].Errors(adapted)...)
				adapted, err = model.Adapt(fleetOf[names[(i+1)%len(names)]], rate)
				require.NoError(t, err)
				other = append(other, probes[f].Errors(adapted)...)
			}
			base, _, _ := meanInterval(before, 1)
			d, lo, hi := meanInterval(minus(own, before), 2)
			e, elo, ehi := meanInterval(minus(other, before), 3)
			report("| %s | %g | %.4f | %+.4f [%+.4f, %+.4f] | %+.4f [%+.4f, %+.4f] |\n", name, rate, base, d, lo, hi, e, elo, ehi)
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(out, "hub.md"), []byte(md.String()), 0o666))
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
