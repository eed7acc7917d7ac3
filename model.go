package lassode

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sort"
	"sync"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/classical"
	"github.com/lassode/lassode/linode"
	"github.com/lassode/lassode/tensor"
)

// Model is a pretrained or fine-tuned network. It is immutable and safe for
// concurrent use.
type Model struct {
	net         *network
	calibration Calibration
	provenance  Provenance
	fleet       *fleet // runs that the model was fine-tuned on, or nil

	integers []namedTensor // weights that forecasts multiply by as integers

	freeze  sync.Once
	frozen  *tensor.Frozen // the weights for forecasts, made for the first engine
	engines sync.Pool      // idle engines: making one anew costs more than a forecast
}

// Provenance says where weights come from.
type Provenance struct {
	FormatVersion int    `json:"format_version"`
	Seed          uint64 `json:"seed"`
	Step          int    `json:"step"`
	ZooHash       string `json:"zoo_hash,omitempty"`
	Note          string `json:"note,omitempty"`
}

// Info describes a model.
type Info struct {
	Config      Config
	Parameters  int
	Provenance  Provenance
	Calibration Calibration
	Library     LibraryInfo
}

// LibraryInfo says which runs of a fleet a model holds ([Model.FineTune], [Model.Adapt]). The zero
// value is that of none.
type LibraryInfo struct {
	Runs     int      // series
	Rows     int      // of all together
	Channels int      // of each
	Names    []string // of the channels; nil where the series had none
	Weight   float64  // of the runs in a fit, relative to the context
}

// Knows reports whether forecasts of a series with channels of these names, all of them observed,
// use the library: not if they are other names than its own. Without names on either side it is used.
func (l LibraryInfo) Knows(names []string) bool {
	return l.Names == nil || names == nil || columnsOf(names, l.Names) != nil
}

// Info returns the configuration, size, provenance and calibration of the model, and what
// library it holds. The slices are the caller's.
func (m *Model) Info() Info {
	c := m.calibration
	c.Levels, c.Inside, c.Ahead = slices.Clone(c.Levels), c.Inside.clone(), c.Ahead.clone()
	info := Info{Config: m.net.cfg, Parameters: m.net.params.Len(), Provenance: m.provenance, Calibration: c}
	if f := m.fleet; f != nil {
		info.Library = LibraryInfo{Runs: len(f.series), Channels: len(f.levels), Names: slices.Clone(f.names), Weight: f.weight}
		for _, s := range f.series {
			info.Library.Rows += len(s.Times)
		}
	}
	return info
}

// Forecast predicts the state at the times at, which may lie before, inside or
// after the observations of s, in any order. It returns an [InputError] that
// names the field, the value and what was expected.
//
// Rows closer in time than 1e-10 of the observed span count as one, of which the
// first value of each channel is taken.
//
// A channel without any observation gets NaN, unless a conserved total decides it
// ([Constraints]). A channel that never changes, or
// a single observation, is continued as it is. Times more than MaxWindows/4 - 1
// times the observed span away from it are answered by the mean and spread of
// the observations.
func (m *Model) Forecast(s Series, at []float64) (*Forecast, error) {
	var f Forecast
	e := m.takeEngine()
	defer m.engines.Put(e)
	if err := e.forecast(s, at, &f, true); err != nil {
		return nil, err
	}
	return &f, nil
}

// Task is one question of [Model.ForecastBatch].
type Task struct {
	Series Series
	At     []float64
}

// Result is the answer to one [Task]: a forecast or an error.
type Result struct {
	Forecast *Forecast
	Err      error
}

// ForecastBatch answers many tasks on several goroutines, 0 meaning GOMAXPROCS.
// Results are in the order of the tasks and the same as those of Forecast,
// whatever the number of workers.
func (m *Model) ForecastBatch(tasks []Task, workers int) []Result {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	out := make([]Result, len(tasks))
	tensor.Parallel(len(tasks), workers, func(i int) {
		e := m.takeEngine()
		defer m.engines.Put(e)
		f := new(Forecast)
		if err := e.forecast(tasks[i].Series, tasks[i].At, f, true); err != nil {
			out[i].Err = err
			return
		}
		out[i].Forecast = f
	})
	return out
}

// engine is the scratch memory of one goroutine for forecasts.
type engine struct {
	m     *Model
	tape  *tensor.Tape
	in    inputs
	enc   encoded
	sys   system
	order []int // of the queries in time

	channels int   // of the series
	rule     *rule // its constraints, or nil
	live     []int // those observed
	times    []float64
	values   []float64
	sign     float64   // 1, or -1 while the series is reversed
	width    float64   // of windows that suits the signal, or -1 before it is known
	encoded  bool      // whether enc holds a part of the series in its present direction
	part     part      // which
	recent   part      // see latest
	known    bool      // whether it is that of the present direction
	even     []float64 // the times before they were rounded; empty for e.times

	moved, few, fewValues []float64 // scratch of rows
	hold                  float64   // see SessionOptions
	asked                 float64   // end that the encoding was made for
	news                  []news    // per live channel, while the encoding is held over new rows
	outliers              outliers
	removed               []Outlier // observations of the series that are not in values, by channel and time
	gaps                  []int     // the rows that begin them
	silences              []silence // of single channels
	side                  *engine   // for parts of the series, such as the sides of gaps; nil before the first
	inner                 bool      // a side of another engine, which takes its part as it is
	alone                 unaided   // the last forecast from before a silence
	runs                  []int     // scratch
	work                  []float64

	guide, guideRate  [guideSlots]float64
	edges, scales     []float64             // [rows, windows, 2]: state and log scale of the error at the edges
	local             [sitesPerCall]float64 // times within a window, waiting to be evaluated
	tau, own, ownRate [sitesPerCall]float32 // the same times; the token's own ODE at them
	usage             []float32
}

// sitesPerCall is the largest number of times of a window that are evaluated
// together.
const sitesPerCall = 16

func (m *Model) newEngine() *engine {
	m.freeze.Do(func() {
		p := m.net.params
		m.frozen = p.Seal()
		for _, t := range m.integers {
			if id, ok := p.Lookup(t.name); ok {
				m.frozen.SetInt8(id, asm.PackInt8(t.shape[1], t.shape[0], t.codes, t.scale))
			}
		}
	})
	return &engine{m: m, tape: m.frozen.NewTape(), sys: system{fleet: m.fleet, own: -1, bare: m.net.cfg.WithoutGuides}}
}

// takeEngine returns an engine that is the caller's until it is put back.
func (m *Model) takeEngine() *engine {
	if e, ok := m.engines.Get().(*engine); ok {
		e.sys.own = -1
		return e
	}
	return m.newEngine()
}

// minSpan is the shortest span of observations: the widths of windows and
// rates of change must stay within float64.
const minSpan = 1e-280

// minStep is the shortest step between two rows, as a share of the observed
// span; rows that are closer are one.
const minStep = 1e-10

// checkQueries reports the first bad query time of a series of channels.
func checkQueries(at []float64, channels int) error {
	if len(at) == 0 {
		return inputError("at", "at least one query time", "empty")
	}
	if len(at) > MaxQueries {
		return inputError("at", fmt.Sprintf("at most %d query times", MaxQueries), "%d long", len(at))
	}
	if most := MaxAnswers / max(channels, 1); len(at) > most {
		return inputError("at", fmt.Sprintf("at most %d query times for %d channels", most, channels), "%d long", len(at))
	}
	for i, t := range at {
		if !(math.Abs(t) <= MaxTime) {
			return inputError(fmt.Sprintf("at[%d]", i), wantTime, "%v", t)
		}
	}
	return nil
}

// forecast answers into f, reusing its memory.
func (e *engine) forecast(s Series, at []float64, f *Forecast, segments bool) error {
	if err := s.Validate(); err != nil {
		return err
	}
	if err := e.load(s, newRule(s.Constraints, s.Channels())); err != nil {
		return err
	}
	return e.ask(at, f, segments)
}

// load takes the rows and channels of a valid series that hold observations,
// with the rule made of its constraints.
func (e *engine) load(s Series, r *rule) error {
	e.encoded, e.known, e.rule, e.news, e.alone.rows = false, false, r, e.news[:0], 0
	e.channels = s.Channels()
	e.live = e.live[:0]
	for c := range e.channels {
		for _, row := range s.Values {
			if row[c] == row[c] {
				e.live = append(e.live, c)
				break
			}
		}
	}
	if len(e.live) == 0 {
		return inputError("Values", "at least one observation", "NaN everywhere")
	}
	e.times, e.values, e.sign, e.width = e.times[:0], e.values[:0], 1, -1
	apart := (s.Times[len(s.Times)-1] - s.Times[0]) * minStep
	for i, row := range s.Values {
		if n := len(e.times); n > 0 && s.Times[i]-e.times[n-1] <= apart {
			// One instant: the first value of each channel counts.
			for j, c := range e.live {
				if v := &e.values[(n-1)*len(e.live)+j]; *v != *v {
					*v = row[c]
				}
			}
			continue
		}
		seen := false
		for _, c := range e.live {
			seen = seen || row[c] == row[c]
		}
		if !seen {
			continue
		}
		e.times = append(e.times, s.Times[i])
		for _, c := range e.live {
			e.values = append(e.values, row[c])
		}
	}
	if span := e.times[len(e.times)-1] - e.times[0]; span > 0 && span < minSpan {
		return inputError("Times", fmt.Sprintf("a span of at least %v", minSpan), "spread over %v", span)
	}
	e.removed = e.removed[:0]
	e.release()
	if !s.KeepOutliers {
		e.times, e.values = e.outliers.drop(e.times, e.values, len(e.live), func(row, c int, value float64) {
			e.removed = append(e.removed, Outlier{Time: e.times[row], Channel: e.live[c], Value: value})
		})
	}
	e.sys.fleet = e.m.fleet.arranged(s.Names, e.live)
	e.findGaps()
	e.findSilences()
	return nil
}

// orient turns the series to run forwards, sign 1, or backwards, -1.
func (e *engine) orient(sign float64) {
	if e.sign == sign {
		return
	}
	e.sign, e.width, e.encoded, e.known = sign, -1, false, false
	slices.Reverse(e.times)
	for i := range e.times {
		e.times[i] = -e.times[i]
	}
	for i, j := 0, len(e.values)-len(e.live); i < j; i, j = i+len(e.live), j-len(e.live) {
		for c := range e.live {
			e.values[i+c], e.values[j+c] = e.values[j+c], e.values[i+c]
		}
	}
}

// ask answers from the loaded series into f, reusing its memory.
func (e *engine) ask(at []float64, f *Forecast, segments bool) error {
	if err := checkQueries(at, e.channels); err != nil {
		return err
	}
	return e.reply(at, f, segments)
}

// reply is ask for times that have been checked. It fails only where the constraints leave a
// channel open.
func (e *engine) reply(at []float64, f *Forecast, segments bool) error {
	first, last := e.times[0], e.times[len(e.times)-1]
	if e.sign < 0 {
		first, last = -last, -first
	}
	low, high := slices.Min(at), slices.Max(at)

	f.shape(at, e.channels)
	at = f.Times // the same, but not in memory that shape may have written over
	if err := f.kept.shape(e.rule, len(at), e.channels, e.live); err != nil {
		return err
	}
	f.calibration = &e.m.calibration
	f.Outliers = append(f.Outliers[:0], e.removed...)
	f.half = resize(f.half, e.channels)
	for c := range f.half {
		f.half[c] = math.NaN()
	}
	f.unseen = resize(f.unseen, len(at))
	for i, t := range at {
		f.unseen[i] = t < first || t > last
	}
	f.Segments = f.Segments[:0]
	e.order = resize(e.order, len(at))
	for i := range e.order {
		e.order[i] = i
	}
	slices.SortFunc(e.order, func(i, j int) int { return cmp.Compare(at[i], at[j]) })
	before := sort.Search(len(at), func(i int) bool { return at[e.order[i]] >= first })

	if before > 0 {
		// Queries before the first observation are a forecast of the
		// reversed series.
		e.orient(-1)
		e.encode(-low, e.latest())
		e.answer(f, at, e.order[:before])
		e.fillDrift(f, at, e.order[:before])
		if segments {
			e.segments(f, before == len(at))
		}
	}
	if before < len(at) {
		e.orient(1)
		latest := e.latest()
		since := before + sort.Search(len(at)-before, func(i int) bool { return e.answers(latest, at[e.order[before+i]]) })
		fill := func(p part, end float64, order []int) {
			if len(order) == 0 {
				return
			}
			e.encode(end, p)
			e.answer(f, at, order)
			e.fillDrift(f, at, order)
			e.bridge(f, at, order)
			e.fillSilences(f, at, order)
		}
		fill(part{}, last, e.order[before:since])
		fill(latest, max(high, last), e.order[since:])
		if segments {
			e.segments(f, true)
		}
	}
	e.correct(f, at)
	if e.rule != nil {
		f.constrain()
	}
	if segments {
		sort.SliceStable(f.Segments, func(i, j int) bool {
			a, b := &f.Segments[i], &f.Segments[j]
			if a.Channel != b.Channel {
				return a.Channel < b.Channel
			}
			return a.Start < b.Start
		})
	}
	return nil
}

// series returns what load has taken, outliers included, while it runs forwards.
func (e *engine) series() Series {
	s := Series{Times: e.times}
	for i := range e.times {
		row := make([]float64, e.channels)
		for c := range row {
			row[c] = math.NaN()
		}
		for j, c := range e.live {
			row[c] = e.values[i*len(e.live)+j]
		}
		s.Values = append(s.Values, row)
	}
	for _, o := range e.removed {
		i, found := slices.BinarySearch(s.Times, o.Time)
		if !found { // nothing else was observed then
			row := make([]float64, e.channels)
			for c := range row {
				row[c] = math.NaN()
			}
			s.Times, s.Values = slices.Insert(slices.Clip(s.Times), i, o.Time), slices.Insert(s.Values, i, row)
		}
		s.Values[i][o.Channel] = o.Value
	}
	return s
}

// serves reports whether an encoding that may be held answers for times up to
// end, at or after the last row encoded.
func (e *engine) serves(end float64) bool {
	last := e.times[len(e.times)-1]
	return e.sys.geo.at(end) <= float64(e.sys.geo.count) && end-last >= (e.asked-last)/2
}

// encode runs the network over a part of the series in e.times and e.values, with
// windows up to time end of its present direction, unless it has done so.
func (e *engine) encode(end float64, p part) {
	if e.part != p {
		e.part, e.encoded, e.width = p, false, -1
	}
	if e.encoded && e.hold > 0 && e.serves(end) {
		return
	}
	w := len(e.live)
	times, values := e.rows(p)
	first, last := times[0], times[len(times)-1]
	if e.width < 0 {
		e.width = 0
		if last > first {
			e.width = signalWidth(times, values, w)
		}
	}
	until := end + e.hold*(last-first)
	if end > last {
		until = max(until, last+leastAhead*(last-first))
	}
	geo := placeWindows(e.m.net.cfg, first, last, until, e.width)
	if e.encoded && geo == e.sys.geo {
		return
	}
	e.sys.prepare(geo, times, values, w, e.sign)
	e.in.reset(w, geo.count)
	e.in.add(&e.sys)
	e.tape.Reset()
	e.m.net.forward(e.tape, &e.in, &e.enc, true)
	e.fillEdges()
	e.encoded, e.asked = true, end
	for i := range e.silences {
		e.silences[i].fitted = false
	}
}

// leastAhead is the least time ahead, in spans of the context, that windows are made for: near
// times are forecast better as the first of some than as all there is.
const leastAhead = .1

// fillEdges evaluates all windows at both ends, where they will be joined.
func (e *engine) fillEdges() {
	channels, windows := e.sys.channels, e.sys.geo.count
	tokens := channels * windows
	e.edges = resize(e.edges, 2*tokens)
	e.scales = resize(e.scales, 2*tokens)
	t, enc := e.tape, &e.enc
	tau := t.New(tokens, 2)
	for i := range tokens {
		tau.Data[2*i+1] = 1
	}
	own := linode.PairsReadout(t, enc.growth, enc.freq, enc.start, enc.drive, t.Param(e.m.net.readout), tau)
	for c := range channels {
		for k := range windows {
			token := c*windows + k
			for side := range 2 {
				// The windows to the left and right of an edge share its guides,
				// except where the context ends.
				if at := k + side; side == 1 || at == 0 || at == e.sys.geo.seen {
					e.evalGuides(c, k, float64(at), nil)
				}
				value, _ := e.mixture(token, float64(side), nil)
				e.edges[2*token+side] = value + float64(enc.gate.Data[token])*float64(own.Data[2*token+side])
				e.scales[2*token+side] = float64(enc.scale.Data[2*token+side])
			}
		}
	}
}

// evalGuides evaluates the guides of window k of channel c at u, in window
// units, into e.guide, and their time derivatives into rate unless it is nil.
func (e *engine) evalGuides(c, k int, u float64, rate []float64) {
	lo, hi := e.slots(k)
	if rate != nil {
		rate = rate[lo:hi]
	}
	if e.sys.bare {
		clear(e.guide[lo:hi])
		clear(rate)
		return
	}
	if k < e.sys.geo.seen {
		e.sys.bank.Inside(e.guide[lo:hi], rate, c, u)
	} else {
		e.sys.bank.Eval(e.guide[lo:hi], rate, c, u)
	}
}

// slots returns the guides that take part in window k.
func (e *engine) slots(k int) (lo, hi int) {
	if k < e.sys.geo.seen {
		return classical.NumGuides, guideSlots
	}
	return 0, classical.NumGuides
}

// mixture mixes the guides in e.guide by the weights of a token at local time
// tau. Unless rates is nil it returns the time derivative too.
func (e *engine) mixture(token int, tau float64, rates []float64) (value, rate float64) {
	lo, hi := e.slots(token % e.sys.geo.count)
	w := e.enc.weights.Data[token*2*guideSlots:][:2*guideSlots]
	w0, w1 := w[lo:hi], w[guideSlots+lo:][:hi-lo]
	if rates == nil {
		for j, g := range e.guide[lo:hi] {
			left, right := float64(w0[j]), float64(w1[j])
			value += (left + tau*(right-left)) * min(max(g, -guideBound), guideBound)
		}
		return value, 0
	}
	rates = rates[lo:hi]
	for j, g := range e.guide[lo:hi] {
		d := rates[j]
		if g > guideBound || g < -guideBound {
			g, d = float64(bounded(g)), 0
		}
		left, right := float64(w0[j]), float64(w1[j])
		w := left + tau*(right-left)
		value += w * g
		rate += w*d + (right-left)*g
	}
	return value, rate
}

// answer fills the rows order of f, whose times rise in the direction of the
// present encoding or fall, from that encoding.
func (e *engine) answer(f *Forecast, at []float64, order []int) {
	geo, sign := e.sys.geo, e.sign
	last := e.times[len(e.times)-1]
	for c, column := range e.live {
		f.half[column] = e.sys.half[c]
		window, n := 0, 0 // times that wait in e.tau, in rows order[first:]
		first := 0
		for i, row := range order {
			u := geo.at(sign * at[row])
			if u > float64(geo.count) && u < float64(geo.count)*(1+1e-9) {
				u = float64(geo.count) // rounding
			}
			k := min(max(int(u), 0), geo.count-1)
			if sign*at[row] <= last {
				k = min(k, geo.seen-1)
			}
			beyond := u > float64(geo.count)
			if n > 0 && (k != window || n == sitesPerCall || beyond) {
				e.evaluate(f, c, window, order[first:first+n])
				n = 0
			}
			if beyond {
				f.Mean[row][column], f.Scale[row][column] = e.climate(c)
				f.Rate[row][column] = 0
				continue
			}
			if n == 0 {
				window, first = k, i
			}
			e.local[n], e.tau[n] = u-float64(k), float32(u-float64(k))
			n++
		}
		if n > 0 {
			e.evaluate(f, c, window, order[first:first+n])
		}
	}
}

// evaluate fills channel c of rows of f, all in window k, whose local times are
// in e.local and e.tau.
func (e *engine) evaluate(f *Forecast, c, k int, rows []int) {
	geo, enc, n := e.sys.geo, &e.enc, len(rows)
	token := c*geo.count + k
	p := e.m.net.cfg.Pairs
	linode.EvalPairs(e.own[:n], e.ownRate[:n], enc.growth.Data[token*p:][:p], enc.freq.Data[token*p:][:p],
		enc.start.Data[token*2*p:][:2*p], enc.drive.Data[token*2*p:][:2*p], e.m.net.params.Slice(e.m.net.readout), e.tau[:n])
	gate := float64(enc.gate.Data[token])
	scale := enc.scale.Data[token*2:][:2]
	left, right := jump(e.edges, c, k, geo.count)
	scaleLeft, scaleRight := jump(e.scales, c, k, geo.count)
	scaleLeft, scaleRight = scaleLeft+float64(scale[0]), scaleRight+float64(scale[1])
	column, mid, half := e.live[c], e.sys.mid[c], e.sys.half[c]
	// Of few noisy rows the state is known no better than they tell it, and a band narrower than
	// the noise would hold little of what is observed next. Next to no noise may be none.
	floor := 0.
	if noise := math.Pow(10, e.sys.noise[c]); k >= geo.seen && noise >= leastNoise {
		floor = noise
	}
	for i, row := range rows {
		tau := e.local[i]
		e.evalGuides(c, k, float64(k)+tau, e.guideRate[:])
		value, rate := e.mixture(token, tau, e.guideRate[:])
		value += gate*float64(e.own[i]) + (1-tau)*left + tau*right
		rate += gate*float64(e.ownRate[i]) + right - left
		f.Mean[row][column] = finite(mid + half*value)
		f.Rate[row][column] = finite(e.sign * rate * half / geo.width)
		spread := math.Exp((1-tau)*scaleLeft + tau*scaleRight)
		if k >= geo.seen {
			spread *= 1 + e.m.calibration.Near*nearness((float64(k-geo.seen)+tau)/float64(geo.seen))
		}
		f.Scale[row][column] = finite(half * max(spread, floor))
	}
}

// jump returns what the straight line that joins window k of channel c to its
// neighbours adds at its two edges, of which edges has the values [rows,
// windows, 2].
func jump(edges []float64, c, k, windows int) (left, right float64) {
	at := (c*windows + k) * 2
	if k > 0 {
		left = (edges[at-1] - edges[at]) / 2
	}
	if k+1 < windows {
		right = (edges[at+2] - edges[at+1]) / 2
	}
	return left, right
}

// climate returns mean and spread of the observations of channel c, in the
// units of the series.
func (e *engine) climate(c int) (mean, spread float64) {
	var sum, square, n float64
	for i := c; i < len(e.sys.values); i += e.sys.channels {
		if v := e.sys.values[i]; v == v {
			sum += v
			square += v * v
			n++
		}
	}
	sum /= n
	spread = math.Sqrt(max(square/n-sum*sum, 0))
	return finite(e.sys.mid[c] + e.sys.half[c]*sum), finite(e.sys.half[c] * spread)
}

// finite clamps what left the range of float64.
func finite(v float64) float64 { return min(max(v, -math.MaxFloat64), math.MaxFloat64) }

// segments appends the local modes of the present encoding: all windows, or
// the unseen ones only.
func (e *engine) segments(f *Forecast, all bool) {
	sign, geo, p := e.sign, e.sys.geo, e.m.net.cfg.Pairs
	readout := e.m.net.params.Slice(e.m.net.readout)
	usage := e.hubUsage()
	for c, column := range e.live {
		for k := range geo.count {
			if k < geo.seen && !all {
				continue
			}
			token := c*geo.count + k
			start, end := geo.start+float64(k)*geo.width, geo.start+float64(k+1)*geo.width
			if sign < 0 {
				start, end = -end, -start
			}
			seg := Segment{Channel: column, Start: start, End: end,
				Observed: e.in.window[token*windowFeatures+windowFeatures-1] > 0}
			share := float64(e.enc.gate.Data[token]) * e.sys.half[c]
			for j := range p {
				growth := float64(e.enc.growth.Data[token*p+j])
				freq := float64(e.enc.freq.Data[token*p+j])
				z := e.enc.start.Data[(token*p+j)*2:][:2]
				b := e.enc.drive.Data[(token*p+j)*2:][:2]
				// The mode moves about its fixed point -b/lambda.
				den := growth*growth + freq*freq
				re := float64(z[0]) + (float64(b[0])*growth+float64(b[1])*freq)/den
				im := float64(z[1]) + (float64(b[1])*growth-float64(b[0])*freq)/den
				size := math.Hypot(re, im) * math.Hypot(float64(readout[2*j]), float64(readout[2*j+1])) * math.Exp(max(growth, 0))
				seg.Modes = append(seg.Modes, Mode{
					Growth: sign * growth / geo.width, Frequency: freq / geo.width / (2 * math.Pi), Amplitude: finite(share * size),
				})
			}
			sort.SliceStable(seg.Modes, func(i, j int) bool { return seg.Modes[i].Amplitude > seg.Modes[j].Amplitude })
			if usage != nil {
				h := e.m.net.cfg.HubTokens
				seg.Hub = slices.Clone(usage[token*h : (token+1)*h])
			}
			f.Segments = append(f.Segments, seg)
		}
	}
}

// hubUsage returns how much each token read of each hub token, averaged over
// the blocks, or nil without a hub.
func (e *engine) hubUsage() []float32 {
	net := e.m.net
	if net.hub == nil {
		return nil
	}
	e.usage = e.usage[:0]
	for i, x := range e.enc.reads {
		u := net.hub.Usage(net.params, x.Data, net.blocks[i].hubRead)
		if i == 0 {
			e.usage = append(e.usage, u...)
			continue
		}
		for j, v := range u {
			e.usage[j] += v
		}
	}
	for j := range e.usage {
		e.usage[j] /= float32(len(e.enc.reads))
	}
	return e.usage
}
