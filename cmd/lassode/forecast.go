package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/internal/csv"
	"github.com/lassode/lassode/pretrained"
)

func forecastCommand() *command {
	return &command{
		name:     "forecast",
		synopsis: "-in F.csv|F.jsonl [-at LIST | -until T | -steps N | -query Q.csv | -fill] [-lower 0] [-upper V] [-total a+b=V] [-out F] [-plot F.svg|F.png] [-model W]",
		summary:  "forecast a CSV series, or a JSON Lines file of many",
		detail: `
CSV: a header t,name1,name2,... then a row per observation, times increasing, at any
spacing. The first column may also be named time, timestamp, date or datetime, with a
unit as in "t [s]"; the unit of a channel is part of its name. An empty cell, nan, NA, null or - is not observed. Columns may be separated by
semicolons, with which numbers may have decimal commas, or by tabs. The answer has
commas and points: for each channel the mean and the quantiles, as columns name,
name_q0.1, ... Times are numbers of any unit, or dates such as 2024-02-29T06:30:00Z,
"2024-02-29 06:30" or 2024-02-29; then -at, -until and -query have dates too, -step may
be a duration such as 90s, 1h30m or 1d, and rates are those per second. Dates without an
offset are taken as if all days had 24 hours.

JSON Lines: one task a line, in any mix of sizes,
  {"id":"a","t":[0,1,2],"x":[[1.5,null],[1.2,0.3],[0.9,0.4]],"query":[3,4]}
answered in the same order by
  {"id":"a","t":[3,4],"mean":[[...],...],"quantiles":{"0.1":[[...],...],...}}
or {"id":"a","error":"...","line":7}; a bad line never stops the others, and the exit
code is 1 only where all lines are bad. Times may be dates as well. "names" has the
names of the channels. Keys are in lower case, others are ignored. A line without "query" is
answered at the times that the flags ask for.

Single observations that stand alone, such as a sensor's that failed for a moment, what a
stuck sensor repeats, and a number such as -999 that stands for no value are left out and
named: on the standard error, or in the answer to a line as
"outliers":[[t,channel,value],...]. With -keep-outliers they are believed.

Times may be asked anywhere: ahead, in gaps, or before the first observation.
Without any of -at, -until, -steps, -query and -fill the forecast goes on for half
the observed span.

An input whose future is known, such as the plan of a controller, is a column that goes
on after the others: leave their cells empty in the rows of the plan, and ask with
-fill, which answers at all rows in which something was not observed.

With -lower, -upper and -total the forecast keeps what is known of the system:
bounds, and a conserved sum of channels. Channels without a name are x1, x2, ...
Observations that break a constraint by more than -tolerance are an error.`,
		examples: `
lassode forecast -in pump.csv -until 120 -out ahead.csv -plot ahead.svg
lassode forecast -in pump.csv -at 10.5,11,20:30:0.5
lassode forecast -in load.csv -until 2024-03-07 -step 15m
lassode forecast -in load.csv -at 2024-03-01/2024-03-02/15m,2024-03-07
lassode forecast -in pump.csv -steps 50 -quantiles 0.05,0.5,0.95 -rates
lassode forecast -in tanks.csv -lower 0 -upper tank1=80 -total tank1+tank2=100
lassode forecast -in plan.csv -fill -out answer.csv
lassode forecast -in tasks.jsonl.gz -out answers.jsonl.gz
generator | lassode forecast -in - -steps 20 > answers.jsonl`,
		run: runForecast,
	}
}

// horizon is how the command line asks for times.
type horizon struct {
	at    []float64
	until float64
	steps int
	step  float64
	query *csv.Query
	fill  bool   // the rows that lack a channel
	flag  string // the one that asks, for messages

	// What the clock of the series has to say first.
	dates    []dateRange // of -at
	end      *csv.Moment // of -until
	duration bool        // -step has a unit
	clock    csv.Clock
}

// dateRange is n dates with a step in seconds between them.
type dateRange struct {
	first csv.Moment
	n     int
	step  float64
}

// setUntil takes the value of -until.
func (h *horizon) setUntil(m *csv.Moment) error {
	if v, number := m.Number(); number && (math.IsInf(v, 0) || math.IsNaN(v)) {
		return usagef("-until is %v, want a finite time", v)
	}
	h.end = m
	return nil
}

// on returns h for a series with this clock.
func (h horizon) on(clock csv.Clock) (horizon, error) {
	h.clock = clock
	if h.at != nil && clock.Dated() {
		return h, fmt.Errorf("-at has numbers, the times of the series are such as %s", clock.Origin())
	}
	for _, r := range h.dates {
		t, err := clock.On(r.first)
		if err != nil {
			return h, fmt.Errorf("-at: %w", err)
		}
		for i := range r.n {
			h.at = append(h.at, t+float64(i)*r.step)
		}
	}
	if h.end != nil {
		var err error
		if h.until, err = clock.On(*h.end); err != nil {
			return h, fmt.Errorf("-until: %w", err)
		}
	}
	if h.duration && !clock.Dated() {
		return h, errors.New("-step is a duration, the times of the series are numbers without a unit")
	}
	if h.query != nil {
		q, err := h.query.On(clock)
		if err != nil {
			return h, fmt.Errorf("-query: %w", err)
		}
		h.query = q
	}
	return h, nil
}

// momentFlag is a flag whose value is a time.
type momentFlag struct{ moment csv.Moment }

func (f *momentFlag) String() string { return f.moment.String() }

func (f *momentFlag) Set(text string) (err error) {
	f.moment, err = csv.ParseMoment(strings.TrimSpace(text))
	if errors.Is(err, strconv.ErrSyntax) {
		return fmt.Errorf("%q is neither a number nor a date such as 2024-02-29 06:30:00", text)
	}
	return err
}

// parseStep reads a length of time: a number, or a duration in seconds.
func parseStep(text string) (step float64, duration bool, err error) {
	if step, err = strconv.ParseFloat(text, 64); err != nil {
		if step, err = parseDuration(text); err != nil {
			return 0, false, fmt.Errorf("%q is no step, want a number, or a duration such as 90s, 1h30m or 0.5d", text)
		}
		duration = true
	}
	if !(step > 0 && step <= lassode.MaxTime) {
		return 0, false, fmt.Errorf("%s is no step, want a positive number of at most %g", text, lassode.MaxTime)
	}
	return step, duration, nil
}

// parseDuration is time.ParseDuration in seconds, with days and without its limit of 292
// years.
func parseDuration(text string) (seconds float64, err error) {
	for _, unit := range []struct {
		name    string
		seconds float64
	}{{"d", 86400}, {"h", 3600}} {
		if number, rest, ok := strings.Cut(text, unit.name); ok {
			v, err := strconv.ParseFloat(number, 64)
			if err != nil {
				return 0, err
			}
			seconds += v * unit.seconds
			text = rest
		}
	}
	if text == "" {
		return seconds, nil
	}
	d, err := time.ParseDuration(text)
	return seconds + d.Seconds(), err
}

func runForecast(ctx context.Context, env *environment, c *command, args []string) error {
	fs := c.flags(env)
	in := fs.String("in", "", "`file` to forecast: CSV or JSON Lines, .gz accepted, - for standard input")
	out := fs.String("out", "-", "`file` for the answer; an older file stays until the new one is complete")
	at := fs.String("at", "", "comma-separated `times`; a:b:s stands for the numbers a, a+s, ... up to b, and a/b/s for dates")
	var until momentFlag
	fs.Var(&until, "until", "forecast at every step up to this `time`")
	steps := fs.Int("steps", 0, "forecast this `number` of steps")
	step := fs.String("step", "", "`length` of a step for -until and -steps (default the median step of the channel that is observed most densely)")
	queryFile := fs.String("query", "", "CSV `file` with the times in its first column; further columns are true values for -plot")
	fill := fs.Bool("fill", false, "forecast at the rows in which a channel is not observed")
	plotFile := fs.String("plot", "", "draw the forecast of a CSV series into this .svg or .png `file`")
	modelFile := fs.String("model", "", "weights `file` (default: the built-in weights)")
	quantiles := fs.String("quantiles", "0.1,0.5,0.9", "comma-separated quantile `levels`")
	rates := fs.Bool("rates", false, "also write the rate of change of the mean")
	keep := fs.Bool("keep-outliers", false, keepUsage)
	workers := fs.Int("workers", 0, "`number` of tasks of a JSON Lines file worked on at a time (default: all processors)")
	var limits constraintFlags
	limits.define(fs)
	positional, err := parse(fs, args)
	if err != nil {
		return err
	}
	if *in == "" && len(positional) == 1 {
		*in, positional = positional[0], nil
	}
	if err := noArguments(positional); err != nil {
		return err
	}
	if *in == "" {
		return usagef("-in is missing, want a CSV or JSON Lines file, or - for standard input")
	}
	ways := 0
	h := horizon{until: math.NaN(), fill: *fill, flag: "the default horizon"}
	for _, name := range []string{"at", "until", "steps", "query", "fill"} {
		if given(fs, name) && (name != "fill" || *fill) {
			ways++
			h.flag = "-" + name
		}
	}
	if ways == 0 && given(fs, "step") {
		h.flag = "-step"
	}
	if ways > 1 {
		return usagef("give only one of -at, -until, -steps, -query and -fill")
	}
	if given(fs, "at") {
		if h.at, h.dates, err = parseTimes(*at); err != nil {
			return usagef("-at: %v", err)
		}
	}
	if given(fs, "until") {
		if err := h.setUntil(&until.moment); err != nil {
			return err
		}
	}
	if given(fs, "steps") {
		if h.steps = *steps; h.steps < 1 || h.steps > lassode.MaxQueries {
			return usagef("-steps is %d, want 1 to %d", *steps, lassode.MaxQueries)
		}
	}
	if given(fs, "query") && *queryFile == "" {
		return usagef("-query is empty, want a CSV file")
	}
	if given(fs, "step") {
		if given(fs, "at") || given(fs, "query") || *fill {
			return usagef("-step is the step of -until and -steps, give it without -at, -query and -fill")
		}
		if h.step, h.duration, err = parseStep(*step); err != nil {
			return usagef("-step: %v", err)
		}
	}
	levels, err := parseLevels(*quantiles)
	if err != nil {
		return usagef("-quantiles: %v", err)
	}
	if err := limits.check(fs); err != nil {
		return err
	}
	if err := checkWorkers(*workers); err != nil {
		return err
	}
	if *workers == 0 {
		*workers = runtime.GOMAXPROCS(0)
	}
	pictureFormat := ""
	if *plotFile != "" {
		if pictureFormat, err = pictureFormatOf(*plotFile); err != nil {
			return usagef("-plot: %v", err)
		}
	}
	if *queryFile == "-" && *in == "-" {
		return usagef("-in and -query cannot both be standard input")
	}

	source, err := await(ctx, func() (*input, error) { return openInput(env, *in) })
	if err != nil {
		return err
	}
	defer source.Close()
	if *queryFile != "" {
		h.query, err = await(ctx, func() (*csv.Query, error) {
			file, err := openInput(env, *queryFile)
			if err != nil {
				return nil, err
			}
			defer file.Close()
			return csv.ReadQuery(file, file.name)
		})
		if err != nil {
			return err
		}
	}
	format, err := await(ctx, func() (string, error) { return source.format(), nil })
	if err != nil {
		return err
	}
	if format == "jsonl" && *plotFile != "" {
		return usagef("-plot draws one series, it does not work on JSON Lines")
	}
	model, err := loadModel(env, *modelFile)
	if err != nil {
		return err
	}
	if err := keepInputs([]string{*in, *queryFile, *modelFile}, *out, *plotFile); err != nil {
		return err
	}
	if *plotFile != "" && filepath.Clean(*out) == filepath.Clean(*plotFile) {
		return usagef("-out and -plot are both %s, want two files", *out)
	}
	var picture *output
	if *plotFile != "" {
		if picture, err = createOutput(env, *plotFile); err != nil {
			return err
		}
		defer picture.Abort()
	}
	result, err := createOutput(env, *out)
	if err != nil {
		return err
	}
	defer result.Abort()

	if format == "jsonl" {
		lines, failed, err := forecastLines(ctx, model, source, result, *workers, h, &limits, *keep, levels, *rates)
		if err != nil {
			return fmt.Errorf("%s: after %s: %w", source.name, plural(lines, "line"), err)
		}
		if lines == 0 {
			return fmt.Errorf("%s is empty, want one task a line", source.name)
		}
		if err := result.Commit(); err != nil {
			return err
		}
		if failed == lines {
			return fmt.Errorf("%s: %s, all answered by an error", source.name, plural(lines, "line"))
		}
		if failed > 0 {
			fmt.Fprintf(env.stderr, "lassode forecast: %d of %s answered by an error\n", failed, plural(lines, "line"))
		}
		return nil
	}

	var clock csv.Clock
	series, err := await(ctx, func() (s lassode.Series, err error) {
		s, clock, err = csv.ReadSeries(source, source.name)
		return s, err
	})
	if err != nil {
		return err
	}
	series.KeepOutliers = *keep
	if h, err = h.on(clock); err != nil {
		return err
	}
	times, err := h.times(series)
	if err != nil {
		return fmt.Errorf("%s: %w", source.name, err)
	}
	if series.Constraints, err = limits.of(series); err != nil {
		return fmt.Errorf("%s: %w", source.name, err)
	}
	if err := checkSize(times, series.Channels(), levels, lassode.MaxAnswers); err != nil {
		return fmt.Errorf("%s: %w", source.name, err)
	}
	fc, err := await(ctx, func() (*lassode.Forecast, error) { return model.Forecast(series, times) })
	if err != nil {
		if broken := describeConstraints(series, clock, err); broken != nil {
			return fmt.Errorf("%s: %w", source.name, broken)
		}
		return describe(source.name, err)
	}
	if err := csv.WriteForecast(result, channelNames(series), clock, fc, levels, *rates); err != nil {
		return err
	}
	if picture != nil {
		fig, err := forecastFigure(model, source.name, series, clock, times, h.query)
		if err != nil {
			return err
		}
		if err := fig.draw(picture, pictureFormat); err != nil {
			return err
		}
		if err := picture.Commit(); err != nil {
			return err
		}
	}
	if err := result.Commit(); err != nil {
		return err
	}
	reportOutliers(env, series, clock, fc)
	if l := model.Info().Library; !l.Knows(series.Names) {
		fmt.Fprintf(env.stderr, "the runs in the weights have the channels %s, not %s: forecast without them\n", strings.Join(l.Names, ", "), strings.Join(series.Names, ", "))
	}
	if h.query != nil {
		reportTruth(env, series, fc, h.query)
	}
	return nil
}

const keepUsage = "believe single values that stand alone, and numbers such as -999, instead of leaving them out"

// forecastLines answers a JSON Lines file.
func forecastLines(ctx context.Context, model *lassode.Model, in *input, w io.Writer, workers int, h horizon, limits *constraintFlags, keep bool, levels []float64, rates bool) (lines, failed int, err error) {
	return answerLines(ctx, in.Reader, w, workers, maxLine, func(line []byte, number int) ([]byte, bool) {
		t, err := parseTask(line)
		t.series.KeepOutliers = keep
		var fc *lassode.Forecast
		if err == nil {
			fc, err = forecastTask(model, t, h, limits, levels)
		}
		if err != nil {
			return appendFailure(nil, t.id, number, err), true
		}
		return appendAnswer(nil, t, fc, levels, rates), false
	})
}

// checkSize rejects an answer of more than most values of the mean, or four times as many
// quantiles: all are in memory before it is written.
func checkSize(times []float64, channels int, levels []float64, most int) error {
	if len(times) > most/channels {
		return fmt.Errorf("%s are asked for, want at most %d for %s", plural(len(times), "time"), most/channels, plural(channels, "channel"))
	}
	if n := 4 * most / (len(times) * channels); len(levels) > n {
		return fmt.Errorf("-quantiles has %s, want at most %d at %s of %s", plural(len(levels), "level"), n, plural(len(times), "time"), plural(channels, "channel"))
	}
	return nil
}

// maxLineAnswers is the largest number of query times times channels of a line, of which
// as many are in memory as there are workers.
const maxLineAnswers = lassode.MaxAnswers / 16

func forecastTask(model *lassode.Model, t task, h horizon, limits *constraintFlags, levels []float64) (*lassode.Forecast, error) {
	if err := t.series.Validate(); err != nil {
		return nil, describe("", err)
	}
	var err error
	if t.series.Constraints, err = limits.of(t.series); err != nil {
		return nil, err
	}
	at := t.query
	if at == nil {
		if h, err = h.on(t.clock); err != nil {
			return nil, err
		}
		if at, err = h.times(t.series); err != nil {
			return nil, err
		}
	}
	if err := checkSize(at, t.series.Channels(), levels, maxLineAnswers); err != nil {
		return nil, err
	}
	fc, err := model.Forecast(t.series, at)
	if err != nil {
		if broken := describeConstraints(t.series, t.clock, err); broken != nil {
			return nil, broken
		}
		return nil, describe("", err)
	}
	return fc, nil
}

// describe words an error of the engine for the command line: fields are
// named as in the files, without the package's prefix.
func describe(name string, err error) error {
	if err == nil {
		return nil
	}
	var input *lassode.InputError
	if !errors.As(err, &input) {
		if name != "" {
			return fmt.Errorf("%s: %w", name, err)
		}
		return err
	}
	field := input.Field
	for _, r := range []struct{ from, to string }{{"Times", "t"}, {"Values", "x"}, {"Names", "names"}, {"at", "query"}} {
		if rest, ok := strings.CutPrefix(field, r.from); ok && (rest == "" || rest[0] == '[') {
			field = r.to + rest
			break
		}
	}
	want := strings.ReplaceAll(input.Want, "Times[", "t[")
	if name != "" {
		field = name + ": " + field
	}
	return fmt.Errorf("%s is %s, want %s", field, input.Got, want)
}

// times turns the asked horizon into query times for one series.
func (h horizon) times(s lassode.Series) ([]float64, error) {
	times, err := h.anyTimes(s)
	if err != nil {
		return nil, err
	}
	for _, t := range times {
		if !(math.Abs(t) <= lassode.MaxTime) {
			return nil, fmt.Errorf("%s asks for the time %v, want at most %g in magnitude", h.flag, t, lassode.MaxTime)
		}
		if !h.clock.Holds(t) {
			return nil, fmt.Errorf("%v seconds after %s is beyond the years 0 to 9999", t, h.clock.Origin())
		}
	}
	return times, nil
}

// anyTimes is times without regard to what dates can be written.
func (h horizon) anyTimes(s lassode.Series) ([]float64, error) {
	if h.query != nil {
		return h.query.Times, nil
	}
	if h.at != nil {
		return h.at, nil
	}
	if h.fill {
		var times []float64
		for i, row := range s.Values {
			if slices.ContainsFunc(row, func(v float64) bool { return v != v }) {
				times = append(times, s.Times[i])
			}
		}
		if times == nil {
			return nil, errors.New("-fill has nothing to do: all channels are observed in all rows")
		}
		return times, nil
	}
	n := len(s.Times)
	last := s.Times[n-1]
	step := h.step
	if step == 0 && n > 1 {
		step = usualStep(s)
	}
	if !math.IsNaN(h.until) {
		if h.until <= last {
			return nil, fmt.Errorf("-until %s is not after the last observation at %s; use -at for earlier times", h.clock.Text(h.until), h.clock.Text(last))
		}
		if step == 0 {
			step = (h.until - last) / 100
		}
		count := math.Ceil((h.until-last)/step - 1e-9)
		if !(count <= lassode.MaxQueries) {
			return nil, fmt.Errorf("-until %s is more than %d steps of %v ahead; give a longer -step", h.clock.Text(h.until), lassode.MaxQueries, step)
		}
		times := stepTimes(last, step, max(int(count), 1)) // it may be next to no step ahead
		times[len(times)-1] = h.until
		return times, nil
	}
	if step == 0 {
		return nil, errors.New("one observation does not tell the length of a step; use -at, -until or -step")
	}
	steps := h.steps
	if steps == 0 {
		ahead := (last - s.Times[0]) / 2
		if h.step == 0 {
			step = max(step, ahead/float64(n)) // bursts are no reason for more times than rows
		}
		count := math.Round(ahead / step)
		if !(count <= lassode.MaxQueries) {
			return nil, fmt.Errorf("half the observed span has more than %d steps of %v; give -steps, or a longer -step", lassode.MaxQueries, step)
		}
		steps = max(1, int(count))
	}
	times := stepTimes(last, step, steps)
	if end := times[len(times)-1]; math.IsInf(end, 0) || times[0] == last {
		return nil, fmt.Errorf("a step of %v cannot be told apart from the time %v", step, last)
	}
	return times, nil
}

// stepTimes is last+step, last+2 step, ...
func stepTimes(last, step float64, n int) []float64 {
	times := make([]float64, n)
	for i := range times {
		times[i] = last + float64(i+1)*step
	}
	return times
}

// usualStep is the median step of the channel where that is least. Sensors that are read
// shortly after one another do not make it the time between their readings.
func usualStep(s lassode.Series) float64 {
	least := math.Inf(1)
	steps := make([]float64, 0, len(s.Times))
	for c := range s.Channels() {
		steps = steps[:0]
		last := math.NaN()
		for i, row := range s.Values {
			if row[c] != row[c] {
				continue
			}
			if d := s.Times[i] - last; d == d {
				steps = append(steps, d)
			}
			last = s.Times[i]
		}
		if len(steps) > 0 {
			slices.Sort(steps)
			least = min(least, steps[len(steps)/2])
		}
	}
	if math.IsInf(least, 1) { // no channel is observed twice
		return (s.Times[len(s.Times)-1] - s.Times[0]) / float64(len(s.Times)-1)
	}
	return least
}

// parseTimes reads "1,2.5,10:20:0.5", or dates and ranges of them: 2024-03-01/2024-03-02/15m.
func parseTimes(list string) (times []float64, dates []dateRange, err error) {
	dated := 0
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		if first, _, _ := strings.Cut(word, "/"); isDate(first) {
			r, err := parseDates(word)
			if err != nil {
				return nil, nil, err
			}
			dates, dated = append(dates, r), dated+r.n
		} else if times, err = appendTimes(times, word); err != nil {
			return nil, nil, err
		}
		if len(times)+dated > lassode.MaxQueries {
			return nil, nil, fmt.Errorf("more than %d times", lassode.MaxQueries)
		}
	}
	if times != nil && dates != nil {
		return nil, nil, errors.New("numbers and dates do not mix")
	}
	return times, dates, nil
}

// isDate reports whether a text is a date.
func isDate(text string) bool {
	m, err := csv.ParseMoment(strings.TrimSpace(text))
	_, number := m.Number()
	return err == nil && !number
}

// parseDates reads a date, or first/last/step.
func parseDates(word string) (r dateRange, err error) {
	parts := strings.Split(word, "/")
	if r.first, err = csv.ParseMoment(strings.TrimSpace(parts[0])); err != nil || len(parts) == 1 {
		return dateRange{r.first, 1, 0}, err
	}
	if len(parts) != 3 || !isDate(parts[1]) {
		return r, fmt.Errorf("%q is not a range of dates, want first/last/step as in 2024-03-01/2024-03-02/15m", word)
	}
	last, err := csv.ParseMoment(strings.TrimSpace(parts[1]))
	if err != nil {
		return r, err
	}
	span, err := csv.NewClock(r.first).On(last)
	if err != nil {
		return r, err
	}
	if r.step, _, err = parseStep(strings.TrimSpace(parts[2])); err != nil {
		return r, err
	}
	n := math.Floor(span/r.step+1e-9) + 1
	if !(n <= lassode.MaxQueries) {
		return r, fmt.Errorf("%q are more than %d times", word, lassode.MaxQueries)
	}
	if r.n = int(n); r.n < 1 {
		return r, fmt.Errorf("%q is not a range of dates: the last is before the first", word)
	}
	return r, nil
}

// appendTimes reads a number, or a range of them: 10:20:0.5.
func appendTimes(times []float64, word string) ([]float64, error) {
	parts := strings.Split(word, ":")
	v := make([]float64, len(parts))
	for i, p := range parts {
		f, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("%q is not a time", p)
		}
		v[i] = f
	}
	switch {
	case len(v) == 1:
		return append(times, v[0]), nil
	case len(v) == 3 && v[2] > 0 && v[1] >= v[0]:
		n := math.Floor((v[1]-v[0])/v[2] + 1e-9)
		if !(n < lassode.MaxQueries) {
			return nil, fmt.Errorf("%q are more than %d times", word, lassode.MaxQueries)
		}
		for i := range int(n) + 1 {
			times = append(times, v[0]+float64(i)*v[2])
		}
		return times, nil
	}
	return nil, fmt.Errorf("%q is not a range, want first:last:step with a positive step", word)
}

// parseLevels reads rising quantile levels.
func parseLevels(list string) ([]float64, error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	var levels []float64
	for word := range strings.SplitSeq(list, ",") {
		p, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil || !(p > 0 && p < 1) {
			return nil, fmt.Errorf("%q is not a level, want more than 0 and less than 1", word)
		}
		levels = append(levels, p)
	}
	slices.Sort(levels)
	return slices.Compact(levels), nil
}

// loadModel reads a weights file, or takes the built-in weights for "".
func loadModel(env *environment, path string) (*lassode.Model, error) {
	if path == "" {
		return pretrained.Model()
	}
	return readModel(env, path, io.Discard)
}

// readModel reads a weights file, and copies its bytes to raw.
func readModel(env *environment, path string, raw io.Writer) (*lassode.Model, error) {
	in, err := openInput(env, path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	m, err := lassode.Load(io.TeeReader(in, raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.name, err)
	}
	return m, nil
}

// figurePoints is the number of times at which a curve is drawn.
const figurePoints = 500

// forecastFigure draws the observations and a fine curve over everything that
// was observed or asked.
func forecastFigure(model *lassode.Model, title string, s lassode.Series, clock csv.Clock, at []float64, q *csv.Query) (*figure, error) {
	first, last := s.Times[0], s.Times[len(s.Times)-1]
	lo, hi := min(first, slices.Min(at)), max(last, slices.Max(at))
	curve, err := curveOf(model, s, lo, hi)
	if err != nil {
		return nil, err
	}
	fig := &figure{title: title, note: fmt.Sprintf("%d observations", len(s.Times))}
	for c, name := range channelNames(s) {
		p := curve.panel(s, c)
		p.title = name
		if q != nil {
			if k := slices.Index(q.Truth.Names, name); k >= 0 {
				p.truth = points{}
				for _, i := range sortedIndex(q.Times) {
					p.truth.add(q.Times[i], q.Truth.Values[i][k])
				}
			}
		}
		fig.panels = append(fig.panels, p)
	}
	fig.arrange()
	if clock.Dated() {
		unit, name := unitOf(hi - lo)
		fig.divideTimes(unit)
		fig.xLabel = name + " from " + clock.Origin()
	}
	return fig, nil
}

// unitOf returns a unit of which a span of time, in seconds, has some.
func unitOf(span float64) (seconds float64, name string) {
	const (
		minute = 60
		hour   = 60 * minute
		day    = 24 * hour
	)
	switch {
	case span > 3*day:
		return day, "days"
	case span > 3*hour:
		return hour, "hours"
	case span > 3*minute:
		return minute, "minutes"
	}
	return 1, "seconds"
}

// curve is a forecast at regular times with its 80 % band.
type curve struct {
	fc     *lassode.Forecast
	lo, hi [][]float64
}

func curveOf(model *lassode.Model, s lassode.Series, from, to float64) (*curve, error) {
	at := make([]float64, figurePoints)
	for i := range at {
		f := float64(i) / float64(len(at)-1)
		at[i] = from*(1-f) + to*f
	}
	fc, err := model.Forecast(s, at)
	if err != nil {
		return nil, err
	}
	return &curve{fc, fc.Quantile(0.1), fc.Quantile(0.9)}, nil
}

// panel is the picture of one channel.
func (k *curve) panel(s lassode.Series, c int) panel {
	p := panel{seenFrom: s.Times[0], seenTo: s.Times[len(s.Times)-1]}
	for i, t := range s.Times {
		p.observed.add(t, s.Values[i][c])
	}
	for i, t := range k.fc.Times {
		if math.IsNaN(k.fc.Mean[i][c]) {
			continue // a channel without observations
		}
		p.mean.add(t, k.fc.Mean[i][c])
		p.lo = append(p.lo, k.lo[i][c])
		p.hi = append(p.hi, k.hi[i][c])
	}
	return p
}

// sortedIndex is the order of rising times.
func sortedIndex(times []float64) []int {
	order := make([]int, len(times))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case times[a] < times[b]:
			return -1
		case times[a] > times[b]:
			return 1
		}
		return 0
	})
	return order
}

// reportOutliers names the observations that the forecast was made without, the first
// few of each channel.
func reportOutliers(env *environment, s lassode.Series, clock csv.Clock, fc *lassode.Forecast) {
	const most = 5
	for c, name := range channelNames(s) {
		var list []string
		n := 0
		for _, o := range fc.Outliers {
			if o.Channel != c {
				continue
			}
			if n++; n <= most {
				list = append(list, fmt.Sprintf("%v at %s", o.Value, clock.Text(o.Time)))
			}
		}
		if n > most {
			list = append(list, "...")
		}
		if n > 0 {
			fmt.Fprintf(env.stderr, "%s: %s left out: %s\n", name, plural(n, "outlier"), strings.Join(list, ", "))
		}
	}
}

// reportTruth prints the error of each channel whose true values the query
// file knew.
func reportTruth(env *environment, s lassode.Series, fc *lassode.Forecast, q *csv.Query) {
	for c, name := range channelNames(s) {
		k := slices.Index(q.Truth.Names, name)
		if k < 0 {
			continue
		}
		sum, n := 0.0, 0
		for i, row := range q.Truth.Values {
			if d := row[k] - fc.Mean[i][c]; !math.IsNaN(d) {
				sum += d * d
				n++
			}
		}
		if n > 0 {
			fmt.Fprintf(env.stderr, "%s: root mean square error %.4g over %s\n", name, math.Sqrt(sum/float64(n)), plural(n, "true value"))
		}
	}
}
