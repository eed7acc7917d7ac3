package lassode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/tensor"
)

// targetsPerWindow is the number of supervised times drawn per window.
const targetsPerWindow = 8

// sitesPerWindow adds the two edges of the window that continuity needs.
const sitesPerWindow = targetsPerWindow + 2

// taskOptions says which forecasting tasks are drawn from trajectories.
type taskOptions struct {
	lo, hi   int             // range of trajectories of the source
	whole    bool            // keep all channels, the direction of time and most rows: fine-tuning
	channels int             // most channels of a task
	fleet    *fleet          // the trajectories themselves, as a library for each other; nil: none
	done     <-chan struct{} // closed when no more tasks are wanted; nil: never
}

// newTaskOptions describes general tasks from trajectories [lo, hi) of src.
func newTaskOptions(src Source, lo, hi int) taskOptions {
	o := taskOptions{lo: lo, hi: hi}
	for i := lo; i < min(hi, lo+4096); i++ {
		o.channels = max(o.channels, src.Channels(i))
	}
	return o
}

// tasks draws micro-batches of forecasting tasks and holds their targets. It
// belongs to one goroutine and is reused.
type tasks struct {
	in  inputs
	sys system

	tau    []float32 // sitesPerWindow per token
	guides []float32 // sitesPerWindow x guideSlots per token
	target []float32 // targetsPerWindow per token, scaled units
	weight []float32 // targetsPerWindow per token: importance of the window, 0 = no target
	unit   []float32 // per token: one over the spread of the channel's targets

	crop    crop
	last    float64 // time up to which the task asks
	rows    []int
	times   []float64
	values  []float64
	missing []float64
	columns []int

	outliers outliers

	square, count []float64 // per row: mean square error of what is forecast, and its targets

	hopeless []bool    // per system: whether it is one of chance
	byChance bool      // the task being drawn is such a one
	made     []float64 // values of unforeseeable and disturbed
	madeRows [][]float64
	clock    []float64 // scratch of disturbed
}

// channelChoice are the shares of micro-batches with 1, 2, ... channels.
var channelChoice = [...]float64{.27, .31, .24, .10, .04, .02, .01, .01}

// windowChoice are the numbers of windows of micro-batches and their shares:
// short and long contexts of slow and of fast signals all need their practice.
var windowChoice = [...]struct {
	windows int
	share   float64
}{{16, .2}, {24, .2}, {32, .18}, {48, .15}, {64, .12}, {96, .08}, {128, .07}}

// fits reports whether a task that asks for so many windows may join a
// micro-batch of another number.
func fits(asked, windows int) bool { return 4*asked < 5*windows+4 && 5*asked > 4*windows-4 }

// patience is the number of tasks that are refused before one with another
// number of windows is taken.
const patience = 40

// errStopped is the error of draw when the channel done of its options was closed.
var errStopped = errors.New("lassode: stopped")

// leastRows is the least number of rows of a trajectory that a task is made of.
const leastRows = 12

// trajectory returns trajectory i of src, which may be without rows and is valid otherwise.
func trajectory(src Source, i int) (Series, error) {
	s, err := src.At(i)
	if err != nil {
		return s, fmt.Errorf("lassode: trajectory %d: %w", i, err)
	}
	if len(s.Times) > 0 {
		if err := s.Validate(); err != nil {
			return s, within(fmt.Sprintf("source[%d]", i), err)
		}
		if n := src.Channels(i); s.Channels() != n {
			return s, inputError(fmt.Sprintf("source[%d]", i), fmt.Sprintf("%d, as its source says", n), "%d channels wide", s.Channels())
		}
	}
	return s, nil
}

// checkSource returns an [InputError] where none of trajectories [0, n) of src, which is field,
// shows any motion: what is drawn of them would be nothing but chance, which takes the place of
// some. It gives up, without an error, when ctx ends.
func checkSource(ctx context.Context, field string, src Source, n int) error {
	for i := 0; i < n && ctx.Err() == nil; i++ {
		s, err := trajectory(src, i)
		if err != nil {
			return err
		}
		if len(s.Times) < leastRows {
			continue
		}
		for c := range s.Channels() {
			if _, half := middleOf(s.Values, c); half > 0 {
				return nil
			}
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return inputError(field, fmt.Sprintf("a trajectory at least of %d rows with a channel that changes", leastRows), "none of %d such", n)
}

// draw fills t with as many tasks as the budget of tokens allows, all with the
// same number of channels and windows, from src and r alone.
func (t *tasks) draw(r *rand.Rand, cfg Config, src Source, opt taskOptions, budget int) error {
	channels, windows, field := 1, 0, "source"
	if opt.whole {
		field = "series"
		channels = src.Channels(opt.lo + r.IntN(opt.hi-opt.lo)) // windows as the first task asks
	} else {
		u := r.Float64()
		for channels < len(channelChoice) && u >= channelChoice[channels-1] {
			u -= channelChoice[channels-1]
			channels++
		}
		channels = min(channels, opt.channels)
		u = r.Float64()
		for _, c := range windowChoice {
			windows = c.windows
			if u -= c.share; u < 0 {
				break
			}
		}
		windows = min(max(windows, cfg.MinWindows), cfg.MaxWindows)
	}
	count := 0
	for made, tries, refused := 0, 0, 0; made == 0 || made < count; tries++ {
		if tries > 100000+10000*count {
			return inputError(field, fmt.Sprintf("one at least with %d channels from which a task can be made: a dozen rows, and values that change", channels), "none of %d tries such", tries)
		}
		select {
		case <-opt.done:
			return errStopped
		default:
		}
		i := opt.lo + r.IntN(opt.hi-opt.lo)
		if n := src.Channels(i); n < channels || opt.whole && n != channels {
			continue
		}
		s, err := trajectory(src, i)
		if err != nil {
			return err
		}
		t.byChance = !opt.whole && r.Float64() < chanceShare
		if t.byChance {
			s = t.unforeseeable(r, s)
		} else if !opt.whole && r.Float64() < disturbedShare {
			s = t.disturbed(r, s)
		}
		// Another part of the same trajectory is cheaper than another trajectory.
		found, asked := false, 0
		for try := 0; try < 3 && !found; try++ {
			if !t.drawContext(r, s, channels, opt.whole) {
				continue
			}
			asked = t.place(cfg).count
			found = windows == 0 || fits(asked, windows) || refused >= patience
			refused++
		}
		if !found {
			continue
		}
		if windows == 0 {
			windows = asked
		}
		refused = 0
		if made == 0 {
			t.in.reset(channels, windows)
			t.tau, t.guides, t.target, t.weight = t.tau[:0], t.guides[:0], t.target[:0], t.weight[:0]
			t.unit, t.hopeless = t.unit[:0], t.hopeless[:0]
			count = max(1, budget/(channels*windows))
		}
		t.sys.fleet, t.sys.own, t.sys.bare = opt.fleet, i, cfg.WithoutGuides
		t.finish(r, s, windows)
		t.hopeless = append(t.hopeless, t.byChance)
		made++
	}
	return nil
}

// chanceShare is the share of trajectories whose values are replaced by chance.
const chanceShare = .08

// unforeseeable returns a series with the times of s whose channels are chance
// from end to end: noise, random walks, what lies between, steps, and oscillations that
// noise drives. Of these nothing but a mean that tends to the middle, or the last value,
// can be forecast, and how far it strays. The series is valid until the next call.
func (t *tasks) unforeseeable(r *rand.Rand, s Series) Series {
	memory, jump, turn := 0., 1., 0. // of the last value, how often there is a new one, angle of a step
	switch u := r.Float64(); {
	case u < .3:
		memory = 1
	case u < .5:
		memory = 1 - logUniform(r, .003, 1)
	case u < .7:
		jump = logUniform(r, .003, .3)
		if r.IntN(2) == 0 {
			memory = 1
		}
	case u < .9:
		turn = logUniform(r, .05, 1)
		memory = math.Exp(-turn * logUniform(r, .005, .3))
	}
	t.shape(s)
	channels := s.Channels()
	for c := range channels {
		x, y := 0., 0. // y: a quarter of a turn behind
		for i, row := range t.madeRows {
			switch {
			case i > 0 && jump < 1 && r.Float64() >= jump:
			case turn > 0:
				sin, cos := math.Sincos(turn)
				x, y = memory*(cos*x-sin*y)+r.NormFloat64(), memory*(sin*x+cos*y)+r.NormFloat64()
			default:
				x = memory*x + r.NormFloat64()
			}
			row[c] = x
		}
	}
	return Series{Times: s.Times, Values: t.madeRows}
}

// shape gives t.madeRows the shape of s.
func (t *tasks) shape(s Series) {
	n, channels := len(s.Times), s.Channels()
	t.made, t.madeRows = resize(t.made, n*channels), resize(t.madeRows, n)
	for i := range t.madeRows {
		t.madeRows[i] = t.made[i*channels : (i+1)*channels]
	}
}

// disturbedShare is the share of trajectories that more acts on than a law of their own.
const disturbedShare = .3

// wander returns the steps of an Ornstein-Uhlenbeck process of unit variance over n rows,
// whose memory is length, relative to all of them.
func wander(r *rand.Rand, n int, length float64) func() float64 {
	x := r.NormFloat64()
	a := math.Exp(-1 / (length * float64(n)))
	b := math.Sqrt(1 - a*a)
	return func() float64 {
		x = a*x + b*r.NormFloat64()
		return x
	}
}

// disturbed returns s as it may be found outside of a simulation, or a periodic signal, a sum
// of tones, transitions or a noisy limit cycle in its place: with a clock that runs unevenly,
// an amplitude that grows or varies, trends, and noise that moves the system itself, not only what is read of it. All of it is part
// of the truth that is asked for. The series is valid until the next call. What tasks have of
// each are guesses at what users have.
func (t *tasks) disturbed(r *rand.Rand, s Series) Series {
	n, channels := len(s.Times), s.Channels()
	if n < leastRows {
		return s
	}
	t.shape(s)
	uneven, swelling, trend, driven := r.Float64() < .4, r.Float64() < .25, r.Float64() < .4, r.Float64() < .3
	if !uneven && !swelling && !driven {
		trend = true
	}
	clock := resize(t.clock, n)
	t.clock = clock
	rate, steady := wander(r, n, logUniform(r, .01, .5)), logUniform(r, .02, .5)
	bend := 0.
	if r.IntN(3) == 0 {
		steady, bend = 0, 2*r.Float64()-1
	}
	sum := 0.
	for i := range clock {
		clock[i] = sum
		if uneven {
			sum += math.Exp(steady*rate() + bend*float64(i)/float64(n))
		} else {
			sum++
		}
	}
	switch u := r.Float64(); {
	case u < .22:
		t.periodic(r, clock)
	case u < .28:
		t.tones(r, clock)
	case u < .4:
		t.transitions(r, clock)
	case u < .56:
		t.cycles(r)
	default:
		stretch := float64(n-1) / clock[n-1]
		for i, at := range clock {
			k := min(int(at*stretch), n-2)
			u := at*stretch - float64(k)
			before, after := max(k-1, 0), min(k+2, n-1)
			for c := range channels {
				p, q := s.Values[k][c], s.Values[k+1][c]
				// Catmull and Rom's cubic through the rows around.
				dp, dq := (q-s.Values[before][c])/2, (s.Values[after][c]-p)/2
				t.madeRows[i][c] = p + u*(dp+u*(3*(q-p)-2*dp-dq+u*(2*(p-q)+dp+dq)))
			}
		}
	}
	for c := range channels {
		low, high := math.Inf(1), math.Inf(-1)
		for _, row := range t.madeRows {
			if v := row[c]; v == v {
				low, high = min(low, v), max(high, v)
			}
		}
		half := (high - low) / 2
		if !(half > 0) {
			continue
		}
		mid := low + half
		if r.IntN(2) == 0 {
			mid = low - half*r.Float64()
		}
		growth, vary, beat := 0., 0., wander(r, n, logUniform(r, .03, .5))
		if swelling {
			if growth = 3*r.Float64() - 1.5; r.IntN(2) == 0 {
				growth, vary = 0, logUniform(r, .02, .3)
			}
		}
		slope, curve, turns, phase := 0., 0., 0., 2*math.Pi*r.Float64()
		if trend && r.IntN(3) > 0 {
			slope = half * logUniform(r, .05, 5)
			if r.IntN(2) == 0 {
				slope = -slope
			}
			switch r.IntN(4) {
			case 0:
				curve = 8*r.Float64() - 4
			case 1:
				turns = .3 + 1.2*r.Float64()
			}
		}
		push, noise := 0., wander(r, n, logUniform(r, .003, .5))
		if driven {
			push = half * logUniform(r, .01, .5)
		}
		for i, row := range t.madeRows {
			u := float64(i) / float64(n)
			far := u
			switch {
			case curve != 0:
				far = math.Expm1(curve*u) / math.Expm1(math.Abs(curve))
			case turns > 0:
				far = math.Sin(2*math.Pi*turns*u + phase)
			}
			row[c] = finite(mid + (row[c]-mid)*math.Exp(growth*u+vary*beat()) + slope*far + push*noise())
		}
	}
	return Series{Times: s.Times, Values: t.madeRows, KeepOutliers: s.KeepOutliers}
}

// harmonics is a periodic function of an angle.
type harmonics [8]complex128

// newHarmonics draws one whose harmonics fall off with some power of their number.
func newHarmonics(r *rand.Rand, order int, fall float64) (h harmonics) {
	for k := range order {
		size := math.Pow(float64(k+1), -fall)
		h[k] = complex(size*r.NormFloat64(), size*r.NormFloat64())
	}
	return h
}

// at returns the value at an angle, with the k-th harmonic times size to the power of k.
func (h *harmonics) at(angle, size float64) float64 {
	v, power := 0., 1.
	for k, a := range h {
		if a == 0 {
			break
		}
		power *= size
		sin, cos := math.Sincos(float64(k+1) * angle)
		v += power * (real(a)*cos + imag(a)*sin)
	}
	return v
}

// bent returns v made as square as a switch for shape 0, as sharp as a pulse for shape 1, the more
// the larger gain is, and as it is for all others.
func bent(shape int, gain, v float64) float64 {
	switch shape {
	case 0:
		return math.Tanh(gain * v)
	case 1:
		return math.Exp(min(gain/2, 2) * v)
	}
	return v
}

// periodic fills t.madeRows with periodic functions of a clock: of one period, with
// harmonics, bent, and some that a slower period changes, as weeks do days, all the time or
// from one to the next.
func (t *tasks) periodic(r *rand.Rand, clock []float64) {
	n := len(clock)
	turn := 2 * math.Pi * logUniform(r, 3, 50) / clock[n-1]
	slow := turn / logUniform(r, 1.5, 8)
	if r.IntN(2) == 0 {
		slow = turn / float64(2+r.IntN(6))
	}
	modulated, abrupt := r.IntN(3) == 0, r.IntN(2) == 0
	for c := range t.madeRows[0] {
		order, fall := 1+r.IntN(len(harmonics{})), .5+1.5*r.Float64()
		wave, other := newHarmonics(r, order, fall), newHarmonics(r, order, fall)
		depth := 0.
		if modulated {
			depth = logUniform(r, .05, 1)
		}
		shape, gain := r.IntN(5), logUniform(r, .5, 8)
		for i, row := range t.madeRows {
			at := clock[i]
			if abrupt {
				at -= math.Mod(at, 2*math.Pi/turn)
			}
			row[c] = bent(shape, gain, wave.at(turn*clock[i], 1)) * (1 + depth*math.Tanh(other.at(slow*at, 1)))
		}
	}
}

// tones fills t.madeRows with sums of sines whose periods have no common multiple, as tides
// have, some of them close to one another.
func (t *tasks) tones(r *rand.Rand, clock []float64) {
	for _, row := range t.madeRows {
		clear(row)
	}
	turn := 0.
	for k := range 2 + r.IntN(6) {
		if k == 0 || r.IntN(2) == 0 {
			turn = 2 * math.Pi * logUniform(r, 2, 50) / clock[len(clock)-1]
		} else {
			turn *= math.Exp(logUniform(r, .01, .7) * float64(1-2*r.IntN(2)))
		}
		for c := range t.madeRows[0] {
			size, phase := logUniform(r, .05, 1), 2*math.Pi*r.Float64()
			for i, row := range t.madeRows {
				row[c] += size * math.Sin(turn*clock[i]+phase)
			}
		}
	}
}

// cycles fills t.madeRows with what a limit cycle under driving noise shows, in the phase and
// the amplitude that such a system has about it: noise moves both, the amplitude returns and
// the phase does not, and the pace depends on either.
func (t *tasks) cycles(r *rand.Rand) {
	n := len(t.madeRows)
	turn := 2 * math.Pi * logUniform(r, 3, 40) / float64(n)
	period := 2 * math.Pi / turn // rows
	pull := logUniform(r, .1, 3) / period
	drift := logUniform(r, .01, .6) / math.Sqrt(period)
	spread := logUniform(r, .003, .3) * math.Sqrt(2*pull)
	uneven, twist := 0., .5*r.NormFloat64()
	if r.IntN(2) == 0 {
		uneven = .8 * r.Float64()
	}
	angle, size := 2*math.Pi*r.Float64(), 1.
	if r.IntN(3) == 0 {
		size = logUniform(r, .1, 2)
	}
	t.clock = resize(t.clock, 2*n)
	angles, sizes := t.clock[:n], t.clock[n:]
	for i := range n {
		angles[i], sizes[i] = angle, size
		angle += turn*(1+uneven*math.Sin(angle)+twist*(size-1)) + drift*r.NormFloat64()
		size = min(max(size+pull*size*(1-size)+spread*size*r.NormFloat64(), .01), 3)
	}
	for c := range t.madeRows[0] {
		wave := newHarmonics(r, 1+r.IntN(len(harmonics{})), 1+1.5*r.Float64())
		shape, gain, lag := r.IntN(5), logUniform(r, .5, 8), 2*math.Pi*r.Float64()
		for i, row := range t.madeRows {
			row[c] = bent(shape, gain, wave.at(angles[i]+lag, sizes[i]))
		}
	}
}

// transitions fills t.madeRows with one or two transitions from level to level, each the
// integral of a skewed bump, at its own pace on either side.
func (t *tasks) transitions(r *rand.Rand, clock []float64) {
	n := len(clock)
	end := clock[n-1]
	for _, row := range t.madeRows {
		clear(row)
	}
	for range 1 + r.IntN(2) {
		mid := end * r.Float64()
		for c := range t.madeRows[0] {
			if c > 0 && r.IntN(3) == 0 {
				mid = end * r.Float64()
			}
			rise := end * logUniform(r, .02, .4)
			fall := rise * logUniform(r, .3, 3)
			steep, size := 1+r.Float64(), r.NormFloat64()
			level, before := 0., 0.
			for i, row := range t.madeRows {
				u := (clock[i] - mid) / fall
				if u < 0 {
					u = -u * fall / rise
				}
				level += (clock[i] - before) * math.Exp(-math.Pow(u, steep))
				before = clock[i]
				row[c] += size * level / (rise + fall)
			}
		}
	}
}

// crop is the part of a trajectory that a task is made of, and what of it is
// seen.
type crop struct {
	lo, hi   int // rows of the trajectory
	columns  []int
	reversed bool // a query before the context is a forecast of the reversed series
	all      bool // nothing after the context is asked for
}

// row returns time and values of row i of the crop, lo <= i < hi.
func (c *crop) row(s Series, i int) (float64, []float64) {
	if c.reversed {
		j := c.hi - 1 - (i - c.lo)
		return -s.Times[j], s.Values[j]
	}
	return s.Times[i], s.Values[i]
}

// logUniform draws between lo and hi, evenly in the logarithm.
func logUniform(r *rand.Rand, lo, hi float64) float64 { return lo * math.Pow(hi/lo, r.Float64()) }

// drawContext draws a crop of a trajectory, a part of its channels, and a
// context as a user might have it, into t.times and t.values. It returns false
// when the trajectory is too short or the context has nothing to learn from.
func (t *tasks) drawContext(r *rand.Rand, s Series, channels int, whole bool) bool {
	n := len(s.Times)
	if n < leastRows {
		return false
	}
	c := &t.crop
	c.lo, c.hi = 0, n
	if !whole || r.IntN(3) == 0 {
		length := int(math.Round(logUniform(r, float64(min(100, n)), float64(n))))
		if r.IntN(2) == 0 {
			c.lo = r.IntN(n - length + 1)
		}
		c.hi = c.lo + length
	}
	// Channels, in random order.
	t.columns = resize(t.columns, s.Channels())
	for i := range t.columns {
		t.columns[i] = i
	}
	if !whole {
		r.Shuffle(len(t.columns), func(i, j int) { t.columns[i], t.columns[j] = t.columns[j], t.columns[i] })
	}
	c.columns = t.columns[:channels]
	c.reversed = r.Float64() < .1 && !whole

	simulated := !whole && channels == s.Channels() && r.Float64() < simulatedShare
	c.all = r.Float64() < .12 && !simulated
	end := c.hi
	if !c.all {
		share := .1 + .8*r.Float64()
		if r.IntN(3) == 0 {
			share = .3 + .3*r.Float64()
		}
		first, _ := c.row(s, c.lo)
		last, _ := c.row(s, c.hi-1)
		for end = c.lo; end < c.hi; end++ {
			if at, _ := c.row(s, end); at > first+(last-first)*share {
				break
			}
		}
	}
	t.chooseRows(r, c.lo, end, whole, simulated)
	if len(t.rows) < 3 {
		return false
	}
	if !simulated {
		t.loseGaps(r, c.all, func(i int) float64 { at, _ := c.row(s, i); return at })
	}

	// Single values that are missing: a share of each channel.
	missing := resize(t.missing, channels)
	t.missing = missing
	clear(missing)
	if channels > 1 && !simulated && r.IntN(4) == 0 {
		share := .6 * r.Float64()
		for i := range missing {
			missing[i] = share
			if r.IntN(3) == 0 {
				missing[i] = .85 * r.Float64()
			}
		}
	}
	t.times, t.values = t.times[:0], t.values[:0]
	for _, i := range t.rows {
		at, x := c.row(s, i)
		some := false
		for j, column := range c.columns {
			v := x[column]
			if missing[j] > 0 && r.Float64() < missing[j] {
				v = math.NaN()
			}
			some = some || v == v
			t.values = append(t.values, v)
		}
		if !some {
			t.values = t.values[:len(t.values)-channels]
			continue
		}
		t.times = append(t.times, at)
	}
	if len(t.times) < 3 {
		return false
	}
	if !t.corrupt(r, channels, whole, simulated) {
		return false
	}
	if !s.KeepOutliers {
		t.times, t.values = t.outliers.drop(t.times, t.values, channels, nil)
	}
	t.last = s.Times[c.hi-1]
	if c.reversed {
		t.last = -s.Times[c.lo]
	}
	if c.all {
		t.last = t.times[len(t.times)-1]
	}
	return true
}

// corrupt does to the observations just drawn what sensors do: noise of any size, also
// much smaller than an eye can see and relative to the value, values rounded to a few
// steps, and single wrong values. It returns false when a channel has nothing to learn
// from; of whole systems one that changes is enough, since a set point may be among them.
// What tasks have of each are guesses at what users have.
func (t *tasks) corrupt(r *rand.Rand, channels int, whole, clean bool) bool {
	noise := 0.
	switch u := r.Float64(); {
	case clean:
	case u < .03: // hardly anything to see: the model must stay calm
		noise = logUniform(r, .12, 2)
	case u < .4:
		noise = logUniform(r, .003, .12)
	case u < .55:
		noise = logUniform(r, 1e-6, .003)
	}
	multiplicative := r.IntN(5) == 0
	moves := false
	step, wrong, far := 0., 0., 0.
	if !clean && r.IntN(12) == 0 {
		step = logUniform(r, 1e-5, .2)
	}
	if !clean && r.IntN(12) == 0 {
		wrong, far = logUniform(r, .002, .06), logUniform(r, .2, 20)
	}
	for c := range channels {
		low, high, count := math.Inf(1), math.Inf(-1), 0
		for i := c; i < len(t.values); i += channels {
			if v := t.values[i]; v == v {
				low, high = min(low, v), max(high, v)
				count++
			}
		}
		if count < 2 || high == low && !whole {
			return false
		}
		if high == low {
			continue
		}
		moves = true
		half := (high - low) / 2
		for i := c; i < len(t.values); i += channels {
			v := &t.values[i]
			if noise > 0 {
				size := half
				if multiplicative {
					size = math.Abs(*v)
				}
				*v += noise * size * r.NormFloat64()
			}
			if q := *v / (step * half); step > 0 && math.Abs(q) < 1<<53 {
				*v = math.Round(q) * step * half
			}
			if wrong > 0 && r.Float64() < wrong {
				*v += far * half * r.NormFloat64()
			}
			*v = finite(*v) // a series may reach the ends of float64
		}
	}
	return moves
}

// place puts windows over the context just drawn as a forecast would.
func (t *tasks) place(cfg Config) geometry {
	first, last := t.times[0], t.times[len(t.times)-1]
	return placeWindows(cfg, first, last, t.last, signalWidth(t.times, t.values, len(t.crop.columns)))
}

// finish adds the task just drawn to the micro-batch, with exactly so many
// windows.
func (t *tasks) finish(r *rand.Rand, s Series, windows int) {
	first, last := t.times[0], t.times[len(t.times)-1]
	geo := geometry{start: first, width: (last - first) / float64(windows), seen: windows, count: windows}
	if t.last > last {
		geo = cutContext(first, last, t.last, float64(windows), windows)
		geo.count = windows
	}
	sign := 1.
	if t.crop.reversed {
		sign = -1
	}
	t.sys.prepare(geo, t.times, t.values, len(t.crop.columns), sign)
	t.in.add(&t.sys)
	t.drawTargets(r, geo, s)
}

// maxRows is the largest number of rows of a training context, fewRows that of contexts
// that may have next to none.
const maxRows, fewRows = 1024, 100

// simulatedShare is the share of tasks, where all channels of a trajectory are wanted, whose
// context is as a simulator gives it: all of them, regular and exact.
const simulatedShare = .15

// chooseRows picks the observed rows among [lo, hi) into t.rows: regular at
// various densities, as all are that are simulated, with losses, irregular, or in bursts.
func (t *tasks) chooseRows(r *rand.Rand, lo, hi int, whole, simulated bool) {
	t.rows = t.rows[:0]
	n := hi - lo
	least, most := 8., maxRows
	switch {
	case simulated:
		least = 64
	case whole:
		least = 30
	case r.IntN(10) == 0, t.byChance && r.IntN(2) == 0:
		least, most = 3, fewRows
	}
	want := float64(min(n, most))
	if want > least && (least == 3 || r.IntN(3) > 0) {
		want = logUniform(r, least, want)
	}
	irregular := .3
	if t.crop.all {
		irregular = .6
	}
	stride := max(1, int(math.Round(float64(n)/want)))
	switch u := r.Float64(); {
	case simulated:
		for i := lo; i < hi; i += stride {
			t.rows = append(t.rows, i)
		}
	case u < irregular:
		keep := want / float64(n)
		for i := lo; i < hi; i++ {
			if r.Float64() < keep {
				t.rows = append(t.rows, i)
			}
		}
	case u < irregular+.1: // bursts, with next to nothing in between
		keep, length := min(2*want/float64(n), 1), max(3, n/(4+r.IntN(12)))
		on := r.IntN(2) == 0
		left := 1 + r.IntN(length)
		for i := lo; i < hi; i++ {
			if left--; left <= 0 {
				on, left = !on, 1+r.IntN(length)
			}
			p := keep
			if !on {
				p *= .1
			}
			if r.Float64() < p {
				t.rows = append(t.rows, i)
			}
		}
	default:
		keep := 1.
		if u < irregular+.3 {
			keep = .4 + .5*r.Float64()
		}
		for i := lo + r.IntN(stride); i < hi; i += stride {
			if keep == 1 || r.Float64() < keep {
				t.rows = append(t.rows, i)
			}
		}
	}
	if float64(len(t.rows)) < min(least, 5) {
		t.rows = t.rows[:0]
		for i := lo; i < hi; i++ {
			t.rows = append(t.rows, i)
		}
	}
}

// loseGaps removes one to three stretches inside the context from some tasks,
// more of it from those that are about the inside.
func (t *tasks) loseGaps(r *rand.Rand, all bool, at func(row int) float64) {
	if r.IntN(4) != 0 || len(t.rows) < 10 {
		return
	}
	first, last := at(t.rows[0]), at(t.rows[len(t.rows)-1])
	share := .3
	if all {
		share = .6
	}
	for range 1 + r.IntN(3) {
		length := share / 2 * r.Float64() * (last - first)
		from := first + r.Float64()*(last-first-length)
		kept := t.rows[:1]
		for i, row := range t.rows[1:] {
			if u := at(row); u < from || u > from+length || i+2 == len(t.rows) {
				kept = append(kept, row)
			}
		}
		t.rows = kept
	}
}

// drawTargets adds the sites of the system just prepared: the edges of each
// window and rows of the trajectory that lie in it, without noise.
func (t *tasks) drawTargets(r *rand.Rand, geo geometry, s Series) {
	cols, hi := t.crop.columns, t.crop.hi
	row := func(i int) (float64, []float64) { return t.crop.row(s, i) }
	channels := len(cols)
	tokens := channels * geo.count
	tau := extend(&t.tau, tokens*sitesPerWindow)
	guides := extend(&t.guides, tokens*sitesPerWindow*guideSlots)
	target := extend(&t.target, tokens*targetsPerWindow)
	weight := extend(&t.weight, tokens*targetsPerWindow)
	unit := extend(&t.unit, tokens)
	clear(target)
	clear(weight)
	from := t.crop.lo
	for k := range geo.count {
		for from < hi {
			if at, _ := row(from); geo.at(at) >= float64(k) {
				break
			}
			from++
		}
		to := from
		for to < hi {
			if at, _ := row(to); geo.at(at) >= float64(k+1) {
				break
			}
			to++
		}
		for q := range targetsPerWindow {
			u := (float64(q) + .5) / targetsPerWindow // unsupervised, where the window has no row
			var x []float64
			if to > from {
				var at float64
				at, x = row(from + r.IntN(to-from))
				u = geo.at(at) - float64(k)
			}
			for c := range channels {
				token := c*geo.count + k
				tau[token*sitesPerWindow+2+q] = float32(u)
				if x == nil {
					continue
				}
				if v := (x[cols[c]] - t.sys.mid[c]) / t.sys.half[c]; v == v {
					target[token*targetsPerWindow+q] = float32(v)
					weight[token*targetsPerWindow+q] = 1
				}
			}
		}
		from = to
	}
	for c := range channels {
		// One weight per channel, from the spread of its targets: no system
		// dominates, and an unforeseeable blow-up teaches nothing.
		var sum, square, count float64
		own := target[c*geo.count*targetsPerWindow:][:geo.count*targetsPerWindow]
		use := weight[c*geo.count*targetsPerWindow:][:geo.count*targetsPerWindow]
		for i, v := range own {
			if use[i] > 0 {
				sum += float64(v)
				square += float64(v) * float64(v)
				count++
			}
		}
		std := math.Sqrt(max(square/max(count, 1)-sum*sum/max(count*count, 1), 0))
		still := true // nor does a channel that stood still
		for i := c; i < len(t.sys.values); i += channels {
			if v := t.sys.values[i]; v > 0 || v < 0 {
				still = false
				break
			}
		}
		for k := range geo.count {
			token := c*geo.count + k
			unit[token] = float32(1 / max(std, .05))
			importance := float32(1)
			if k < geo.seen {
				importance = .25
				present := t.in.window[(len(t.in.window)/windowFeatures-tokens+token)*windowFeatures+windowFeatures-1]
				if present == 0 { // a gap
					importance = .5
				}
			}
			if still || !(std <= 20) {
				importance = 0
			}
			for q := range targetsPerWindow {
				i := token*targetsPerWindow + q
				weight[i] *= importance
				if weight[i] == 0 {
					target[i] = 0
				}
			}
			at := tau[token*sitesPerWindow:][:sitesPerWindow]
			at[0], at[1] = 0, 1
			for q, u := range at {
				t.sys.evalGuides(guides[(token*sitesPerWindow+q)*guideSlots:], c, float64(k)+float64(u), k < geo.seen)
			}
		}
	}
}

// Weights of the parts of the loss, and its constants.
const (
	lossBeta     = .1   // where smooth L1 turns from square to absolute
	fitShare     = .4   // of smooth L1
	mixtureShare = .5   // of the loss of the guides' mixture alone
	scaleShare   = .1   // of the negative log likelihood of the error's scale
	mostError    = 50   // largest error in that likelihood, over its predicted scale
	chanceSlope  = 1    // of the mean square error of systems of chance
	solvedError  = .1   // mean square error, relative to the variance of a curve, that counts half
	channelShare = .5   // of the single channels in the count of what is not solved
	exactShare   = .015 // of the logarithm of the mean square error in that count
	exactError   = 1e-5 // mean square error below which it is as good as none
)

// losses are the parts of a training loss, summed over a micro-batch and
// divided by its number of targets.
type losses struct {
	total, state, mixture, scale float64
}

// learn runs the micro-batch forward and backward; gradients add up in the
// tape.
func (t *tasks) learn(n *network, tape *tensor.Tape, enc *encoded, share float32) losses {
	tape.Reset()
	n.forward(tape, &t.in, enc, false)
	state, mixture, logScale := n.decodeSites(tape, &t.in, enc, t.guides, t.tau, sitesPerWindow)
	return t.score(tape, state, mixture, logScale, share)
}

// score compares what decodeSites returns with the targets and runs the tape
// backward; gradients add up in it.
func (t *tasks) score(tape *tensor.Tape, state, mixture, logScale *tensor.Tensor, share float32) losses {
	tokens := t.in.rows * t.in.windows
	target := tape.Input(t.target, tokens, targetsPerWindow)
	weight := tape.Input(t.weight, tokens, targetsPerWindow)
	norm := 1 / float32(tokens*targetsPerWindow)

	// Errors count in units of the curve's spread.
	unit := tape.Input(t.unit, tokens, 1)
	scaled := tape.Mul(target, unit)
	fit := tape.SmoothL1(tape.Mul(state, unit), scaled, weight, lossBeta)
	mix := tape.SmoothL1(tape.Mul(mixture, unit), scaled, weight, lossBeta)
	err := tape.New(tokens, targetsPerWindow)
	mask := tape.New(tokens, targetsPerWindow)
	for i, v := range state.Data {
		most := mostError * float32(math.Exp(float64(logScale.Data[i])))
		err.Data[i] = min(max(v-t.target[i], -most), most)
		if t.weight[i] > 0 {
			mask.Data[i] = 1
		}
	}
	scale := tape.LaplaceNLL(err, logScale, mask)
	fit, mix = tape.Scale(fit, norm), tape.Scale(mix, norm)
	loss := tape.Add(tape.Scale(fit, fitShare), unsolved(tape, state, t))
	guides := tape.Add(tape.Scale(mix, fitShare), unsolved(tape, mixture, t))
	loss = tape.Add(tape.Add(loss, tape.Scale(guides, mixtureShare)), tape.Scale(scale, norm*scaleShare))
	if tape.Recording() {
		tape.Backward(tape.Scale(loss, share))
	}
	return losses{
		total: float64(loss.Data[0]), state: float64(fit.Data[0]),
		mixture: float64(mix.Data[0]), scale: float64(scale.Data[0] * norm),
	}
}

var opUnsolved = tensor.Register("lassode.Unsolved", unsolvedBackward)

// unsolved returns a smooth share of the systems that the states y [tokens,
// targetsPerWindow] of a micro-batch fail to forecast: the mean over systems of
// e / (e + solvedError), with e the mean square error of all their channels, each
// relative to the variance of its targets, after the context (of all windows, if
// there is nothing after it), and channelShare of the same over single channels. A small share
// of the logarithm of e is added, so that what is exact has reason to be.
// A forecast is used whole: being right at some times about a curve that is lost
// is worth little, and a curve that cannot be forecast should cost no other. Of the
// systems of chance, which none can solve, the mean square errors themselves count,
// with chanceSlope: there the forecast should be the mean of what may come.
func unsolved(tape *tensor.Tape, y *tensor.Tensor, t *tasks) *tensor.Tensor {
	windows, channels := t.in.windows, t.in.channels
	if y.Size() != len(t.target) || len(t.unit)*targetsPerWindow != len(t.target) {
		panic(fmt.Sprintf("lassode: unsolved: states %v for %d targets of %d tokens", y.Shape, len(t.target), len(t.unit)))
	}
	out := tape.Output(tensor.MakeShape(), y)
	rows := len(t.unit) / windows
	span := func(r int) (lo, hi int) { // the targets of a row that count
		lo, hi = r*windows, (r+1)*windows
		if seen := int(t.in.seen[r]); seen < windows {
			lo += seen
		}
		return lo * targetsPerWindow, hi * targetsPerWindow
	}
	t.square, t.count = resize(t.square, rows), resize(t.count, rows)
	known, systems := 0., 0. // rows and systems with targets
	for r := range rows {
		lo, hi := span(r)
		sum, count := 0., 0.
		for i := lo; i < hi; i++ {
			if t.weight[i] > 0 {
				d := float64(y.Data[i]-t.target[i]) * float64(t.unit[i/targetsPerWindow])
				sum += d * d
				count++
			}
		}
		t.square[r], t.count[r] = sum/max(count, 1), count
		if count > 0 {
			known++
		}
	}
	// system returns the mean error of the channels of a system that have targets.
	system := func(at int) (mean, count float64) {
		for r := at; r < at+channels; r++ {
			if t.count[r] > 0 {
				mean += t.square[r]
				count++
			}
		}
		return mean / max(count, 1), count
	}
	for at := 0; at < rows; at += channels {
		if _, count := system(at); count > 0 {
			systems++
		}
	}
	var grad []float32
	if out.Grad != nil {
		grad = tape.Scratch(len(y.Data))
		clear(grad)
	}
	miss := func(r int, e float64) (share, slope float64) {
		if t.hopeless[r/channels] {
			return chanceSlope * e, chanceSlope
		}
		return e/(e+solvedError) + exactShare*math.Log1p(e/exactError),
			solvedError/((e+solvedError)*(e+solvedError)) + exactShare/(e+exactError)
	}
	total := 0.
	for at := 0; at < rows; at += channels {
		mean, count := system(at)
		if count == 0 {
			continue
		}
		whole, wholeSlope := miss(at, mean)
		total += whole / systems
		for r := at; r < at+channels; r++ {
			if t.count[r] == 0 {
				continue
			}
			one, slope := miss(r, t.square[r])
			total += channelShare * one / known
			if grad == nil {
				continue
			}
			g := 2 / t.count[r] * (wholeSlope/(count*systems) + channelShare*slope/known)
			lo, hi := span(r)
			for i := lo; i < hi; i++ {
				if t.weight[i] > 0 {
					u := float64(t.unit[i/targetsPerWindow])
					grad[i] = float32(g * u * u * float64(y.Data[i]-t.target[i]))
				}
			}
		}
	}
	out.Data[0] = float32(total)
	if node := tape.Record(opUnsolved, out, y); node != nil {
		node.Saved[0] = grad
	}
	return out
}

func unsolvedBackward(_ *tensor.Tape, node *tensor.Node) {
	asm.Axpy(node.Out.Grad[0], node.Saved[0], node.In[0].Grad)
}
