package lassode

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
	lower       [][]float64
}

// Segment is the locally linear model z' = Az + b of one channel over one
// window of time.
type Segment struct {
	Channel    int
	Start, End float64 // the window, in the unit of the series
	Observed   bool    // whether the window holds observations of the channel
	Modes      []Mode  // by falling amplitude
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
