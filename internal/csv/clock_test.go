package csv

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/lassode/lassode"
	"github.com/stretchr/testify/require"
)

func TestDates(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		times []float64
		ahead map[float64]string
	}{
		"UTC": {
			"timestamp,a\n2024-02-28T23:59:59Z,1\n2024-02-29T00:00:00.25Z,2\n2024-03-01T01:00:00+01:00,3\n", []float64{0, 1.25, 86401},
			map[float64]string{2: "2024-02-29T00:00:01Z", 1.5: "2024-02-29T00:00:00.5Z", -1: "2024-02-28T23:59:58Z", 2e6: "2024-03-23T03:33:19Z"},
		},
		"an offset": {
			"t,a\n2024-07-01 12:00+02:00,1\n2024-07-01 11:30+01:00,2\n2024-07-01T13:00:30+02:00,3\n", []float64{0, 1800, 3630},
			map[float64]string{7200: "2024-07-01 14:00+02:00", 1: "2024-07-01 12:00:01+02:00"},
		},
		"no offset from UTC, as a number": {
			"t,a\n2024-07-01T12:00:00+00:00,1\n", []float64{0}, map[float64]string{1: "2024-07-01T12:00:01+00:00"},
		},
		"no offset": {
			"datetime [local],a\n2023-12-31 23:00,1\n2024-01-01 00:00,2\n", []float64{0, 3600},
			map[float64]string{7200: "2024-01-01 01:00", 7230.000001: "2024-01-01 01:00:30.000001"},
		},
		"days": {
			"Date,a\n1999-12-31,1\n2000-01-01,2\n2000-01-01 12:00:00,3\n", []float64{0, 86400, 129600},
			map[float64]string{172800: "2000-01-02", 180000: "2000-01-02 02:00", 180001: "2000-01-02 02:00:01", -86400 * 365: "1998-12-31"},
		},
		"centuries": {
			"t,a\n0001-01-01T00:00:00,1\n9999-01-01T00:00:00,2\n", []float64{0, 315506361600},
			map[float64]string{315506361600 + .5: "9999-01-01T00:00:00.5"},
		},
		"nanoseconds": {
			"t,a\n2024-01-01T00:00:00.000000001Z,1\n2024-01-01T00:00:00.000000003Z,2\n", []float64{0, 2e-9},
			map[float64]string{1e5 + 1e-9: "2024-01-02T03:46:40.000000002Z"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock, err := ReadSeries(strings.NewReader(c.text), "f.csv")
			require.NoError(t, err)
			require.True(t, clock.Dated())
			require.Equal(t, c.times, s.Times)
			for at, want := range c.ahead {
				require.True(t, clock.Holds(at))
				require.Equal(t, want, clock.Text(at))
				m, err := ParseMoment(want)
				require.NoError(t, err)
				again, err := clock.On(m)
				require.NoError(t, err)
				require.InDelta(t, at, again, 1e-9+1e-16*math.Abs(at))
			}
			require.False(t, clock.Holds(3.16e11)) // more than 10,000 years
			require.False(t, clock.Holds(4e11))
			require.False(t, clock.Holds(math.NaN()))
			var b bytes.Buffer
			require.NoError(t, WriteForecast(&b, s.Names, clock, &lassode.Forecast{Times: s.Times, Mean: s.Values}, nil, false))
			back, _, err := ReadSeries(&b, "back.csv")
			require.NoError(t, err)
			require.Equal(t, s.Times, back.Times)
		})
	}
	require.Equal(t, "3.5", Clock{}.Text(3.5))
	require.True(t, Clock{}.Holds(1e300))
}

func TestDateErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no such day":      {"t,a\n2023-02-29,1\n", `line 2, column "t": "2023-02-29" is not a number, want a time, or a date such as`},
		"day first":        {"t,a\n29.02.2024,1\n", `"29.02.2024" is not a number, want a time, or a date such as`},
		"number last":      {"t,a\n2024-01-01,1\n3,2\n", `line 3, column "t": "3" is no date, the times of the series are such as 2024-01-01`},
		"date last":        {"t,a\n0,1\n2024-01-01,2\n", `line 3, column "t": "2024-01-01" is a date, the times of the series are numbers`},
		"offset last":      {"t,a\n2024-01-01T00:00:00,1\n2024-01-02T00:00:00Z,2\n", "has an offset from UTC, 2024-01-01T00:00:00 has none"},
		"offset first":     {"t,a\n2024-01-01T00:00:00Z,1\n2024-01-02T00:00:00,2\n", "has no offset from UTC, 2024-01-01T00:00:00Z has one"},
		"dates fall":       {"t,a\n2024-01-02,1\n2024-01-01,2\n", `time "2024-01-01" is before that of the row above, "2024-01-02"`},
		"dates repeat":     {"t,a\n2024-01-01T01:00Z,1\n2024-01-01T02:00+01:00,2\n", `time "2024-01-01T02:00+01:00" is the same as that of the row above, "2024-01-01T01:00Z"`},
		"date of a value":  {"t,a\n0,2024-01-01\n", `column "a": "2024-01-01" is not a number`},
		"date of a header": {"2024-01-01,a\n2024-01-02,1\n", "the first column is"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ReadSeries(strings.NewReader(c.text), "f.csv")
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "f.csv")
		})
	}
}

func TestQueryOnClock(t *testing.T) {
	_, clock, err := ReadSeries(strings.NewReader("t,a\n2024-01-01T00:00:00Z,1\n"), "f.csv")
	require.NoError(t, err)
	q, err := ReadQuery(strings.NewReader("time\n2024-01-01T01:00:00Z\n2023-12-31T23:00:00Z\n2024-01-01T02:00:00+01:00\n"), "q.csv")
	require.NoError(t, err)
	moved, err := q.On(clock)
	require.NoError(t, err)
	require.Equal(t, []float64{3600, -3600, 3600}, moved.Times)
	require.Equal(t, []float64{0, -7200, 0}, q.Times, "another series may have another clock")
	again, err := moved.On(clock)
	require.NoError(t, err)
	require.Equal(t, moved, again)
	_, err = q.On(Clock{})
	require.ErrorContains(t, err, "the times of the series are numbers")
	q, err = ReadQuery(strings.NewReader("t\n5\n6\n"), "q.csv")
	require.NoError(t, err)
	moved, err = q.On(Clock{})
	require.NoError(t, err)
	require.Equal(t, []float64{5, 6}, moved.Times)
	_, err = q.On(clock)
	require.ErrorContains(t, err, "is no date")
}
