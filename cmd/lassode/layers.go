package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/internal/layers"
	"github.com/lassode/lassode/ode"
)

// layerScore is the result of one layer of the model on one suite under one
// condition, beside the layer below it.
type layerScore struct {
	methodScore
	// Gain is what the layer adds to the share of R2 over 0.9, in points, and
	// Change by how many per cent it changes the clipped mean, both with paired
	// 95 % intervals. The lowest layer has neither.
	Gain   *comparison `json:"gain,omitempty"`
	Change *comparison `json:"change,omitempty"`
}

// layerSuite has the layers of the model on one suite under one condition.
type layerSuite struct {
	Suite        string       `json:"suite"`
	Condition    setting      `json:"condition"`
	Trajectories int          `json:"trajectories"`
	Layers       []layerScore `json:"layers"`
}

// layerTitles are the layers for people.
var layerTitles = map[string]string{
	"guide": "guide of least validation error", "mixer": "mixer alone",
	"refined": "refined by the tokens", modelName: "with the tokens' own ODE: the model",
}

// layerNames are all layers, the whole model last.
func layerNames() []string { return append(slices.Clone(layers.Names), modelName) }

// runLayers measures every layer on all trajectories: errors by layer and
// trajectory.
func runLayers(ctx context.Context, model *lassode.Model, set []ode.Trajectory, c setting, seed uint64, workers int) ([][]float64, error) {
	found := make([][]float64, len(set))
	errs := make([]error, len(set))
	parallel(ctx, len(set), workers, func() func(i int) {
		return func(i int) {
			p := newProblem(set[i].Series, c, seed, i)
			s := newScorer(set[i].Series, p.rest)
			means, err := layers.Forecast(model, p.context.Times, p.context.Values, p.rest.Times)
			if err == nil {
				var fc *lassode.Forecast
				if fc, err = model.Forecast(p.context, p.rest.Times); err == nil {
					means = append(means, fc.Mean)
				}
			}
			if err != nil {
				errs[i] = fmt.Errorf("trajectory %d (%s): %w", i, set[i].Family, err)
				return
			}
			for _, m := range means {
				found[i] = append(found[i], s.score(func(j, k int) float64 { return m[j][k] }))
			}
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	out := make([][]float64, len(layerNames()))
	for _, e := range found {
		if e[0] != e[0] {
			continue // nothing moves
		}
		for l := range out {
			out[l] = append(out[l], e[l])
		}
	}
	return out, nil
}

// scoreLayers compares each layer with the one below.
func scoreLayers(suite string, c setting, errors [][]float64, seed uint64) layerSuite {
	out := layerSuite{Suite: suite, Condition: c, Trajectories: len(errors[0])}
	for l, name := range layerNames() {
		score := layerScore{methodScore: summarise(name, errors[l], seed)}
		if l > 0 {
			below := layerNames()[l-1]
			gain, difference := comparison{Quantity: "share_r2_over_0.9", Against: below, Unit: "points"}, good(errors[l])
			for i, v := range good(errors[l-1]) {
				difference[i] = 100 * (difference[i] - v)
			}
			gain.Value = mean(difference)
			gain.Low, gain.High = bootstrapMean(difference, seed)
			was, is := clipped(errors[l-1]), clipped(errors[l])
			change := comparison{Quantity: "mean_clipped_at_2", Against: below, Unit: "%", Value: increase(mean(was), mean(is))}
			change.Low, change.High = bootstrap(len(is), seed, func(counts []int) float64 {
				return increase(weightedMean(was, counts), weightedMean(is, counts))
			})
			score.Gain, score.Change = &gain, &change
		}
		out.Layers = append(out.Layers, score)
	}
	return out
}

// clipped are errors clipped at 2.
func clipped(errors []float64) []float64 {
	out := slices.Clone(errors)
	for i, e := range out {
		out[i] = math.Min(e, 2)
	}
	return out
}

// printLayers prints what each layer adds.
func printLayers(w io.Writer, s *layerSuite) {
	fmt.Fprintf(w, "%s, %s: %s\n", s.Suite, s.Condition.Name, plural(s.Trajectories, "trajectory"))
	fmt.Fprintf(w, "  %-36s %5s  %-24s %6s  %5s  %s\n", "", "share", "gain in points", "median", "mean", "change of the mean in %")
	for _, l := range s.Layers {
		gain, change := "", ""
		if l.Gain != nil {
			gain, change = l.Gain.valueText(), l.Change.valueText()
		}
		fmt.Fprintf(w, "  %-36s %5.1f  %-24s %6s  %5s  %s\n", layerTitles[l.Method], 100*l.Good, gain, errorText(l.Median), errorText(l.MeanClipped), change)
	}
	fmt.Fprintln(w)
}

// markdownLayers writes what each layer adds, a table for each suite.
func markdownLayers(w io.Writer, list []layerSuite) {
	for i, s := range list {
		if i == 0 || list[i-1].Suite != s.Suite {
			fmt.Fprintf(w, "\n### what each layer adds, %s: %s\n\n", s.Suite, plural(s.Trajectories, "trajectory"))
			markdownHead(w, "", "layer", "share of R2 > 0.9", "gain, points", "median error", "clipped mean", "its change, %")
		}
		for l, score := range s.Layers {
			key, gain, change := "", "", ""
			if l == 0 {
				key = s.Condition.Key
			}
			if score.Gain != nil {
				gain, change = score.Gain.valueText(), score.Change.valueText()
			}
			markdownRow(w, key, layerTitles[score.Method], fmt.Sprintf("%.1f %%", 100*score.Good), gain, errorText(score.Median), errorText(score.MeanClipped), change)
		}
	}
}
