package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/lassode/lassode/linode"
)

// tolerances of the error of a window, in units of the spread of each state.
var tolerances = []float64{1e-2, 1e-3, 1e-4}

// maxUniform is where the search for uniform windows ends.
const maxUniform = 16384

// checked is the largest number of windows whose true error is measured: those
// with the largest estimates.
const checked = 1000

// pieces follows a subject by linear windows.
func (s *subject) pieces(opt linode.PiecesOptions) (*linode.Pieces, error) {
	opt.Scale = s.scale
	return linode.LinearPieces(s.field, s.truth[:s.dim], 0, 1, opt)
}

// largest is the largest estimate of all windows.
func largest(p *linode.Pieces) float64 {
	top := 0.
	for i := range p.Windows {
		top = max(top, p.Windows[i].Error)
	}
	return top
}

// uniformCount is the least number of uniform windows, at least least, whose
// estimates are all within the tolerance, to 2 %, and then so many more, by tenths,
// that their true errors are within allowed, should the estimates have missed
// something; maxUniform+1 where that many are too few.
func (s *subject) uniformCount(tolerance, allowed float64, least int) (int, error) {
	enough := func(n int) bool {
		p, err := s.pieces(linode.PiecesOptions{Windows: n})
		return err == nil && largest(p) <= tolerance
	}
	lo, hi := least-1, least
	for !enough(hi) {
		if lo, hi = hi, 2*hi; hi > maxUniform {
			return maxUniform + 1, nil
		}
	}
	for hi-lo > max(1, hi/50) {
		if mid := (lo + hi) / 2; enough(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	for ; hi <= maxUniform; hi += max(1, hi/10) {
		p, err := s.pieces(linode.PiecesOptions{Windows: hi})
		if err != nil {
			continue
		}
		truth, _, err := s.trueErrors(p)
		if err != nil {
			return 0, err
		}
		if slices.Max(truth) <= allowed {
			return hi, nil
		}
	}
	return maxUniform + 1, nil
}

// trueErrors are the errors of windows against the solution of the field through
// their own start, at a quarter, half, three quarters and the end, in the norm of
// the estimate, with the estimates.
func (s *subject) trueErrors(p *linode.Pieces) (truth, estimate []float64, err error) {
	order := make([]int, len(p.Windows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch a, b := p.Windows[i].Error, p.Windows[j].Error; {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	x, want, next := make([]float64, s.dim), make([]float64, s.dim), make([]float64, s.dim)
	for _, k := range order[:min(len(order), checked)] {
		w := &p.Windows[k]
		copy(want, w.Start)
		worst := 0.
		for i := 1; i <= 4; i++ {
			if err := s.advance(next, want, w.Span/4); err != nil {
				return nil, nil, err
			}
			want, next = next, want
			// Just before the end: the next window starts there.
			p.State(x, nil, w.Time+w.Span*float64(i)/4*(1-1e-12))
			for j := range s.n {
				worst = max(worst, math.Abs(x[j]-want[j])/s.scale[j])
			}
		}
		truth, estimate = append(truth, worst), append(estimate, w.Error)
	}
	return truth, estimate, nil
}

// runWindows prints the table of part 2.
func runWindows(w io.Writer, o options) error {
	all, err := subjects(o.quick)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "Windows over the span whose estimated error (in units of each state's spread) is within the tolerance: adaptive ones, those linearised and given up included in brackets, and the fewest uniform ones whose true error is no larger than the tolerance and the adaptive ones' either. Driven and rough systems take windows of at most 1/50 of the span. The true error is the largest of all windows (of the 1,000 with the largest estimates where there are more). The joined error is that of the adaptive windows' whole curve, root mean square.")
	fmt.Fprintln(w)
	fmt.Fprint(w, "| system | kind |")
	for _, tol := range tolerances {
		fmt.Fprintf(w, " %.0e: adaptive (tried) | uniform | ratio | true/tolerance | joined error |", tol)
	}
	fmt.Fprintf(w, "\n|%s\n", strings.Repeat("---|", 2+5*len(tolerances)))
	ratios := make([][]float64, len(tolerances))
	over := make([]int, len(tolerances))
	beyond := make([]int, len(tolerances))
	var effect []float64
	effectOf := map[string][]float64{}
	points := make([]curve, len(tolerances))
	for _, s := range all {
		fmt.Fprintf(w, "| %s | %s", s.name, s.kind)
		for k, tol := range tolerances {
			opt := linode.PiecesOptions{Tolerance: tol}
			least := 1
			if s.dim > s.n || s.kind == rough { // pulses and kinks
				least = 50
				opt.MaxSpan = 1 / float64(least)
			}
			p, err := s.pieces(opt)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			truth, estimate, err := s.trueErrors(p)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			worst := slices.Max(truth)
			if worst > tol {
				over[k]++
			}
			for i, e := range truth {
				if e > .1*tol {
					effect = append(effect, estimate[i]/e)
					effectOf[s.kind] = append(effectOf[s.kind], estimate[i]/e)
				}
			}
			square := 0.
			x := make([]float64, s.dim)
			const rows = 512
			for i := range rows + 1 {
				p.State(x, nil, float64(i)/rows)
				rms, _ := s.distance(x, s.row(i*cells/rows))
				square += rms * rms / (rows + 1)
			}
			u, err := s.uniformCount(tol, max(tol, worst), least)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			n := len(p.Windows)
			ratio := float64(u) / float64(n)
			cell := fmt.Sprint(u)
			if u > maxUniform {
				cell = fmt.Sprintf("> %d", maxUniform)
				beyond[k]++
			}
			ratios[k] = append(ratios[k], ratio)
			points[k].x, points[k].y = append(points[k].x, float64(u)), append(points[k].y, float64(n))
			fmt.Fprintf(w, " | %d (%d) | %s | %.2g | %.2g | %.2g", n, p.Tried, cell, ratio, worst/tol, math.Sqrt(square))
		}
		fmt.Fprintln(w, " |")
	}
	fmt.Fprintln(w, "\n| tolerance | systems | uniform / adaptive: least | median | largest | fewer adaptive | true error over the tolerance | uniform windows not found |\n|---|---|---|---|---|---|---|---|")
	for k, tol := range tolerances {
		fewer := 0
		for _, r := range ratios[k] {
			if r > 1 {
				fewer++
			}
		}
		fmt.Fprintf(w, "| %.0e | %d | %.2g | %.2g | %.3g | %d | %d | %d |\n", tol, len(all), slices.Min(ratios[k]), median(ratios[k]), slices.Max(ratios[k]), fewer, over[k], beyond[k])
	}
	fmt.Fprintln(w, "\nEstimate over true error, windows of all tolerances whose true error is over a tenth of the tolerance:\n\n| kind | windows | 1 % | 5 % | median | 95 % | 99 % |\n|---|---|---|---|---|---|---|")
	line := func(name string, v []float64) {
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %s | %s |\n", name, len(v), number(quantile(v, .01), "%.2f"), number(quantile(v, .05), "%.2f"),
			number(quantile(v, .5), "%.2f"), number(quantile(v, .95), "%.2f"), number(quantile(v, .99), "%.2f"))
	}
	for _, kind := range []string{smooth, oscillating, stiff, chaotic, rough} {
		line(kind, effectOf[kind])
	}
	line("all", effect)
	c := chart{title: "Windows over the span, one point a system", x: "uniform windows", y: "adaptive windows", logX: true, logY: true}
	for k, p := range points {
		p.name, p.dots, p.colour = fmt.Sprintf("tolerance %.0e", tolerances[k]), true, k
		c.curves = append(c.curves, p, curve{name: "", colour: k})
	}
	c.curves = append(c.curves, curve{name: "as many", x: []float64{20, maxUniform}, y: []float64{20, maxUniform}, dashed: true, colour: 5})
	return writeSVG(o.out, "evidence-windows.svg", "Windows that reach a tolerance", 1, []chart{c})
}
