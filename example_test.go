package lassode_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"math"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/pretrained"
)

// spring is a mass on a spring, seen every 0.1 s for 6 s: position and speed.
func spring(frequency, phase float64) lassode.Series {
	s := lassode.Series{Names: []string{"position", "speed"}}
	for i := range 60 {
		t := 0.1 * float64(i)
		s.Times = append(s.Times, t)
		s.Values = append(s.Values, []float64{math.Sin(frequency*t + phase), frequency * math.Cos(frequency*t+phase)})
	}
	return s
}

// tiny is the shape of a network that trains within a moment, for examples.
var tiny = lassode.Config{Width: 16, Blocks: 1, Heads: 2, Feed: 16, Pairs: 2, HubTokens: 4,
	PhaseModes: 4, Encoder: 8, Mixer: 8, MinWindows: 8, MaxWindows: 16}

// Forecasts, with bands, of a mass on a spring, ahead and before what was seen.
func ExampleModel_Forecast() {
	m, err := pretrained.Model()
	if err != nil {
		log.Fatal(err)
	}
	seen := spring(2, 0)
	seen.Values[30][0] = math.NaN() // not observed
	fc, err := m.Forecast(seen, []float64{6.5, -0.4})
	if err != nil {
		log.Fatal(err)
	}
	low, high := fc.Quantile(0.05), fc.Quantile(0.95)
	for i, t := range fc.Times {
		truth := math.Sin(2 * t)
		fmt.Printf("t = %4.1f: position %.1f, its rate %.1f, truth in the band: %v\n",
			t, fc.Mean[i][0], fc.Rate[i][0], low[i][0] <= truth && truth <= high[i][0])
	}
	// Output:
	// t =  6.5: position 0.4, its rate 1.8, truth in the band: true
	// t = -0.4: position -0.7, its rate 1.4, truth in the band: true
}

// Segments hold the local linear dynamics: of each channel, in each window of
// time, modes with their growth and frequency in the unit of the series.
func ExampleForecast_segments() {
	m, err := pretrained.Model()
	if err != nil {
		log.Fatal(err)
	}
	fc, err := m.Forecast(spring(2, 0), []float64{8})
	if err != nil {
		log.Fatal(err)
	}
	first, last := fc.Segments[0], fc.Segments[len(fc.Segments)-1]
	fmt.Printf("channel %d from t = %.0f, observed: %v\n", first.Channel, first.Start, first.Observed)
	fmt.Printf("channel %d to t = %.0f, observed: %v\n", last.Channel, last.End, last.Observed)
	fmt.Println(len(last.Modes), "modes, the largest first:", last.Modes[0].Amplitude >= last.Modes[1].Amplitude)
	// Output:
	// channel 0 from t = 0, observed: true
	// channel 1 to t = 8, observed: false
	// 8 modes, the largest first: true
}

// A session follows a system while it is observed. Rows may be late, and may
// hold some channels only.
func ExampleSession() {
	m, err := pretrained.Model()
	if err != nil {
		log.Fatal(err)
	}
	session := m.NewSession()
	seen := spring(2, 0)
	for i, t := range seen.Times {
		if err := session.Observe(t, seen.Values[i]); err != nil {
			log.Fatal(err)
		}
	}
	err = session.Observe(math.NaN(), seen.Values[0])
	var bad *lassode.InputError
	fmt.Println(errors.As(err, &bad), bad.Field, "is", bad.Got)

	var fc lassode.Forecast // its memory is used again
	for _, ahead := range []float64{6.5, 7} {
		if err := session.ForecastInto(&fc, []float64{ahead}); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("t = %v: %.1f\n", ahead, fc.Mean[0][0])
	}
	// Output:
	// true t of row 60 is NaN
	// t = 6.5: 0.4
	// t = 7: 1.0
}

// The state of a session survives a restart of the program.
func ExampleSession_MarshalBinary() {
	m, err := pretrained.Model()
	if err != nil {
		log.Fatal(err)
	}
	before := m.NewSession()
	for i := range 10 {
		if err := before.Observe(float64(i), []float64{math.Sin(float64(i))}); err != nil {
			log.Fatal(err)
		}
	}
	state, err := before.MarshalBinary()
	if err != nil {
		log.Fatal(err)
	}
	after := m.NewSession()
	if err := after.UnmarshalBinary(state); err != nil {
		log.Fatal(err)
	}
	fmt.Println(after.Len(), "rows in", len(state), "bytes")
	// Output: 10 rows in 227 bytes
}

// Many series on all processors; a bad one does not stop the others.
func ExampleModel_ForecastBatch() {
	m, err := pretrained.Model()
	if err != nil {
		log.Fatal(err)
	}
	at := []float64{6.5}
	for i, r := range m.ForecastBatch([]lassode.Task{
		{Series: spring(2, 0), At: at},
		{Series: lassode.Series{Times: []float64{0}, Values: [][]float64{{}}}, At: at},
		{Series: spring(1, 0), At: at},
	}, 0) {
		if r.Err != nil {
			fmt.Println(i, r.Err)
			continue
		}
		fmt.Printf("%d %.1f\n", i, r.Forecast.Mean[0][0])
	}
	// Output:
	// 0 0.4
	// 1 lassode: Values[0] is empty, want at least one channel
	// 2 0.2
}

// Water that runs between two tanks: levels are not negative, and none is lost.
func ExampleConstraints() {
	m, err := pretrained.Model()
	if err != nil {
		log.Fatal(err)
	}
	seen := lassode.Series{Constraints: &lassode.Constraints{
		Lower:   []float64{0, 0},
		Weights: []float64{1, 1},
		Total:   100,
	}}
	for i := range 30 {
		t := 0.1 * float64(i)
		seen.Times = append(seen.Times, t)
		left := 100 * math.Exp(-t)
		seen.Values = append(seen.Values, []float64{left, 100 - left})
	}
	fc, err := m.Forecast(seen, []float64{4, 8})
	if err != nil {
		log.Fatal(err)
	}
	low, high := fc.Quantile(0.05), fc.Quantile(0.95)
	for i, t := range fc.Times {
		fmt.Printf("t = %v: sum %.9f, of the rates %.9f\n", t, fc.Mean[i][0]+fc.Mean[i][1], math.Abs(fc.Rate[i][0]+fc.Rate[i][1]))
		fmt.Printf("  one at its least is the other at its most: %.9f, all positive: %v\n", low[i][0]+high[i][1], low[i][0] >= 0 && low[i][1] >= 0)
	}
	seen.Values[7][1] += 5
	_, err = m.Forecast(seen, []float64{4})
	var bad *lassode.InputError
	fmt.Println(errors.As(err, &bad), bad.Field, "breaks it, want", bad.Want)
	// Output:
	// t = 4: sum 100.000000000, of the rates 0.000000000
	//   one at its least is the other at its most: 100.000000000, all positive: true
	// t = 8: sum 100.000000000, of the rates 0.000000000
	//   one at its least is the other at its most: 100.000000000, all positive: true
	// true Values[7] breaks it, want Constraints.Total = 100 within a Tolerance of 0
}

// Fine-tuning on runs of one kind of system. What it returns is never worse than
// the original on the runs that it keeps apart.
func ExampleModel_FineTune() {
	general, err := lassode.Pretrain(context.Background(), tiny, lassode.SliceSource(runs(20)), lassode.TrainOptions{Steps: 2, Batch: 512})
	if err != nil {
		log.Fatal(err)
	}
	tuned, report, err := general.FineTune(context.Background(), runs(6), lassode.FineTuneOptions{Steps: 2})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.ValidationTrajectories, "of 6 runs kept apart; no worse:", report.After <= report.Before)
	fmt.Println(tuned.Info().Parameters == general.Info().Parameters)
	// Output:
	// 2 of 6 runs kept apart; no worse: true
	// true
}

// runs are oscillations of several frequencies.
func runs(n int) []lassode.Series {
	var out []lassode.Series
	for i := range n {
		out = append(out, spring(1+0.2*float64(i%7), float64(i)))
	}
	return out
}

// Pretraining makes new weights from any source of trajectories.
func ExamplePretrain() {
	steps := 0
	m, err := lassode.Pretrain(context.Background(), tiny, lassode.SliceSource(runs(20)), lassode.TrainOptions{
		Steps: 3, Batch: 512, Seed: 1,
		Progress: func(p lassode.Progress) { steps = p.Step },
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(steps, "steps, weights of step", m.Info().Provenance.Step)
	// Output: 3 steps, weights of step 3
}

// Adapt puts the runs of a fleet into the hub, without training. What half a run leaves
// open, the others tell; where they tell nothing, Adapt returns the model itself.
func ExampleModel_Adapt() {
	m, err := pretrained.Model()
	if err != nil {
		log.Fatal(err)
	}
	var fleet []lassode.Series
	for i := range 6 {
		fleet = append(fleet, stiffening(1+.4*float64(i)))
	}
	adapted, err := m.Adapt(fleet)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(adapted != m, adapted.Info().Provenance.Note)
	// Output: true adapted hub
}

// stiffening is about two periods of a damped spring that is harder the further it is drawn.
func stiffening(x float64) lassode.Series {
	s := lassode.Series{Names: []string{"position", "speed"}}
	v := 1.
	for i := range 56 {
		s.Times = append(s.Times, .12*float64(i))
		s.Values = append(s.Values, []float64{x, v})
		for range 60 {
			v += .002 * (-x*x*x - .3*v)
			x += .002 * v
		}
	}
	return s
}

// Weights are a safetensors file that Save writes and Load reads.
func ExampleLoad() {
	m, err := pretrained.Model()
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := m.Save(&file, lassode.Float32); err != nil {
		log.Fatal(err)
	}
	again, err := lassode.Load(&file)
	if err != nil {
		log.Fatal(err)
	}
	a, err := m.Forecast(spring(2, 0), []float64{7})
	if err != nil {
		log.Fatal(err)
	}
	b, err := again.Forecast(spring(2, 0), []float64{7})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same forecast:", a.Mean[0][0] == b.Mean[0][0])
	_, err = lassode.Load(bytes.NewReader([]byte("something else")))
	fmt.Println("an error for anything else:", err != nil)
	// Output:
	// the same forecast: true
	// an error for anything else: true
}

// BFloat16 halves the file, at some loss of precision.
func ExampleModel_Save() {
	m, err := pretrained.Model()
	if err != nil {
		log.Fatal(err)
	}
	var full, half bytes.Buffer
	if err := m.Save(&full, lassode.Float32); err != nil {
		log.Fatal(err)
	}
	if err := m.Save(&half, lassode.BFloat16); err != nil {
		log.Fatal(err)
	}
	fmt.Println(float64(half.Len()) < 0.55*float64(full.Len()))
	// Output: true
}
