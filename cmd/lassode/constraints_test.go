package main

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode/internal/csv"
)

// tanksCSV is water that runs between three tanks.
func tanksCSV(rows int) string {
	var b strings.Builder
	b.WriteString("t,a,b,c\n")
	for i := range rows {
		t := .2 * float64(i)
		a, c := 30*math.Exp(-.3*t), 20*(1-math.Exp(-.2*t))
		fmt.Fprintf(&b, "%v,%v,%v,%v\n", t, a, 50-a-c, c)
	}
	return b.String()
}

func TestForecastConstrained(t *testing.T) {
	in := write(t, "tanks.csv", tanksCSV(40))
	code, out, errs := lassodeRun(t, "", "forecast", "-in", in, "-steps", "30", "-lower", "0", "-upper", "c=19,b=31", "-total", "a + b+1*c=50", "-quantiles", "0.01,0.99", "-rates", "-tolerance", "b=1")
	require.Equal(t, exitOK, code, errs)
	answer, err := csv.ReadQuery(strings.NewReader(out), "stdout")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "a_rate", "a_q0.01", "a_q0.99", "b", "b_rate", "b_q0.01", "b_q0.99", "c", "c_rate", "c_q0.01", "c_q0.99"}, answer.Truth.Names)
	for _, row := range answer.Truth.Values {
		require.InDelta(t, 50, row[0]+row[4]+row[8], 1e-12)
		require.InDelta(t, 0, row[1]+row[5]+row[9], 1e-12)
		for c, most := range []float64{50, 31, 19} {
			require.GreaterOrEqual(t, row[4*c+2], 0.)
			require.LessOrEqual(t, row[4*c+3], most)
		}
	}
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"-lower", "d=0"}, `-lower: there is no channel "d", the channels are a, b, c`},
		{[]string{"-upper", "a=25"}, "tanks.csv: a at t = 0 is 30, want at most -upper of a = 25, plus a -tolerance of 0"},
		{[]string{"-total", "a+b=50"}, "tanks.csv: the row at t = 0.2 is a total of"},
		{[]string{"-total", "a+b+c=50", "-upper", "a=40,b=5,c=3"}, "-total is 50, want -Inf to 48, what the bounds allow"},
		{[]string{"-lower", "a=2", "-upper", "a=1"}, "-lower of a is 2, want at most -upper of a = 1"},
	} {
		code, out, errs := lassodeRun(t, "", append([]string{"forecast", "-in", in}, c.flags...)...)
		require.Equal(t, exitError, code)
		require.Empty(t, out)
		require.Contains(t, errs, c.want)
	}

	// Of a series with dates, errors have dates.
	dated := write(t, "dated.csv", "t,a,b\n2024-03-01 12:00,1,2\n2024-03-01 12:15,3,4\n")
	for flag, want := range map[string]string{
		"-lower=2": "a at t = 2024-03-01 12:00 is 1,", "-upper=a=2": "a at t = 2024-03-01 12:15 is 3,", "-total=a+b=3": "the row at t = 2024-03-01 12:15 is a total of 7,",
	} {
		code, _, errs := lassodeRun(t, "", "forecast", "-in", dated, flag)
		require.Equal(t, exitError, code)
		require.Contains(t, errs, want)
	}

	// In JSON Lines the flags hold for every task; channels may have no names.
	lines := `{"id":1,"t":[0,1,2,3],"x":[[3,1],[2,2],[1,3],[0.5,3.5]],"query":[4,5]}
{"id":2,"t":[0,1,2],"x":[[3,1],[2,2],[1,2.5]],"query":[4]}
{"id":3,"t":[0,1],"x":[[4],[4]],"query":[4]}
`
	code, out, errs = lassodeRun(t, lines, "forecast", "-in", "-", "-total", "x1+x2=4", "-lower", "0")
	require.Equal(t, exitOK, code, errs)
	answers := strings.Split(out, "\n")
	require.Contains(t, answers[0], `"mean"`)
	require.Contains(t, answers[1], "the row at t = 2 is a total of 3.5, want -total = 4 within a -tolerance of 0")
	require.Contains(t, answers[2], `-total: there is no channel \"x2\", the channels are x1`)
}
