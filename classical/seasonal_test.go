package classical

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// week is hour h of a signal of which every day has a sharp peak of its own height, as has the
// week.
func week(h int) float64 {
	day, hour := h/24%7, h%24
	return []float64{1, .8, 1.1, .9, 1.2, .4, .3}[day] * (math.Exp(-math.Abs(float64(hour)-8)) + .6*math.Exp(-.5*math.Abs(float64(hour)-18)))
}

// rootMeanSquare is that of the error of guide id for rows [from, to) of f.
func rootMeanSquare(b *Bank, id, from, to int, f func(i int) float64) float64 {
	var v [NumGuides]float64
	sum := 0.
	for i := from; i < to; i++ {
		b.Eval(v[:], nil, 0, float64(i))
		sum += (v[id] - f(i)) * (v[id] - f(i))
	}
	return math.Sqrt(sum / float64(to-from))
}

func fitRows(n, ahead int, f func(i int) float64) *Bank {
	times, values := make([]float64, n), make([]float64, n)
	for i := range n {
		times[i], values[i] = float64(i), f(i)
	}
	b := NewBank()
	b.Fit(times, values, 1, float64(n+ahead))
	return b
}

// TestSeasonal: weeks are repeated hour by hour, with noise better than the last one tells them,
// and with the trend that they have.
func TestSeasonal(t *testing.T) {
	const n = 5 * 168
	require.Less(t, rootMeanSquare(fitRows(n, 200, week), idSeasonal, n, n+168, week), .02)
	for _, slope := range []float64{0, .002, -.005} {
		r := rand.New(rand.NewPCG(5, 1))
		truth := func(i int) float64 { return week(i) + slope*float64(i) }
		b := fitRows(n, 200, func(i int) float64 { return truth(i) + .05*r.NormFloat64() })
		require.Less(t, rootMeanSquare(b, idSeasonal, n, n+168, truth), .75*.05, "slope %g", slope)
	}
}

// TestSeasonalFollowsChange: where the form of the cycle has changed the latest one counts.
func TestSeasonalFollowsChange(t *testing.T) {
	const n, period = 200, 20
	f := func(i int) float64 {
		if i < n/2 {
			return week(2 * (i % period))
		}
		return week(25 + i%period)
	}
	require.Less(t, rootMeanSquare(fitRows(n, 40, f), idSeasonal, n, n+2*period, f), .02)
}

// TestSeasonalAverages: all of up to eight cycles count where they differ by noise alone.
func TestSeasonalAverages(t *testing.T) {
	const period, cycles, noise = 24, 9, .2
	r := rand.New(rand.NewPCG(2, 8))
	var day [period]float64
	for i := range day {
		day[i] = r.NormFloat64()
	}
	truth := func(i int) float64 { return day[i%period] }
	b := fitRows(period*cycles, 2*period, func(i int) float64 { return truth(i) + noise*r.NormFloat64() })
	require.Less(t, rootMeanSquare(b, idSeasonal, period*cycles, period*(cycles+2), truth), .43*noise)
}

// TestSeasonalLevel: what the last row differs by from the cycle decays as fast as such
// differences did before.
func TestSeasonalLevel(t *testing.T) {
	const n, period = 120, 6
	var mem arena
	for _, memory := range []float64{0, 1} {
		r := rand.New(rand.NewPCG(7, 7))
		gr := grid{n: n, c: 1, dt: 1, xt: make([]float64, n)}
		level := 0.
		for i := range gr.xt {
			level = memory*level + r.NormFloat64()
			gr.xt[i] = math.Sin(2*math.Pi*float64(i)/period) + level
		}
		gr.xt[n-1] += 5
		level += 5
		gr.x = gr.xt
		out := newTrack(&mem, 1, 3)
		season{lag: period, forget: 1, rows: &gr}.ahead(&mem, &gr, n, out, 3)
		for i, v := range out.x[:3] {
			if d := v - math.Sin(2*math.Pi*float64(n+i)/period) - level*memory; math.Abs(d) > 1.7 {
				t.Errorf("memory %g: %d rows ahead the level differs by %g", memory, i+1, d)
			}
		}
	}
}

// TestSeasonalBetweenRows: a period need not be a number of rows, and ten later its error does
// not show.
func TestSeasonalBetweenRows(t *testing.T) {
	for _, period := range []float64{9.37, 17.3, 31.6} {
		f := func(i int) float64 { return math.Exp(2 * math.Cos(2*math.Pi*float64(i)/period)) }
		at := 150 + int(10*period)
		require.Less(t, rootMeanSquare(fitRows(150, 400, f), idSeasonal, at, at+50, f), .2, "period %g", period)
	}
}

// TestSeasonalOverGaps: what was interpolated in a gap does not count.
func TestSeasonalOverGaps(t *testing.T) {
	const n, period = 200, 25
	f := func(i int) float64 { return week(i % period) }
	var times, values []float64
	for i := range n {
		if i < 122 || i >= 148 {
			times, values = append(times, float64(i)), append(values, f(i))
		}
	}
	b := NewBank()
	b.Fit(times, values, 1, 260)
	require.Less(t, rootMeanSquare(b, idSeasonal, n, n+50, f), .02)
}

// TestSeasonalOfNone: without a cycle the guide relaxes.
func TestSeasonalOfNone(t *testing.T) {
	b := fitRows(60, 30, func(i int) float64 { return math.Exp(-float64(i) / 15) })
	var v [NumGuides]float64
	for i := 60; i < 90; i++ {
		b.Eval(v[:], nil, 0, float64(i))
		require.Equal(t, v[idRelax], v[idSeasonal])
	}
}

// TestBetweenRows: interpolation between the rows of a grid follows a parabola, and what a finer
// grid has there counts in validation errors.
func TestBetweenRows(t *testing.T) {
	var mem arena
	fine, coarse := grid{n: 21, c: 2, end: 20, dt: 1}, grid{n: 11, c: 2, end: 20, dt: 2}
	for i := range fine.n {
		fine.xt = append(fine.xt, float64(i*i))
	}
	for i := range fine.n {
		fine.xt = append(fine.xt, float64(i%2))
	}
	for j := range 2 {
		for i := range coarse.n {
			coarse.xt = append(coarse.xt, fine.xt[j*fine.n+2*i])
		}
	}
	for _, u := range []float64{0, 1, 1.25, 5.5, 8.9, 10} {
		require.InDelta(t, 4*u*u, coarse.value(0, coarse.n, u), 1e-12)
	}
	require.InDelta(t, 2, coarse.value(0, coarse.n, .5), 1e-12, "a line where the parabola is 1")
	coarse.judgeBetween(&mem, &fine)
	require.InDeltaSlice(t, []float64{2. / 21, 10. / 21}, coarse.between, 1e-12)

	const n = 5 * 168
	b := fitRows(n, 200, week)
	errs := make([]float32, NumGuides)
	b.LogError(0, errs)
	for _, id := range []int{idThinAR32, idThinARVal, idAR32v, idTailARVal} {
		require.Greater(t, errs[id], float32(math.Log10(.3)), guideNames[id])
	}
	require.Less(t, errs[idSeasonal], float32(math.Log10(.1)))
}
