package csv

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Moment is a time as it is written in a file or on the command line: a number, or a date.
type Moment struct {
	text   string
	number float64 // without a date
	date   time.Time
	layout int  // of dateLayouts; 0: a number
	zoned  bool // whether the offset from UTC was written
}

// dateLayouts are the forms of dates that are read. Seconds may have a fraction, and all but the
// last form an offset from UTC, Z or +01:00. The first stands for numbers.
var dateLayouts = [...]string{"", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

const (
	minutesLayout = 3 // the first without seconds
	toSeconds     = 2 // how far before a layout without seconds that with them is
	dayLayout     = 5
)

// ParseMoment reads a number or a date. The number may be anything that float64 holds, infinite
// and NaN too.
func ParseMoment(text string) (Moment, error) {
	m := Moment{text: text}
	if isDate(text) {
		m.zoned = strings.HasSuffix(text, "Z") || len(text) > 16 && strings.ContainsAny(text[11:], "+-")
		for i, layout := range dateLayouts[1:] {
			if m.zoned {
				layout += "Z07:00"
			}
			if date, err := time.Parse(layout, text); err == nil {
				m.date, m.layout = date, i+1
				return m, nil
			}
		}
		return m, fmt.Errorf("%s is neither a number nor a date such as 2024-02-29 06:30:00", quote(text))
	}
	v, err := strconv.ParseFloat(text, 64)
	m.number = v
	return m, err
}

// isDate reports whether a text is meant to be a date.
func isDate(text string) bool {
	return len(text) >= len(dateLayouts[dayLayout]) && text[4] == '-' && text[7] == '-'
}

// Number returns the number, and whether it is one.
func (m Moment) Number() (float64, bool) { return m.number, m.layout == 0 }

// String returns the time as it was written.
func (m Moment) String() string { return m.text }

// Clock says what the times of a series mean: numbers, as in its zero value, or seconds since
// the first of its dates.
type Clock struct{ origin Moment } // the first time of the file

// NewClock is the clock of a file whose first time is m.
func NewClock(m Moment) Clock { return Clock{m} }

// Dated reports whether times are seconds since a date.
func (c Clock) Dated() bool { return c.origin.layout > 0 }

// Origin is the date of time 0, as it was written.
func (c Clock) Origin() string { return c.origin.text }

// On returns the time of m. Numbers and dates do not mix, nor dates with and without an offset
// from UTC.
func (c Clock) On(m Moment) (float64, error) {
	switch dated := m.layout > 0; {
	case dated && !c.Dated():
		return 0, fmt.Errorf("%s is a date, the times of the series are numbers", quote(m.text))
	case !dated && c.Dated():
		return 0, fmt.Errorf("%s is no date, the times of the series are such as %s", quote(m.text), c.origin.text)
	case !dated:
		return m.number, nil
	case m.zoned && !c.origin.zoned:
		return 0, fmt.Errorf("%s has an offset from UTC, %s has none", quote(m.text), c.origin.text)
	case !m.zoned && c.origin.zoned:
		return 0, fmt.Errorf("%s has no offset from UTC, %s has one", quote(m.text), c.origin.text)
	}
	o := c.origin.date
	return float64(m.date.Unix()-o.Unix()) + 1e-9*float64(m.date.Nanosecond()-o.Nanosecond()), nil
}

// nanosecondTimes are those that float64 has to the nanosecond; others are written to the
// microsecond.
const nanosecondTimes = 1e6

// date returns the date of time t, and whether its year has four digits.
func (c Clock) date(t float64) (time.Time, bool) {
	if !(math.Abs(t) < 4e11) { // more than the years from 0 to 9999
		return time.Time{}, false
	}
	whole := math.Floor(t)
	nanos := math.Round((t - whole) * 1e9)
	if math.Abs(t) >= nanosecondTimes {
		nanos = 1e3 * math.Round((t-whole)*1e6)
	}
	o := c.origin.date
	d := time.Unix(o.Unix()+int64(whole), int64(o.Nanosecond())+int64(nanos)).In(o.Location())
	return d, d.Year() >= 0 && d.Year() <= 9999
}

// Holds reports whether t can be written: dates have the years 0 to 9999.
func (c Clock) Holds(t float64) bool {
	if !c.Dated() {
		return true
	}
	_, ok := c.date(t)
	return ok
}

// Append appends t to b as the file has its times: the shortest number that reads back as the
// same, or the date in the form of the first, finer where it must be. The clock has to hold it.
func (c Clock) Append(b []byte, t float64) []byte {
	if !c.Dated() {
		return AppendNumber(b, t)
	}
	date, _ := c.date(t)
	layout := c.origin.layout
	if layout == dayLayout && date.Hour() == 0 && date.Minute() == 0 && date.Second() == 0 && date.Nanosecond() == 0 {
		return date.AppendFormat(b, dateLayouts[dayLayout])
	}
	if layout == dayLayout {
		layout--
	}
	if layout >= minutesLayout && (date.Second() != 0 || date.Nanosecond() != 0) {
		layout -= toSeconds
	}
	form := dateLayouts[layout]
	if layout < minutesLayout {
		form += ".999999999"
	}
	if c.origin.zoned {
		if strings.HasSuffix(c.origin.text, "Z") {
			form += "Z07:00"
		} else {
			form += "-07:00"
		}
	}
	return date.AppendFormat(b, form)
}

// Text is t as Append writes it.
func (c Clock) Text(t float64) string { return string(c.Append(nil, t)) }
