package lassode

import (
	"slices"

	"github.com/lassode/lassode/classical"
	"github.com/lassode/lassode/internal/layers"
)

func init() { layers.Forecast = forecastLayers }

// forecastLayers is [layers.Forecast].
func forecastLayers(model any, times []float64, values [][]float64, at []float64) ([][][]float64, error) {
	s := Series{Times: times, Values: values}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if err := checkQueries(at, s.Channels()); err != nil {
		return nil, err
	}
	e := model.(*Model).newEngine()
	if err := e.load(s, nil); err != nil {
		return nil, err
	}
	if first := e.times[0]; slices.Min(at) < first {
		return nil, inputError("at", "no time before the first observation", "%v", slices.Min(at))
	}
	latest := e.latest()
	e.gaps, e.silences = e.gaps[:0], e.silences[:0] // answered from more than one encoding
	out := make([][][]float64, len(layers.Names))
	for l := range out {
		out[l] = make([][]float64, len(at))
	}
	answer := func(p part, rows []int) {
		if len(rows) == 0 {
			return
		}
		var times []float64
		for _, i := range rows {
			times = append(times, at[i])
		}
		e.encode(max(slices.Max(times), e.times[len(e.times)-1]), p)
		refined := e.enc.weights.Data
		clear(e.enc.gate.Data)
		for l, name := range layers.Names {
			switch name {
			case "guide":
				e.enc.weights.Data = bestGuide(&e.in)
			case "mixer":
				e.enc.weights.Data = e.enc.first.Data
			case "refined":
				e.enc.weights.Data = refined
			}
			// The answer is made from what stands in e.enc; only the edges of the
			// windows depend on it.
			e.fillEdges()
			var f Forecast
			if err := e.reply(times, &f, false); err != nil {
				panic(err) // without constraints there is no cause
			}
			for k, i := range rows {
				out[l][i] = f.Mean[k]
			}
		}
	}
	// Apart, as reply encodes the series anew for times that another part answers.
	var before, since []int
	for i, t := range at {
		if e.answers(latest, t) {
			since = append(since, i)
		} else {
			before = append(before, i)
		}
	}
	answer(part{}, before)
	answer(latest, since)
	return out, nil
}

// bestGuide gives all weight to the guide with the least validation error, and
// inside the context to the interpolant with the least error on observations left
// out, in the form of guideWeights.
func bestGuide(in *inputs) []float32 {
	weights := make([]float32, in.rows*in.windows*2*guideSlots)
	for row := range in.rows {
		prior := in.prior[row*classical.NumGuides:][:classical.NumGuides]
		best := slices.Index(prior, slices.Min(prior))
		inside := in.inside[row*classical.NumInside:][:classical.NumInside]
		bestInside := classical.NumGuides + slices.Index(inside, slices.Min(inside))
		for k := range in.windows {
			slot := best
			if k < int(in.seen[row]) {
				slot = bestInside
			}
			for edge := range 2 {
				weights[((row*in.windows+k)*2+edge)*guideSlots+slot] = 1
			}
		}
	}
	return weights
}
