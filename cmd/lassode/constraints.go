package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/internal/csv"
)

// constraintFlags are -lower, -upper, -total and -tolerance of a command. Names
// of channels are looked up in each series.
type constraintFlags struct {
	lower, upper, total, tolerance string
}

func (k *constraintFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&k.lower, "lower", "", "least `values` of the channels: 0 for all, or level=0,flow=-5")
	fs.StringVar(&k.upper, "upper", "", "largest `values` of the channels, written as for -lower")
	fs.StringVar(&k.total, "total", "", "conserved `sum`: tank1+tank2=100, with weights 2*a+-1*b=0")
	fs.StringVar(&k.tolerance, "tolerance", "", "by how much observations may miss -lower, -upper and -total, because of noise: `values` as for -lower")
}

// given reports whether there are any constraints.
func (k *constraintFlags) given() bool { return *k != constraintFlags{} }

// check reports mistakes that need no series to be seen.
func (k *constraintFlags) check(fs *flag.FlagSet) error {
	for _, name := range []string{"lower", "upper", "total", "tolerance"} {
		if given(fs, name) && fs.Lookup(name).Value.String() == "" {
			return usagef("-%s is empty; leave it out where there is none", name)
		}
	}
	for _, f := range []struct{ name, text string }{{"lower", k.lower}, {"upper", k.upper}, {"tolerance", k.tolerance}} {
		if _, err := parseBounds(f.text, nil, 0); err != nil {
			return usagef("-%s: %v", f.name, err)
		}
	}
	if _, _, err := parseTotal(k.total, nil); err != nil {
		return usagef("-total: %v", err)
	}
	if k.tolerance != "" && k.lower == "" && k.upper == "" && k.total == "" {
		return usagef("-tolerance says by how much -lower, -upper or -total may be missed; give one of them")
	}
	return nil
}

// of makes the constraints of a series, nil if there are none.
func (k *constraintFlags) of(s lassode.Series) (*lassode.Constraints, error) {
	if !k.given() {
		return nil, nil
	}
	names := channelNames(s)
	c := &lassode.Constraints{}
	var err error
	if c.Lower, err = parseBounds(k.lower, names, math.Inf(-1)); err != nil {
		return nil, fmt.Errorf("-lower: %w", err)
	}
	if c.Upper, err = parseBounds(k.upper, names, math.Inf(1)); err != nil {
		return nil, fmt.Errorf("-upper: %w", err)
	}
	if c.Tolerance, err = parseBounds(k.tolerance, names, 0); err != nil {
		return nil, fmt.Errorf("-tolerance: %w", err)
	}
	if c.Weights, c.Total, err = parseTotal(k.total, names); err != nil {
		return nil, fmt.Errorf("-total: %w", err)
	}
	return c, nil
}

// parseBounds reads "0" or "a=0,b=-5" into one value per name, other where there
// is none. It returns nil for "", and without names checks the numbers alone.
func parseBounds(text string, names []string, other float64) ([]float64, error) {
	if text == "" {
		return nil, nil
	}
	values := make([]float64, len(names))
	for i := range values {
		values[i] = other
	}
	seen := map[string]bool{}
	for word := range strings.SplitSeq(text, ",") {
		name, number := "", word
		if i := strings.LastIndexByte(word, '='); i >= 0 {
			name, number = strings.TrimSpace(word[:i]), word[i+1:]
		}
		v, err := parseNumber(number)
		if err != nil {
			return nil, err
		}
		switch {
		case name == "" && strings.Contains(word, "="):
			return nil, fmt.Errorf("%q names no channel", word)
		case name == "" && text != word:
			return nil, fmt.Errorf("%q names no channel; write one number for all, or name=number for each", word)
		case name == "":
			for i := range values {
				values[i] = v
			}
		case seen[name]:
			return nil, fmt.Errorf("%q has two values", name)
		case names != nil:
			i, err := channelIndex(names, name)
			if err != nil {
				return nil, err
			}
			values[i] = v
		}
		seen[name] = true
	}
	return values, nil
}

// parseTotal reads "a+b=100" or "2*a+-1*b=0" into a weight per name and the
// total; nil for "". Without names it checks the form alone.
func parseTotal(text string, names []string) (weights []float64, total float64, err error) {
	if text == "" {
		return nil, 0, nil
	}
	at := strings.LastIndexByte(text, '=')
	if at < 0 {
		return nil, 0, fmt.Errorf("%q has no =, want a sum of channels and its value as in tank1+tank2=100", text)
	}
	if total, err = parseNumber(text[at+1:]); err != nil {
		return nil, 0, err
	}
	weights = make([]float64, len(names))
	for term := range strings.SplitSeq(text[:at], "+") {
		name, w := strings.TrimSpace(term), 1.
		if names == nil || !slices.Contains(names, name) {
			if number, rest, ok := strings.Cut(name, "*"); ok {
				if w, err = parseNumber(number); err != nil {
					return nil, 0, err
				}
				name = strings.TrimSpace(rest)
			}
		}
		if name == "" {
			return nil, 0, fmt.Errorf("%q has a summand without a channel", text)
		}
		if names == nil {
			continue
		}
		i, err := channelIndex(names, name)
		if err != nil {
			return nil, 0, err
		}
		weights[i] += w
	}
	return weights, total, nil
}

func parseNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return v, nil
}

func channelIndex(names []string, name string) (int, error) {
	if i := slices.Index(names, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("there is no channel %q, the channels are %s", name, listNames(names))
}

// listNames is the names, of many the first.
func listNames(names []string) string {
	if len(names) > 8 {
		names = append(slices.Clone(names[:8]), "...")
	}
	return strings.Join(names, ", ")
}

// describeConstraints words errors about constraints in terms of the flags and
// the names of the channels, times in those of the clock; it returns nil for other errors.
func describeConstraints(s lassode.Series, clock csv.Clock, err error) error {
	var input *lassode.InputError
	if s.Constraints == nil || !errors.As(err, &input) || !strings.Contains(input.Field+input.Want, "Constraints.") {
		return nil
	}
	names := channelNames(s)
	var pairs []string
	for _, f := range []struct{ field, flag string }{{"Lower", "-lower"}, {"Upper", "-upper"}, {"Tolerance", "-tolerance"}} {
		for c, name := range names {
			pairs = append(pairs, fmt.Sprintf("Constraints.%s[%d]", f.field, c), f.flag+" of "+name)
		}
	}
	for c, name := range names {
		pairs = append(pairs, fmt.Sprintf("Constraints.Weights[%d]", c), "the weight of "+name+" in -total")
	}
	pairs = append(pairs, "Constraints.Weights", "the weights of -total", "Constraints.Total", "-total", " Tolerance ", " -tolerance ")
	words := strings.NewReplacer(pairs...)
	field := words.Replace(input.Field)
	var row, channel int
	if n, _ := fmt.Sscanf(input.Field, "Values[%d][%d]", &row, &channel); n == 2 {
		field = fmt.Sprintf("%s at t = %s", names[channel], clock.Text(s.Times[row]))
	} else if n == 1 {
		field = fmt.Sprintf("the row at t = %s", clock.Text(s.Times[row]))
	}
	return fmt.Errorf("%s is %s, want %s", field, words.Replace(input.Got), words.Replace(input.Want))
}
