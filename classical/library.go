package classical

import (
	"math"
	"slices"
)

// Library holds whole trajectories of systems like the one to be forecast. A
// [Bank] that uses it fits its regressions, but those on the thin grid and on the
// tail, to the context and, with a small weight, to the library: what a context
// alone leaves undetermined is then taken from the fleet, while what it does
// determine stays its own. In the terms of ridge regression the library is the
// prior.
//
// A library is built by one goroutine and may then be read by many.
type Library struct {
	channels int
	runs     []run
	rows     int
}

// run is one trajectory: a cubic spline per channel.
type run struct {
	channel    []spline
	start, end float64
}

// Blocks of a library that enter one regression, and their rows: few long ones of a few
// runs, one of each of many, long enough for the longest lags. What a fleet of 64 teaches
// beyond one of 16 is where its other runs have been.
const (
	leastBlocks, mostBlocks = 6, 64
	leastBlockRows          = 48
	libraryRows             = 768 // of all blocks, where these are not more of the least length
)

// NewLibrary returns an empty library of trajectories with channels channels.
func NewLibrary(channels int) *Library { return &Library{channels: channels} }

// Channels returns the number of channels of every trajectory.
func (l *Library) Channels() int { return l.channels }

// Add adds a trajectory: times strictly increasing, values row-major. Missing
// values (NaN) are interpolated; a trajectory with a channel of fewer than four
// values is left out, which Add reports. The arguments are not retained. It
// panics when the lengths do not fit.
func (l *Library) Add(times, values []float64) bool {
	if len(values) != len(times)*l.channels {
		panicShape("Library.Add", "values", len(values), "times*channels", len(times)*l.channels)
	}
	r := run{channel: make([]spline, l.channels), start: math.Inf(-1), end: math.Inf(1)}
	for c := range r.channel {
		var t, y []float64
		for i, at := range times {
			if v := values[i*l.channels+c]; finite(v) {
				t = append(t, at)
				y = append(y, v)
			}
		}
		n := len(t)
		if n < 4 {
			return false
		}
		r.channel[c].interpolate(t, y, make([]float64, n+1), make([]float64, 9*n+1))
		r.start, r.end = max(r.start, t[0]), min(r.end, t[n-1])
	}
	if !(r.end > r.start) {
		return false
	}
	l.runs = append(l.runs, r)
	l.rows += len(times)
	return true
}

// Arranged returns the library with channel columns[i] of l as its channel i. They share
// memory. It panics unless there is a column for each channel.
func (l *Library) Arranged(columns []int) *Library {
	if len(columns) != l.channels {
		panicShape("Library.Arranged", "columns", len(columns), "channels", l.channels)
	}
	out := &Library{channels: l.channels, rows: l.rows, runs: slices.Clone(l.runs)}
	for k, r := range l.runs {
		out.runs[k].channel = make([]spline, len(columns))
		for i, c := range columns {
			out.runs[k].channel[i] = r.channel[c]
		}
	}
	return out
}

// libraryUse is a library seen from one context.
type libraryUse struct {
	*Library
	weight    float64   // of all library rows together, in context rows
	mid, half []float64 // library value = mid + half * context value
	unit      float64   // library time per context time; negative: time runs backwards
	skip      int       // run to leave out, or -1
}

// UseLibrary lets the following calls of Fit use a library, nil meaning none.
// A context value v of channel c stands for mid[c] + half[c] v in the library,
// and one unit of context time for timeUnit units of library time (negative
// when the context runs backwards). weight is that of the whole library
// relative to the context's own rows. mid and half are retained until the next
// call. skip is the index of a trajectory to leave out, in the order of Add, or
// -1: a context must not be helped by its own future. Contexts with another
// number of channels are fitted without library.
func (b *Bank) UseLibrary(l *Library, weight float64, mid, half []float64, timeUnit float64, skip int) {
	b.library = libraryUse{l, weight, mid, half, timeUnit, skip}
	if l == nil || len(l.runs) == 0 || !(weight > 0) {
		b.library = libraryUse{}
	}
}

// blocks samples stretches of the library on the step of g and in its units,
// spread evenly over the runs, and stores them with g. whole says that g holds
// all channels of the context.
func (u *libraryUse) blocks(mem *arena, g *grid, mid, half []float64, whole bool) {
	if u.Library == nil || !whole || u.channels != g.c {
		return
	}
	step := math.Abs(g.dt * u.unit)
	if !(step > 0) {
		return
	}
	blocks := min(max(len(u.runs), leastBlocks), mostBlocks)
	blockRows := max(libraryRows/blocks, leastBlockRows)
	for i := range blocks {
		k := i % len(u.runs)
		if len(u.runs) > blocks {
			k = i * len(u.runs) / blocks
		}
		if k == u.skip {
			continue
		}
		r := &u.runs[k]
		n := min(int((r.end-r.start)/step)+1, blockRows)
		if n < 8 {
			continue
		}
		slack := (r.end - r.start) - float64(n-1)*step
		from := r.start + slack*math.Mod(.5+.6180339887*float64(i), 1)
		x := mem.raw(n * g.c)
		for k := range n {
			t := from + float64(k)*step
			if u.unit < 0 {
				t = from + float64(n-1-k)*step
			}
			for c := range g.c {
				v, _ := r.channel[c].at(t)
				v = (v - u.mid[c]) / u.half[c] // context value
				x[k*g.c+c] = clamp((v-mid[c])/half[c], -clipAt, clipAt)
			}
		}
		g.library = append(g.library, x)
	}
	g.libraryWeight = u.weight
}

// libraryRows is the number of regression rows that form f takes from the
// library of g.
func (g *grid) libraryRows(f form) int {
	n := 0
	for _, x := range g.library {
		n += max(len(x)/g.c-f.lags(), 0)
	}
	return n
}
