package lassode_test

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/ode"
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
	opt := lassode.AblationOptions{Config: ablationConfig(), Micro: 2, Tokens: 320, Held: 4096, Only: os.Getenv("LASSODE_ONLY"), Log: t.Logf}
	n := 150
	switch kind {
	case "quick":
		opt.Seeds, opt.Steps, n = []uint64{1}, 150, 60
	case "full":
		opt.Seeds, opt.Steps = []uint64{1, 2, 3}, 550
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
