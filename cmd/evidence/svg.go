package main

import (
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// curve is one line of a chart, through its points in order.
type curve struct {
	name   string
	x, y   []float64
	dots   bool // points alone
	dashed bool // a guide for the eye
	faint  bool // one of many; not in the legend
	colour int  // of the palette
}

// chart is one pair of axes.
type chart struct {
	title, x, y string
	logX, logY  bool
	curves      []curve
}

var palette = [...]string{"#1d5fa8", "#c65d1e", "#2f8f5b", "#8b4fa8", "#9a7b1c", "#6b7580"}

// writeSVG draws charts side by side, perRow in a row, into dir/name.
func writeSVG(dir, name, title string, perRow int, charts []chart) error {
	const w, h, left, right, top, bottom, head = 400, 300, 58, 12, 26, 40, 30
	rows := (len(charts) + perRow - 1) / perRow
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="Liberation Sans, Arial, sans-serif" font-size="11" fill="#1f2933">`+"\n", perRow*w, head+rows*h)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="14" y="20" font-size="14" font-weight="bold">%s</text>`+"\n", html.EscapeString(title))
	for k, c := range charts {
		ox, oy := float64(k%perRow*w+left), float64(head+k/perRow*h+top)
		pw, ph := float64(w-left-right), float64(h-top-bottom)
		ax, ay := newAxis(c.logX), newAxis(c.logY)
		for _, v := range c.curves {
			for i := range v.x {
				if ax.usable(v.x[i]) && ay.usable(v.y[i]) {
					ax.add(v.x[i])
					ay.add(v.y[i])
				}
			}
		}
		ax.close()
		ay.close()
		px := func(v float64) float64 { return ox + pw*ax.at(v) }
		py := func(v float64) float64 { return oy + ph*(1-ay.at(v)) }
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" font-weight="bold">%s</text>`+"\n", ox, oy-9, html.EscapeString(c.title))
		for _, v := range ax.ticks() {
			fmt.Fprintf(&b, `<path d="M%.1f %.1fv%.1f" stroke="#e3e6e9"/><text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", px(v), oy, ph, px(v), oy+ph+14, tick(v))
		}
		for _, v := range ay.ticks() {
			fmt.Fprintf(&b, `<path d="M%.1f %.1fh%.1f" stroke="#e3e6e9"/><text x="%.1f" y="%.1f" text-anchor="end">%s</text>`+"\n", ox, py(v), pw, ox-5, py(v)+4, tick(v))
		}
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="none" stroke="#9aa3ac"/>`+"\n", ox, oy, pw, ph)
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", ox+pw/2, oy+ph+30, html.EscapeString(c.x))
		fmt.Fprintf(&b, `<text transform="translate(%.1f %.1f) rotate(-90)" text-anchor="middle">%s</text>`+"\n", ox-44, oy+ph/2, html.EscapeString(c.y))
		line := 0
		for _, v := range c.curves {
			colour := palette[v.colour%len(palette)]
			var path strings.Builder
			for i := range v.x {
				if !ax.usable(v.x[i]) || !ay.usable(v.y[i]) {
					continue
				}
				if v.dots {
					fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="2" fill="%s" fill-opacity="0.6"/>`, px(v.x[i]), py(v.y[i]), colour)
					continue
				}
				command := "L"
				if path.Len() == 0 {
					command = "M"
				}
				fmt.Fprintf(&path, "%s%.1f %.1f", command, px(v.x[i]), py(v.y[i]))
			}
			if path.Len() > 0 {
				style := `stroke-width="1.8"`
				if v.dashed {
					style = `stroke-width="1.2" stroke-dasharray="5 4"`
				}
				if v.faint {
					style = `stroke-width="1" stroke-opacity="0.3"`
				}
				fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" %s/>`, path.String(), colour, style)
			}
			b.WriteByte('\n')
			if !v.faint && v.name != "" {
				y := oy + 14 + 14*float64(line)
				line++
				fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="10" height="3" fill="%s"/><text x="%.1f" y="%.1f">%s</text>`+"\n", ox+8, y-5, colour, ox+22, y, html.EscapeString(v.name))
			}
		}
	}
	b.WriteString("</svg>\n")
	return os.WriteFile(filepath.Join(dir, name), []byte(b.String()), 0o644)
}

// axis maps values to 0..1.
type axis struct {
	log    bool
	lo, hi float64
}

func newAxis(log bool) axis { return axis{log, math.Inf(1), math.Inf(-1)} }

func (a *axis) value(v float64) float64 {
	if a.log {
		return math.Log10(v)
	}
	return v
}

func (a *axis) usable(v float64) bool { v = a.value(v); return v-v == 0 }

func (a *axis) add(v float64) { v = a.value(v); a.lo, a.hi = min(a.lo, v), max(a.hi, v) }

// close widens the range to what ticks need.
func (a *axis) close() {
	switch {
	case !(a.lo <= a.hi):
		a.lo, a.hi = 0, 1
	case a.log && a.hi-a.lo < 1:
		a.lo, a.hi = math.Floor(a.lo), math.Floor(a.lo)+max(1, math.Ceil(a.hi-math.Floor(a.lo)))
	case a.hi == a.lo:
		a.lo, a.hi = a.lo-.5, a.hi+.5
	}
	if !a.log {
		d := .04 * (a.hi - a.lo)
		a.lo, a.hi = a.lo-d, a.hi+d
	}
}

func (a *axis) at(v float64) float64 { return (a.value(v) - a.lo) / (a.hi - a.lo) }

func (a *axis) ticks() []float64 {
	var out []float64
	if a.log {
		step := max(1, math.Ceil((a.hi-a.lo)/7))
		for e := math.Ceil(a.lo - 1e-9); e <= a.hi+1e-9; e += step {
			out = append(out, math.Pow(10, e))
		}
		return out
	}
	step := math.Pow(10, math.Floor(math.Log10((a.hi-a.lo)/3)))
	for _, m := range []float64{5, 2} {
		if (a.hi-a.lo)/(step*m) >= 3 {
			step *= m
			break
		}
	}
	for v := math.Ceil(a.lo/step) * step; v <= a.hi; v += step {
		out = append(out, v)
	}
	return out
}

func tick(v float64) string {
	if math.Abs(v) < 1e-12 {
		return "0"
	}
	return fmt.Sprintf("%.3g", v)
}
