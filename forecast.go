package lassode

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// Forecast is the answer of a model at the asked times. All slices have a row
// per time and a column per channel, in the units of the series. Several
// goroutines may read one, as long as no session is filling it.
type Forecast struct {
	// Times are the query times as they were asked.
	Times []float64
	// Mean is the predicted state. It is continuous in time, but where other rows of the
	// series are what answers: before and after the first observation, after the last of
	// more than 512, or of a channel that had ended, and where what came before a long gap,
	// a rest or a jump is left out; and where times are so far away that the mean and spread
	// of the observations answer ([Model.Forecast]).
	Mean [][]float64
	// Rate is the exact time derivative of Mean, per unit of time of the series,
	// from the closed form. At the edge of two windows, where Mean is continuous
	// and its derivative is not, it is that of the later one.
	Rate [][]float64
	// Scale is the predicted size of the error; quantiles are Mean plus
	// Scale times the calibrated quantile of the model's error distribution.
	// [Constraints] say what they are where a system has some: Scale is then that
	// given the total, and before the bounds.
	Scale [][]float64
	// Outliers are the observations that the forecast was made without, ordered by
	// channel, then by time: single values that stand alone, as those of a sensor that
	// failed for a moment do, at most a tenth of the observations of a channel, none of its
	// first two, of the last two only what lies farther off than anything before, and
	// none where a channel has fewer than twelve; and one number that a channel has twice
	// or more, as far from all others as these are from each other, at most a tenth too,
	// but where the channel ends with it; and what a sensor repeated that was stuck for
	// three rows or more while the curve went on, or where noise should have moved it.
	Outliers []Outlier
	// Segments describe the local linear dynamics, one per window and channel,
	// ordered by channel, then by time. Nil in forecasts of a [Session].
	Segments []Segment

	calibration *Calibration
	half        []float64 // per channel: half the observed range, which scales its errors
	unseen      []bool    // per time: outside the observed span
	kept        kept      // what the constraints need
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
// and 0.995, the tails run on as those of a Laplace distribution. A forecast that no
// model made, such as one decoded from a file, has NaN. The result is new memory;
// calls may overlap.
func (f *Forecast) Quantile(p float64) [][]float64 {
	if !(p > 0 && p < 1) {
		panic(fmt.Sprintf("lassode: Quantile: probability %v, must be between 0 and 1", p))
	}
	out := reshape(nil, len(f.Mean), columns(f.Mean))
	if f.calibration == nil {
		return out
	}
	if f.kept.rule != nil {
		f.kept.quantile(f, out, p)
		return out
	}
	errors := f.errorsAt(p)
	for i, row := range f.Mean {
		for c, v := range row {
			if v == v {
				out[i][c] = finite(v + errors.at(f, i, c, f.Scale[i][c]))
			}
		}
	}
	return out
}

// errorQuantile is the distribution of errors at one probability.
type errorQuantile struct{ inside, ahead errorLevel }

func (f *Forecast) errorsAt(p float64) errorQuantile {
	return errorQuantile{f.calibration.atLevel(&f.calibration.Inside, p), f.calibration.atLevel(&f.calibration.Ahead, p)}
}

// at returns the error at time i of channel c where its predicted scale is s.
func (q *errorQuantile) at(f *Forecast, i, c int, s float64) float64 {
	if f.unseen[i] {
		return q.ahead.at(s/f.half[c]) * s
	}
	return q.inside.at(s/f.half[c]) * s
}

func columns(x [][]float64) int {
	if len(x) == 0 {
		return 0
	}
	return len(x[0])
}

// Segment is the locally linear model z' = Az + b of one channel over one
// window of time, in closed form z(t) = e^(lambda t) z(0) + (e^(lambda t) - 1)/lambda b
// for each eigenvalue lambda. It is what the network adds to its guides, so that
// amplitudes are small where these are good. Before the first observation, growth
// is that of time running forwards.
type Segment struct {
	Channel    int
	Start, End float64   // the window, in the unit of the series
	Observed   bool      // whether the window holds observations of the channel
	Modes      []Mode    // by falling amplitude
	Hub        []float32 // attention to each hub token, summing to 1; nil without hub tokens, as in the built-in weights
}

// Mode is one oscillating or decaying part of a [Segment].
type Mode struct {
	Growth    float64 // real part of the eigenvalue, per unit of time; negative = decay
	Frequency float64 // cycles per unit of time
	Amplitude float64 // bound of its contribution to the channel about its fixed point within the window, in its units
}

// Calibration holds the quantiles of the error divided by the predicted scale,
// measured on validation systems: Levels rise from 0 to 1 exclusive, and the
// tables are for times inside and outside the observed span. Near widens the scale that the
// network predicts outside: by 1 + Near next to that span, less and less up to a tenth of it
// away.
type Calibration struct {
	Levels []float64  `json:"levels"`
	Near   float64    `json:"near,omitempty"`
	Inside ErrorTable `json:"inside"`
	Ahead  ErrorTable `json:"ahead"`
}

// nearSpan is how far the nearest times reach, in spans of the context, and mostNear the
// largest Near.
const nearSpan, mostNear = .1, 10

// nearness is 1 next to the context and 0 from nearSpan on, where distance is in its spans.
func nearness(distance float64) float64 { return max(0, 1-distance/nearSpan) }

// ErrorTable is the distribution of errors over their predicted scale where that
// scale, in units of half the observed range of the channel, has the logarithm
// LogScale[k], rising: Quantiles[k] has one value per level. In between it is
// interpolated. Small and large predicted scales are not equally sharp.
type ErrorTable struct {
	LogScale  []float64   `json:"log_scale"`
	Quantiles [][]float64 `json:"quantiles"`
}

func (t ErrorTable) clone() ErrorTable {
	out := ErrorTable{LogScale: slices.Clone(t.LogScale), Quantiles: slices.Clone(t.Quantiles)}
	for k, q := range out.Quantiles {
		out.Quantiles[k] = slices.Clone(q)
	}
	return out
}

// errorLevel is a table at one probability.
type errorLevel struct{ logScale, quantile []float64 }

// at returns the quantile where the predicted scale is s half ranges.
func (l *errorLevel) at(s float64) float64 {
	x := math.Log(max(s, 1e-300))
	n := len(l.logScale)
	i := sort.SearchFloat64s(l.logScale, x)
	switch {
	case i == 0 || s != s:
		return l.quantile[0]
	case i == n:
		return l.quantile[n-1]
	}
	u := (x - l.logScale[i-1]) / (l.logScale[i] - l.logScale[i-1])
	return l.quantile[i-1] + u*(l.quantile[i]-l.quantile[i-1])
}

// atLevel interpolates a table at probability p.
func (c *Calibration) atLevel(t *ErrorTable, p float64) errorLevel {
	l := errorLevel{logScale: t.LogScale}
	n := len(c.Levels)
	for _, q := range t.Quantiles {
		var v float64
		switch {
		case p < c.Levels[0]:
			v = q[0] + math.Log(p/c.Levels[0])
		case p > c.Levels[n-1]:
			v = q[n-1] - math.Log((1-p)/(1-c.Levels[n-1]))
		default:
			i := max(sort.SearchFloat64s(c.Levels, p), 1)
			s := (p - c.Levels[i-1]) / (c.Levels[i] - c.Levels[i-1])
			v = q[i-1] + s*(q[i]-q[i-1])
		}
		l.quantile = append(l.quantile, v)
	}
	return l
}

// validate reports tables that are no distribution.
func (c *Calibration) validate() error {
	n := len(c.Levels)
	if n < 2 || n > 1000 {
		return inputError("calibration.levels", "2 to 1000 levels", "%d", n)
	}
	for i, v := range c.Levels {
		if !(v > 0 && v < 1) || i > 0 && !(v > c.Levels[i-1]) {
			return inputError("calibration.levels", "rising numbers between 0 and 1", "%v", v)
		}
	}
	if !(c.Near >= 0 && c.Near <= mostNear) {
		return inputError("calibration.near", fmt.Sprintf("0 to %d", mostNear), "%v", c.Near)
	}
	for i, t := range []*ErrorTable{&c.Inside, &c.Ahead} {
		name := [...]string{"inside", "ahead"}[i]
		if len(t.LogScale) < 1 || len(t.LogScale) > 1000 || len(t.Quantiles) != len(t.LogScale) {
			return inputError("calibration."+name, "1 to 1000 scales and as many rows of quantiles", "%d scales, %d rows", len(t.LogScale), len(t.Quantiles))
		}
		for k, v := range t.LogScale {
			if math.IsNaN(v) || math.IsInf(v, 0) || k > 0 && !(v > t.LogScale[k-1]) {
				return inputError("calibration."+name+".log_scale", "finite rising numbers", "%v", v)
			}
			if len(t.Quantiles[k]) != n {
				return inputError("calibration."+name+".quantiles", fmt.Sprintf("%d in each row", n), "%d", len(t.Quantiles[k]))
			}
			for i, q := range t.Quantiles[k] {
				if math.IsNaN(q) || math.IsInf(q, 0) || i > 0 && q < t.Quantiles[k][i-1] {
					return inputError("calibration."+name+".quantiles", "finite rising quantiles", "%v", q)
				}
			}
		}
	}
	return nil
}
