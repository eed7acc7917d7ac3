package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/linode"
	"github.com/lassode/lassode/ode"
)

// maxGrowth is the bound of growth and decay per window that the network's head
// has by construction: 3 tanh(x/3).
const maxGrowth = 3

// runStability prints the tables of part 4.
func runStability(w io.Writer, o options) error {
	m, err := o.model()
	if err != nil {
		return err
	}
	if err := spectra(w, o, m); err != nil {
		return err
	}
	all, err := subjects(o.quick)
	if err != nil {
		return err
	}
	if err := farAhead(w, o, m, all); err != nil {
		return err
	}
	return stiffness(w, m, all)
}

// spectra prints the bounds of the generators and what the model makes of them.
func spectra(w io.Writer, o options, m *lassode.Model) error {
	freq, err := parameter(m, "head.frequency")
	if err != nil {
		return err
	}
	least, most := math.Inf(1), 0.
	for _, v := range freq {
		least, most = min(least, math.Exp(v-1)), max(most, math.Exp(v+1))
	}
	fmt.Fprintf(w, "By construction: growth rates lie within ±%d per window, a factor of at most e^%d = %.1f over it; angular frequencies of these weights between %.3g and %.3g per window. Measured, first half seen, rates per window of all latent pairs of all windows:\n\n", maxGrowth, maxGrowth, math.Exp(maxGrowth), least, most)
	fmt.Fprintln(w, "| suite | trajectories | pairs | growth: least | 1 % | 10 % | median | 90 % | 99 % | largest | growing, share | by amplitude | frequency: 1 % | median | 99 % |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	per := 20
	if o.quick {
		per = 2
	}
	var charts []chart
	for _, name := range []string{"in-domain", "zero-shot", "unseen"} {
		all := suite(name, per)
		var growth, omega []float64
		var rising, amplitude float64
		for _, tr := range all {
			fc, err := m.Forecast(half(tr.Series))
			if err != nil {
				return err
			}
			for _, seg := range fc.Segments {
				width := seg.End - seg.Start
				total := 0.
				for _, mode := range seg.Modes {
					total += mode.Amplitude
				}
				for _, mode := range seg.Modes {
					g := mode.Growth * width
					if !(math.Abs(g) <= maxGrowth*(1+1e-6)) {
						return fmt.Errorf("a growth of %v per window is beyond the bound", g)
					}
					growth, omega = append(growth, g), append(omega, 2*math.Pi*mode.Frequency*width)
					if total > 0 {
						amplitude += mode.Amplitude / total
						if g > 0 {
							rising += mode.Amplitude / total
						}
					}
				}
			}
		}
		grow := 0
		for _, g := range growth {
			if g > 0 {
				grow++
			}
		}
		fmt.Fprintf(w, "| %s | %d | %d", name, len(all), len(growth))
		for _, p := range []float64{0, .01, .1, .5, .9, .99, 1} {
			fmt.Fprintf(w, " | %.2f", quantile(growth, p))
		}
		fmt.Fprintf(w, " | %.3f %% | %.3f %%", 100*float64(grow)/float64(len(growth)), 100*rising/amplitude)
		for _, p := range []float64{.01, .5, .99} {
			fmt.Fprintf(w, " | %.2f", quantile(omega, p))
		}
		fmt.Fprintln(w, " |")
		c := chart{title: name, x: "growth per window", y: "frequency per window", logY: true}
		v := curve{dots: true, colour: len(charts)}
		for i := 0; i < len(growth); i += max(1, len(growth)/400) {
			v.x, v.y = append(v.x, growth[i]), append(v.y, omega[i])
		}
		c.curves = append(c.curves, v)
		charts = append(charts, c)
	}
	return writeSVG(o.out, "evidence-spectra.svg", "Generators of the built-in weights", 3, charts)
}

// horizons are in spans after the observed one.
var horizons = []float64{.5, 1, 3, 10, 30, 100}

// farAhead asks for times far beyond the observed span.
func farAhead(w io.Writer, o options, m *lassode.Model, all []*subject) error {
	const seenRows, around = 128, 16
	type tally struct{ size, width, in, err []float64 }
	sum := make([]tally, len(horizons))
	systems := 0
	for _, s := range all {
		// The truth, in steps of 1/around of a span.
		n := int((horizons[len(horizons)-1] + 1.5) * around)
		truth, times := make([]float64, (n+1)*s.dim), make([]float64, n)
		copy(truth, s.truth)
		for k := range times {
			times[k] = float64(k+1) / around
		}
		opt := s.opt
		opt.RTol, opt.ATol, opt.MaxStep, opt.MaxSteps = 1e-6, 1e-8, .02, 1<<22
		if _, err := s.w.Solve(truth[s.dim:], s.rhs, s.truth[:s.dim], 0, times, opt); err != nil {
			continue // the system itself leaves its domain
		}
		systems++
		var seen lassode.Series
		lo, hi := make([]float64, s.n), make([]float64, s.n)
		for i := range s.n {
			lo[i], hi[i] = math.Inf(1), math.Inf(-1)
		}
		for i := range seenRows + 1 {
			row := s.row(i * cells / seenRows)[:s.n]
			seen.Times, seen.Values = append(seen.Times, float64(i)/seenRows), append(seen.Values, row)
			for c, v := range row {
				lo[c], hi[c] = min(lo[c], v), max(hi[c], v)
			}
		}
		for k, horizon := range horizons {
			var at []float64
			var want [][]float64
			// Half a span about the horizon.
			for j := int((1+horizon)*around) - around/4; j <= int((1+horizon)*around)+around/4; j++ {
				at = append(at, float64(j)/around)
				want = append(want, truth[j*s.dim:j*s.dim+s.n])
			}
			fc, err := m.Forecast(seen, at)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			low, high := fc.Quantile(.1), fc.Quantile(.9)
			top, width, in, count, square := 0., 0., 0., 0., 0.
			for i := range at {
				for c := range s.n {
					halfRange := (hi[c] - lo[c]) / 2
					v := fc.Mean[i][c]
					if v-v != 0 || low[i][c]-low[i][c] != 0 || high[i][c]-high[i][c] != 0 {
						return fmt.Errorf("%s: not finite at %v", s.name, at[i])
					}
					top = max(top, math.Abs(v-(lo[c]+hi[c])/2)/halfRange)
					width += (high[i][c] - low[i][c]) / (2 * halfRange)
					if want[i][c] >= low[i][c] && want[i][c] <= high[i][c] {
						in++
					}
					count++
					square += math.Pow((v-want[i][c])/s.scale[c], 2)
				}
			}
			sum[k].size = append(sum[k].size, top)
			sum[k].width = append(sum[k].width, width/count)
			sum[k].in = append(sum[k].in, in/count)
			sum[k].err = append(sum[k].err, math.Sqrt(square/count))
		}
	}
	fmt.Fprintf(w, "\nFar ahead: %d systems whose truth exists for 100 spans; one span seen. Size is the largest distance of the mean from the middle of the observed range, in half ranges (1 = the edge of what was seen); width that of the 80 %% band over the observed range; held the mean share of true values in that band, over systems.\n\n", systems)
	fmt.Fprintln(w, "| spans ahead | size: median | 90 % | largest | width: median | 90 % | held | error / spread: median |\n|---|---|---|---|---|---|---|---|")
	for k, horizon := range horizons {
		held := 0.
		for _, v := range sum[k].in {
			held += v / float64(len(sum[k].in))
		}
		fmt.Fprintf(w, "| %g | %.2f | %.2f | %.2f | %.2f | %.2f | %.0f %% | %.2f |\n", horizon, median(sum[k].size), quantile(sum[k].size, .9), slices.Max(sum[k].size),
			median(sum[k].width), quantile(sum[k].width, .9), 100*held, median(sum[k].err))
	}
	return nil
}

// stiffness prints what stiff systems cost: linear windows beside integrators, and
// a forecast of stiff data beside one of slow data.
func stiffness(w io.Writer, m *lassode.Model, all []*subject) error {
	fmt.Fprintln(w, "\nStiff systems over one span, to a tolerance of 1e-3 of the spread: adaptive linear windows (closed form of each), and integrators at rtol 1e-3. Evaluations count the field, differences for Jacobians included; errors are root mean square over the spread.")
	fmt.Fprintln(w, "\n| system | radius x span | windows | evaluations | error | dopri5: steps | evaluations | error | RODAS: steps | evaluations | error |\n|---|---|---|---|---|---|---|---|---|---|---|")
	const rows = 512
	times := make([]float64, rows)
	for i := range times {
		times[i] = float64(i+1) / rows
	}
	for _, s := range all {
		if s.kind != stiff {
			continue
		}
		opt := linode.PiecesOptions{Tolerance: 1e-3}
		if s.dim > s.n {
			opt.MaxSpan = .02
		}
		p, err := s.pieces(opt)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		x := make([]float64, s.dim)
		square := 0.
		for i, t := range times {
			p.State(x, nil, t)
			rms, _ := s.distance(x, s.row((i+1)*cells/rows))
			square += rms * rms / rows
		}
		fmt.Fprintf(w, "| %s | %.3g | %d | %d | %.1e", s.name, s.radius, len(p.Windows), p.Evaluations, math.Sqrt(square))
		for _, method := range []ode.Method{ode.Explicit, ode.Implicit} {
			opt := s.opt
			opt.RTol, opt.ATol, opt.Method, opt.MaxSteps = 1e-3, 1e-3, method, 1<<24
			if s.dim > s.n {
				opt.MaxStep = .02
			}
			dst := make([]float64, rows*s.dim)
			st, err := s.w.Solve(dst, s.rhs, s.truth[:s.dim], 0, times, opt)
			if err != nil {
				fmt.Fprintf(w, " | %d | failed: %v | -", st.Steps, err)
				continue
			}
			square := 0.
			for i := range times {
				rms, _ := s.distance(dst[i*s.dim:(i+1)*s.dim], s.row((i+1)*cells/rows))
				square += rms * rms / rows
			}
			fmt.Fprintf(w, " | %d | %d | %.1e", st.Steps, st.Evaluations+st.Jacobians*(s.dim+1), math.Sqrt(square))
		}
		fmt.Fprintln(w, " |")
	}

	return stiffForecasts(w, m)
}

// stiffForecasts prints time and error of forecasts of a slow curve that starts
// with a fast transient.
func stiffForecasts(w io.Writer, m *lassode.Model) error {
	fmt.Fprintln(w, "\nA forecast in a warm session of 128 rows of x' = -k (x - cos 6t) - 6 sin 6t, x(0) = 2, over the first half of a span of 1, asked for at 128 times of the second half, by its decay k. From k = 1e3 on the transient is one row; the last column leaves the first row out.")
	fmt.Fprintln(w, "\n| k per span | windows | ms | error, root mean square | without the first row |\n|---|---|---|---|---|")
	at := func(i int) float64 { return float64(i) / 255 }
	var later []float64
	for i := range 128 {
		later = append(later, at(128+i))
	}
	var jobs []func()
	var errs [2][]float64
	var counts []int
	decays := []float64{1, 10, 1e2, 1e3, 1e4}
	var failed error
	for _, k := range decays {
		value := func(t float64) float64 { return math.Cos(6*t) + math.Exp(-k*t) }
		var series lassode.Series
		s := m.NewSession()
		for i := range 128 {
			row := []float64{value(at(i))}
			series.Times, series.Values = append(series.Times, at(i)), append(series.Values, row)
			if err := s.Observe(at(i), row); err != nil {
				return err
			}
		}
		for from := range 2 {
			fc, err := m.Forecast(lassode.Series{Times: series.Times[from:], Values: series.Values[from:]}, later)
			if err != nil {
				return err
			}
			square := 0.
			for i, t := range later {
				square += math.Pow(fc.Mean[i][0]-value(t), 2) / float64(len(later))
			}
			errs[from] = append(errs[from], math.Sqrt(square))
			if from == 0 {
				counts = append(counts, len(fc.Segments))
			}
		}
		var f lassode.Forecast
		jobs = append(jobs, func() {
			if err := s.Observe(at(127), series.Values[127]); err != nil {
				failed = err
			}
			if err := s.ForecastInto(&f, later); err != nil {
				failed = err
			}
		})
	}
	took := timing(5, 5*time.Millisecond, jobs)
	if failed != nil {
		return failed
	}
	for i, k := range decays {
		fmt.Fprintf(w, "| %.0e | %d | %.2f | %.1e | %.1e |\n", k, counts[i], 1e3*took[i], errs[0][i], errs[1][i])
	}
	return nil
}
