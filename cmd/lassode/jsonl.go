package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/internal/csv"
)

// task is one line of a JSON Lines file.
type task struct {
	id     json.RawMessage // as it stood on the line; nil when there was none
	series lassode.Series
	clock  csv.Clock // of dates as times
	query  []float64 // nil when the line has none
}

// taskKeys are the keys of a line that mean something, written exactly so.
var taskKeys = []string{"id", "t", "x", "query", "names"}

// parseTask reads one line: {"id":"a","t":[...],"x":[[...],...],"query":[...]}.
// x has a row per time, null is not observed. On an error the id is still
// returned when it can be made out.
func parseTask(line []byte) (task, error) {
	raw := map[string]json.RawMessage{}
	var twice string
	eachKey(line, func(key string, value []byte) {
		if !slices.Contains(taskKeys, key) {
			return
		}
		if raw[key] == nil {
			raw[key] = value
		} else if twice == "" {
			twice = key
		}
	})
	t := task{id: compactID(raw["id"])}
	switch {
	case !json.Valid(line):
		return t, syntaxError(line)
	case trimLeft(line)[0] != '{':
		return t, fmt.Errorf("the line is %s, want an object with t, x and query", kindOf(trimLeft(line)))
	case twice != "":
		return t, fmt.Errorf("%q stands twice on the line", twice)
	case raw["t"] == nil:
		return t, errors.New(`"t" is missing, want the times of the observations`)
	case raw["x"] == nil:
		return t, errors.New(`"x" is missing, want a row of values for each time`)
	}
	var err error
	if t.series.Times, err = t.parseTimes(raw["t"], "t", lassode.MaxRows); err != nil {
		return t, err
	}
	if t.series.Values, err = parseRows(raw["x"], "x"); err != nil {
		return t, err
	}
	if t.series.Names, err = parseNames(raw["names"]); err != nil {
		return t, err
	}
	if query := raw["query"]; query != nil && string(query) != "null" {
		if t.query, err = t.parseTimes(query, "query", lassode.MaxQueries); err != nil {
			return t, err
		}
		if len(t.query) == 0 {
			return t, errors.New(`"query" is empty, want at least one time`)
		}
	}
	return t, nil
}

// syntaxError explains why a line is not JSON.
func syntaxError(line []byte) error {
	var syntax *json.SyntaxError
	err := json.Unmarshal(line, new(any))
	if !errors.As(err, &syntax) || syntax.Offset < 1 {
		return fmt.Errorf("not JSON: %w", err)
	}
	rest := line[min(int(syntax.Offset)-1, len(line)):]
	for _, word := range []string{"NaN", "nan", "Infinity", "-Infinity", "Inf"} {
		if bytes.HasPrefix(rest, []byte(word)) {
			return fmt.Errorf("not JSON at byte %d: %s is no JSON number; write null where nothing was observed", syntax.Offset, word)
		}
	}
	return fmt.Errorf("not JSON at byte %d: %s", syntax.Offset, syntax.Error())
}

// salvageID reads the id of a line that is broken somewhere behind it.
func salvageID(line []byte) json.RawMessage {
	var id []byte
	eachKey(line, func(key string, value []byte) {
		if key == "id" && id == nil {
			id = value
		}
	})
	return compactID(id)
}

// eachKey calls f with the keys of the object that a line is, and their values, in order;
// of a line that is broken with those before the break.
func eachKey(line []byte, f func(key string, value []byte)) {
	rest := trimLeft(line)
	if len(rest) == 0 || rest[0] != '{' {
		return
	}
	for len(rest) > 0 && (rest[0] == '{' || rest[0] == ',') {
		key, after := cutValue(trimLeft(rest[1:]))
		after = trimLeft(after)
		var name string
		if len(after) == 0 || after[0] != ':' || json.Unmarshal(key, &name) != nil {
			return
		}
		var value []byte
		if value, rest = cutValue(trimLeft(after[1:])); value == nil {
			return
		}
		f(name, value)
		rest = trimLeft(rest)
	}
}

// cutValue splits the value off the front of JSON, nil where it has no end.
func cutValue(b []byte) (value, rest []byte) {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		end := i
		switch {
		case quoted && c == '\\':
			i++
			continue
		case c == '"':
			quoted = !quoted
			end++
		case quoted:
			continue
		case c == '{' || c == '[':
			depth++
			continue
		case (c == '}' || c == ']') && depth > 0:
			depth--
			end++
		case depth > 0 || !strings.ContainsRune(",:}] \t\r\n", rune(c)):
			continue
		}
		if depth == 0 && !quoted && end > 0 {
			return b[:end], b[end:]
		}
	}
	return nil, nil
}

// compactID is the id without white space, so that an answer stays one line, and in
// valid UTF-8, so that it is JSON.
func compactID(id json.RawMessage) json.RawMessage {
	if id == nil {
		return nil
	}
	var b bytes.Buffer
	if json.Compact(&b, id) != nil {
		return nil
	}
	return bytes.ToValidUTF8(b.Bytes(), []byte("�"))
}

// parseNames reads the names of at most as many channels as a series may have out of valid JSON.
func parseNames(raw json.RawMessage) (names []string, err error) {
	if raw == nil || string(raw) == "null" {
		return nil, nil
	}
	err = eachText(raw, "names", "the name of a channel", lassode.MaxChannels, func(name string) error {
		switch {
		case name == "":
			return fmt.Errorf("\"names\"[%d] is empty, want the name of a channel", len(names))
		case slices.Contains(names, name):
			return fmt.Errorf("\"names\"[%d] and [%d] are both %q, want a name for each channel", slices.Index(names, name), len(names), name)
		}
		names = append(names, name)
		return nil
	})
	return names, err
}

// parseTimes reads a list of at most so many numbers, or of dates, out of valid JSON. Those
// of "t" come first, and set the clock; dates have to increase there, for an error that
// shows them.
func (t *task) parseTimes(raw []byte, name string, most int) (times []float64, err error) {
	if first := trimLeft(raw[1:]); raw[0] != '[' || len(first) == 0 || first[0] != '"' {
		if t.clock.Dated() && len(first) > 0 && first[0] != ']' {
			return nil, fmt.Errorf("%q has to have dates, as \"t\" has", name)
		}
		return parseList(raw, name, most)
	}
	if name != "t" && !t.clock.Dated() {
		return nil, fmt.Errorf("%q[0] is a text, want a number as in \"t\"", name)
	}
	last := ""
	err = eachText(raw, name, "a date as the first is one", most, func(text string) error {
		m, err := csv.ParseMoment(text)
		if _, number := m.Number(); err != nil || number {
			return fmt.Errorf("%s[%d] is %.40q, want a date such as 2024-02-29T06:30:00Z, or times that are numbers", name, len(times), text)
		}
		if name == "t" && times == nil {
			t.clock = csv.NewClock(m)
		}
		v, err := t.clock.On(m)
		switch {
		case err != nil:
			return fmt.Errorf("%s[%d]: %w", name, len(times), err)
		case name == "t" && times != nil && v <= times[len(times)-1]:
			return fmt.Errorf("t[%d] is %s, want a date after t[%d] = %s", len(times), text, len(times)-1, last)
		}
		times, last = append(times, v), text
		return nil
	})
	return times, err
}

// eachText calls f with the entries of a list of at most so many texts out of valid JSON.
func eachText(raw []byte, name, want string, most int, f func(text string) error) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if first, err := d.Token(); err != nil || first != json.Delim('[') {
		return fmt.Errorf("%q is %s, want a list of texts", name, kindOf(raw))
	}
	for i := 0; d.More(); i++ {
		if i == most {
			return fmt.Errorf("%q has more than %d entries", name, most)
		}
		word, err := d.Token()
		text, ok := word.(string)
		if err != nil || !ok {
			return fmt.Errorf("%q[%d] is not a text, want %s", name, i, want)
		}
		if err := f(text); err != nil {
			return err
		}
	}
	return nil
}

// parseList reads a list of at most so many numbers out of valid JSON.
func parseList(raw []byte, name string, most int) ([]float64, error) {
	list, rest, err := appendList(nil, raw, name, false, most)
	if err == nil && len(trimLeft(rest)) > 0 {
		err = fmt.Errorf("%q has something behind its end", name)
	}
	return list, err
}

// parseRows reads a list of lists of numbers or null out of valid JSON.
func parseRows(raw []byte, name string) ([][]float64, error) {
	raw = trimLeft(raw)
	if len(raw) == 0 || raw[0] != '[' {
		return nil, fmt.Errorf("%q is %s, want a list with a row of values for each time", name, kindOf(raw))
	}
	var rows [][]float64
	width := 0
	raw = trimLeft(raw[1:])
	for len(raw) > 0 && raw[0] != ']' {
		if len(rows) == lassode.MaxRows {
			return nil, fmt.Errorf("%q has more than %d rows", name, lassode.MaxRows)
		}
		row, rest, err := appendList(make([]float64, 0, width), raw, name+"["+strconv.Itoa(len(rows))+"]", true, lassode.MaxChannels)
		if err != nil {
			return nil, err
		}
		rows, width = append(rows, row), len(row)
		raw = trimLeft(rest)
		if len(raw) > 0 && raw[0] == ',' {
			raw = trimLeft(raw[1:])
		}
	}
	return rows, nil
}

// appendList reads one list of at most so many numbers, or null if that is
// allowed, from the front of valid JSON and returns what follows it.
func appendList(dst []float64, raw []byte, name string, null bool, most int) (list []float64, rest []byte, err error) {
	raw = trimLeft(raw)
	if len(raw) == 0 || raw[0] != '[' {
		return nil, nil, fmt.Errorf("%s is %s, want a list of numbers", strconv.Quote(name), kindOf(raw))
	}
	raw = trimLeft(raw[1:])
	for {
		if len(raw) == 0 {
			return nil, nil, fmt.Errorf("%q has no end", name)
		}
		if raw[0] == ']' {
			return dst, raw[1:], nil
		}
		if len(dst) == most {
			return nil, nil, fmt.Errorf("%q has more than %d entries", name, most)
		}
		end := bytes.IndexAny(raw, ",] \t\r\n")
		if end < 0 {
			return nil, nil, fmt.Errorf("%q has no end", name)
		}
		word := raw[:end]
		place := func() string { return fmt.Sprintf("%s[%d]", name, len(dst)) }
		switch {
		case null && string(word) == "null":
			dst = append(dst, math.NaN())
		case word[0] == '-' || word[0] >= '0' && word[0] <= '9':
			v, err := strconv.ParseFloat(string(word), 64)
			if err != nil {
				return nil, nil, fmt.Errorf("%s is %s, which does not fit a 64-bit float", place(), word[:min(len(word), 40)])
			}
			dst = append(dst, v)
		case null:
			return nil, nil, fmt.Errorf("%s is %s, want a number or null", place(), kindOf(raw))
		default:
			return nil, nil, fmt.Errorf("%s is %s, want a number", place(), kindOf(raw))
		}
		raw = trimLeft(raw[end:])
		if len(raw) > 0 && raw[0] == ',' {
			raw = trimLeft(raw[1:])
		}
	}
}

func trimLeft(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\n") }

// kindOf names the JSON value at the front of raw.
func kindOf(raw []byte) string {
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

// appendAnswer writes one answer line.
func appendAnswer(b []byte, t task, fc *lassode.Forecast, levels []float64, rates bool) []byte {
	b = append(b, '{')
	b = appendID(b, t.id)
	b = append(b, `,"t":[`...)
	for i, at := range fc.Times {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONTime(b, t.clock, at)
	}
	b = append(b, ']')
	b = append(b, `,"mean":`...)
	b = appendJSONRows(b, fc.Mean)
	if rates {
		b = append(b, `,"rate":`...)
		b = appendJSONRows(b, fc.Rate)
	}
	b = append(b, `,"quantiles":{`...)
	for i, p := range levels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, csv.LevelName(p)...)
		b = append(b, `":`...)
		b = appendJSONRows(b, fc.Quantile(p))
	}
	b = append(b, '}')
	if len(fc.Outliers) > 0 {
		b = append(b, `,"outliers":[`...)
		for i, o := range fc.Outliers {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONTime(append(b, '['), t.clock, o.Time)
			b = strconv.AppendInt(append(b, ','), int64(o.Channel), 10)
			b = append(csv.AppendNumber(append(b, ','), o.Value), ']')
		}
		b = append(b, ']')
	}
	return append(b, "}\n"...)
}

// appendFailure writes the error line of a task.
func appendFailure(b []byte, id json.RawMessage, line int, err error) []byte {
	b = append(b, '{')
	b = appendID(b, id)
	text, _ := json.Marshal(strings.ToValidUTF8(err.Error(), "�")) // a string always encodes
	b = append(b, `,"error":`...)
	b = append(b, text...)
	b = append(b, `,"line":`...)
	b = strconv.AppendInt(b, int64(line), 10)
	return append(b, "}\n"...)
}

func appendID(b []byte, id json.RawMessage) []byte {
	b = append(b, `"id":`...)
	if id == nil {
		return append(b, "null"...)
	}
	return append(b, id...)
}

func appendJSONRows(b []byte, rows [][]float64) []byte {
	b = append(b, '[')
	for i, row := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONList(b, row)
	}
	return append(b, ']')
}

// appendJSONTime writes a number, or a date in quotation marks.
func appendJSONTime(b []byte, clock csv.Clock, t float64) []byte {
	if !clock.Dated() {
		return clock.Append(b, t)
	}
	return append(clock.Append(append(b, '"'), t), '"')
}

func appendJSONList(b []byte, list []float64) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) { // JSON has no word for them
			b = append(b, "null"...)
			continue
		}
		b = csv.AppendNumber(b, v)
	}
	return append(b, ']')
}

// lineJob is a line on its way through answerLines.
type lineJob struct {
	number  int
	line    []byte
	tooLong bool
	answer  chan []byte // receives the answer line; capacity 1
	failed  bool        // valid after answer was received
}

// answerLines answers every line of r on w, in the order of the input, with
// many workers. A bad line is answered by an error object and never stops the
// others. The memory held is bounded by the number of workers, not by the
// file. It returns the number of lines and how many of them failed.
func answerLines(ctx context.Context, r *bufio.Reader, w io.Writer, workers, limit int, answer func(line []byte, number int) ([]byte, bool)) (lines, failed int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work := make(chan *lineJob)
	order := make(chan *lineJob, 2*workers) // bounds how far workers run ahead of the writer

	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for job := range work {
				var b []byte
				if job.tooLong {
					b = appendFailure(nil, salvageID(job.line), job.number, fmt.Errorf("the line is longer than %d bytes", limit))
					job.failed = true
				} else {
					b, job.failed = answer(job.line, job.number)
				}
				job.line = nil
				job.answer <- b
			}
		})
	}
	var readErr error // written before order is closed
	go func() {
		defer close(order)
		defer close(work)
		for number := 1; ; number++ {
			line, tooLong, err := readLine(r, limit)
			if number == 1 {
				line = bytes.TrimPrefix(line, byteOrderMark)
			}
			if len(bytes.TrimSpace(line)) > 0 {
				job := &lineJob{number: number, line: line, tooLong: tooLong, answer: make(chan []byte, 1)}
				select {
				case order <- job:
				case <-ctx.Done():
					return
				}
				select {
				case work <- job:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					readErr = err
				}
				return
			}
		}
	}()

	// When interrupted, the reader is left behind: it may be waiting for a
	// line of standard input that never comes.
	for {
		var job *lineJob
		select {
		case job = <-order:
		case <-ctx.Done():
			return lines, failed, ctx.Err()
		}
		if job == nil {
			group.Wait()
			return lines, failed, readErr
		}
		var b []byte
		select {
		case b = <-job.answer:
		case <-ctx.Done():
			return lines, failed, ctx.Err()
		}
		lines++
		if job.failed {
			failed++
		}
		if _, err := w.Write(b); err != nil {
			return lines, failed, err
		}
	}
}

// readLine reads one line without its end. A line over the limit is read to
// its end, and its first few bytes are returned with tooLong set.
func readLine(r *bufio.Reader, limit int) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if !tooLong {
			line = append(line, part...)
			if len(line) > limit {
				tooLong = true
				line = slices.Clone(line[:min(len(line), 4096, limit)])
			}
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return bytes.TrimRight(line, "\r\n"), tooLong, err
	}
}
