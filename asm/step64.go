package asm

import (
	"fmt"
	"math"
)

// StepLanes is the number of systems that the kernels of Runge-Kutta steps work on
// side by side: component i of system l lies at index StepLanes*i + l. Nothing is
// fused and sums have one order, so that a lane has the bits of a system alone on
// every tier; no lane depends on another, whatever it holds.
const StepLanes = 8

// MaxCubic is the largest number of variables of [Cubic].
const MaxCubic = 5

// HasStepLanes reports whether the kernels of steps have a body that works on
// several lanes at once: on amd64 with AVX2.
func HasStepLanes() bool { return hasStepLanes && useSIMD }

// Cubic lists the monomials of degree 0 to 3 in n variables: by degree, then in
// lexical order, each the product of an earlier one and a variable. It is
// immutable.
type Cubic struct {
	n     int
	index [MaxCubic + 1][MaxCubic + 1][MaxCubic + 1]uint8
	links []cubicLink // how each monomial but the first is made
}

// cubicLink has distances in bytes in arrays of lanes.
type cubicLink struct{ from, by uint32 }

// NewCubic returns the list for n variables, 1 to [MaxCubic]; it panics for others.
func NewCubic(n int) *Cubic {
	if n < 1 || n > MaxCubic {
		panic(fmt.Sprintf("asm: NewCubic: n = %d, want 1 to %d", n, MaxCubic))
	}
	c := &Cubic{n: n, links: []cubicLink{{}}}
	add := func(i, j, k, from, by int) {
		c.index[i][j][k] = uint8(len(c.links))
		c.links = append(c.links, cubicLink{uint32(8 * StepLanes * from), uint32(8 * StepLanes * by)})
	}
	for i := range n {
		add(i, n, n, 0, i)
	}
	for i := range n {
		for j := i; j < n; j++ {
			add(i, j, n, int(c.index[i][n][n]), j)
		}
	}
	for i := range n {
		for j := i; j < n; j++ {
			for k := j; k < n; k++ {
				add(i, j, k, int(c.index[i][j][n]), k)
			}
		}
	}
	return c
}

// Len is the number of monomials, (n+1)(n+2)(n+3)/6.
func (c *Cubic) Len() int { return len(c.links) }

// Index is the place of the product of variables i <= j <= k, where n stands for 1.
func (c *Cubic) Index(i, j, k int) int { return int(c.index[i][j][k]) }

// Lanes evaluates StepLanes fields of n components at states of their own: dx (n rows
// of lanes) gets the sums over the monomials in the order of the list, from zero;
// coef[(m*n+row)*StepLanes+l] belongs to monomial m of component row of system l. A
// monomial of three variables is (x_i x_j) x_k. work has room for Len rows. It
// panics when a slice is too short. dx and work must not overlap each other, x or coef.
func (c *Cubic) Lanes(dx, coef, x, work []float64) {
	n, count := c.n, len(c.links)
	need64("Cubic.Lanes", "dx", dx, n*StepLanes)
	need64("Cubic.Lanes", "coef", coef, n*count*StepLanes)
	need64("Cubic.Lanes", "x", x, n*StepLanes)
	need64("Cubic.Lanes", "work", work, count*StepLanes)
	if HasStepLanes() {
		raceWrite64(dx[:n*StepLanes])
		raceWrite64(work[:count*StepLanes])
		raceRead64(x[:n*StepLanes])
		raceRead64(coef[:n*count*StepLanes])
		if useAVX512 {
			cubicAVX512(&dx[0], &coef[0], &x[0], &work[0], &c.links[0], count, n)
		} else {
			cubicSIMD(&dx[0], &coef[0], &x[0], &work[0], &c.links[0], count, n)
			cubicSIMD(&dx[4], &coef[4], &x[4], &work[4], &c.links[0], count, n)
		}
		return
	}
	for l := range StepLanes {
		work[l] = 1
	}
	for i := range dx[:n*StepLanes] {
		dx[i] = 0
	}
	for m, link := range c.links {
		p := work[m*StepLanes:][:StepLanes]
		if m > 0 {
			from, by := work[link.from/8:][:StepLanes], x[link.by/8:][:StepLanes]
			for l := range p {
				p[l] = from[l] * by[l]
			}
		}
		for row := range n {
			w := coef[(m*n+row)*StepLanes:][:StepLanes]
			out := dx[row*StepLanes:][:StepLanes]
			for l, v := range p {
				out[l] += float64(w[l] * v)
			}
		}
	}
}

// CombineLanes writes dst = base + scale (w_0 k_0 + w_1 k_1 + ...), each n rows of
// lanes: k_s lies at k[s*stride:], scale has one element per lane, and the sum is
// made from left to right. dst may be base; it must not overlap the rest. It panics
// when a slice is too short, w is empty or n len(w) is above 4096.
func CombineLanes(dst, base, scale, k []float64, stride int, w []float64, n int) {
	if len(w) == 0 || stride < n*StepLanes || n < 1 || n*len(w) > call64 {
		panic(fmt.Sprintf("asm: CombineLanes: %d weights, stride %d for %d rows", len(w), stride, n))
	}
	need64("CombineLanes", "dst", dst, n*StepLanes)
	need64("CombineLanes", "base", base, n*StepLanes)
	need64("CombineLanes", "scale", scale, StepLanes)
	need64("CombineLanes", "k", k, (len(w)-1)*stride+n*StepLanes)
	if HasStepLanes() {
		raceWrite64(dst[:n*StepLanes])
		raceRead64(base[:n*StepLanes])
		raceRead64(scale[:StepLanes])
		raceRead64(k[:(len(w)-1)*stride+n*StepLanes])
		raceRead64(w)
		if useAVX512 {
			combineAVX512(&dst[0], &base[0], &scale[0], &k[0], stride, &w[0], len(w), n)
		} else {
			combineSIMD(&dst[0], &base[0], &scale[0], &k[0], stride, &w[0], len(w), n)
			combineSIMD(&dst[4], &base[4], &scale[4], &k[4], stride, &w[0], len(w), n)
		}
		return
	}
	for i := range n {
		for l := range StepLanes {
			at := i*StepLanes + l
			sum := float64(w[0] * k[at])
			for s := 1; s < len(w); s++ {
				sum += float64(w[s] * k[s*stride+at])
			}
			dst[at] = base[at] + float64(scale[l]*sum)
		}
	}
}

// StepSums is what [SumLanes] reads, n rows of lanes each.
type StepSums struct {
	// Old and New are the states before and after a step, Last the argument of its
	// last stage but one; Error estimates the error per unit of scale, ATol and
	// RTol (one row) bound it; Slope and NewSlope are the field at Last and at New.
	Old, New, Last, Error, ATol, RTol, Slope, NewSlope []float64
}

// SumLanes sums over the n components of each lane, in their order from zero:
// out[0] the squares of Error/(ATol + RTol max(|Old|, |New|)), out[1] those of
// NewSlope - Slope, out[2] those of New - Last; out[3] is the largest |New|, of
// no meaning where a value is NaN. It panics when a slice is too short or n is not
// in 1 to 512.
func SumLanes(out *[4][StepLanes]float64, s *StepSums, n int) {
	if n < 1 || n > call64/StepLanes {
		panic(fmt.Sprintf("asm: SumLanes: n = %d, want 1 to %d", n, call64/StepLanes))
	}
	for _, x := range [...][]float64{s.Old, s.New, s.Last, s.Error, s.ATol, s.Slope, s.NewSlope} {
		need64("SumLanes", "rows", x, n*StepLanes)
		if HasStepLanes() {
			raceRead64(x[:n*StepLanes])
		}
	}
	need64("SumLanes", "RTol", s.RTol, StepLanes)
	if HasStepLanes() {
		raceRead64(s.RTol[:StepLanes])
		a := stepSumArgs{&s.Old[0], &s.New[0], &s.Last[0], &s.Error[0], &s.ATol[0], &s.RTol[0], &s.Slope[0], &s.NewSlope[0], &out[0][0], n}
		if useAVX512 {
			sumLanesAVX512(&a)
		} else {
			sumLanesSIMD(&a)
			a = stepSumArgs{&s.Old[4], &s.New[4], &s.Last[4], &s.Error[4], &s.ATol[4], &s.RTol[4], &s.Slope[4], &s.NewSlope[4], &out[0][4], n}
			sumLanesSIMD(&a)
		}
		return
	}
	*out = [4][StepLanes]float64{}
	for i := range n {
		for l := range StepLanes {
			at := i*StepLanes + l
			v := math.Abs(s.New[at])
			if v > out[3][l] {
				out[3][l] = v
			}
			tol := s.ATol[at] + float64(s.RTol[l]*max(math.Abs(s.Old[at]), v))
			e := s.Error[at] / tol
			dk, dx := s.NewSlope[at]-s.Slope[at], s.New[at]-s.Last[at]
			out[0][l] += float64(e * e)
			out[1][l] += float64(dk * dk)
			out[2][l] += float64(dx * dx)
		}
	}
}

// stepSumArgs is read by assembly.
type stepSumArgs struct {
	old, new, last, err, atol, rtol, slope, newSlope, out *float64
	n                                                     int
}
