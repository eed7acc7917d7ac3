package ode

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/lassode/lassode"
)

// Sizes of generated trajectories.
const (
	// Samples is the number of rows of a training trajectory, except that the
	// chaotic ones have 300 to 1201.
	Samples = 601
	// EvalSamples is the number of rows of a trajectory of [InDomain] and
	// [HeldOutTrajectories].
	EvalSamples = 400
	// MaxGeneratedChannels is the largest number of channels of a training
	// trajectory.
	MaxGeneratedChannels = 8
)

// zooVersion changes whenever the distribution of [Generate] changes without a
// change of names: ranges of parameters, weights, rules of rejection.
const zooVersion = 4

// mixture holds the share of each part of the zoo among the trajectories.
// Random systems are more than half: at a fixed number of points, more systems
// beat more starting states.
var mixture = [...]struct {
	name   string
	weight float64
}{
	{"named", 0.34},
	{"random-polynomial", 0.20},
	{"random-tree", 0.08},
	{"random-neural", 0.06},
	{"skew-product", 0.06},
	{"feedback-coupling", 0.04},
	{"signal", 0.10},
	{"chaotic", 0.12},
}

// Places in mixture of the parts that replace one that keeps failing.
const (
	fallback     = 3
	lastFallback = 6
)

// calibrationPart stands behind the parts of the mixture, which has it as a share
// of the named families: those that calibrate alone.
const calibrationPart = len(mixture)

// channelShare is the distribution of the number of channels, 1 first.
var channelShare = [MaxGeneratedChannels]float64{0.26, 0.32, 0.24, 0.08, 0.04, 0.025, 0.02, 0.015}

// Provenance tells where a generated trajectory comes from.
type Provenance struct {
	Family   string  // name of the family
	Zoo      int     // its number, see [Family]
	Seed     uint64  // arguments of Generate
	Index    int     // arguments of Generate
	Attempts int     // systems drawn until one was kept
	Dim      int     // state variables of the system
	Start    float64 // first sampled time, in the system's own time
	Span     float64 // sampled duration, in the system's own time
}

// Zoo is an endless source of training trajectories, cut at N: it implements
// lassode.Source. Trajectory i is Generate(Seed, i). It is safe for concurrent
// use and holds no memory.
type Zoo struct {
	Seed uint64
	N    int
}

var _ lassode.Source = Zoo{}

// Len returns N.
func (z Zoo) Len() int { return z.N }

// Digest identifies the trajectories by the zoo and the seed.
func (z Zoo) Digest() string { return fmt.Sprintf("%s-%d", ZooHash(), z.Seed) }

// Channels returns the number of channels of trajectory i without making it.
func (z Zoo) Channels(i int) int {
	_, c := drawChannels(z.Seed, i, trainStream)
	return c
}

// At makes trajectory i, in about a millisecond.
func (z Zoo) At(i int) (lassode.Series, error) {
	if i < 0 || i >= z.N {
		return lassode.Series{}, fmt.Errorf("ode: trajectory %d of a zoo of %d", i, z.N)
	}
	s, _ := Generate(z.Seed, i)
	return s, nil
}

// ZooHash identifies the distribution of [Generate]: a hash of its version, the
// families' names and numbers, the weights of the mixture and the chaotic
// founders, 16 hexadecimal digits. Weights and collections carry it as provenance.
func ZooHash() string {
	h := sha256.New()
	fmt.Fprintf(h, "zoo %d\n%v\n%v\n", zooVersion, mixture, channelShare)
	for _, list := range [][]Family{namedFamilies(), RandomFamilies()} {
		for _, f := range list {
			fmt.Fprintf(h, "%d %s\n", f.Zoo, f.Name)
		}
	}
	fmt.Fprintf(h, "%s", chaoticTable)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Streams of random numbers, so that evaluation never meets a training draw,
// whatever the seeds.
const (
	trainStream   = 0x7a6f6f
	evalStream    = 0x6576616c
	heldOutStream = 0x68656c64
)

// drawChannels starts the generator of trajectory index and draws its number of
// channels, which must be known before any work.
func drawChannels(seed uint64, index int, stream uint64) (*rand.Rand, int) {
	r := rand.New(rand.NewPCG(seed^stream<<32, uint64(index)*0x9e3779b97f4a7c15+stream))
	u := r.Float64()
	for c, share := range channelShare {
		if u -= share; u < 0 {
			return r, c + 1
		}
	}
	return r, 1
}

// Generate makes trajectory number index of the training mixture: 601 samples
// (chaotic ones 300 to 1201), regular in time, values rounded to float32. It
// depends on seed and index alone and is safe for concurrent use.
//
// A part of the mixture and a family are drawn, then systems of that family
// until one passes: finite, bounded, moving, not already forecast by its last
// value or a straight line, and not too fast for the samples. The time scale of
// each draw is measured on a coarse run, and the span is chosen to hold between
// a third of a period and ten periods. About half of the trajectories start
// late. Chaotic systems come from the founders of [SearchChaotic] that are not
// held out, with perturbed parameters and fresh initial states, on their
// attractors. Some state variables are dropped, the others permuted, and each is
// rescaled by a random affine map; time is rescaled as well.
func Generate(seed uint64, index int) (lassode.Series, Provenance) {
	return generate(seed, index, trainStream, Samples, -1)
}

// Trajectory is a generated trajectory with the name of its family.
type Trajectory struct {
	Series lassode.Series
	Family string
}

// InDomain makes n trajectories of the training distribution that no training
// seed yields, EvalSamples samples each, for the in-domain evaluation. Signals
// that solve no equation are left out.
func InDomain(seed uint64, n int) []Trajectory {
	out := make([]Trajectory, 0, max(n, 0))
	for i := 0; len(out) < n; i++ {
		s, p := generate(seed, i, evalStream, EvalSamples, -1)
		if p.Zoo != 33 {
			out = append(out, Trajectory{s, p.Family})
		}
	}
	return out
}

// HeldOutTrajectories makes perFamily trajectories of each family that is never
// trained on, EvalSamples samples each, with all state variables as channels,
// in the systems' own units and over the families' own spans from time 0.
// Draws that fail to integrate or do not move are replaced.
func HeldOutTrajectories(seed uint64, perFamily int) []Trajectory {
	return heldOut(seed, perFamily, false)
}

// HeldOutRuns is like HeldOutTrajectories, but all trajectories of a family
// are runs of one system: the parameters are drawn once, the initial states
// anew for each run. It is the data a user has of one machine.
func HeldOutRuns(seed uint64, perFamily int) []Trajectory {
	return heldOut(seed, perFamily, true)
}

func heldOut(seed uint64, perFamily int, oneSystem bool) []Trajectory {
	var out []Trajectory
	g := generators.Get().(*generator)
	defer generators.Put(g)
	g.tolerance = evalTolerance
	for k, f := range HeldOut() {
		r := rand.New(rand.NewPCG(seed^heldOutStream<<32, uint64(k)))
		var machine System
		for kept, tries := 0, 0; kept < perFamily && tries < 200*perFamily; tries++ {
			s := f.Sample(r)
			if oneSystem {
				if kept == 0 {
					machine = s // replaced until it moves from its own initial state
				} else {
					machine.X0 = s.X0
					s = machine
				}
			}
			if !g.coarse(&s, s.Span, coarseRows) || !g.fine(&s, 0, s.Span, EvalSamples) {
				continue
			}
			moving := true
			for c := range s.Dim {
				moving = moving && g.judge(c, s.Dim, EvalSamples, true) != dull
			}
			if !moving {
				continue
			}
			out = append(out, Trajectory{g.series(s.Dim, EvalSamples, s.Names), f.Name})
			kept++
		}
	}
	return out
}

// series copies the last run and the names.
func (g *generator) series(dim, rows int, names []string) lassode.Series {
	flat := append([]float64(nil), g.values[:rows*dim]...)
	s := lassode.Series{Times: append([]float64(nil), g.times[:rows]...), Values: make([][]float64, rows), Names: append([]string(nil), names...)}
	for i := range s.Values {
		s.Values[i] = flat[i*dim : (i+1)*dim : (i+1)*dim]
	}
	return s
}

// generator is the scratch memory of one trajectory after another.
type generator struct {
	w             Integrator
	times, values []float64
	scale         []float64 // per state variable, largest magnitude of the coarse run
	state         []float64 // where a chaotic run starts
	rows, dim     int       // size of the last run in values
	tolerance     float64   // of the runs that are kept
	// yield, when not nil, lets a job run in a lane and returns when that has ended.
	yield func(*laneJob) bool
	job   laneJob
}

var generators = sync.Pool{New: func() any { return new(generator) }}

const (
	coarseRows = 241
	// Most draws only creep to a fixed point. A trajectory may be one that has
	// come to rest, or one that never turns, only with these probabilities.
	restShare     = 0.1
	monotoneShare = 0.35
	maxSwings     = 28 // periods within the samples
	maxFamilies   = 40 // families tried before the fallback
)

// bigDim is the largest state dimension that each named family draws.
var bigDim = sync.OnceValue(func() []int {
	f := namedFamilies()
	dims := make([]int, len(f))
	for i := range f {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		for range 12 {
			dims[i] = max(dims[i], f[i].Sample(r).Dim)
		}
	}
	return dims
})

// generate makes one trajectory, of the part with the given place in mixture or,
// when that is negative, of a part drawn by weight.
func generate(seed uint64, index int, stream uint64, rows, part int) (lassode.Series, Provenance) {
	g := generators.Get().(*generator)
	defer generators.Put(g)
	return g.generate(seed, index, stream, rows, part)
}

// drawPart draws a part of the mixture by weight.
func drawPart(r *rand.Rand) int {
	u := r.Float64()
	for i := range mixture {
		if u -= mixture[i].weight; u < 0 {
			return i
		}
	}
	return len(mixture) - 1
}

func (g *generator) generate(seed uint64, index int, stream uint64, rows, part int) (lassode.Series, Provenance) {
	r, channels := drawChannels(seed, index, stream)
	g.tolerance = evalTolerance
	if stream == trainStream {
		g.tolerance = trainTolerance
	}
	p := Provenance{Seed: seed, Index: index}
	if drawn := drawPart(r); part < 0 {
		part = drawn
	}
	if part == calibrationPart {
		channels = min(channels, calibrationChannels)
	}
	taste := r.Float64()
	for try := 0; ; try++ {
		// After many failures a part that passes more often; a signal nearly
		// always does.
		if try >= maxFamilies && part != calibrationPart {
			part = fallback
			if try >= 2*maxFamilies {
				part = lastFallback
			}
		}
		name := "calibration"
		if part < len(mixture) {
			name = mixture[part].name
		}
		if name == "chaotic" {
			want := 0
			if stream != trainStream {
				want = rows
			}
			if out, ok := g.attemptChaotic(r, channels, want, &p); ok {
				return out, p
			}
			continue
		}
		draw, zoo := drawer(r, name, channels)
		for range 6 { // the same family again, lest easy families crowd out hard ones
			s := draw()
			p.Attempts++
			if s.Dim < channels {
				continue
			}
			p.Family, p.Zoo, p.Dim = s.Family, zoo, s.Dim
			out, ok := g.attempt(r, &s, channels, rows, taste, &p)
			if ok {
				return out, p
			}
		}
	}
}

// drawer chooses a family of a part of the mixture, other than the chaotic one,
// and returns its sampler and its number.
func drawer(r *rand.Rand, part string, channels int) (func() System, int) {
	dim := func() int {
		return max(channels, min(6, channels+[...]int{0, 0, 1, 1, 2, 3}[r.IntN(6)]))
	}
	// A polynomial or a tree of more variables is hardly ever bounded.
	const largest = 5
	if channels > largest && (part == "random-polynomial" || part == "random-tree") {
		part = "skew-product"
	}
	switch part {
	case "named", "calibration":
		dims := bigDim()
		fit := func(i int) bool {
			return dims[i] >= channels && (part == "named" || slices.Contains(calibrationFamilies, namedFamilies()[i].Name))
		}
		fits := 0
		for i := range dims {
			if fit(i) {
				fits++
			}
		}
		if fits == 0 {
			break
		}
		k := r.IntN(fits)
		for i := range dims {
			if !fit(i) {
				continue
			}
			if k == 0 {
				f := namedFamilies()[i]
				return func() System {
					s := f.Sample(r)
					s.Family = f.Name
					return s
				}, f.Zoo
			}
			k--
		}
	case "random-polynomial":
		return func() System { return randomPolynomial(r, min(largest, dim())) }, 29
	case "random-tree":
		return func() System { return randomTree(r, min(largest, dim())) }, 30
	case "random-neural":
		return func() System { return randomNeural(r, max(2, dim())) }, 31
	case "skew-product":
		return func() System { return coupling(r, channels, false) }, 32
	case "feedback-coupling":
		return func() System { return coupling(r, max(2, channels), true) }, 32
	case "signal":
		return func() System { return randomSignal(r, channels) }, 33
	}
	return func() System { return randomNeural(r, max(2, channels)) }, 31
}

// attempt integrates s and, when it passes, makes the trajectory.
func (g *generator) attempt(r *rand.Rand, s *System, channels, rows int, taste float64, p *Provenance) (lassode.Series, bool) {
	none := lassode.Series{}
	if s.Signal != nil {
		g.reserve(rows, s.Dim)
		for i := range rows {
			g.times[i] = float64(i) / float64(rows-1)
		}
		s.Signal(g.values, g.times)
		p.Start, p.Span = 0, 1
	} else {
		start, span, ok := g.schedule(r, s, taste < monotoneShare)
		if !ok || !g.fine(s, start, span, rows) {
			return none, false
		}
		p.Start, p.Span = start, span
	}
	return g.finish(r, s.Dim, channels, rows, s.Signal != nil, taste)
}

// finish chooses channels among the variables of the last run that move and
// rescales them and time. A rough run may turn often.
func (g *generator) finish(r *rand.Rand, dim, channels, rows int, rough bool, taste float64) (lassode.Series, bool) {
	none := lassode.Series{}
	// A random choice among the variables that move.
	var pick [MaxGeneratedChannels]int
	n, still := 0, 0
	for _, c := range r.Perm(dim) {
		verdict := g.judge(c, dim, rows, rough)
		if verdict == dull {
			continue
		}
		if verdict == resting {
			still++
		}
		pick[n] = c
		if n++; n == channels {
			break
		}
	}
	if n < channels || still == n && taste > restShare {
		return none, false
	}
	// A step of few significant bits makes every time exact in float32.
	step := math.Exp(uniform(r, math.Log(1e-3), math.Log(10)))
	_, e := math.Frexp(step)
	step = math.Ldexp(math.Round(math.Ldexp(step, 12-e)), e-12)
	out := lassode.Series{Times: make([]float64, rows), Values: make([][]float64, rows)}
	flat := make([]float64, rows*channels)
	for i := range rows {
		out.Times[i] = float64(i) * step
		out.Values[i] = flat[i*channels : (i+1)*channels : (i+1)*channels]
	}
	for j, c := range pick[:channels] {
		var mean, std float64
		for i := range rows {
			mean += g.values[i*dim+c]
		}
		mean /= float64(rows)
		for i := range rows {
			d := g.values[i*dim+c] - mean
			std += d * d
		}
		std = math.Sqrt(std / float64(rows))
		size := logUniform(r, 0.1, 10)
		gain, shift := size/std, size*2*r.NormFloat64()
		if r.IntN(3) == 0 {
			gain = -gain
		}
		for i := range rows {
			v := float32(gain*(g.values[i*dim+c]-mean) + shift)
			if v-v != 0 {
				return none, false
			}
			flat[i*channels+j] = float64(v)
		}
	}
	return out, true
}

func (g *generator) reserve(rows, dim int) {
	g.rows, g.dim = rows, dim
	if cap(g.times) < rows {
		g.times = make([]float64, rows)
	}
	if cap(g.values) < rows*dim {
		g.values = make([]float64, rows*dim)
	}
	g.times, g.values = g.times[:rows], g.values[:rows*dim]
}

// coarse runs s from 0 to end with a loose tolerance and measures the size of
// each variable.
func (g *generator) coarse(s *System, end float64, rows int) bool {
	g.reserve(rows, s.Dim)
	for i := range rows {
		g.times[i] = end * float64(i) / float64(rows-1)
	}
	// Random fields run away fast or not at all; named ones have units.
	opt := Options{RTol: 1e-3, ATol: 1e-7, MaxSteps: 2500, Bound: 1e8, MaxStep: end / 50}
	if s.isRandom() {
		opt.Bound, opt.MaxSteps = 100, 250
	}
	if s.free {
		opt.MaxStep = 0
	}
	if s.Stiff {
		opt.Method, opt.MaxSteps = Implicit, opt.MaxSteps/3
	}
	if g.solve(s, opt) != nil {
		return false
	}
	return g.measureScale(s.Dim, rows)
}

// measureScale sets scale to the largest magnitudes of the last run.
func (g *generator) measureScale(dim, rows int) bool {
	g.scale = resize(g.scale, dim)
	var largest float64
	for c := range g.scale {
		lo, hi := extent(g.values[c:rows*dim], dim)
		g.scale[c] = max(-lo, hi)
		largest = max(largest, g.scale[c])
	}
	if largest == 0 {
		return false
	}
	for c := range g.scale {
		g.scale[c] = max(g.scale[c], 1e-9*largest)
	}
	return true
}

// extent gives the smallest and the largest of every dim-th of finite values.
// Comparisons that rarely hold are cheaper than min and max.
func extent(values []float64, dim int) (lo, hi float64) {
	lo, hi = values[0], values[0]
	for i := dim; i < len(values); i += dim {
		if v := values[i]; v < lo {
			lo = v
		} else if v > hi {
			hi = v
		}
	}
	return lo, hi
}

func (s *System) isRandom() bool {
	switch s.Family {
	case "random-polynomial", "random-tree", "random-neural", "skew-product", "feedback-coupling":
		return true
	}
	return false
}

// Relative tolerances of the local error; the absolute ones are a tenth of them,
// times the size of a variable. The errors of a hundred steps of a training
// trajectory add up to some 1e-4 of a variable's size, less than what the model
// resolves; evaluation sets are ten times as accurate.
const (
	trainTolerance = 1e-5
	evalTolerance  = 1e-6
)

// fine runs s with the tolerance of the data set, after coarse, and leaves rows
// samples of [start, start+span] in values.
func (g *generator) fine(s *System, start, span float64, rows int) bool {
	g.reserve(rows, s.Dim)
	for i := range rows {
		g.times[i] = start + span*float64(i)/float64(rows-1)
	}
	opt := Options{RTol: g.tolerance, ATol: 0.1 * g.tolerance}
	opt.Scale, opt.MaxSteps, opt.Bound, opt.MaxStep = g.scale, 8000, 1e9, span/60
	if s.isRandom() {
		opt.Bound, opt.MaxSteps = 100, 900
	}
	if s.free {
		opt.MaxStep = span / 20
	}
	if s.Stiff {
		opt.Method, opt.MaxSteps = Implicit, 4000
	}
	return g.solve(s, opt) == nil
}

// schedule chooses the start and the span of the sampled interval from coarse
// runs. Unless monotone is true, a system whose variables do not turn is
// refused.
func (g *generator) schedule(r *rand.Rand, s *System, monotone bool) (start, span float64, ok bool) {
	const rows = coarseRows
	end := s.Span
	want := logUniform(r, 0.7, 20) // periods; transients shorten it
	late := r.IntN(2) == 0
	for range 4 {
		if !g.coarse(s, end, rows) {
			// A random field must be bounded; the arc of a named system may end,
			// as a collision does: look at its start.
			if s.isRandom() {
				return 0, 0, false
			}
			end *= 0.25
			continue
		}
		swings, settled := g.motion(s.Dim, rows)
		if swings > 24 { // too fast for the coarse samples
			end *= 6 / swings
			continue
		}
		if swings < 0 {
			return 0, 0, false
		}
		if settled < 0.08 { // all happens at the very beginning
			end *= max(settled*2, 0.01)
			continue
		}
		if swings < 0.8 && !monotone {
			return 0, 0, false
		}
		if swings > 0.8 && settled > 0.7 {
			span = end * min(4, max(want/swings, 0.02))
			if late {
				start = end * r.Float64() * min(1, 3/swings)
			}
			return start, span, true
		}
		// A transient: sample about as long as it lasts.
		if settled > 0.95 && swings < 0.8 {
			settled = 1.5
		}
		span = end * settled * logUniform(r, 0.4, 1.6)
		if swings > 0.8 {
			span = end * settled * logUniform(r, min(0.3/swings, 0.8), 1.2)
		}
		if late {
			start = 0.3 * span * r.Float64()
		}
		return start, span, true
	}
	return 0, 0, false
}

// motion measures the coarse run: the number of periods (half the total
// variation over the range, averaged over the moving variables; a monotone
// curve counts 0.5) and the share of the run after which all variables stay
// within 2 % of their range from their last values. Periods are -1 when nothing
// moves.
func (g *generator) motion(dim, rows int) (periods, settled float64) {
	moving := 0
	for c := range dim {
		lo, hi := extent(g.values[c:rows*dim], dim)
		tv, before := 0.0, g.values[c]
		for i := c; i < rows*dim; i += dim {
			v := g.values[i]
			tv += math.Abs(v - before)
			before = v
		}
		if !(hi-lo > 1e-3*g.scale[c]) {
			continue
		}
		moving++
		periods += 0.5 * tv / (hi - lo)
		last := g.values[(rows-1)*dim+c]
		k := rows - 1
		for k > 0 && math.Abs(g.values[(k-1)*dim+c]-last) < 0.02*(hi-lo) {
			k--
		}
		settled = max(settled, float64(k)/float64(rows-1))
	}
	if moving == 0 {
		return -1, 0
	}
	return periods / float64(moving), settled
}

type verdict int

const (
	good    verdict = iota
	resting         // moves, but its last value forecasts the second half
	dull            // constant, a straight line, or too fast for the samples
)

// judge looks at column c of the last run.
func (g *generator) judge(c, dim, rows int, rough bool) verdict {
	v := g.values[c : rows*dim]
	tv, mean, before := 0.0, 0.0, v[0]
	for i := 0; i < len(v); i += dim {
		x := v[i]
		if x-x != 0 {
			return dull
		}
		mean += x
		tv += math.Abs(x - before)
		before = x
	}
	lo, hi := extent(v, dim)
	width, size := hi-lo, max(-lo, hi)
	if !(width > 2e-3*size) || width < 1e-30 {
		return dull
	}
	if !rough && tv > 2*maxSwings*width {
		return dull
	}
	mean /= float64(rows)
	// The straight line of least squares.
	var sxy, sxx, syy float64
	for i := range rows {
		x, y := float64(i)-0.5*float64(rows-1), v[i*dim]-mean
		sxy += x * y
		sxx += x * x
		syy += y * y
	}
	if syy-sxy*sxy/sxx < 1e-3*syy {
		return dull
	}
	half := rows / 2
	var rest float64
	for i := half; i < rows; i++ {
		d := v[i*dim] - v[half*dim]
		rest += d * d
	}
	if rest/float64(rows-half) < 2.5e-3*syy/float64(rows) {
		return resting
	}
	return good
}
