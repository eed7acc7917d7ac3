package lassode_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/ode"
	"github.com/lassode/lassode/pretrained"
)

// evidence skips unless LASSODE_EVIDENCE is set: these runs print tables of
// docs/evidence.md and take minutes.
func evidence(t *testing.T) {
	if os.Getenv("LASSODE_EVIDENCE") == "" {
		t.Skip("set LASSODE_EVIDENCE=1 to measure")
	}
}

func middle(v []float64, p float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[int(p*float64(len(v)-1))]
}

// TestEvidenceTraining trains the default network with the token ODE in closed
// form and integrated, on the same tasks of 2,048 tokens a step. LASSODE_EVIDENCE_STEPS sets the number
// of training steps (24).
func TestEvidenceTraining(t *testing.T) {
	evidence(t)
	training := 24
	if v, err := strconv.Atoi(os.Getenv("LASSODE_EVIDENCE_STEPS")); err == nil {
		training = v
	}
	steps := []int{0, 16, 64, 128}
	m, err := pretrained.Model()
	require.NoError(t, err)
	src := ode.Zoo{Seed: 77, N: 20000}
	rms, top, err := lassode.RungeErrors(m, src, steps)
	require.NoError(t, err)
	fmt.Println("| token ODE | steps per window | error, rms | largest | forward and backward, ms | whole step, ms | memory, MB | loss, first quarter | last quarter | largest difference of a step's loss |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	var closed lassode.OdeTraining
	for i, n := range steps {
		r, err := lassode.RunOdeTraining(src, lassode.DefaultConfig(), 2048, training, n)
		require.NoError(t, err)
		if n == 0 {
			closed = r
		}
		name := "closed form"
		if n > 0 {
			name = "RK4"
		}
		quarter := max(training/4, 1)
		mean := func(v []float64) float64 {
			sum := 0.
			for _, x := range v {
				sum += x / float64(len(v))
			}
			return sum
		}
		apart := 0.
		for k := range r.Losses {
			apart = max(apart, math.Abs(r.Losses[k]-closed.Losses[k]))
		}
		fmt.Printf("| %s | %d | %.1e | %.1e | %.0f | %.0f | %.0f | %.4f | %.4f | %.4f |\n", name, n, rms[i], top[i],
			1e3*middle(r.Learn, .5), 1e3*middle(r.Whole, .5), r.Memory/1e6, mean(r.Losses[:quarter]), mean(r.Losses[training-quarter:]), apart)
	}
}

// TestEvidenceTokens measures what the tokens' own ODE does in the built-in
// weights.
func TestEvidenceTokens(t *testing.T) {
	evidence(t)
	m, err := pretrained.Model()
	require.NoError(t, err)
	series := func(all []ode.Trajectory) lassode.Source {
		var out []lassode.Series
		for _, x := range all {
			out = append(out, x.Series)
		}
		return lassode.SliceSource(out)
	}
	fmt.Println("| suite | part | points | median error: all | without the tokens' ODE | mixer alone | mean, clipped at 2: all | without | mixer alone | own part, median / 90 % / 99 % | gate, median / 90 % / 99 % | own part over 0.05: share of points | mean there: all | without |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, suite := range []struct {
		name string
		src  lassode.Source
	}{
		{"in-domain", ode.Zoo{Seed: 991, N: 100000}},
		{"zero-shot", series(ode.HeldOutTrajectories(1, 50))},
		{"unseen", series(ode.UnseenKinds(1, 250))},
	} {
		inside, ahead, err := lassode.RunTokenErrors(m, suite.src, 40)
		require.NoError(t, err)
		for k, e := range []lassode.TokenErrors{inside, ahead} {
			clipped := func(v []float64) float64 {
				sum := 0.
				for _, x := range v {
					sum += min(x, 2) / float64(len(v))
				}
				return sum
			}
			var full, without []float64
			for i, v := range e.Share {
				if v > .05 {
					full, without = append(full, e.Full[i]), append(without, e.NoOde[i])
				}
			}
			fmt.Printf("| %s | %s | %d | %.4f | %.4f | %.4f | %.4f | %.4f | %.4f | %.2g / %.2g / %.2g | %.2g / %.2g / %.2g | %.1f %% | %.3f | %.3f |\n", suite.name, []string{"inside", "ahead"}[k], len(e.Full),
				middle(e.Full, .5), middle(e.NoOde, .5), middle(e.Mixer, .5), clipped(e.Full), clipped(e.NoOde), clipped(e.Mixer),
				middle(e.Share, .5), middle(e.Share, .9), middle(e.Share, .99), middle(e.Gate, .5), middle(e.Gate, .9), middle(e.Gate, .99),
				100*float64(len(full))/float64(len(e.Full)), clipped(full), clipped(without))
		}
	}
}
