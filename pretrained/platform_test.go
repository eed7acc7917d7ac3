package pretrained_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/ode"
)

var update = flag.Bool("update", false, "write testdata/platform.json anew, on amd64")

// golden are forecasts as one platform made them. Numbers are rounded to
// float32; the inputs were before they were used.
type golden struct {
	Weights string // SHA-256 of the file of the weights
	Tasks   []goldenTask
}

type goldenTask struct {
	Name              string
	Times             []float64
	Values            [][]float32
	At                []float64
	Mean, Rate, Scale [][]float32
}

// Tolerances of TestPlatforms, as shares of half the observed range of a channel
// or of the predicted scale, if that is larger; for rates of that over the mean
// step of the observations. The kernels sum and round in an order of their own
// on every platform. Where guides are unstable, far from the observations, they
// amplify that, and the predicted scale is of the size of the range; and where two
// fits are as good, another may be chosen.
const (
	typicalTolerance = 1e-3 // for 95 of 100 numbers
	largestTolerance = 1e-1
)

// goldenTasks draws contexts from the suites of eval: zero-shot, unseen and
// in-domain kinds, clean and with noise and losses.
func goldenTasks() []goldenTask {
	var set []ode.Trajectory
	set = append(set, ode.HeldOutTrajectories(5, 1)...)
	set = append(set, ode.UnseenKinds(5, 4)...)
	set = append(set, ode.InDomain(5, 8)...)
	var out []goldenTask
	for i, tr := range set {
		if i%3 != 0 {
			continue
		}
		r := rand.New(rand.NewPCG(uint64(i), 3))
		s := tr.Series
		task := goldenTask{Name: tr.Family}
		n := len(s.Times)
		for j := 0; j < n; j += 4 {
			if j >= n/2 {
				if j%16 == 0 {
					task.At = append(task.At, s.Times[j])
				}
				continue
			}
			if i%2 == 0 && r.IntN(3) == 0 {
				continue
			}
			row := make([]float32, s.Channels())
			for c, v := range s.Values[j] {
				if i%2 == 0 {
					v *= 1 + .02*r.NormFloat64()
				}
				row[c] = float32(v)
			}
			task.Times, task.Values = append(task.Times, s.Times[j]), append(task.Values, row)
		}
		span := task.Times[len(task.Times)-1] - task.Times[0]
		task.At = append(task.At, task.Times[0]+.31*span, task.Times[0]+.77*span, task.Times[0]-.1*span, task.Times[0]-.5*span)
		out = append(out, task)
	}
	return out
}

// forecast answers the task on this platform.
func (g *goldenTask) forecast(t *testing.T, m *lassode.Model) *lassode.Forecast {
	s := lassode.Series{Times: g.Times}
	for _, row := range g.Values {
		wide := make([]float64, len(row))
		for c, v := range row {
			wide[c] = float64(v)
		}
		s.Values = append(s.Values, wide)
	}
	f, err := m.Forecast(s, g.At)
	require.NoError(t, err)
	return f
}

// TestPlatforms compares forecasts from trajectories of the eval suites with
// those that an amd64 processor with AVX-512 made, within the tolerances that
// docs/how-it-works.md states. Written anew, for new weights or a change of the
// model that is meant, by
//
//	go test ./pretrained -run TestPlatforms -update
func TestPlatforms(t *testing.T) {
	const file = "testdata/platform.json"
	m := builtIn(t)
	weights, err := os.ReadFile("weights.safetensors")
	require.NoError(t, err)
	sum := sha256.Sum256(weights)
	if *update {
		g := golden{Weights: hex.EncodeToString(sum[:]), Tasks: goldenTasks()}
		for i := range g.Tasks {
			task := &g.Tasks[i]
			f := task.forecast(t, m)
			for _, x := range []struct {
				to   *[][]float32
				from [][]float64
			}{{&task.Mean, f.Mean}, {&task.Rate, f.Rate}, {&task.Scale, f.Scale}} {
				for _, row := range x.from {
					narrow := make([]float32, len(row))
					for c, v := range row {
						narrow[c] = float32(v)
					}
					*x.to = append(*x.to, narrow)
				}
			}
		}
		b, err := json.Marshal(g)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, append(b, '\n'), 0o644))
	}
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	var g golden
	require.NoError(t, json.Unmarshal(b, &g))
	require.Equal(t, g.Weights, hex.EncodeToString(sum[:]), "the weights are others than those of %s: go test ./pretrained -run TestPlatforms -update", file)
	require.NotEmpty(t, g.Tasks)
	if testing.Short() {
		g.Tasks = g.Tasks[:4] // emulation is slow
	}
	var errs []float64
	for _, task := range g.Tasks {
		f := task.forecast(t, m)
		worst := 0.
		for c := range f.Mean[0] {
			lo, hi := math.Inf(1), math.Inf(-1)
			for _, row := range task.Values {
				lo, hi = min(lo, float64(row[c])), max(hi, float64(row[c]))
			}
			half := max((hi-lo)/2, 1e-6*max(math.Abs(lo), math.Abs(hi)))
			step := (task.Times[len(task.Times)-1] - task.Times[0]) / float64(len(task.Times)-1)
			for i := range task.At {
				unit := max(half, float64(task.Scale[i][c]))
				for _, e := range []float64{
					(f.Mean[i][c] - float64(task.Mean[i][c])) / unit,
					(f.Rate[i][c] - float64(task.Rate[i][c])) / unit * step,
					(f.Scale[i][c] - float64(task.Scale[i][c])) / unit,
				} {
					require.False(t, math.IsNaN(e))
					errs = append(errs, math.Abs(e))
					worst = max(worst, math.Abs(e))
				}
			}
		}
		t.Logf("%-22s largest difference %.1e", task.Name, worst)
	}
	slices.Sort(errs)
	at := func(p float64) float64 { return errs[int(p*float64(len(errs)-1))] }
	t.Logf("%d numbers: median %.1e, 95 of 100 below %.1e, largest %.1e", len(errs), at(.5), at(.95), at(1))
	require.Less(t, at(.95), typicalTolerance)
	require.Less(t, at(1), largestTolerance)
}
