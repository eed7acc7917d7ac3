package csv

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/lassode/lassode"
	"github.com/stretchr/testify/require"
)

func TestReadSeries(t *testing.T) {
	s, _, err := ReadSeries(strings.NewReader("\ufefft [s], pressure ,\"flow, in\"\r\n0,1.5,\n0.5,nan,-2e3\n\n2,NaN, 7 \n"), "f.csv")
	require.NoError(t, err)
	require.Equal(t, []float64{0, 0.5, 2}, s.Times)
	require.Equal(t, []string{"pressure", "flow, in"}, s.Names)
	require.Equal(t, 1.5, s.Values[0][0])
	require.True(t, math.IsNaN(s.Values[0][1]))
	require.True(t, math.IsNaN(s.Values[1][0]))
	require.Equal(t, -2e3, s.Values[1][1])
	require.Equal(t, 7.0, s.Values[2][1])
	require.NoError(t, s.Validate())
}

// A byte order mark, of spreadsheet programs, may stand before a quotation mark.
func TestByteOrderMark(t *testing.T) {
	const text = "\ufeff\"t [s]\",\"a\"\n0,1\n"
	s, _, err := ReadSeries(strings.NewReader(text), "f.csv")
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, s.Names)
	q, err := ReadQuery(strings.NewReader(text), "q.csv")
	require.NoError(t, err)
	require.Equal(t, []float64{0}, q.Times)
	_, _, err = ReadSeries(strings.NewReader("\ufeff"), "f.csv")
	require.ErrorContains(t, err, "f.csv is empty")
}

// Lines may end in carriage returns alone.
func TestCarriageReturns(t *testing.T) {
	s, _, err := ReadSeries(strings.NewReader("\ufefft,a\r0,1\r\r1,2\r"), "f.csv")
	require.NoError(t, err)
	require.Equal(t, []float64{0, 1}, s.Times)
	_, _, err = ReadSeries(strings.NewReader("t,a\r0,1\r1,x\r"), "f.csv")
	require.ErrorContains(t, err, `line 3, column "a"`)
	_, _, err = ReadSeries(strings.NewReader("t,a\r"+strings.Repeat("0,1\r", 1<<19)), "f.csv")
	require.ErrorContains(t, err, "line 3", "rows have lengths of their own")
}

// Columns may be separated by semicolons, with decimal commas, and by tabs.
func TestSeparators(t *testing.T) {
	want, _, err := ReadSeries(strings.NewReader("t,\"a;b\",c\n0.5,1.25,-3e5\n1,2,4.5\n"), "f.csv")
	require.NoError(t, err)
	require.Equal(t, []string{"a;b", "c"}, want.Names)
	for _, text := range []string{
		"t;\"a;b\";c\n0,5;1,25;-3e5\n1;2;4,5\n", "t;\"a;b\";c\r0.5;1.25;-3e5\r1;2;4.5\r", "\ufeff\"t\"\ta;b\tc\r\n0.5\t1.25\t-3e5\r\n1\t2\t4.5\r\n",
	} {
		s, _, err := ReadSeries(strings.NewReader(text), "f.csv")
		require.NoError(t, err)
		require.Equal(t, want, s)
	}
	s, clock, err := ReadSeries(strings.NewReader("date;a\n2024-02-29 00:00:00,5;1,5\n2024-02-29 00:00:01.5;2,5\n"), "f.csv")
	require.NoError(t, err, "dates have fractions of their own")
	require.True(t, clock.Dated())
	require.Equal(t, []float64{0, 1}, s.Times)
}

func TestMissing(t *testing.T) {
	for _, word := range []string{"", " ", "nan", "NaN", "-nan", "NA", "N/A", "#N/A", "null", "NULL", "-"} {
		s, _, err := ReadSeries(strings.NewReader("t,a\n0,"+word+"\n"), "f.csv")
		require.NoError(t, err, word)
		require.True(t, math.IsNaN(s.Values[0][0]))
		_, _, err = ReadSeries(strings.NewReader("t,a\n0,1\n"+word+",1\n"), "f.csv")
		require.ErrorContains(t, err, "line 3")
	}
}

func TestReadSeriesErrors(t *testing.T) {
	wide := "t" + strings.Repeat(",x", 10000)
	var many strings.Builder
	many.WriteString("t")
	for i := range 10000 {
		fmt.Fprintf(&many, ",x%d", i)
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty file":       {"", "f.csv is empty"},
		"only blank lines": {"\n\n", "f.csv is empty"},
		"no header":        {"0,1\n1,2\n", "line 1 is all numbers: the header t,name1,... is missing"},
		"header only":      {"t,x\n", "has a header and no rows"},
		"time only":        {"t\n1\n", "want at least one channel"},
		"wrong time name":  {"x,y\n1,2\n", `the first column is "x", want t`},
		"both decimals":    {"t;x\n1;2,5\n2;1.5\n", `line 3, column "x": "1.5" has a '.', the decimal mark of the file is ','`},
		"thousands":        {"t;x\n1;1.234,5\n", `column "x": "1.234,5" has a ',', the decimal mark of the file is '.'`},
		"two commas":       {"t;x\n1;1,2,3\n", `column "x": "1,2,3" is not a number`},
		"same name":        {"t,a,a\n1,2,3\n", `columns 2 and 3 are both named "a"`},
		"unnamed column":   {"t,a,\n1,2,3\n", "column 3 has no name"},
		"text in a cell":   {"t,a,b\n0,1,2\n1,2,oops\n", `line 3, column "b": "oops" is not a number`},
		"text as time":     {"t,a\nnoon,1\n", `line 2, column "t": "noon" is not a number, want a time`},
		"missing time":     {"t,a\n,1\n", `line 2, column "t": "" is not a number`},
		"time nan":         {"t,a\nnan,1\n", `line 2, column "t": "nan" is not finite`},
		"time too far":     {"t,a\n0,1\n3e300,2\n", `line 3, column "t": "3e300" is beyond what times may be, at most 1e+300`},
		"infinity":         {"t,a\n0,inf\n", `line 2, column "a": "inf" is not finite`},
		"beyond float64":   {"t,a\n0,1e400\n", `line 2, column "a": "1e400" does not fit`},
		"times fall":       {"t,a\n0,1\n2,1\n1,1\n", `line 4, column "t": time "1" is before that of the row above, "2"`},
		"times repeat":     {"t,a\n0,1\n0,1\n", `line 3, column "t": time "0" is the same as that of the row above`},
		"times too near":   {"t,a\n1700000000000000000,1\n1700000000000000100,1\n", `line 3, column "t": time "1700000000000000100" and that of the row above, "1700000000000000000", cannot be told apart as 64-bit floats`},
		"dates too near":   {"t,a\n1990-01-01,1\n2024-01-01 00:00:00.00000012,1\n2024-01-01 00:00:00.00000013,1\n", `"2024-01-01 00:00:00.00000012", cannot be told apart`},
		"short row":        {"t,a,b\n0,1\n", "line 2 has 2 cells, the header has 3"},
		"long row":         {"t,a\n0,1,2\n", "line 2 has 3 cells, the header has 2"},
		"open quote":       {"t,a\n0,\"1\n", "quotation mark"},
		"bare quote":       {"t,a\n0,1\"2\n", "quotation mark"},
		"10,000 channels":  {many.String() + "\n", "10000 channels, want at most 1024"},
		"10,000 same name": {wide + "\n", "10000 channels, want at most 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ReadSeries(strings.NewReader(c.text), "f.csv")
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "f.csv")
		})
	}
}

func TestReadQuery(t *testing.T) {
	q, err := ReadQuery(strings.NewReader("time,b\n3,1\n1,\n3,2\n"), "q.csv")
	require.NoError(t, err)
	require.Equal(t, []float64{3, 1, 3}, q.Times, "any order, with repetitions")
	require.Equal(t, []string{"b"}, q.Truth.Names)
	q, err = ReadQuery(strings.NewReader("t\n5\n"), "q.csv")
	require.NoError(t, err)
	require.Equal(t, []float64{5}, q.Times)
	_, err = ReadQuery(strings.NewReader("t\n"), "q.csv")
	require.ErrorContains(t, err, "no rows")
}

// endless is a reader of a line that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestRowLimit(t *testing.T) {
	_, _, err := ReadSeries(endless{}, "f.csv")
	require.ErrorContains(t, err, "f.csv: the row that begins on line 1 is longer than 1 MiB")
	rows := strings.Repeat("1,2\n", 1<<19)
	for _, text := range []string{
		"t,a\n0,1\n1,\"" + rows, // a mark that nothing closes
		"t,a\n0,1\n" + strings.Repeat(",", 1<<20+1),
	} {
		_, _, err = ReadSeries(strings.NewReader(text), "f.csv")
		require.ErrorContains(t, err, "f.csv: the row that begins on line 3 is longer than 1 MiB")
	}
	_, _, err = ReadSeries(strings.NewReader("t,\"a\n\"\"b\"\"\"\n"+rows), "f.csv")
	require.ErrorContains(t, err, "line 4") // whose time is that of line 3
}

// FuzzCSV: any bytes give a valid series or an error that names the file.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("t,a,b\n0,1,\n1,nan,3\n"))
	f.Add([]byte("t [s],\"a,b\"\r\n0,-1e300\r\n1e-300,5e-324\r\n"))
	f.Add([]byte("t,a\n0,1,2\n"))
	f.Add([]byte("0,1\n"))
	f.Add([]byte("t,a\n\"0\n"))
	f.Add([]byte("date,a\n2024-02-29,1\n2024-03-01 12:00,2\n"))
	f.Add([]byte("t,a\n2024-02-29T00:00:00.1-07:30,1\n9999-12-31T23:59:59.999999999Z,2\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, clock, err := ReadSeries(bytes.NewReader(text), "f.csv")
		if err != nil {
			require.Contains(t, err.Error(), "f.csv")
			return
		}
		require.NoError(t, s.Validate())
		// What is written in the same form reads back the same.
		var b bytes.Buffer
		fc := &lassode.Forecast{Times: s.Times, Mean: s.Values}
		require.NoError(t, WriteForecast(&b, s.Names, clock, fc, nil, false))
		back, _, err := ReadSeries(&b, "back.csv")
		require.NoError(t, err)
		if clock.Dated() { // far from the first, dates are written to the microsecond
			require.InDeltaSlice(t, s.Times, back.Times, 1e-6)
		} else {
			require.Equal(t, s.Times, back.Times)
		}
		for i, row := range s.Values {
			for c, v := range row {
				require.Equal(t, math.Float64bits(v+0), math.Float64bits(back.Values[i][c]+0))
			}
		}
	})
}
