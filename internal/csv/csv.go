// Package csv reads series and query times from CSV files and writes forecasts
// to them. Files may come from strangers: every error names the file, the line
// and the column, and memory is bounded by maxRecord and the limits of package
// lassode.
package csv

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lassode/lassode"
)

// byteOrderMark opens UTF-8 files of some spreadsheet programs.
const byteOrderMark = "\ufeff"

// maxRecord bounds the bytes of a row of a CSV file, a cell of which takes many
// times its bytes: a kilobyte for each of MaxChannels.
const maxRecord = 1 << 20

// maxCells bounds the memory of a CSV file.
const maxCells = 1 << 26

// missing are the words, without regard to case, for a value that was not observed.
var missing = []string{"", "nan", "-nan", "na", "n/a", "#n/a", "null", "-"}

// ReadSeries reads a series: a header `t,name1,name2,...`, then a row per
// time, times increasing: numbers, or dates, which become seconds since the first. An
// empty cell, nan, NA, null and the like are not observed. Columns are separated by what
// first does so in the header, commas, semicolons or tabs; with semicolons numbers may
// have decimal commas. name stands for the file in errors.
func ReadSeries(r io.Reader, name string) (lassode.Series, Clock, error) {
	var s lassode.Series
	var last Moment
	clock, err := readTable(r, name, 1, func(header []string) error {
		s.Names = header[1:]
		return nil
	}, func(m Moment, row []float64, at func(col int) string) error {
		if n := len(s.Times); n > 0 && row[0] <= s.Times[n-1] {
			now, before := quote(m.text), quote(last.text)
			switch {
			case row[0] < s.Times[n-1]:
				return fmt.Errorf("%s: time %s is before that of the row above, %s, want increasing times", at(0), now, before)
			case m.text == last.text || m.layout > 0 && m.date.Equal(last.date):
				return fmt.Errorf("%s: time %s is the same as that of the row above, %s, want increasing times", at(0), now, before)
			}
			return fmt.Errorf("%s: time %s and that of the row above, %s, cannot be told apart as 64-bit floats; count times from the first row", at(0), now, before)
		}
		last = m
		if len(s.Times) == lassode.MaxRows {
			return fmt.Errorf("%s: more than %d rows", at(0), lassode.MaxRows)
		}
		s.Times = append(s.Times, row[0])
		s.Values = append(s.Values, append([]float64(nil), row[1:]...))
		return nil
	})
	if err != nil {
		return lassode.Series{}, Clock{}, err
	}
	return s, clock, nil
}

// Query holds query times, and the true values where the file knows them.
type Query struct {
	Times []float64      // in the order of the file, with repetitions
	Truth lassode.Series // Names are the columns beside t; rows as Times
	clock Clock
}

// On returns the query with the times of the clock of a series; q stays as it is.
func (q *Query) On(c Clock) (*Query, error) {
	shift, err := c.On(q.clock.origin)
	if err != nil || !c.Dated() {
		return q, err
	}
	moved := Query{Times: make([]float64, len(q.Times)), Truth: q.Truth, clock: c}
	for i, t := range q.Times {
		moved.Times[i] = t + shift
	}
	moved.Truth.Times = moved.Times
	return &moved, nil
}

// ReadQuery reads query times from the first column, in any order. Further
// columns are true values, for the picture and the error.
func ReadQuery(r io.Reader, name string) (*Query, error) {
	q := &Query{}
	var err error
	q.clock, err = readTable(r, name, 0, func(header []string) error {
		q.Truth.Names = header[1:]
		return nil
	}, func(_ Moment, row []float64, at func(col int) string) error {
		if len(q.Times) == lassode.MaxQueries {
			return fmt.Errorf("%s: more than %d query times", at(0), lassode.MaxQueries)
		}
		q.Times = append(q.Times, row[0])
		q.Truth.Values = append(q.Truth.Values, append([]float64(nil), row[1:]...))
		return nil
	})
	if err != nil {
		return nil, err
	}
	q.Truth.Times = q.Times
	return q, nil
}

// readTable reads a CSV file with a time column and at least minChannels
// others. onRow gets the time as it is written and all values, row being reused between
// calls; at names the place of a cell.
func readTable(r io.Reader, name string, minChannels int, onHeader func(header []string) error, onRow func(m Moment, row []float64, at func(col int) string) error) (clock Clock, err error) {
	head := bufio.NewReader(r)
	if mark, _ := head.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = head.Discard(len(byteOrderMark)) // what Peek has seen
	}
	lines := &rowLimiter{r: head}
	start, _ := head.Peek(head.Size())
	if end := bytes.IndexAny(start, "\r\n"); end >= 0 && end < len(start)-1 && start[end] == '\r' && start[end+1] != '\n' {
		lines.returns = true
	}
	cr := csv.NewReader(lines)
	cr.Comma = separator(start)
	cr.FieldsPerRecord = -1
	cr.ReuseRecord = true

	record, err := cr.Read()
	if errors.Is(err, io.EOF) {
		return clock, fmt.Errorf("%s is empty, want a header t,name1,... and a row per time", name)
	}
	if err != nil {
		return clock, csvError(name, err)
	}
	header := make([]string, len(record))
	for i, h := range record {
		header[i] = strings.TrimSpace(h)
	}
	if err := checkHeader(name, header, minChannels); err != nil {
		return clock, err
	}
	if err := onHeader(header); err != nil {
		return clock, err
	}

	row := make([]float64, len(header))
	numbers := decimals{commas: cr.Comma == ';'}
	rows := 0
	var m Moment
	for {
		record, err := cr.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return clock, csvError(name, err)
		}
		at := func(col int) string {
			line, _ := cr.FieldPos(min(col, len(record)-1))
			return fmt.Sprintf("%s line %d, column %q", name, line, header[col])
		}
		if len(record) != len(header) {
			line, _ := cr.FieldPos(0)
			return clock, fmt.Errorf("%s line %d has %s, the header has %d", name, line, cells(len(record)), len(header))
		}
		rows++
		if rows*len(header) > maxCells {
			return clock, fmt.Errorf("%s: more than %d cells", at(0), maxCells)
		}
		for c, cell := range record {
			cell = strings.TrimSpace(cell)
			var v float64
			number, err := cell, error(nil)
			if c > 0 || !isDate(cell) {
				if number, err = numbers.point(cell); err != nil {
					return clock, fmt.Errorf("%s: %w", at(c), err)
				}
			}
			if c > 0 {
				v, err = strconv.ParseFloat(number, 64)
				if (err != nil || v != v) && slices.ContainsFunc(missing, func(word string) bool { return strings.EqualFold(cell, word) }) {
					row[c] = math.NaN()
					continue
				}
			} else if m, err = ParseMoment(number); err == nil {
				m.text = cell
				if rows == 1 {
					clock = NewClock(m)
				}
				if v, err = clock.On(m); err != nil {
					return clock, fmt.Errorf("%s: %w", at(0), err)
				}
			}
			switch {
			case errors.Is(err, strconv.ErrRange):
				return clock, fmt.Errorf("%s: %s does not fit a 64-bit float", at(c), quote(cell))
			case err != nil && c == 0:
				return clock, fmt.Errorf("%s: %s is not a number, want a time, or a date such as 2024-02-29 06:30:00", at(c), quote(cell))
			case err != nil:
				return clock, fmt.Errorf("%s: %s is not a number; leave the cell empty where nothing was observed", at(c), quote(cell))
			case math.IsInf(v, 0) || math.IsNaN(v):
				return clock, fmt.Errorf("%s: %s is not finite", at(c), quote(cell))
			case c == 0 && math.Abs(v) > lassode.MaxTime:
				return clock, fmt.Errorf("%s: %s is beyond what times may be, at most %g in magnitude", at(c), quote(cell), lassode.MaxTime)
			}
			row[c] = v
		}
		if err := onRow(m, row, at); err != nil {
			return clock, err
		}
	}
	if rows == 0 {
		return clock, fmt.Errorf("%s has a header and no rows", name)
	}
	return clock, nil
}

// separator is the first of a comma, a semicolon and a tab outside of quotation marks: the
// name of the time, which comes first, has none.
func separator(start []byte) rune {
	quoted := false
	for _, b := range start {
		switch b {
		case '"':
			quoted = !quoted
		case ',', ';', '\t':
			if !quoted {
				return rune(b)
			}
		}
	}
	return ','
}

// decimals reads the numbers of a file that may have decimal commas instead of points.
type decimals struct {
	commas bool // whether they may
	mark   byte // of the first number that has one
}

// point returns a number with a point in the place of a comma. A file that has both would
// leave open what either is.
func (d *decimals) point(cell string) (string, error) {
	if !d.commas {
		return cell, nil
	}
	i := strings.IndexAny(cell, ".,")
	if i < 0 {
		return cell, nil
	}
	if d.mark == 0 {
		d.mark = cell[i]
	}
	if other := ".,"[strings.IndexByte(",.", d.mark)]; strings.IndexByte(cell, other) >= 0 {
		return cell, fmt.Errorf("%s has a %q, the decimal mark of the file is %q; want no other, and none between thousands", quote(cell), other, d.mark)
	}
	return strings.ReplaceAll(cell, ",", "."), nil
}

func checkHeader(name string, header []string, minChannels int) error {
	numbers := 0
	for _, h := range header {
		if _, err := strconv.ParseFloat(h, 64); err == nil && !strings.EqualFold(h, "nan") {
			numbers++
		}
	}
	if numbers == len(header) {
		return fmt.Errorf("%s line 1 is all numbers: the header t,name1,... is missing", name)
	}
	if !isTimeName(header[0]) {
		return fmt.Errorf("%s line 1: the first column is %s, want t (or time, timestamp, date, datetime, or t with a unit as in %q)", name, quote(header[0]), "t [s]")
	}
	if len(header)-1 < minChannels {
		return fmt.Errorf("%s line 1 names only the time, want at least one channel: t,name1,...", name)
	}
	if len(header)-1 > lassode.MaxChannels {
		return fmt.Errorf("%s has %d channels, want at most %d; split them over several files", name, len(header)-1, lassode.MaxChannels)
	}
	seen := make(map[string]int, len(header))
	for i, h := range header {
		if h == "" {
			return fmt.Errorf("%s line 1: column %d has no name", name, i+1)
		}
		if first, ok := seen[h]; ok {
			return fmt.Errorf("%s line 1: columns %d and %d are both named %s", name, first+1, i+1, quote(h))
		}
		seen[h] = i
	}
	return nil
}

// isTimeName accepts t, time and names of dates, also followed by a unit.
func isTimeName(h string) bool {
	h = strings.ToLower(h)
	if i := strings.IndexAny(h, "[(/_ "); i > 0 {
		h = strings.TrimSpace(h[:i])
	}
	return slices.Contains([]string{"t", "time", "timestamp", "date", "datetime"}, h)
}

// csvError rewrites the errors of encoding/csv.
func csvError(name string, err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		what := parse.Err.Error()
		switch {
		case errors.Is(parse.Err, csv.ErrQuote):
			what = "a quotation mark inside or around a cell is not closed"
		case errors.Is(parse.Err, csv.ErrBareQuote):
			what = "a quotation mark inside a cell that does not begin with one"
		}
		return fmt.Errorf("%s line %d, byte %d: %s", name, parse.Line, parse.Column, what)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// rowLimiter fails when a row grows over maxRecord. Within quotation marks, which
// outside a cell are an error of the reader, a row goes on over line ends.
type rowLimiter struct {
	r      io.Reader
	line   int // line ends read
	start  int // of them before this row
	length int
	quoted bool
	// returns is set where lines end in carriage returns alone, which are passed on as
	// newlines.
	returns bool
}

// Read implements io.Reader.
func (l *rowLimiter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i, b := range p[:n] {
		if l.returns && b == '\r' {
			b, p[i] = '\n', '\n'
		}
		if l.length++; l.length > maxRecord {
			hint := ""
			if l.quoted {
				hint = "; is a quotation mark not closed?"
			}
			return 0, fmt.Errorf("the row that begins on line %d is longer than %d MiB%s", l.start+1, maxRecord>>20, hint)
		}
		switch b {
		case '"':
			l.quoted = !l.quoted
		case '\n':
			if l.line++; !l.quoted {
				l.length, l.start = 0, l.line
			}
		}
	}
	return n, err
}

// quote shows the start of a text.
func quote(s string) string {
	if len(s) > 40 {
		return strconv.Quote(strings.ToValidUTF8(s[:40], "")) + "..."
	}
	return strconv.Quote(s)
}

// cells is "1 cell", "2 cells".
func cells(n int) string {
	if n == 1 {
		return "1 cell"
	}
	return fmt.Sprintf("%d cells", n)
}

// LevelName is the quantile p as it stands in headers and in JSON: 0.1.
func LevelName(p float64) string { return strconv.FormatFloat(p, 'g', -1, 64) }

// WriteForecast writes a header t,name,name_q0.1,... and a row per time. For
// each channel: the mean, its rate of change if asked, then the quantiles of
// the levels. names has one entry per channel; clock is that of the series, which has to hold
// all times.
func WriteForecast(w io.Writer, names []string, clock Clock, fc *lassode.Forecast, levels []float64, rates bool) error {
	cw := csv.NewWriter(w)
	header := []string{"t"}
	for _, n := range names {
		header = append(header, n)
		if rates {
			header = append(header, n+"_rate")
		}
		for _, p := range levels {
			header = append(header, n+"_q"+LevelName(p))
		}
	}
	seen := map[string]bool{}
	for _, n := range header {
		if seen[n] {
			return fmt.Errorf("the answer has two columns %s, want other names of the channels", quote(n))
		}
		seen[n] = true
	}
	if err := cw.Write(header); err != nil {
		return err
	}
	cw.Flush()
	if err := cw.Error(); err != nil {
		return err
	}
	quantiles := make([][][]float64, len(levels))
	for i, p := range levels {
		quantiles[i] = fc.Quantile(p)
	}
	var line []byte
	for i, t := range fc.Times {
		line = clock.Append(line[:0], t)
		for c := range names {
			line = appendCell(line, fc.Mean[i][c])
			if rates {
				line = appendCell(line, fc.Rate[i][c])
			}
			for q := range levels {
				line = appendCell(line, quantiles[q][i][c])
			}
		}
		line = append(line, '\n')
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

func appendCell(b []byte, v float64) []byte { return AppendNumber(append(b, ','), v) }

// AppendNumber appends to b the shortest decimal that reads back as the same float.
func AppendNumber(b []byte, v float64) []byte { return strconv.AppendFloat(b, v, 'g', -1, 64) }
