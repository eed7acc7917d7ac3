package lassode

import (
	"fmt"
	"math"
	"sort"
)

// Forecast is the answer of a model at the asked times. All slices have a row
// per time and a column per channel, in the units of the series.
type Forecast struct {
	// Times are the query times as they were asked.
	Times []float64
	// Mean is the predicted state.
	Mean [][]float64
	// Rate is the exact time derivative of Mean.
	Rate [][]float64
	// Scale is the predicted size of the error; quantiles are Mean plus
	// Scale times the calibrated quantile of the model's error distribution.
	Scale [][]float64
	// Segments describe the local linear dynamics, one per window and channel,
	// ordered by channel, then by time.
	Segments []Segment

	calibration *Calibration
	unseen      []bool // per time: outside the observed span
}

// shape gives f a row per query time and a column per channel, all NaN,
// reusing its memory.
func (f *Forecast) shape(at []float64, channels int) {
	f.Times = append(f.Times[:0], at...)
	for _, x := range []*[][]float64{&f.Mean, &f.Rate, &f.Scale} {
		*x = reshape(*x, len(at), channels)
	}
}

func reshape(x [][]float64, rows, columns int) [][]float64 {
	if len(x) != rows || rows > 0 && len(x[0]) != columns {
		flat := make([]float64, rows*columns)
		x = make([][]float64, rows)
		for i := range x {
			x[i] = flat[i*columns : (i+1)*columns : (i+1)*columns]
		}
	}
	for _, row := range x {
		for c := range row {
			row[c] = math.NaN()
		}
	}
	return x
}

// Quantile returns the value below which the state lies with probability p, a
// row per time and a column per channel. It rises with p, and that of 0.5 is
// Mean. It panics unless 0 < p < 1. Beyond the outermost measured levels, 0.005
// and 0.995, the tails run on as those of a Laplace distribution.
func (f *Forecast) Quantile(p float64) [][]float64 {
	if !(p > 0 && p < 1) {
		panic(fmt.Sprintf("lassode: Quantile: probability %v, must be between 0 and 1", p))
	}
	inside := f.calibration.at(f.calibration.Inside, p)
	ahead := f.calibration.at(f.calibration.Ahead, p)
	out := reshape(nil, len(f.Mean), columns(f.Mean))
	for i, row := range f.Mean {
		q := inside
		if f.unseen[i] {
			q = ahead
		}
		for c, v := range row {
			out[i][c] = finite(v + q*f.Scale[i][c])
			if v != v {
				out[i][c] = v
			}
		}
	}
	return out
}

func columns(x [][]float64) int {
	if len(x) == 0 {
		return 0
	}
	return len(x[0])
}

// Segment is the locally linear model z' = Az + b of one channel over one
// window of time.
type Segment struct {
	Channel    int
	Start, End float64   // the window, in the unit of the series
	Observed   bool      // whether the window holds observations of the channel
	Modes      []Mode    // by falling amplitude
	Hub        []float32 // attention to each hub token, summing to 1
}

// Mode is one oscillating or decaying part of a [Segment].
type Mode struct {
	Growth    float64 // real part of the eigenvalue, per unit of time; negative = decay
	Frequency float64 // cycles per unit of time
	Amplitude float64 // peak contribution to the channel within the window, in its units
}

// Calibration holds the quantiles of the error divided by the predicted
// scale, measured on validation systems: Levels rise from 0 to 1 exclusive,
// and Inside and Ahead have one value per level for times inside and outside
// the observed span.
type Calibration struct {
	Levels []float64 `json:"levels"`
	Inside []float64 `json:"inside"`
	Ahead  []float64 `json:"ahead"`
}

// at interpolates a table of quantiles at probability p.
func (c *Calibration) at(table []float64, p float64) float64 {
	n := len(c.Levels)
	if p < c.Levels[0] {
		return table[0] + math.Log(p/c.Levels[0])
	}
	if p > c.Levels[n-1] {
		return table[n-1] - math.Log((1-p)/(1-c.Levels[n-1]))
	}
	i := max(sort.SearchFloat64s(c.Levels, p), 1)
	s := (p - c.Levels[i-1]) / (c.Levels[i] - c.Levels[i-1])
	return table[i-1] + s*(table[i]-table[i-1])
}

// validate reports tables that are no distribution.
func (c *Calibration) validate() error {
	n := len(c.Levels)
	if n < 2 || n > 1000 || len(c.Inside) != n || len(c.Ahead) != n {
		return inputError("calibration", "2 to 1000 levels and as many quantiles", "%d levels, %d and %d quantiles", n, len(c.Inside), len(c.Ahead))
	}
	for i := range n {
		if !(c.Levels[i] > 0 && c.Levels[i] < 1) || i > 0 && !(c.Levels[i] > c.Levels[i-1]) {
			return inputError("calibration.levels", "rising numbers between 0 and 1", "%v", c.Levels[i])
		}
		for _, q := range [][]float64{c.Inside, c.Ahead} {
			if math.IsNaN(q[i]) || math.IsInf(q[i], 0) || i > 0 && q[i] < q[i-1] {
				return inputError("calibration", "finite rising quantiles", "%v", q[i])
			}
		}
	}
	return nil
}
