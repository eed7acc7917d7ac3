package classical

import (
	"math"

	"github.com/lassode/lassode/asm"
)

// The seasonal guide repeats the mean of the past cycles row by row, whatever their form:
// days within weeks have more harmonics than a Fourier series learns from three of them. What
// the last row differs by from it decays, at the rate at which differences from the cycle
// before do. Periods are tried where rows one period apart differ least, as are forgetting, a
// trend, and under noise rows as they were observed, whose sharp peaks no interpolant has
// smoothed. What forecasts the last quarter of these best is taken.

const (
	seasonTries  = 4 // periods
	seasonCycles = 8 // the latest, whose mean is taken
	seasonMost   = 2. / 3
	seasonRho    = .98 // largest correlation of what a row and the next differ by
	seasonWhole  = .3  // rows from a whole number within which that is tried too
)

var seasonForgets = [...]float64{.6, 1, 0} // weight of a cycle relative to the next

// season is a period, in rows, and how cycles are averaged.
type season struct {
	lag, forget float64
	trend       bool
	rows        *grid // that are averaged
}

// seasonal adds the seasonal guide, that of relaxation if no rows are alike. raw are the rows
// of gr as they were observed.
func (s *scorer) seasonal(mem *arena, g *group, gr, raw *grid, id int) {
	n := gr.n
	nv := n / 4
	blk, off := mem.mark()
	var lags [2 * seasonTries]float64
	out := newTrack(mem, s.c, nv)
	best, least := season{}, math.Inf(1)
	try := func(p season) {
		p.ahead(mem, gr, n-nv, out, nv)
		if e, _ := raw.misfit(out, nv, n-nv); e < least {
			best, least = p, e
		}
	}
	for _, lag := range lags[:seasonLags(mem, gr, n-nv, &lags)] {
		try(season{lag, seasonForgets[0], true, gr})
	}
	if lag := best.lag; lag > 0 {
		for _, forget := range seasonForgets[1:] {
			try(season{lag, forget, true, gr})
		}
		try(season{lag, best.forget, false, gr})
		if raw != gr {
			for _, forget := range seasonForgets {
				try(season{lag, forget, best.trend, raw})
			}
		}
	}
	if best.lag == 0 {
		mem.release(blk, off)
		s.repeat(g, idRelax, id)
		return
	}
	// Peaks that interpolants have smoothed are no error of the guide.
	judge := gr
	if best.rows != gr {
		best.ahead(mem, gr, n-nv, out, nv)
		if e, _ := gr.misfit(out, nv, n-nv); least < e {
			judge = raw
		}
	}
	mem.release(blk, off)
	s.unfitted(mem, g, judge, id, func(end int, dst track, rows int) { best.ahead(mem, gr, end, dst, rows) })
}

// seasonLags writes the periods to try to dst, in rows, and returns how many: lags at which
// the first end rows differ least, but for a trend.
func seasonLags(mem *arena, gr *grid, end int, dst *[2 * seasonTries]float64) int {
	blk, off := mem.mark()
	defer mem.release(blk, off)
	most := int(seasonMost * float64(end))
	d := mem.zeros(most + 2)
	for j := range gr.c {
		x := gr.xt[j*gr.n:][:end]
		head, tail := 0., 0. // sums of the first and the last rows
		for lag := 1; lag <= most; lag++ {
			head += x[lag-1]
			tail += x[end-lag]
			k := float64(end - lag)
			mean := (tail - head) / k // all but the first less all but the last
			d[lag] += (asm.SquaredDistance(x[lag:], x[:end-lag])/k - mean*mean) / (gr.dev[j] * gr.dev[j])
		}
	}
	var lowest [seasonTries]int
	found := minima(d[:most+1], 2, lowest[:])
	count := 0
	for _, lag := range lowest[:found] {
		best := vertex(d, lag)
		dst[count] = best
		count++
		if whole := math.Round(best); whole != best && math.Abs(whole-best) < seasonWhole {
			dst[count] = whole
			count++
		}
	}
	return count
}

// ahead writes rows after the first end rows of gr to dst.
func (p season) ahead(mem *arena, gr *grid, end int, dst track, rows int) {
	blk, off := mem.mark()
	defer mem.release(blk, off)
	c, lag := gr.c, int(math.Round(p.lag))
	rho, slope, miss := mem.raw(c), mem.zeros(c), mem.raw(c)
	for j := range c {
		x := p.rows.xt[j*gr.n:][:end]
		mean := 0. // of what rows a period apart differ by
		for i := lag; i < end; i++ {
			mean += x[i] - x[i-lag]
		}
		mean /= math.Max(float64(end-lag), 1)
		square, product, before := 1e-12, 0., 0.
		for i := lag; i < end; i++ {
			e := x[i] - x[i-lag] - mean
			square += e * e
			product += e * before
			before = e
		}
		rho[j] = clamp(product/square, 0, seasonRho)
		if p.trend {
			slope[j] = mean / float64(lag)
		}
	}
	p.mean(gr, end, end-1, slope, miss, 1)
	for j, v := range gr.before(end, 1)[:c] {
		miss[j] = v - miss[j]
	}
	for t := range rows {
		p.mean(gr, end, end+t, slope, dst.x[t:], dst.stride)
		for j := range c {
			miss[j] *= rho[j]
			v := &dst.x[j*dst.stride+t]
			*v = clamp(*v+miss[j], -clipAt, clipAt)
		}
	}
}

// mean writes the mean over cycles for row i to dst, every stride-th, from the first end rows
// that lie a period or more before, those in gaps only if there are no others.
func (p season) mean(gr *grid, end, i int, slope, dst []float64, stride int) {
	first := math.Max(1, math.Ceil(float64(i-end+1)/p.lag))
	for j := range gr.c {
		dst[j*stride] = 0
	}
	weights := 0.
	for gaps := false; weights == 0; gaps = true {
		weight := 1.
		for m := range seasonCycles {
			back := (first + float64(m)) * p.lag
			at := float64(i) - back
			if m > 0 && at < 0 {
				break
			}
			at = clamp(at, 0, float64(end-1))
			k := min(int(at), end-2)
			if gr.gaps && !gaps && !(gr.ok[k] && gr.ok[k+1]) {
				continue
			}
			for j := range gr.c {
				dst[j*stride] += weight * (p.rows.value(j, end, at) + slope[j]*back)
			}
			weights += weight
			if weight *= p.forget; weight == 0 {
				break
			}
		}
	}
	for j := range gr.c {
		dst[j*stride] /= weights
	}
}
