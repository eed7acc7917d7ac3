package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/internal/csv"
)

// lassode runs a command line in process.
func lassodeRun(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), &environment{strings.NewReader(stdin), &out, &errs}, args)
	return code, out.String(), errs.String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// waveCSV is two named channels at irregular times with missing cells.
func waveCSV(rows int) string {
	var b strings.Builder
	b.WriteString("t,pressure,flow\n")
	for i := range rows {
		t := 0.1*float64(i) + 0.03*math.Sin(float64(7*i))
		a, f := fmt.Sprint(10+math.Sin(2*t)), fmt.Sprint(100*math.Cos(2*t))
		if i%7 == 3 {
			a = ""
		}
		if i%11 == 5 {
			f = "nan"
		}
		fmt.Fprintf(&b, "%v,%s,%s\n", t, a, f)
	}
	return b.String()
}

func TestHelp(t *testing.T) {
	code, out, _ := lassodeRun(t, "", "help")
	require.Equal(t, exitOK, code)
	for _, c := range commands() {
		require.Contains(t, out, c.name)
		code, help, errs := lassodeRun(t, "", c.name, "-h")
		require.Equal(t, exitOK, code)
		require.Empty(t, errs)
		require.Contains(t, help, "Examples:")
		require.Contains(t, help, "Usage:  lassode "+c.name)
		_, other, _ := lassodeRun(t, "", "help", c.name)
		require.Equal(t, help, other)
	}
	code, _, errs := lassodeRun(t, "")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "Usage:")
	code, _, errs = lassodeRun(t, "", "frobnicate")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, `no command "frobnicate"`)
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestFullOutput: what could not be printed is no success.
func TestFullOutput(t *testing.T) {
	csv := write(t, "a.csv", waveCSV(20))
	for _, args := range [][]string{
		{"help"}, {"inspect", "-h"}, {"inspect"}, {"inspect", "-in", csv}, {"pretrain", "-print-config"}, {"forecast", "-in", csv},
	} {
		var errs strings.Builder
		code := run(t.Context(), &environment{strings.NewReader(""), full{}, &errs}, args)
		require.Equal(t, exitError, code, args)
		require.Contains(t, errs.String(), syscall.ENOSPC.Error(), args)
	}
}

func TestUsageErrors(t *testing.T) {
	csv := write(t, "a.csv", waveCSV(20))
	lines := write(t, "a.jsonl", "{}\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"forecast"}, "-in is missing"},
		{[]string{"forecast", "-in", csv, "-frob"}, "-frob"},
		{[]string{"forecast", "-in", csv, "-steps", "x"}, "-steps"},
		{[]string{"forecast", "-in", csv, "-steps", "0"}, "-steps is 0"},
		{[]string{"forecast", "-in", csv, "-at", "1", "-until", "9"}, "only one of"},
		{[]string{"forecast", "-in", csv, "-at", "1,b"}, `"b" is not a time`},
		{[]string{"forecast", "-in", csv, "-at", "1:2"}, "want first:last:step"},
		{[]string{"forecast", "-in", csv, "-at", "0:1e9:1e-9"}, "more than"},
		{[]string{"forecast", "-in", csv, "-quantiles", "0.5,1"}, `"1" is not a level`},
		{[]string{"forecast", "-in", csv, "-plot", "a.pdf"}, "neither .svg nor .png"},
		{[]string{"forecast", "-in", csv, "-lower", "x"}, `-lower: "x" is not a number`},
		{[]string{"forecast", "-in", csv, "-upper", "1,2"}, `-upper: "1" names no channel`},
		{[]string{"forecast", "-in", csv, "-upper", "=1"}, `-upper: "=1" names no channel`},
		{[]string{"forecast", "-in", csv, "-total", "pressure+flow"}, "has no =, want a sum"},
		{[]string{"forecast", "-in", csv, "-total", "a++b=3"}, "a summand without a channel"},
		{[]string{"forecast", "-in", csv, "-total", "k*a=3"}, `"k" is not a number`},
		{[]string{"forecast", "-in", csv, "-tolerance", "1"}, "give one of them"},
		{[]string{"forecast", "-in", csv, "extra"}, `unexpected argument "extra"`},
		{[]string{"forecast", "-in", lines, "-plot", "a.svg"}, "does not work on JSON Lines"},
		{[]string{"forecast", "-in", lines, "-workers", "2147483647"}, "want 1 to 1024"},
		{[]string{"eval", "-workers", "1000000000"}, "want 1 to 1024"},
		{[]string{"forecast", "-in", "-", "-query", "-"}, "cannot both be standard input"},
		{[]string{"generate", "-n", "3"}, "-out is missing"},
		{[]string{"generate", "-out", "x"}, "give -n or -size"},
		{[]string{"generate", "-out", "x", "-size", "40QB"}, "not a size"},
		{[]string{"pretrain", "-data", "zoo"}, "-out is missing"},
		{[]string{"pretrain", "-data", "none", "-out", "w.safetensors.GZ"}, "want a name without .gz"},
		{[]string{"finetune", "-out", "w"}, "-data is missing"},
		{[]string{"finetune", "-data", csv, "-out", "w", "-scope", "tail"}, `-scope is "tail", want`},
		{[]string{"eval", "-suite", "moon"}, `"moon" is not a suite`},
		{[]string{"eval", "-n", "0"}, "-n is 0"},
		{[]string{"eval", "-suite", "fine-tune", "-scope", "tail"}, `-scope is "tail", want`},
		{[]string{"inspect", "-in", csv, "-until", "nan"}, "-until is NaN"},
		{[]string{"forecast", "-in", csv, "-at", "1", "-step", "2"}, "-step is the step of -until and -steps"},
		{[]string{"forecast", "-in", csv, "-query", csv, "-step", "2"}, "-step is the step of -until and -steps"},
		{[]string{"forecast", "-in", csv, "-query", ""}, "-query is empty"},
		{[]string{"forecast", "-in", csv, "-lower", ""}, "-lower is empty"},
		{[]string{"forecast", "-in", csv, "-total", ""}, "-total is empty"},
		{[]string{"forecast", "-in", csv, "-lower", "flow=-2, flow=-3"}, `-lower: "flow" has two values`},
		{[]string{"pretrain", "-data", "none", "-out", "w", "-steps", "0"}, "-steps is 0, want 1 to"},
		{[]string{"pretrain", "-data", "none", "-out", "w", "-batch", "1048577"}, "-batch is 1048577, want 1 to 1048576"},
		{[]string{"pretrain", "-data", "none", "-out", "w", "-save-every", "-3"}, "-save-every is -3, want 1 to"},
		{[]string{"pretrain", "-data", "none", "-out", "w", "-workers", "-1"}, "-workers is -1, want 1 to 1024"},
		{[]string{"finetune", "-data", csv, "-out", "w", "-workers", "1025"}, "-workers is 1025, want 1 to 1024"},
		{[]string{"finetune", "-data", csv, "-out", "w", "-steps", "0"}, "-steps is 0, want at least 1"},
		{[]string{"finetune", "-data", csv, "-out", "w", "-validation", "0"}, "-validation is 0, want more than 0"},
		{[]string{"eval", "-steps", "0"}, "-steps is 0, want at least 1"},
		{[]string{"inspect", "-until", "5"}, "-until is of a series"},
		{[]string{"inspect", "-keep-outliers"}, "-keep-outliers is of a series"},
		{[]string{"inspect", "-in", csv, "-tensors"}, "give them without -in"},
		{[]string{"inspect", "-in", csv, "-verify"}, "give them without -in"},
		{[]string{"inspect", "-verify"}, "-verify is of the folder of a collection"},
		{[]string{"inspect", filepath.Dir(csv), "-tensors"}, "-tensors is of a weights file"},
		{[]string{"inspect", "-model", "a", "b"}, "want one of them"},
		{[]string{"inspect", "a", "b"}, `unexpected argument "b"`},
	} {
		code, out, errs := lassodeRun(t, "", c.args...)
		require.Equal(t, exitUsage, code, "%v: %s", c.args, errs)
		require.Contains(t, errs, c.want, "%v", c.args)
		require.Contains(t, errs, "-h' for its flags")
		require.Empty(t, out)
	}
}

func TestFlagForms(t *testing.T) {
	csv := write(t, "a.csv", waveCSV(40))
	_, want, _ := lassodeRun(t, "", "forecast", "-in", csv, "-steps", "3")
	require.Equal(t, 4, strings.Count(want, "\n"))
	for _, args := range [][]string{
		{"--in=" + csv, "--steps=3"}, {"-steps=3", "-in=" + csv}, {csv, "-steps", "3"}, {"-steps", "3", csv},
		{"-steps", "3", "--", csv},
	} {
		code, out, errs := lassodeRun(t, "", append([]string{"forecast"}, args...)...)
		require.Equal(t, exitOK, code, errs)
		require.Equal(t, want, out)
	}
}

func TestForecastCSV(t *testing.T) {
	dir := t.TempDir()
	text := waveCSV(120)
	in := filepath.Join(dir, "wave.csv")
	require.NoError(t, os.WriteFile(in, []byte(text), 0o644))
	query := filepath.Join(dir, "query.csv")
	require.NoError(t, os.WriteFile(query, []byte("t,flow\n12.5,60\n-1,\n6.05,90\n13,70\n"), 0o644))
	out, picture := filepath.Join(dir, "out.csv"), filepath.Join(dir, "p.svg")
	code, stdout, errs := lassodeRun(t, "", "forecast", "-in", in, "-query", query, "-out", out, "-plot", picture)
	require.Equal(t, exitOK, code, errs)
	require.Empty(t, stdout)
	require.Contains(t, errs, "flow: root mean square error")
	f, err := os.Open(out)
	require.NoError(t, err)
	defer f.Close()
	s, err := csv.ReadQuery(f, "out.csv")
	require.NoError(t, err)
	require.Equal(t, []string{"pressure", "pressure_q0.1", "pressure_q0.5", "pressure_q0.9", "flow", "flow_q0.1", "flow_q0.5", "flow_q0.9"}, s.Truth.Names)
	require.Equal(t, []float64{12.5, -1, 6.05, 13}, s.Times, "in the order asked")
	for _, row := range s.Truth.Values {
		for _, v := range row {
			require.False(t, math.IsNaN(v))
		}
		require.Equal(t, row[0], row[2])
		require.LessOrEqual(t, row[1], row[2])
		require.LessOrEqual(t, row[2], row[3])
		require.InDelta(t, 10, row[0], 3, "near the wave")
		require.InDelta(t, 0, row[4], 300)
	}
	// An inside query of a clean wave is close to it.
	require.InDelta(t, 10+math.Sin(2*6.05), s.Truth.Values[2][0], 0.1)
	b, err := os.ReadFile(picture)
	require.NoError(t, err)
	require.Contains(t, string(b), "pressure")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 4, "no temporary file is left")

	// Standard input and output, compressed, with rates, give the same numbers.
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err = io.WriteString(z, text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	code, stdout, errs = lassodeRun(t, zipped.String(), "forecast", "-in", "-", "-at", "12.5,-1,6.05,13", "-quantiles", "", "-rates")
	require.Equal(t, exitOK, code, errs)
	require.True(t, strings.HasPrefix(stdout, "t,pressure,pressure_rate,flow,flow_rate\n"), stdout)
	again, err := csv.ReadQuery(strings.NewReader(stdout), "stdout")
	require.NoError(t, err)
	for i := range again.Times {
		require.Equal(t, s.Truth.Values[i][0], again.Truth.Values[i][0])
		require.Equal(t, s.Truth.Values[i][4], again.Truth.Values[i][2])
	}
}

func TestParseStep(t *testing.T) {
	for text, want := range map[string]float64{"90s": 90, "1h30m": 5400, "1d": 86400, "0.5d": 43200, "1d12h": 129600, "8760000h": 31536000000, "20ms": .02} {
		step, duration, err := parseStep(text)
		require.NoError(t, err, text)
		require.True(t, duration)
		require.Equal(t, want, step)
	}
	step, duration, err := parseStep("1e3")
	require.NoError(t, err)
	require.False(t, duration)
	require.Equal(t, 1e3, step)
	for _, text := range []string{"", "d", "1d2d", "1h1d", "1x", "-1d", "0", "0d", "inf", "nan", "nand", "1e400"} {
		_, _, err := parseStep(text)
		require.Error(t, err, text)
	}
}

// TestForecastDates: a series with dates is answered as that with seconds since its first row is,
// at dates.
func TestForecastDates(t *testing.T) {
	dir := t.TempDir()
	var numbers, dated strings.Builder
	numbers.WriteString("t,load\n")
	dated.WriteString("timestamp,load\n")
	start := time.Date(2024, 2, 25, 0, 0, 0, 0, time.UTC)
	for i := range 96 {
		v := math.Sin(2*math.Pi*float64(i)/24) + .1*math.Cos(float64(i))
		fmt.Fprintf(&numbers, "%d,%v\n", 3600*i, v)
		fmt.Fprintf(&dated, "%s,%v\n", start.Add(time.Duration(i)*time.Hour).Format("2006-01-02 15:04"), v)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	plain, in := write("n.csv", numbers.String()), write("d.csv", dated.String())
	query := write("q.csv", "t,load\n2024-02-29 12:00,0.5\n2024-02-29 13:30:15,0.5\n")
	picture := filepath.Join(dir, "p.svg")
	for _, c := range []struct{ numbers, dates []string }{
		{[]string{"-steps", "3"}, []string{"-steps", "3"}},
		{[]string{"-until", "352800", "-step", "900"}, []string{"-until", "2024-02-29 02:00", "-step", "15m"}},
		{[]string{"-at", "-3600,350000.5"}, []string{"-at", "2024-02-24 23:00, 2024-02-29 01:13:20.5"}},
		{[]string{"-at", "345600:349200:900,0"}, []string{"-at", "2024-02-29/2024-02-29 01:05/15m, 2024-02-25"}},
		{[]string{"-at", "345600"}, []string{"-at", "2024-02-29 / 2024-02-29 / 1d"}},
		{[]string{"-steps", "2", "-step", "86400"}, []string{"-steps", "2", "-step", "1d"}},
		{[]string{"-steps", "2", "-step", "129660"}, []string{"-steps", "2", "-step", "1d12h1m"}},
		{[]string{"-at", "388800,394215", "-rates"}, []string{"-query", query, "-rates", "-plot", picture}},
	} {
		code, want, errs := lassodeRun(t, "", append([]string{"forecast", "-in", plain}, c.numbers...)...)
		require.Equal(t, exitOK, code, errs)
		code, got, errs := lassodeRun(t, "", append([]string{"forecast", "-in", in}, c.dates...)...)
		require.Equal(t, exitOK, code, errs)
		wanted, answers := strings.Split(strings.TrimSpace(want), "\n"), strings.Split(strings.TrimSpace(got), "\n")
		require.Len(t, answers, len(wanted))
		require.Equal(t, wanted[0], answers[0])
		for i, line := range answers[1:] {
			at, values, _ := strings.Cut(line, ",")
			second, same, _ := strings.Cut(wanted[i+1], ",")
			require.Equal(t, same, values)
			seconds, err := strconv.ParseFloat(second, 64)
			require.NoError(t, err)
			form := "2006-01-02 15:04"
			if math.Mod(seconds, 60) != 0 {
				form = "2006-01-02 15:04:05.999"
			}
			require.Equal(t, start.Add(time.Duration(seconds*1e9)).Format(form), at)
		}
	}
	b, err := os.ReadFile(picture)
	require.NoError(t, err)
	require.Contains(t, string(b), "days from 2024-02-25 00:00")
	require.NotContains(t, string(b), "e+05", "seconds at the ticks")
	code, out, errs := lassodeRun(t, "", "inspect", "-in", in, "-until", "2024-02-29 02:00")
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "from 2024-02-25 00:00 to 2024-02-28 23:00\nwindows and periods in seconds")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-in", in, "-until", "7"}, `-until: "7" is no date`},
		{[]string{"-in", in, "-until", "2024-02-26"}, "-until 2024-02-26 00:00 is not after the last observation at 2024-02-28 23:00"},
		{[]string{"-in", in, "-until", "soon"}, `"soon" is neither a number nor a date`},
		{[]string{"-in", in, "-until", "2024-02-30"}, "neither a number nor a date"},
		{[]string{"-in", in, "-until", "2024-03-01T00:00:00Z"}, "has an offset from UTC, 2024-02-25 00:00 has none"},
		{[]string{"-in", in, "-at", "1,2"}, "-at has numbers, the times of the series are such as 2024-02-25 00:00"},
		{[]string{"-in", in, "-at", "2024-02-25/2024-02-24/1h"}, "the last is before the first"},
		{[]string{"-in", in, "-at", "2024-02-25/2024-02-26"}, "want first/last/step"},
		{[]string{"-in", in, "-at", "2024-02-25/3/1h"}, "want first/last/step"},
		{[]string{"-in", in, "-at", "2024-02-25/2024-02-26/1x"}, `"1x" is no step`},
		{[]string{"-in", in, "-at", "2024-02-25/2024-02-26T00:00Z/1h"}, "has an offset from UTC"},
		{[]string{"-in", in, "-at", "0001-01-01/9999-01-01/1ms"}, "more than 4194304 times"},
		{[]string{"-in", in, "-at", "1/2/3"}, `"1/2/3" is not a time`},
		{[]string{"-in", in, "-at", "2024-02-25,2"}, "numbers and dates do not mix"},
		{[]string{"-in", in, "-steps", "2", "-step", "8760000000h"}, "is beyond the years 0 to 9999"},
		{[]string{"-in", in, "-steps", "2", "-step", "1e301h"}, "want a positive number of at most 1e+300"},
		{[]string{"-in", in, "-steps", "2", "-step", "2e11"}, "is beyond the years 0 to 9999"},
		{[]string{"-in", in, "-steps", "2", "-step", "soon"}, "want a number, or a duration"},
		{[]string{"-in", in, "-steps", "2", "-step", "-1s"}, "want a positive number"},
		{[]string{"-in", plain, "-steps", "2", "-step", "90s"}, "-step is a duration, the times of the series are numbers"},
		{[]string{"-in", plain, "-until", "2024-02-26"}, `-until: "2024-02-26" is a date, the times of the series are numbers`},
		{[]string{"-in", plain, "-at", "2024-02-26"}, `-at: "2024-02-26" is a date`},
		{[]string{"-in", plain, "-query", query}, "-query: "},
	} {
		code, _, errs := lassodeRun(t, "", append([]string{"forecast"}, c.args...)...)
		require.NotEqual(t, exitOK, code, c.args)
		require.Contains(t, errs, c.want)
	}
}

// TestForecastOutliers: a single wrong value is left out and named.
func TestForecastOutliers(t *testing.T) {
	lines := strings.Split(waveCSV(120), "\n")
	cells := strings.Split(lines[61], ",")
	cells[1] = "1e4"
	lines[61] = strings.Join(cells, ",")
	in := write(t, "wave.csv", strings.Join(lines, "\n"))
	code, _, errs := lassodeRun(t, "", "forecast", "-in", in, "-steps", "2")
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, "pressure: 1 outlier left out: 10000 at "+cells[0]+"\n", errs)
	named := errs
	code, _, errs = lassodeRun(t, "", "inspect", "-in", in)
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, named, errs)
	for _, command := range []string{"forecast", "inspect"} {
		code, _, errs = lassodeRun(t, "", command, "-in", in, "-keep-outliers")
		require.Equal(t, exitOK, code)
		require.Empty(t, errs)
	}

	var task, values strings.Builder
	for i := range 40 {
		v := math.Sin(float64(i) / 4)
		if i == 20 {
			v = -30
		}
		if i > 0 {
			task.WriteByte(',')
			values.WriteByte(',')
		}
		fmt.Fprintf(&task, "%d", i)
		fmt.Fprintf(&values, "[%v,%v]", math.Cos(float64(i)/4), v)
	}
	line := fmt.Sprintf(`{"t":[%s],"x":[%s],"query":[41]}`, task.String(), values.String())
	code, out, errs := lassodeRun(t, line+"\n", "forecast", "-in", "-")
	require.Equal(t, exitOK, code, errs)
	var answer struct{ Outliers [][]float64 }
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.Equal(t, [][]float64{{20, 1, -30}}, answer.Outliers)
	code, out, _ = lassodeRun(t, line+"\n", "forecast", "-in", "-", "-keep-outliers")
	require.Equal(t, exitOK, code)
	require.NotContains(t, out, "outliers")
}

// TestForecastDatedLines: lines with dates are answered as those with seconds, at dates,
// beside lines with numbers.
func TestForecastDatedLines(t *testing.T) {
	query := write(t, "q.csv", "t\n2024-03-01 12:04\n2024-03-01 12:05:30\n")
	numbers := `{"t":[0,60,120,180],"x":[[1],[2],[4],[3]],"query":[240,330]}` + "\n"
	_, want, errs := lassodeRun(t, numbers, "forecast", "-in", "-")
	want = strings.Replace(want, "[240,330]", `["2024-03-01 12:04","2024-03-01 12:05:30"]`, 1)
	line := `{"t":["2024-03-01 12:00","2024-03-01 12:01","2024-03-01 12:02","2024-03-01 12:03"],"x":[[1],[2],[4],[3]]`
	code, out, errs := lassodeRun(t, line+`,"query":["2024-03-01 12:04","2024-03-01 12:05:30"]}`+"\n"+numbers, "forecast", "-in", "-")
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, want, strings.SplitAfter(out, "\n")[0])
	for _, args := range [][]string{{"-at", "2024-03-01 12:04,2024-03-01 12:05:30"}, {"-query", query}} {
		code, out, errs = lassodeRun(t, line+"}\n"+strings.Replace(line, "12:00", "11:59", 1)+"}\n", append([]string{"forecast", "-in", "-"}, args...)...)
		require.Equal(t, exitOK, code, errs)
		answers := strings.SplitAfter(out, "\n")
		require.Equal(t, want, answers[0])
		require.Contains(t, answers[1], `"t":["2024-03-01 12:04","2024-03-01 12:05:30"]`)
	}
	code, out, _ = lassodeRun(t, line+"}\n"+numbers, "forecast", "-in", "-", "-until", "7")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, `"error":"-until: \"7\" is no date, the times of the series are such as 2024-03-01 12:00"`)
}

// TestForecastJSONL answers tasks of mixed sizes and directions, with bad
// lines among them.
func TestForecastJSONL(t *testing.T) {
	const tasks = 40
	var b strings.Builder
	for i := range tasks {
		if i%10 == 9 {
			fmt.Fprintf(&b, `{"id":"task%d","t":[0,0],"x":[[1],[2]],"query":[3]}`+"\n", i)
			continue
		}
		channels, rows := 1+i%8, 8<<(i%6)
		var times, query []float64
		var x [][]any
		for k := range rows {
			time := 0.1*float64(k) + 0.02*float64(k*i%3)
			times = append(times, time)
			row := make([]any, channels)
			for c := range row {
				row[c] = math.Sin(time*(1+0.3*float64(c)) + float64(i))
				if (k*channels+c)%13 == 4 {
					row[c] = nil
				}
			}
			x = append(x, row)
		}
		end := times[rows-1]
		for k := range 10 {
			f := float64(k) / 10
			query = append(query, [][]float64{{end * (1.01 + f/2)}, {-end * (0.01 + f/2)}, {end * f}}[i%3]...)
		}
		line, err := json.Marshal(map[string]any{"id": fmt.Sprintf("task%d", i), "t": times, "x": x, "query": query})
		require.NoError(t, err)
		b.Write(line)
		b.WriteByte('\n')
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "answers.jsonl.gz")
	code, _, errs := lassodeRun(t, b.String(), "forecast", "-in", "-", "-out", out, "-workers", "4")
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, errs, "4 of 40 lines answered by an error")
	f, err := os.Open(out)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	answers, err := io.ReadAll(z)
	require.NoError(t, err)
	i := 0
	for line := range bytes.Lines(answers) {
		var a struct {
			ID        string
			T         []float64
			Mean      [][]float64
			Quantiles map[string][][]float64
			Error     string
			Line      int
		}
		require.NoError(t, json.Unmarshal(line, &a))
		require.Equal(t, fmt.Sprintf("task%d", i), a.ID)
		i++
		if i%10 == 0 {
			require.Equal(t, "t[1] is 0, want more than t[0] = 0", a.Error)
			require.Equal(t, i, a.Line)
			continue
		}
		require.Empty(t, a.Error)
		require.Len(t, a.T, 10)
		require.Len(t, a.Mean, 10)
		require.Len(t, a.Mean[0], 1+(i-1)%8)
		for r := range a.Mean {
			for c, m := range a.Mean[r] {
				require.LessOrEqual(t, a.Quantiles["0.1"][r][c], m)
				require.Equal(t, a.Quantiles["0.5"][r][c], m)
				require.GreaterOrEqual(t, a.Quantiles["0.9"][r][c], m)
			}
		}
	}
	require.Equal(t, tasks, i)

	// That of nothing but bad lines is a failure, with its answers.
	code, out, errs = lassodeRun(t, "{}\n[]\n", "forecast", "-in", "-")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "2 lines, all answered by an error")
	require.Equal(t, 2, strings.Count(out, `"error"`))

	// The number of workers changes nothing.
	few := strings.Join(strings.SplitAfter(b.String(), "\n")[:12], "")
	code, single, errs := lassodeRun(t, few, "forecast", "-in", "-", "-workers", "1")
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, strings.Join(strings.SplitAfter(string(answers), "\n")[:12], ""), single)
}

// TestUsableExtremes: odd but usable series get finite forecasts.
func TestUsableExtremes(t *testing.T) {
	rows := func(f func(i int) string) string {
		var b strings.Builder
		b.WriteString("t,x,y\n")
		for i := range 30 {
			fmt.Fprintf(&b, "%d,%s\n", i, f(i))
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"constant channel": rows(func(i int) string { return fmt.Sprintf("5,%v", math.Sin(float64(i))) }),
		"huge values":      rows(func(i int) string { return fmt.Sprintf("%ve300,1", math.Sin(float64(i))) }),
		"tiny values":      rows(func(i int) string { return fmt.Sprintf("%ve-300,1", math.Sin(float64(i))) }),
		"one observation":  "t,x,y\n3,1,2\n",
	} {
		code, out, errs := lassodeRun(t, text, "forecast", "-in", "-", "-at", "31,40,1000000")
		require.Equal(t, exitOK, code, "%s: %s", name, errs)
		q, err := csv.ReadQuery(strings.NewReader(out), name)
		require.NoError(t, err)
		for _, row := range q.Truth.Values {
			for c, v := range row {
				require.False(t, math.IsNaN(v), "%s: %s", name, q.Truth.Names[c])
			}
		}
	}
	// A channel that was never observed has no forecast; the other has.
	code, out, errs := lassodeRun(t, rows(func(i int) string { return fmt.Sprintf(",%v", math.Sin(float64(i))) }), "forecast", "-in", "-", "-steps", "2")
	require.Equal(t, exitOK, code, errs)
	q, err := csv.ReadQuery(strings.NewReader(out), "missing")
	require.NoError(t, err)
	require.False(t, math.IsNaN(q.Truth.Values[0][4]))
}

func TestBadInputKeepsOldFile(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.csv")
	require.NoError(t, os.WriteFile(out, []byte("precious\n"), 0o640))
	weights := filepath.Join(dir, "foreign.safetensors")
	require.NoError(t, os.WriteFile(weights, append([]byte{0, 0, 0, 0, 0, 0, 0, 0x10}, "{}"...), 0o644))
	good := write(t, "good.csv", waveCSV(20))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no such file":    {[]string{"-in", filepath.Join(dir, "none.csv")}, "none.csv"},
		"directory":       {[]string{"-in", dir}, "is a directory"},
		"bad cell":        {[]string{"-in", write(t, "bad.csv", "t,x\n0,1\n1,oops\n")}, `line 3, column "x"`},
		"cut off gz":      {[]string{"-in", write(t, "cut.csv.gz", "\x1f\x8b\x08\x00\x00")}, "cut.csv.gz"},
		"header of 2^60":  {[]string{"-in", good, "-model", weights}, "header length"},
		"empty weights":   {[]string{"-in", good, "-model", write(t, "w.safetensors", "")}, "w.safetensors"},
		"until the past":  {[]string{"-in", good, "-until", "-3"}, "not after the last observation"},
		"beyond -at":      {[]string{"-in", good, "-at", "1e301"}, "-at asks for the time 1e+301, want at most 1e+300"},
		"beyond -until":   {[]string{"-in", good, "-until", "1e301", "-step", "1e300"}, "-until asks for the time"},
		"beyond -steps":   {[]string{"-in", good, "-steps", "11", "-step", "1e300"}, "-steps asks for the time"},
		"one observation": {[]string{"-in", write(t, "one.csv", "t,x\n0,1\n"), "-steps", "3"}, "one.csv: one observation does not tell the length of a step"},
		"bad picture":     {[]string{"-in", good, "-plot", filepath.Join(dir, "none", "p.svg")}, "cannot write"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := lassodeRun(t, "", append([]string{"forecast", "-out", out}, c.args...)...)
			require.Equal(t, exitError, code, errs)
			require.Contains(t, errs, c.want)
			require.Equal(t, 1, strings.Count(errs, "\n"), errs)
			b, err := os.ReadFile(out)
			require.NoError(t, err)
			require.Equal(t, "precious\n", string(b))
			left, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
	// Before any work: nothing stands on the standard output.
	for _, args := range [][]string{{"forecast", "-in", good}, {"demo"}} {
		code, out, errs := lassodeRun(t, "", append(args, "-plot", filepath.Join(dir, "none", "p.svg"))...)
		require.Equal(t, exitError, code)
		require.Contains(t, errs, "cannot write")
		require.Empty(t, out)
	}
	code, _, errs := lassodeRun(t, "", "inspect", "-in", write(t, "a.jsonl", "{}\n"))
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "a.jsonl is JSON Lines, want the CSV file of one series")
	code, _, errs = lassodeRun(t, "", "forecast", "-in", good, "-out", filepath.Join(dir, "none", "out.csv"))
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "cannot write")
}

func TestOutput(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" {
		t.Skip("links and modes of unix")
	}
	dir := t.TempDir()
	env := &environment{stdout: io.Discard}
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(real, []byte("old"), 0o600))
	require.NoError(t, os.Symlink(real, link))
	require.NoError(t, writeFile(env, link, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink, "the link stays a link")
	info, err = os.Stat(real)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	b, err := os.ReadFile(real)
	require.NoError(t, err)
	require.Equal(t, "new", string(b))
	require.NoError(t, writeFile(env, os.DevNull, func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err }))
	info, err = os.Stat(os.DevNull)
	require.NoError(t, err)
	require.False(t, info.Mode().IsRegular(), "a device is not replaced")
	require.Error(t, writeFile(env, dir, nil))
}

func TestHorizonTimes(t *testing.T) {
	s, _, err := csv.ReadSeries(strings.NewReader("t,x\n0,1\n1,1\n2,1\n3,1\n10,1\n"), "f")
	require.NoError(t, err)
	nan := math.NaN()
	for _, c := range []struct {
		h    horizon
		want []float64
	}{
		{horizon{until: nan, steps: 3}, []float64{11, 12, 13}},
		{horizon{until: 12.5}, []float64{11, 12, 12.5}},
		{horizon{until: 12}, []float64{11, 12}},
		{horizon{until: 12, step: 1.5}, []float64{11.5, 12}},
		{horizon{until: 11, step: 1e10}, []float64{11}},
		{horizon{until: nan}, []float64{11, 12, 13, 14, 15}},
		{horizon{until: nan, at: []float64{-1}}, []float64{-1}},
	} {
		got, err := c.h.times(s)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	for _, h := range []horizon{{until: 10}, {until: 1e300, step: 1e-3}, {until: nan, step: 1e-300, steps: 2}, {until: nan, step: 1e308, steps: 3}} {
		_, err := h.times(s)
		require.Error(t, err)
	}
	_, err = horizon{until: nan, fill: true}.times(s)
	require.ErrorContains(t, err, "nothing to do")
	s, _, err = csv.ReadSeries(strings.NewReader("t,x,u\n0,1,2\n1,,2\n2,1,\n3,1,1\n10,,1\n"), "f")
	require.NoError(t, err)
	got, err := horizon{until: nan, fill: true}.times(s)
	require.NoError(t, err)
	require.Equal(t, []float64{1, 2, 10}, got)
	list, dates, err := parseTimes("1, 2:3:0.25,-5")
	require.NoError(t, err)
	require.Empty(t, dates)
	require.Equal(t, []float64{1, 2, 2.25, 2.5, 2.75, 3, -5}, list)
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"40GB": 40e9, "1.5 kb": 1500, "2KiB": 2048, "7": 7, "3b": 3, "1g": 1e9} {
		got, err := parseSize(text)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "GB", "-1GB", "0", "1e30TB", "nanGB", "12 parsecs"} {
		_, err := parseSize(text)
		require.Error(t, err, text)
	}
	require.Equal(t, "40 GB", formatSize(40e9))
	require.Equal(t, "999 B", formatSize(999))
}

func TestInspect(t *testing.T) {
	code, out, errs := lassodeRun(t, "", "inspect", "-tensors")
	require.Equal(t, exitOK, code, errs)
	for _, word := range []string{"built-in weights", "provenance", "configuration", "width", "calibration", "F32"} {
		require.Contains(t, out, word)
	}
	code, out, errs = lassodeRun(t, "", "inspect", "-json")
	require.Equal(t, exitOK, code, errs)
	require.True(t, json.Valid([]byte(out)))
	in := write(t, "wave.csv", waveCSV(60))
	code, out, errs = lassodeRun(t, "", "inspect", "-in", in)
	require.Equal(t, exitOK, code, errs)
	for _, word := range []string{"pressure", "flow", "observed", "unseen"} {
		require.Contains(t, out, word)
	}
	require.NotContains(t, out, "hub", "the built-in network has no hub tokens")
}

// TestGenerateAndInspect writes a small collection, twice.
// TestPackedWeights: compressed weights are read, and all are read once, as from a pipe.
func TestPackedWeights(t *testing.T) {
	file := filepath.Join(t.TempDir(), "w.safetensors.gz")
	code, _, errs := lassodeRun(t, "", "convert", "-out", file)
	require.Equal(t, exitOK, code, errs)
	code, _, errs = lassodeRun(t, waveCSV(30), "forecast", "-in", "-", "-model", file)
	require.Equal(t, exitOK, code, errs)
	code, want, errs := lassodeRun(t, "", "inspect", file)
	require.Equal(t, exitOK, code, errs)
	packed, err := os.ReadFile(file)
	require.NoError(t, err)
	code, got, errs := lassodeRun(t, string(packed), "inspect", "-")
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, want, strings.Replace(got, "-:", file+":", 1))
	if runtime.GOOS != "linux" {
		return
	}
	r, w, err := os.Pipe()
	require.NoError(t, err)
	go func() {
		w.Write(packed)
		w.Close()
	}()
	defer r.Close()
	pipe := fmt.Sprintf("/proc/self/fd/%d", r.Fd())
	code, got, errs = lassodeRun(t, "", "inspect", pipe)
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, want, strings.Replace(got, pipe, file, 1))
}

func TestGenerateAndInspect(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "zoo")
	code, out, errs := lassodeRun(t, "", "generate", "-out", dir, "-n", "8", "-seed", "5")
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "8 trajectories")
	code, _, errs = lassodeRun(t, "", "generate", "-out", dir, "-n", "8", "-seed", "5")
	require.Equal(t, exitError, code, "an existing collection is not touched without -resume")
	require.NotEmpty(t, errs)
	code, out, errs = lassodeRun(t, "", "generate", "-out", dir, "-n", "12", "-seed", "5", "-resume")
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "12 trajectories")
	code, out, errs = lassodeRun(t, "", "inspect", dir, "-verify")
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "12 trajectories")
	require.Contains(t, out, "all hashes agree")
	series, _, err := loadSeries(context.Background(), &environment{}, dir, 5)
	require.NoError(t, err)
	require.Len(t, series, 5)
}

// TestInterruptedReading: a command ends though its input does not.
func TestInterruptedReading(t *testing.T) {
	for _, args := range [][]string{{"forecast", "-in", "-"}, {"inspect", "-in", "-"}, {"finetune", "-data", "-", "-out", filepath.Join(t.TempDir(), "w")}} {
		for _, begin := range []string{"", "t,x\n" + strings.Repeat("\n", 4096)} {
			ctx, cancel := context.WithCancel(t.Context())
			r, w := io.Pipe()
			defer w.Close()
			go func() {
				io.WriteString(w, begin)
				cancel()
			}()
			var errs strings.Builder
			require.Equal(t, exitError, run(ctx, &environment{r, io.Discard, &errs}, args))
			require.Contains(t, errs.String(), "interrupted")
		}
	}
}

// TestForecastOverInput: observations are not replaced by their forecast.
func TestForecastOverInput(t *testing.T) {
	in := write(t, "a.csv", waveCSV(30))
	query := write(t, "q.csv", "t\n4\n")
	link := filepath.Join(t.TempDir(), "link.csv")
	require.NoError(t, os.Symlink(in, link))
	for _, args := range [][]string{
		{"-in", in, "-out", in}, {"-in", in, "-out", link}, {"-in", link, "-out", in},
		{"-in", in, "-query", query, "-out", query},
	} {
		code, _, errs := lassodeRun(t, "", append([]string{"forecast"}, args...)...)
		require.Equal(t, exitError, code)
		require.Contains(t, errs, "would be overwritten")
	}
	weights := filepath.Join(t.TempDir(), "w.safetensors")
	code, _, errs := lassodeRun(t, "", "convert", "-out", weights)
	require.Equal(t, exitOK, code, errs)
	for _, args := range [][]string{
		{"forecast", "-in", in, "-model", weights, "-out", weights},
		{"finetune", "-data", in, "-out", in},
		{"eval", "-model", weights, "-json", weights},
	} {
		code, _, errs := lassodeRun(t, "", args...)
		require.Equal(t, exitError, code)
		require.Contains(t, errs, "would be overwritten")
	}
	// What is read from folders, and what stands beside the weights of a training.
	folder, collection := t.TempDir(), filepath.Join(t.TempDir(), "zoo")
	run := filepath.Join(folder, "a.csv")
	require.NoError(t, os.WriteFile(run, []byte(waveCSV(30)), 0o644))
	code, _, errs = lassodeRun(t, "", "generate", "-out", collection, "-n", "2")
	require.Equal(t, exitOK, code, errs)
	shard, manifest := filepath.Join(collection, "shard-000000.safetensors"), filepath.Join(collection, manifestFile)
	config, logged := write(t, "c.json", toyConfig), write(t, "w.loss.jsonl", toyConfig)
	for _, c := range []struct {
		args []string
		keep string
	}{
		{[]string{"finetune", "-data", folder, "-out", run}, run},
		{[]string{"finetune", "-data", collection, "-out", shard}, shard},
		{[]string{"finetune", "-data", in, "-model", weights, "-out", weights}, weights},
		{[]string{"convert", "-model", weights, "-out", weights}, weights},
		{[]string{"pretrain", "-data", collection, "-config", config, "-out", manifest}, manifest},
		{[]string{"pretrain", "-data", collection, "-config", config, "-out", shard}, shard},
		{[]string{"pretrain", "-config", config, "-out", config}, config},
		{[]string{"pretrain", "-config", logged, "-out", strings.TrimSuffix(logged, ".loss.jsonl")}, logged},
		{[]string{"pretrain", "-from", weights, "-out", weights}, weights},
	} {
		before, err := os.ReadFile(c.keep)
		require.NoError(t, err)
		code, _, errs := lassodeRun(t, "", c.args...)
		require.Equal(t, exitError, code, c.args)
		require.Contains(t, errs, c.keep+" is read, and would be overwritten")
		after, err := os.ReadFile(c.keep)
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
	code, _, errs = lassodeRun(t, "", "eval", "-json", "x", "-markdown", "./x")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "want two files")
	// A file of the user beside the answer is no leftover.
	beside := filepath.Join(t.TempDir(), "b.csv")
	require.NoError(t, os.WriteFile(beside+".tmp", []byte(waveCSV(30)), 0o644))
	code, _, errs = lassodeRun(t, "", "forecast", "-in", beside+".tmp", "-out", beside)
	require.Equal(t, exitOK, code, errs)
	require.FileExists(t, beside+".tmp")
	code, _, errs = lassodeRun(t, "", "forecast", "-in", in, "-out", "x.svg", "-plot", "./x.svg")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "want two files")
	text, err := os.ReadFile(in)
	require.NoError(t, err)
	require.Equal(t, waveCSV(30), string(text))
}

// TestStepOfSensors: sensors that are read shortly after one another are forecast at the
// step of each, and bursts at no more times than there are rows.
func TestStepOfSensors(t *testing.T) {
	var s lassode.Series
	for i := range 60 {
		at, nan := float64(i), math.NaN()
		s.Times = append(s.Times, at, at+1e-6)
		s.Values = append(s.Values, []float64{at, nan}, []float64{nan, at})
	}
	times, err := horizon{until: math.NaN()}.times(s)
	require.NoError(t, err)
	require.Len(t, times, 30)
	require.InDelta(t, 59+29.5, times[29], .6)

	s = lassode.Series{}
	for i := range 60 {
		s.Times = append(s.Times, 10*float64(i/20)+1e-4*float64(i%20))
		s.Values = append(s.Values, []float64{1})
	}
	times, err = horizon{until: math.NaN()}.times(s)
	require.NoError(t, err)
	require.Len(t, times, 60)
	_, err = horizon{until: math.NaN(), step: 1e-7}.times(s)
	require.ErrorContains(t, err, "give -steps")
}

// TestTooManyAnswers: what does not fit into memory is refused before it is made, and the
// other lines are answered.
func TestTooManyAnswers(t *testing.T) {
	wide := "t" + strings.Repeat(",1", 1024)
	for i := range 1024 {
		wide = strings.Replace(wide, ",1", fmt.Sprintf(",c%d", i), 1)
	}
	code, _, errs := lassodeRun(t, wide+"\n0"+strings.Repeat(",1", 1024)+"\n", "forecast", "-in", "-", "-steps", "20000", "-step", "1")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "20000 times are asked for, want at most 16384 for 1024 channels")
	line := `{"t":[0],"x":[[1` + strings.Repeat(",1", 1023) + "]]}\n"
	code, out, _ := lassodeRun(t, line+`{"id":"b","t":[0],"x":[[1]],"query":[2]}`+"\n", "forecast", "-in", "-", "-steps", "1025", "-step", "1")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "1025 times are asked for, want at most 1024 for 1024 channels")
	require.Contains(t, out, `{"id":"b","t":[2],"mean":[[`)
}

// TestTooManyQuantiles: they are refused before the forecast is made.
func TestTooManyQuantiles(t *testing.T) {
	levels := make([]string, 200)
	for i := range levels {
		levels[i] = fmt.Sprint(float64(i+1) / 201)
	}
	list := strings.Join(levels, ",")
	code, out, errs := lassodeRun(t, waveCSV(30), "forecast", "-in", "-", "-at", "0:1000000:1", "-quantiles", list)
	require.Equal(t, exitError, code)
	require.Empty(t, out)
	require.Contains(t, errs, "-quantiles has 200 levels, want at most 33 at 1000001 times of 2 channels")
	lines := `{"t":[0],"x":[[1]]}` + "\n" + `{"t":[0],"x":[[1]],"query":[1]}` + "\n"
	code, out, _ = lassodeRun(t, lines, "forecast", "-in", "-", "-at", "1:30000:1", "-quantiles", list)
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "-quantiles has 200 levels, want at most 139 at 30000 times of 1 channel")
	require.Contains(t, out, `"mean":[[`)
}

// TestColumnsCollide: an answer that nobody could read is refused.
func TestColumnsCollide(t *testing.T) {
	code, _, errs := lassodeRun(t, "t,a,a_q0.1\n0,1,2\n1,2,3\n", "forecast", "-in", "-")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, `two columns "a_q0.1"`)
}
