package lassode

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"errors"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func observe(t testing.TB, sess *Session, s Series) {
	for i := range s.Times {
		require.NoError(t, sess.Observe(s.Times[i], s.Values[i]))
	}
}

// requireSame compares all that a forecast holds, bit for bit.
func requireSame(t testing.TB, want, got *Forecast) {
	t.Helper()
	require.Equal(t, want.Times, got.Times)
	require.Equal(t, want.Mean, got.Mean)
	for _, p := range []float64{.1, .5, .8} {
		require.Equal(t, want.Quantile(p), got.Quantile(p))
	}
}

// TestNoModel: sessions and forecasts that decoders make have no model behind them.
func TestNoModel(t *testing.T) {
	m := smallModel(t)
	sess := m.NewSession()
	observe(t, sess, sine(20, 1))
	var b bytes.Buffer
	require.NoError(t, gob.NewEncoder(&b).Encode(sess))
	var bare Session
	require.ErrorIs(t, gob.NewDecoder(bytes.NewReader(b.Bytes())).Decode(&bare), errNoModel)
	require.ErrorIs(t, bare.Observe(0, []float64{1}), errNoModel)
	require.ErrorIs(t, bare.ForecastInto(new(Forecast), []float64{1}), errNoModel)
	require.ErrorIs(t, bare.Constrain(nil), errNoModel)
	bare.Reset()
	require.Zero(t, bare.Len())
	again := m.NewSession()
	require.NoError(t, gob.NewDecoder(&b).Decode(again))
	require.Equal(t, 20, again.Len())

	require.Empty(t, new(Forecast).Quantile(.1))
	fc, err := m.Forecast(sine(20, 1), []float64{5})
	require.NoError(t, err)
	text, err := json.Marshal(fc)
	require.NoError(t, err)
	var decoded Forecast
	require.NoError(t, json.Unmarshal(text, &decoded))
	require.True(t, math.IsNaN(decoded.Quantile(.1)[0][0]))
}

func TestSessionIsForecast(t *testing.T) {
	m := smallModel(t)
	s := sine(50, 2)
	for name, at := range map[string][]float64{
		"future": {6, 7.5}, "past": {-3, -1}, "gap": {.15, 2.22, 4}, "both": {-1, 2.5, 9}, "one": {s.Times[0]},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := m.Forecast(s, at)
			require.NoError(t, err)
			sess := m.NewSession()
			observe(t, sess, s)
			var f Forecast
			for range 3 { // the first encodes, the others reuse it
				require.NoError(t, sess.ForecastInto(&f, at))
				requireSame(t, want, &f)
			}
			// Other spans in between must leave no trace.
			require.NoError(t, sess.ForecastInto(&f, []float64{-20}))
			require.NoError(t, sess.ForecastInto(&f, []float64{2, 100}))
			require.NoError(t, sess.ForecastInto(&f, at))
			requireSame(t, want, &f)
		})
	}
}

// The times asked may be those of the forecast that is filled.
func TestSessionTimesOfTheForecast(t *testing.T) {
	s := smallModel(t).NewSession()
	rows := sine(30, 2)
	for i, x := range rows.Times {
		require.NoError(t, s.Observe(x, rows.Values[i]))
	}
	var f, want Forecast
	require.NoError(t, s.ForecastInto(&f, []float64{4, -1, 1, 1.05, 3.2}))
	require.NoError(t, s.ForecastInto(&want, []float64{-1, 1, 1.05, 3.2}))
	require.NoError(t, s.ForecastInto(&f, f.Times[1:]))
	require.Equal(t, want.Times, f.Times)
	require.Equal(t, want.Mean, f.Mean)
	require.Equal(t, want.Rate, f.Rate)
	require.ErrorContains(t, s.ForecastInto(nil, f.Times), "f is nil")
}

func TestSessionLateRows(t *testing.T) {
	m := smallModel(t)
	s := sine(80, 2)
	nan := math.NaN()
	at := []float64{-1, 3, 10}
	want, err := m.Forecast(s, at)
	require.NoError(t, err)

	t.Run("any order after the oldest, channel by channel", func(t *testing.T) {
		sess := m.NewSession()
		require.NoError(t, sess.Observe(s.Times[0], []float64{nan, s.Values[0][1]}))
		require.NoError(t, sess.Observe(s.Times[0], []float64{s.Values[0][0], nan}))
		var f Forecast
		for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(79) {
			require.NoError(t, sess.Observe(s.Times[i+1], []float64{s.Values[i+1][0], nan}))
			if i%20 == 0 { // a forecast in between changes nothing later
				require.NoError(t, sess.ForecastInto(&f, at))
			}
			require.NoError(t, sess.Observe(s.Times[i+1], []float64{nan, s.Values[i+1][1]}))
		}
		require.Equal(t, 80, sess.Len())
		require.NoError(t, sess.ForecastInto(&f, at))
		requireSame(t, want, &f)
	})
	t.Run("twice", func(t *testing.T) {
		sess := m.NewSession()
		observe(t, sess, s)
		var f Forecast
		require.NoError(t, sess.ForecastInto(&f, at))
		require.NoError(t, sess.Observe(s.Times[40], s.Values[40]))
		require.NoError(t, sess.Observe(s.Times[79], []float64{nan, nan}))
		require.False(t, sess.changed, "what is known is encoded again")
		require.NoError(t, sess.Observe(s.Times[40], []float64{nan, 2}))
		require.True(t, sess.changed)
	})
	t.Run("into a full context", func(t *testing.T) {
		long := sine(MaxSessionRows+10, 2)
		sess := m.NewSession()
		late := MaxSessionRows - 30
		for i := range long.Times {
			if i != late {
				require.NoError(t, sess.Observe(long.Times[i], long.Values[i]))
			}
		}
		require.NoError(t, sess.Observe(long.Times[late], long.Values[late]))
		require.Equal(t, MaxSessionRows, sess.Len())
		at := []float64{long.Times[len(long.Times)-1] + 1}
		want, err := m.Forecast(Series{Times: long.Times[10:], Values: long.Values[10:]}, at)
		require.NoError(t, err)
		var f Forecast
		require.NoError(t, sess.ForecastInto(&f, at))
		requireSame(t, want, &f)
	})
}

// TestSessionResetWidth: after a reset the limits are those of the rows that followed.
func TestSessionResetWidth(t *testing.T) {
	sess := smallModel(t).NewSession()
	wide := make([]float64, MaxChannels)
	var f Forecast
	require.NoError(t, sess.Observe(0, wide))
	require.NoError(t, sess.ForecastInto(&f, []float64{1}))
	sess.Reset()
	require.NoError(t, sess.Observe(0, []float64{1}))
	require.NoError(t, sess.ForecastInto(&f, make([]float64, MaxAnswers/MaxChannels+1)))
}

func TestSessionRefuses(t *testing.T) {
	m := smallModel(t)
	s := sine(20, 2)
	sess := m.NewSession()
	var f Forecast
	require.Error(t, sess.ForecastInto(&f, []float64{1}), "no rows")
	observe(t, sess, s)
	for i, c := range []struct {
		t     float64
		row   []float64
		field string
	}{
		{-5, []float64{1, 2}, "t of row 20"},
		{math.NaN(), []float64{1, 2}, "t of row 21"},
		{math.Inf(1), []float64{1, 2}, "t of row 22"},
		{9, []float64{1}, "width of row 23"},
		{9, nil, "width of row 24"},
		{9, []float64{1, math.Inf(-1)}, "channel 1 of row 25"},
	} {
		err := sess.Observe(c.t, c.row)
		var bad *InputError
		require.True(t, errors.As(err, &bad), "%d: %v", i, err)
		require.Equal(t, c.field, bad.Field)
	}
	at := []float64{3}
	want, err := m.Forecast(s, at)
	require.NoError(t, err)
	require.NoError(t, sess.ForecastInto(&f, at), "refused rows leave no trace")
	requireSame(t, want, &f)
	for _, bad := range [][]float64{nil, {math.NaN()}, {1e301}} {
		require.Error(t, sess.ForecastInto(&f, bad))
	}
	require.NoError(t, sess.ForecastInto(&f, at), "nor do refused times")
	requireSame(t, want, &f)
	sess.Reset()
	require.Zero(t, sess.Len())
	require.Error(t, sess.ForecastInto(&f, at))
	observe(t, sess, s)
	require.NoError(t, sess.ForecastInto(&f, at))
	requireSame(t, want, &f)
}

// TestSessionRunsLong observes a million rows: memory stays that of the
// context, and neither rows nor forecasts allocate once it is full.
func TestSessionRunsLong(t *testing.T) {
	m := smallModel(t)
	sess := m.NewSession()
	row := make([]float64, 2)
	next := 0
	step := func() {
		x := .05 * float64(next)
		row[0], row[1] = math.Sin(x), math.Cos(x)
		require.NoError(t, sess.Observe(x, row))
		next++
	}
	n := 1_000_000
	if testing.Short() || raceEnabled {
		n = 20_000
	}
	for range n {
		step()
	}
	require.Equal(t, MaxSessionRows, sess.Len())
	require.LessOrEqual(t, cap(sess.rows), 2*MaxSessionRows)
	var f Forecast
	at := make([]float64, 16)
	ahead := func() {
		step()
		for i := range at {
			at[i] = .05 * float64(next+i)
		}
		require.NoError(t, sess.ForecastInto(&f, at))
	}
	ahead()
	s := Series{}
	for i := next - MaxSessionRows; i < next; i++ {
		x := .05 * float64(i)
		s.Times, s.Values = append(s.Times, x), append(s.Values, []float64{math.Sin(x), math.Cos(x)})
	}
	want, err := m.Forecast(s, at)
	require.NoError(t, err)
	requireSame(t, want, &f)
}

func TestSessionAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	m := smallModel(t)
	for _, c := range []struct {
		channels int
		opt      SessionOptions
	}{{1, SessionOptions{}}, {3, SessionOptions{}}, {8, SessionOptions{Rows: 256}}, {3, SessionOptions{Rows: 256, Hold: 1. / 16}}} {
		channels := c.channels
		sess, err := m.NewSessionWith(c.opt)
		require.NoError(t, err)
		s := sine(MaxSessionRows+400, channels)
		var f Forecast
		i := 0
		at := make([]float64, 8)
		step := func() {
			if err := sess.Observe(s.Times[i], s.Values[i]); err != nil {
				panic(err)
			}
			for j := range at {
				at[j] = s.Times[i] + .1*float64(j+1)
			}
			if err := sess.ForecastInto(&f, at); err != nil {
				panic(err)
			}
			i++
		}
		for i < MaxSessionRows {
			if err := sess.Observe(s.Times[i], s.Values[i]); err != nil {
				panic(err)
			}
			i++
		}
		for range 40 { // all that a session grows to
			step()
		}
		require.Zero(t, testing.AllocsPerRun(10, step), "a new row, %d channels", channels)
		require.Zero(t, testing.AllocsPerRun(5, func() {
			if err := sess.ForecastInto(&f, at); err != nil {
				panic(err)
			}
		}), "the same rows, %d channels", channels)
	}
}

// holding returns a session of s with options, and a function that gives it the row
// that it expects, which is no surprise.
func holding(t testing.TB, m *Model, opt SessionOptions, s Series) (*Session, func()) {
	sess, err := m.NewSessionWith(opt)
	require.NoError(t, err)
	observe(t, sess, s)
	next := s.Times[len(s.Times)-1]
	var f Forecast
	return sess, func() {
		next += .1
		require.NoError(t, sess.ForecastInto(&f, []float64{next, next + 4}))
		require.NoError(t, sess.Observe(next, f.Mean[0]))
	}
}

func TestSessionHolds(t *testing.T) {
	m := smallModel(t)
	s := sine(80, 2)
	last := s.Times[79]
	at := []float64{last - 1, last + 1.5, last + 4.6}
	opt := SessionOptions{Hold: .1} // 8 rows
	var f, want Forecast

	t.Run("answers from the rows encoded", func(t *testing.T) {
		sess, expected := holding(t, m, opt, s)
		stands, expect := holding(t, m, opt, s)
		expect() // both are asked the same
		stands.times, stands.rows, stands.changed = stands.times[:80], stands.rows[:80], false
		for i := range 8 {
			expected()
			require.NoError(t, sess.ForecastInto(&f, at))
			require.NoError(t, stands.ForecastInto(&want, at))
			requireSame(t, &want, &f)
			require.Equal(t, i+1, sess.fresh)
		}
		expected()
		require.NoError(t, sess.ForecastInto(&f, at))
		require.Zero(t, sess.fresh, "the ninth row is one too many")
		again, _ := holding(t, m, opt, Series{Times: sess.times, Values: sess.rows})
		require.NoError(t, again.ForecastInto(&want, at))
		requireSame(t, &want, &f)
	})
	t.Run("encodes all rows", func(t *testing.T) {
		nan := math.NaN()
		for name, c := range map[string]struct {
			spoil func(sess *Session) error
			at    []float64
		}{
			"surprise":       {func(sess *Session) error { return sess.Observe(last+1, []float64{1e3, nan}) }, at},
			"late":           {func(sess *Session) error { return sess.Observe(last-.01, s.Values[0]) }, at},
			"replaced":       {func(sess *Session) error { return sess.Observe(s.Times[7], s.Values[8]) }, at},
			"past windows":   {func(sess *Session) error { return sess.Observe(last+40, []float64{nan, nan}) }, at},
			"before":         {nil, []float64{-1, last + 4}},
			"beyond":         {nil, []float64{last + 40}},
			"shorter":        {nil, []float64{last + 1}},
			"surprise fixed": {func(sess *Session) error { return sess.Observe(sess.times[81], []float64{nan, -1e3}) }, at},
		} {
			t.Run(name, func(t *testing.T) {
				sess, expected := holding(t, m, opt, s)
				expected()
				expected()
				require.NoError(t, sess.ForecastInto(&f, at))
				require.Equal(t, 2, sess.fresh)
				if c.spoil != nil {
					require.NoError(t, c.spoil(sess))
				}
				require.NoError(t, sess.ForecastInto(&f, c.at))
				require.Zero(t, sess.fresh)
				again, _ := holding(t, m, opt, Series{Times: sess.times, Values: sess.rows})
				require.NoError(t, again.ForecastInto(&want, c.at))
				requireSame(t, &want, &f)
			})
		}
	})
	t.Run("as long as rows are within four deviations", func(t *testing.T) {
		for k, fresh := range map[float64]int{-3.9: 3, 3.9: 3, -4.1: 0, 4.1: 0} {
			sess, expected := holding(t, m, opt, s)
			expected()
			expected()
			next := last + .3
			require.NoError(t, sess.ForecastInto(&f, []float64{next, next + 4}))
			deviation := math.Hypot(f.Scale[0][1], sess.e.sys.half[1]*math.Pow(10, sess.e.sys.noise[1]))
			require.NoError(t, sess.Observe(next, []float64{f.Mean[0][0], f.Mean[0][1] + k*deviation}))
			require.NoError(t, sess.ForecastInto(&f, at))
			require.Equal(t, fresh, sess.fresh, "%v deviations", k)
		}
	})
	t.Run("a channel that was silent", func(t *testing.T) {
		silent := sine(80, 2)
		for _, row := range silent.Values {
			row[1] = math.NaN()
		}
		sess, expected := holding(t, m, opt, silent)
		expected()
		require.NoError(t, sess.Observe(last+.3, []float64{math.NaN(), 1}))
		require.NoError(t, sess.ForecastInto(&f, at))
		require.Zero(t, sess.fresh)
		require.False(t, math.IsNaN(f.Mean[1][1]))
	})
	t.Run("through a saved state", func(t *testing.T) {
		sess, expected := holding(t, m, SessionOptions{Hold: .1, Rows: 80}, s)
		for range 30 {
			expected()
			state, err := sess.MarshalBinary()
			require.NoError(t, err)
			restored := m.NewSession()
			require.NoError(t, restored.UnmarshalBinary(state))
			again, err := restored.MarshalBinary()
			require.NoError(t, err)
			require.Equal(t, state, again)
			require.NoError(t, restored.ForecastInto(&want, at))
			fresh := restored.fresh
			require.NoError(t, sess.ForecastInto(&f, at))
			requireSame(t, &want, &f)
			require.Equal(t, fresh, sess.fresh)
		}
	})
	t.Run("options", func(t *testing.T) {
		for _, bad := range []SessionOptions{{Rows: 1}, {Rows: -3}, {Rows: MaxSessionRows + 1}, {Hold: -.1}, {Hold: .3}, {Hold: math.NaN()}} {
			_, err := m.NewSessionWith(bad)
			var e *InputError
			require.ErrorAs(t, err, &e)
		}
		sess, err := m.NewSessionWith(SessionOptions{Rows: 20})
		require.NoError(t, err)
		observe(t, sess, s)
		require.Equal(t, 20, sess.Len())
		exact, err := m.Forecast(Series{Times: s.Times[60:], Values: s.Values[60:]}, at)
		require.NoError(t, err)
		require.NoError(t, sess.ForecastInto(&f, at))
		requireSame(t, exact, &f)
	})
}

// deviating is holding with rows that lie share predicted scales over or under what the
// session expects, by turns.
func deviating(t testing.TB, m *Model, opt SessionOptions, s Series, share float64) (*Session, func()) {
	sess, err := m.NewSessionWith(opt)
	require.NoError(t, err)
	observe(t, sess, s)
	next := s.Times[len(s.Times)-1]
	var f Forecast
	n := 0
	return sess, func() {
		n++
		next += .1
		require.NoError(t, sess.ForecastInto(&f, []float64{next, next + 4}))
		row := make([]float64, len(f.Mean[0]))
		for c, v := range f.Mean[0] {
			row[c] = v + share*float64(1-(n+c)/3%2*2)*f.Scale[0][c]
		}
		row[n%7%len(row)] = math.NaN()
		require.NoError(t, sess.Observe(next, row))
	}
}

func TestSessionCorrects(t *testing.T) {
	m := smallModel(t)
	s := sine(80, 2)
	last := s.Times[79]
	opt := SessionOptions{Hold: .1} // 8 rows
	horizon := []float64{last + 6}

	t.Run("by the new rows", func(t *testing.T) {
		sess, err := m.NewSessionWith(opt)
		require.NoError(t, err)
		observe(t, sess, s)
		var f, plain, wide Forecast
		require.NoError(t, sess.ForecastInto(&plain, append([]float64{last + .1, last + .2}, horizon...)))
		miss := [2]float64{1.5 * plain.Scale[1][0], -1.2 * plain.Scale[1][1]}
		var at []float64
		for i := range 400 {
			at = append(at, last-.1+.01*float64(i))
		}
		at = append(at, horizon...)
		require.NoError(t, sess.ForecastInto(&plain, at))
		for i := range 2 {
			now := last + .1*float64(i+1)
			require.NoError(t, sess.ForecastInto(&wide, []float64{now, horizon[0]}))
			row := []float64{0, 0}
			for c := range row {
				row[c] = plain.Mean[10*(i+2)][c] + miss[c]*float64(i+1)/2
			}
			require.NoError(t, sess.Observe(now, row))
		}
		require.NoError(t, sess.ForecastInto(&f, at))
		require.Equal(t, 2, sess.fresh)
		for c := range 2 {
			change := func(i int) float64 { return f.Mean[i][c] - plain.Mean[i][c] }
			for i, at := range at {
				if at <= last {
					require.Equal(t, plain.Mean[i][c], f.Mean[i][c], "a time that was encoded")
				}
				require.Equal(t, plain.Scale[i][c], f.Scale[i][c])
			}
			require.InDelta(t, miss[c], change(30), .2*math.Abs(miss[c]), "at the latest row")
			require.Less(t, math.Abs(change(len(at)-1)), .01*math.Abs(miss[c]), "far ahead")
			for i := 1; i+2 < len(at); i++ {
				// The change is continuous, and its rate that of the change.
				got := f.Rate[i][c] - plain.Rate[i][c]
				if math.Abs(at[i]-last) > .02 && math.Abs(at[i]-last-.2) > .02 {
					require.InDelta(t, (change(i+1)-change(i-1))/.02, got, .02*math.Abs(miss[c])/.1, "at %v", at[i])
				}
				require.Less(t, math.Abs(change(i+1)-change(i)), .4*math.Abs(miss[c]))
			}
		}
	})
	t.Run("as a Gaussian process", func(t *testing.T) {
		// The dense form of the same process: Matern 3/2 given that error and rate were zero
		// at time zero.
		cov := func(s, t float64) float64 {
			d := math.Abs(s - t)
			return (1+d)*math.Exp(-d) - ((1+s)*(1+t)+s*t)*math.Exp(-s-t)
		}
		const half, noise, scale, unit = 5., .02, .3, .75 * 2
		e := &engine{width: 2, times: []float64{3}, live: []int{0}}
		e.sys.half, e.sys.noise = []float64{half}, []float64{math.Log10(noise)}
		e.startNews()
		times, miss := []float64{3.4, 3.5, 4.9, 6}, []float64{.2, -.1, .7, .4}
		for i, at := range times {
			e.learn(0, at, miss[i], scale)
		}
		n := len(times)
		v := newsSpread * newsSpread * scale * scale
		a, w := make([][]float64, n), append([]float64(nil), miss...)
		for i := range a {
			a[i] = make([]float64, n)
			for j := range a {
				a[i][j] = v * cov((times[i]-3)/unit, (times[j]-3)/unit)
			}
			a[i][i] += noise*half*noise*half + newsFloor*newsFloor*scale*scale
		}
		for k := range n { // elimination
			for i := k + 1; i < n; i++ {
				q := a[i][k] / a[k][k]
				for j := k; j < n; j++ {
					a[i][j] -= q * a[k][j]
				}
				w[i] -= q * w[k]
			}
		}
		for i := n - 1; i >= 0; i-- {
			for j := i + 1; j < n; j++ {
				w[i] -= a[i][j] * w[j]
			}
			w[i] /= a[i][i]
		}
		mean := func(at float64) (v0 float64) {
			for i := range n {
				v0 += v * cov((at-3)/unit, (times[i]-3)/unit) * w[i]
			}
			return v0
		}
		at := []float64{6, 6.01, 7, 9, 20, 1e6}
		var f Forecast
		f.shape(at, 1)
		for i := range at {
			f.Mean[i][0], f.Rate[i][0] = 1, 2
		}
		e.correct(&f, at)
		for i, at := range at {
			require.InDelta(t, mean(at), f.Mean[i][0]-1, 1e-12)
			if i > 0 {
				require.InDelta(t, (mean(at+1e-4)-mean(at-1e-4))/2e-4, f.Rate[i][0]-2, 1e-7)
			}
		}
	})
	t.Run("within the constraints", func(t *testing.T) {
		s := sine(80, 2) // values -7 to 13
		rule := Constraints{Lower: []float64{-7.5, math.Inf(-1)}, Weights: []float64{1, 1}, Total: 6, Tolerance: []float64{1e-9, 1e-9}}
		for i := range s.Values {
			s.Values[i][1] = 6 - s.Values[i][0]
		}
		sess, err := m.NewSessionWith(opt)
		require.NoError(t, err)
		observe(t, sess, s)
		require.NoError(t, sess.Constrain(&rule))
		var f Forecast
		at := []float64{0, 0, 0, 0, horizon[0]}
		corrected := 0
		for i := range 60 {
			now := last + .1*float64(i+1)
			for k := range 4 {
				at[k] = now + .05*float64(k)
			}
			at[4] = now + 6
			require.NoError(t, sess.ForecastInto(&f, at))
			if sess.fresh > 0 && sess.e.news[0].z0 != 0 {
				corrected++
			}
			for k := range at {
				require.InDelta(t, 6, f.Mean[k][0]+f.Mean[k][1], 1e-12)
				require.InDelta(t, 0, f.Rate[k][0]+f.Rate[k][1], 1e-10)
				require.GreaterOrEqual(t, f.Mean[k][0], -7.5)
			}
			v := max(f.Mean[0][0]+f.Scale[0][0]*float64(i%3-1), -7.5)
			require.NoError(t, sess.Observe(now, []float64{v, 6 - v}))
		}
		require.Greater(t, corrected, 20)
	})
	t.Run("the same through a saved state and late rows", func(t *testing.T) {
		at := []float64{0, 0, 0, 0}
		sess, deviate := deviating(t, m, SessionOptions{Hold: .1, Rows: 80}, s, .8)
		var f, want Forecast
		corrected := 0
		for i := range 40 {
			deviate()
			now := sess.times[len(sess.times)-1]
			if i%3 == 2 && sess.fresh > 1 {
				k := len(sess.times) - 2
				require.NoError(t, sess.Observe((sess.times[k]+now)/2, sess.rows[k]))
			}
			state, err := sess.MarshalBinary()
			require.NoError(t, err)
			restored := m.NewSession()
			require.NoError(t, restored.UnmarshalBinary(state))
			for k, d := range []float64{-.12, .01, .5, 4} {
				at[k] = now + d
			}
			require.NoError(t, restored.ForecastInto(&want, at))
			require.NoError(t, sess.ForecastInto(&f, at))
			requireSame(t, &want, &f)
			require.Equal(t, want.Rate, f.Rate)
			require.Equal(t, restored.fresh, sess.fresh)
			if sess.fresh > 0 {
				require.Equal(t, restored.e.news, sess.e.news)
				corrected++
			}
		}
		require.Greater(t, corrected, 20)
	})
}

func TestSessionState(t *testing.T) {
	m := smallModel(t)
	for name, s := range map[string]Series{"empty": {}, "some": sine(60, 3), "full": sine(MaxSessionRows+7, 2)} {
		t.Run(name, func(t *testing.T) {
			old := m.NewSession()
			observe(t, old, s)
			state, err := old.MarshalBinary()
			require.NoError(t, err)
			restored := m.NewSession()
			observe(t, restored, sine(5, 1)) // forgotten by the restore
			require.NoError(t, restored.UnmarshalBinary(state))
			again, err := restored.AppendBinary([]byte("x"))
			require.NoError(t, err)
			require.Equal(t, string(state), string(again[1:]))
			if len(s.Times) == 0 {
				require.NoError(t, restored.Observe(1, []float64{1, 2, 3}))
				return
			}
			end := s.Times[len(s.Times)-1]
			var f, g Forecast
			for i := range 3 {
				at := []float64{end + 1 + float64(i)}
				require.NoError(t, old.ForecastInto(&f, at))
				require.NoError(t, restored.ForecastInto(&g, at))
				requireSame(t, &f, &g)
				require.NoError(t, old.Observe(at[0], s.Values[i]))
				require.NoError(t, restored.Observe(at[0], s.Values[i]))
			}
			require.EqualError(t, restored.Observe(-9, s.Values[0]), old.Observe(-9, s.Values[0]).Error())
		})
	}
	sess := m.NewSession()
	observe(t, sess, sine(6, 2))
	state, err := sess.MarshalBinary()
	require.NoError(t, err)
	victim := m.NewSession()
	observe(t, victim, sine(9, 1))
	for i := range state {
		bad := append([]byte(nil), state...)
		bad[i] ^= 0x10
		require.Error(t, victim.UnmarshalBinary(bad), "byte %d", i)
		require.Error(t, victim.UnmarshalBinary(state[:i]), "cut at %d", i)
	}
	require.Error(t, victim.UnmarshalBinary(append(state, 0)))
	// What no session writes, under a checksum that fits.
	forged := func(state []byte, at int, v byte) []byte {
		bad := append([]byte(nil), state[:len(state)-4]...)
		bad[at] = v
		return binary.LittleEndian.AppendUint32(bad, crc32.ChecksumIEEE(bad))
	}
	require.EqualError(t, victim.UnmarshalBinary(forged(state, sessionHeader-1, 2)), "lassode: the state of the session is damaged: KeepOutliers is 2, want 0 or 1")
	require.Equal(t, 9, victim.Len(), "a damaged state leaves the session as it was")
	held, expected := holding(t, m, SessionOptions{Hold: .1}, sine(80, 2))
	expected()
	state, err = held.MarshalBinary()
	require.NoError(t, err)
	fresh := sessionHeader + 8*held.Len()*3
	require.NoError(t, victim.UnmarshalBinary(forged(state, fresh, 1)))
	require.ErrorContains(t, victim.UnmarshalBinary(forged(state, fresh, 82)), "80 encoded and 82 new rows")
	require.Equal(t, 81, victim.Len(), "a damaged state leaves the session as it was")
}

func TestSessionsInParallel(t *testing.T) {
	m := smallModel(t)
	var wait sync.WaitGroup
	for k := range 8 {
		s := sine(30+5*k, 1+k%3)
		at := []float64{4, 12}
		want, err := m.Forecast(s, at)
		require.NoError(t, err)
		wait.Go(func() {
			sess := m.NewSession()
			var f Forecast
			for i := range s.Times {
				if sess.Observe(s.Times[i], s.Values[i]) != nil || sess.ForecastInto(&f, at) != nil {
					t.Error("refused")
				}
			}
			for c, v := range want.Mean[1] {
				if f.Mean[1][c] != v {
					t.Errorf("session %d: %v, want %v", k, f.Mean[1][c], v)
				}
			}
		})
	}
	wait.Wait()
}

// TestSessionSharedIsARace holds the documentation to its word: two goroutines
// in one session are seen by the race detector, in a process of their own.
func TestSessionSharedIsARace(t *testing.T) {
	if !raceEnabled {
		t.Skip("needs -race")
	}
	if os.Getenv("LASSODE_TEST_SHARED_SESSION") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSessionSharedIsARace$")
		cmd.Env = append(os.Environ(), "LASSODE_TEST_SHARED_SESSION=1")
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "DATA RACE")
		return
	}
	sess := smallModel(t).NewSession()
	var wait sync.WaitGroup
	for k := range 2 {
		wait.Go(func() {
			for i := range 100 {
				_ = sess.Observe(float64(i), []float64{float64(k)})
			}
		})
	}
	wait.Wait()
}
