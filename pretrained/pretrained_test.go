package pretrained_test

import (
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/classical"
	"github.com/lassode/lassode/ode"
	"github.com/lassode/lassode/pretrained"
)

// TestWeights demands of the embedded weights what the README says of them, on
// a small sample of systems that were not trained on: clipped error well below
// persistence and mean, and below the validated classical choice.
func TestWeights(t *testing.T) {
	m, err := pretrained.Model()
	require.NoError(t, err)
	file, err := os.Stat("weights.safetensors")
	require.NoError(t, err)
	require.Less(t, file.Size(), int64(12<<20))
	require.Greater(t, m.Info().Provenance.Step, 1000)

	set := ode.HeldOutTrajectories(11, 6)
	var tasks []lassode.Task
	for _, tr := range set {
		cut := len(tr.Series.Times) / 2
		tasks = append(tasks, lassode.Task{
			Series: lassode.Series{Times: tr.Series.Times[:cut], Values: tr.Series.Values[:cut]},
			At:     tr.Series.Times[cut:],
		})
	}
	results := m.ForecastBatch(tasks, 0)
	var model float64
	rivals := map[string]float64{"persistence": 0, "mean": 0, "auto": 0}
	inBand, all := 0., 0.
	for i, tr := range set {
		require.NoError(t, results[i].Err)
		fc := results[i].Forecast
		cut := len(tr.Series.Times) / 2
		channels := tr.Series.Channels()
		score := func(at func(j, c int) float64) float64 {
			total := 0.
			for c := range channels {
				var sum, square, miss float64
				n := float64(len(tr.Series.Times))
				for j, row := range tr.Series.Values {
					sum += row[c]
					square += row[c] * row[c]
					if j >= cut {
						e := at(j-cut, c) - row[c]
						miss += e * e
					}
				}
				total += miss / (n - float64(cut)) / (square/n - sum*sum/(n*n))
			}
			return min(math.Sqrt(total/float64(channels)), 2) / float64(len(set))
		}
		model += score(func(j, c int) float64 { return fc.Mean[j][c] })
		var flat []float64
		for _, row := range tasks[i].Series.Values {
			flat = append(flat, row...)
		}
		dst := make([]float64, len(tasks[i].At)*channels)
		for name := range rivals {
			f, err := classical.ByName(name)
			require.NoError(t, err)
			f.Forecast(dst, tasks[i].Series.Times, flat, channels, tasks[i].At)
			rivals[name] += score(func(j, c int) float64 { return dst[j*channels+c] })
		}
		low, high := fc.Quantile(.1), fc.Quantile(.9)
		for j, row := range tr.Series.Values[cut:] {
			for c, v := range row {
				all++
				if low[j][c] <= v && v <= high[j][c] {
					inBand++
				}
			}
		}
	}
	t.Logf("clipped error %.3f; rivals %v; coverage of the 80 %% band %.2f", model, rivals, inBand/all)
	require.Less(t, model, .75*rivals["persistence"])
	require.Less(t, model, .75*rivals["mean"])
	require.Less(t, model, rivals["auto"])
	require.InDelta(t, .8, inBand/all, .15)
}

// A forecast takes a model, the observations and the times that are asked for.
func Example() {
	m, err := pretrained.Model()
	if err != nil {
		panic(err)
	}
	// A damped oscillation, observed irregularly, one value missing.
	var seen lassode.Series
	truth := func(t float64) float64 { return 20 + 5*math.Exp(-.1*t)*math.Cos(2*t) }
	for i := range 60 {
		t := .1*float64(i) + .03*math.Sin(float64(7*i))
		seen.Times = append(seen.Times, t)
		seen.Values = append(seen.Values, []float64{truth(t)})
	}
	seen.Values[20][0] = math.NaN()

	fc, err := m.Forecast(seen, []float64{7, 9})
	if err != nil {
		panic(err)
	}
	low, high := fc.Quantile(.05), fc.Quantile(.95)
	for i, t := range fc.Times {
		fmt.Printf("t=%v within 0.5 of the truth: %v, inside the band: %v\n", t,
			math.Abs(fc.Mean[i][0]-truth(t)) < .5, low[i][0] < truth(t) && truth(t) < high[i][0])
	}
	// Output:
	// t=7 within 0.5 of the truth: true, inside the band: true
	// t=9 within 0.5 of the truth: true, inside the band: true
}
