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
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lassode/lassode"
	"github.com/stretchr/testify/require"
)

func TestParseTask(t *testing.T) {
	task, err := parseTask([]byte(` {"id" : {"a": 1}, "t":[0, 1.5,2e0],"x":[[1,null],[ -2.5 , 3],[null,4]] , "query":[3],"names":["p","q"],"extra":true}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"a":1}`, string(task.id))
	require.Equal(t, []float64{0, 1.5, 2}, task.series.Times)
	require.Equal(t, []float64{3}, task.query)
	require.Equal(t, []string{"p", "q"}, task.series.Names)
	require.Len(t, task.series.Values, 3)
	require.True(t, math.IsNaN(task.series.Values[0][1]))
	require.Equal(t, []float64{-2.5, 3}, task.series.Values[1])
	require.NoError(t, task.series.Validate())

	// Keys are those that are written exactly so, and not within another.
	task, err = parseTask([]byte(`{"ID":[1,"}\""],"X":{"x":[[3]],"t":[1]},"T":[10,11],"\u0074":[0,1],"QUERY":[5],"x":[[1],[2]],"note":"\"t\":[7]","Names":["p","p"]}`))
	require.NoError(t, err)
	require.Nil(t, task.id)
	require.Nil(t, task.query)
	require.Nil(t, task.series.Names)
	require.Equal(t, []float64{0, 1}, task.series.Times)
	require.Equal(t, [][]float64{{1}, {2}}, task.series.Values)

	task, err = parseTask([]byte(`{"t":[0],"x":[[1]],"query":null}`))
	require.NoError(t, err)
	require.Nil(t, task.id)
	require.Nil(t, task.query)
}

func TestParseTaskErrors(t *testing.T) {
	for line, want := range map[string]string{
		`{`:                               "not JSON at byte 1",
		`[1,2]`:                           "the line is a list, want an object",
		`"text"`:                          "the line is a text, want an object",
		`{"id":1}`:                        `"t" is missing`,
		`{"t":[1]}`:                       `"x" is missing`,
		`{"t":1,"x":[[1]]}`:               `"t" is a number, want a list of numbers`,
		`{"t":["1"],"x":[[1]]}`:           `t[0] is "1", want a date such as 2024-02-29T06:30:00Z, or times that are numbers`,
		`{"t":[null],"x":[[1]]}`:          `t[0] is null, want a number`,
		`{"t":[0],"x":[1]}`:               `"x[0]" is a number, want a list of numbers`,
		`{"t":[0],"x":{}}`:                `"x" is an object, want a list with a row`,
		`{"t":[0],"x":[[[1]]]}`:           `x[0][0] is a list, want a number or null`,
		`{"t":[0],"x":[[1,true]]}`:        `x[0][1] is true or false, want a number or null`,
		`{"t":[0],"x":[[1e999]]}`:         `x[0][0] is 1e999, which does not fit`,
		`{"t":[0],"x":[[NaN]]}`:           `NaN is no JSON number; write null`,
		`{"t":[0],"x":[[1]],"query":[]}`:  `"query" is empty`,
		`{"t":[0],"x":[[1]],"query":7}`:   `"query" is a number, want a list of numbers`,
		`{"t":[0],"x":[[1]],"names":"a"}`: `"names" is a text, want a list`,
		`{"t":[0],"x":[[1]],"names":["a",{"b":1}]}`:              `"names"[1] is not a text`,
		`{"t":[0],"x":[[1]],"query":[1]} {"again":1}`:            "not JSON at byte",
		`{"T":[0],"x":[[1]]}`:                                    `"t" is missing`,
		`{"t":[0],"x":[[1]],"t":[2]}`:                            `"t" stands twice on the line`,
		`{"id":1,"t":[0],"x":[[1]],"id":1}`:                      `"id" stands twice`,
		`{"t":[0],"x":[[1]],"names":["a","a"]}`:                  `"names"[0] and [1] are both "a"`,
		`{"t":[0],"x":[[1]],"names":[""]}`:                       `"names"[0] is empty`,
		`{"t":["2024-01-01",1],"x":[[1],[2]]}`:                   `"t"[1] is not a text, want a date`,
		`{"t":[0,"2024-01-01"],"x":[[1],[2]]}`:                   `t[1] is a text, want a number`,
		`{"t":["2024-01-02","2024-01-01"],"x":[[1],[2]]}`:        `t[1] is 2024-01-01, want a date after t[0] = 2024-01-02`,
		`{"t":["2024-01-02","2024-01-03T00:00Z"],"x":[[1],[2]]}`: `t[1]: "2024-01-03T00:00Z" has an offset from UTC`,
		`{"t":["2024-01-02"],"x":[[1]],"query":[5]}`:             `"query" has to have dates, as "t" has`,
		`{"t":[0],"x":[[1]],"query":["2024-01-02"]}`:             `"query"[0] is a text, want a number as in "t"`,
		`{"t":["2024-01-02"],"x":[[1]],"query":[]}`:              `"query" is empty`,
		`{"t":[0],"x":[[1,2]],"names":["a"]}`:                    `names is 1 long, want 2 names`,
	} {
		task, err := parseTask([]byte(line))
		if err == nil {
			err = describe("", task.series.Validate())
		}
		require.ErrorContains(t, err, want, line)
	}
	// Lists end where a series does: a row takes many times its bytes.
	manyNames := make([]string, lassode.MaxChannels+1)
	for i := range manyNames {
		manyNames[i] = strconv.Itoa(i)
	}
	for line, want := range map[string]string{
		`{"t":[0` + strings.Repeat(",0", lassode.MaxRows) + `],"x":[[1]]}`:                `"t" has more than 1048576 entries`,
		`{"t":[0],"x":[[]` + strings.Repeat(",[]", lassode.MaxRows) + `]}`:                `"x" has more than 1048576 rows`,
		`{"t":[0],"x":[[1` + strings.Repeat(",1", lassode.MaxChannels) + `]]}`:            `"x[0]" has more than 1024 entries`,
		`{"t":[0],"x":[[1]],"query":[1` + strings.Repeat(",1", lassode.MaxQueries) + `]}`: `"query" has more than 4194304 entries`,
		`{"t":[0],"x":[[1]],"names":["a` + strings.Join(manyNames, `","`) + `"]}`:         `"names" has more than 1024 entries`,
		`{"t":[0],"x":[[1` + strings.Repeat("0", 1000) + `]]}`:                            `x[0][0] is 1000000000000000000000000000000000000000, which`,
	} {
		_, err := parseTask([]byte(line))
		require.ErrorContains(t, err, want)
		require.Less(t, len(err.Error()), 200)
	}
}

func TestSalvageID(t *testing.T) {
	for line, want := range map[string]string{
		`{"id":"a","t":[1,`:          `"a"`,
		`{"t":[1,2],"id":[ 1, 2 ],"`: `[1,2]`,
		"{\"id\":\"\xff\",":          `"�"`,
		`{"id":tru`:                  ``,
		`{"id":1,"id":2,`:            `1`,
		`{"ID":1,"x":{"id":2},`:      ``,
		`{"t":[1,`:                   ``,
		`nonsense`:                   ``,
		``:                           ``,
	} {
		require.Equal(t, want, string(salvageID([]byte(line))), line)
	}
}

func TestAppendFailureIsOneLineOfJSON(t *testing.T) {
	b := appendFailure(nil, json.RawMessage(`"a"`), 7, errors.New("bad \xff \"quoted\"\nline"))
	require.Equal(t, 1, bytes.Count(b, []byte("\n")))
	var v struct {
		ID    string
		Error string
		Line  int
	}
	require.NoError(t, json.Unmarshal(b, &v))
	require.Equal(t, "a", v.ID)
	require.Contains(t, v.Error, `"quoted"`)
	require.Equal(t, 7, v.Line)
}

// TestAnswerLinesKeepsOrder: early lines take longest, and still come first.
func TestAnswerLinesKeepsOrder(t *testing.T) {
	var in strings.Builder
	in.WriteString("\ufeff")
	for i := range 200 {
		fmt.Fprintf(&in, "%d\r\n", i)
		if i%50 == 0 {
			in.WriteString("\n  \n") // blank lines are passed over
		}
	}
	in.WriteString("last, without an end")
	var out bytes.Buffer
	lines, failed, err := answerLines(context.Background(), bufio.NewReader(strings.NewReader(in.String())), &out, 8, 1000, func(line []byte, number int) ([]byte, bool) {
		if len(line) == 1 {
			time.Sleep(5 * time.Millisecond)
		}
		return append(line, '\n'), len(line) == 1
	})
	require.NoError(t, err)
	require.Equal(t, 201, lines)
	require.Equal(t, 10, failed)
	var want strings.Builder
	for i := range 200 {
		fmt.Fprintf(&want, "%d\n", i)
	}
	want.WriteString("last, without an end\n")
	require.Equal(t, want.String(), out.String())
}

func TestAnswerLinesTooLong(t *testing.T) {
	in := `{"id":"long","t":[` + strings.Repeat("1,", 50000) + "\n" + `{"id":"short"}` + "\n"
	var out bytes.Buffer
	lines, failed, err := answerLines(context.Background(), bufio.NewReaderSize(strings.NewReader(in), 16), &out, 2, 2000, func(line []byte, number int) ([]byte, bool) {
		require.Equal(t, 2, number)
		return append(line, '\n'), false
	})
	require.NoError(t, err)
	require.Equal(t, 2, lines)
	require.Equal(t, 1, failed)
	require.Equal(t, `{"id":"long","error":"the line is longer than 2000 bytes","line":1}`+"\n"+`{"id":"short"}`+"\n", out.String())
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

type failingReader struct{ io.Reader }

func (r failingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("broken pipe")
	}
	return n, err
}

func TestAnswerLinesFailures(t *testing.T) {
	echo := func(line []byte, number int) ([]byte, bool) { return append(line, '\n'), false }
	many := strings.Repeat("line\n", 1000)
	_, _, err := answerLines(context.Background(), bufio.NewReader(strings.NewReader(many)), failingWriter{}, 3, 100, echo)
	require.ErrorContains(t, err, "disk full")
	lines, _, err := answerLines(context.Background(), bufio.NewReader(failingReader{strings.NewReader(many)}), io.Discard, 3, 100, echo)
	require.ErrorContains(t, err, "broken pipe")
	require.Equal(t, 1000, lines)

	// Interrupted while standard input is silent.
	ctx, cancel := context.WithCancel(context.Background())
	pipe, hold := io.Pipe()
	defer hold.Close()
	time.AfterFunc(10*time.Millisecond, cancel)
	_, _, err = answerLines(ctx, bufio.NewReader(pipe), io.Discard, 3, 100, echo)
	require.ErrorIs(t, err, context.Canceled)
}

// FuzzJSONL: any bytes are answered by one line of JSON for each line that is
// not blank, in order, and without a panic.
func FuzzJSONL(f *testing.F) {
	f.Add([]byte(`{"id":"a","t":[0,1],"x":[[1,null],[2,3]],"query":[3]}` + "\n{}\n"))
	f.Add([]byte(`{"id":"a","t":[0,1],"x":[[1],[2,3]],"query":[3]}`))
	f.Add([]byte(`{"t":["2024-02-29","2024-03-01 12:00"],"x":[[1],[2]],"query":["2024-03-02T00:00:00.5"]}`))
	f.Add([]byte(`{"id":{"b":[1]},"t":[1e999],"x":[[]],"query":[null]}`))
	f.Add([]byte("\ufeff[\n\r\n{\"id\":1,\"t\":[0],\"x\":[[NaN]]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		want := 0
		for line := range bytes.Lines(bytes.TrimPrefix(text, byteOrderMark)) {
			if len(bytes.TrimSpace(line)) > 0 {
				want++
			}
		}
		var out bytes.Buffer
		lines, _, err := answerLines(context.Background(), bufio.NewReader(bytes.NewReader(text)), &out, 2, 1<<16, func(line []byte, number int) ([]byte, bool) {
			task, err := parseTask(line)
			if err == nil {
				err = task.series.Validate()
			}
			if err != nil {
				return appendFailure(nil, task.id, number, err), true
			}
			// The answer of a model that repeats the first row.
			fc := &lassode.Forecast{Times: task.query}
			for range task.query {
				fc.Mean = append(fc.Mean, task.series.Values[0])
			}
			return appendAnswer(nil, task, fc, nil, false), false
		})
		require.NoError(t, err)
		require.Equal(t, want, lines)
		answers := 0
		for line := range bytes.Lines(out.Bytes()) {
			require.True(t, json.Valid(line), "%q", line)
			answers++
		}
		require.Equal(t, want, answers)
	})
}
