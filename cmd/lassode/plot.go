package main

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The palette: one strong colour for the forecast, one for the truth, greys
// for everything else.
var (
	inkColor    = color.NRGBA{0x1f, 0x29, 0x33, 0xff}
	softColor   = color.NRGBA{0x6b, 0x75, 0x80, 0xff}
	gridColor   = color.NRGBA{0xe3, 0xe6, 0xe9, 0xff}
	frameColor  = color.NRGBA{0x9a, 0xa3, 0xac, 0xff}
	unseenColor = color.NRGBA{0xf4, 0xf5, 0xf7, 0xff}
	pointColor  = color.NRGBA{0x2b, 0x36, 0x41, 0xff}
	meanColor   = color.NRGBA{0x1d, 0x5f, 0xa8, 0xff}
	bandColor   = color.NRGBA{0x1d, 0x5f, 0xa8, 0x33}
	truthColor  = color.NRGBA{0xc6, 0x5d, 0x1e, 0xff}
)

// Limits of one picture.
const (
	maxPanels      = 36
	maxPanelPoints = 2000
)

// points are the coordinates of dots or of a line.
type points struct{ t, y []float64 }

// add appends one point; NaN is dropped.
func (p *points) add(t, y float64) {
	if !math.IsNaN(y) && !math.IsInf(y, 0) {
		p.t, p.y = append(p.t, t), append(p.y, y)
	}
}

// panel is one small plot: a channel of a system.
type panel struct {
	title            string
	observed         points
	mean             points
	lo, hi           []float64 // the band at the points of mean; nil = none
	truth            points
	seenFrom, seenTo float64 // the observed span; the rest is shaded
	blank            bool    // an empty place in the grid
}

// figure is a grid of panels.
type figure struct {
	title, note string
	panels      []panel // row by row
	columns     int
	rowTitles   []string // one for each row, or nil
	xLabel      string   // "t" when empty
	plain       bool     // no legend
}

// arrange chooses the number of columns and keeps the figure readable.
func (f *figure) arrange() {
	if n := len(f.panels); n > maxPanels {
		f.note = strings.TrimPrefix(f.note+", ", ", ") + fmt.Sprintf("the first %d of %d channels", maxPanels, n)
		f.panels = f.panels[:maxPanels]
	}
	switch n := len(f.panels); {
	case n <= 4:
		f.columns = 1
	case n <= 10:
		f.columns = 2
	default:
		f.columns = 3
	}
}

// divideTimes changes the unit of time.
func (f *figure) divideTimes(unit float64) {
	for i := range f.panels {
		p := &f.panels[i]
		for _, times := range [][]float64{p.observed.t, p.mean.t, p.truth.t} {
			for j := range times {
				times[j] /= unit
			}
		}
		p.seenFrom, p.seenTo = p.seenFrom/unit, p.seenTo/unit
	}
}

// pictureFormatOf is svg or png by the name of the file.
func pictureFormatOf(path string) (string, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".svg":
		return "svg", nil
	case ".png":
		return "png", nil
	}
	return "", fmt.Errorf("%q is neither .svg nor .png", path)
}

var registerFonts = sync.OnceFunc(func() { font.DefaultCache.Add(liberation.Collection()) })

func style(size vg.Length, c color.Color, bold bool, x text.XAlignment, y text.YAlignment) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = xfont.WeightBold
	}
	return text.Style{Color: c, Font: f, XAlign: x, YAlign: y, Handler: text.Plain{Fonts: font.DefaultCache}}
}

// Sizes in points.
const (
	figureMargin   = 16
	headerHeight   = 30
	rowTitleHeight = 20
	panelTitle     = 15
	tickHeight     = 14
	tickWidth      = 42
	panelGap       = 12
)

// draw writes the figure as "svg" or "png".
func (f *figure) draw(w io.Writer, format string) error {
	registerFonts()
	rows := (len(f.panels) + f.columns - 1) / f.columns
	panelWidth := map[int]vg.Length{1: 640, 2: 360}[f.columns]
	if panelWidth == 0 {
		panelWidth = 270
	}
	panelHeight := vg.Length(128)
	if rows == 1 {
		panelHeight = 240
	}
	rowHeight := panelTitle + panelHeight + tickHeight
	if f.rowTitles != nil {
		rowHeight += rowTitleHeight
	}
	width := 2*figureMargin + vg.Length(f.columns)*(tickWidth+panelWidth) + vg.Length(f.columns-1)*panelGap
	height := 2*figureMargin + headerHeight + vg.Length(rows)*rowHeight + vg.Length(rows-1)*panelGap + 10

	var canvas vg.CanvasWriterTo
	switch format {
	case "svg":
		canvas = vgsvg.New(width, height)
	case "png":
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(144))}
	default:
		return fmt.Errorf("unknown picture format %q", format)
	}
	dc := draw.NewCanvas(canvas, width, height)
	dc.FillPolygon(color.White, corners(dc.Rectangle))
	f.header(&dc)

	top := height - figureMargin - headerHeight
	for i := range f.panels {
		row, col := i/f.columns, i%f.columns
		y := top - vg.Length(row)*(rowHeight+panelGap)
		x := figureMargin + vg.Length(col)*(tickWidth+panelWidth+panelGap)
		if f.rowTitles != nil {
			if col == 0 {
				dc.FillText(style(11, inkColor, true, text.XLeft, text.YTop), vg.Point{X: x, Y: y}, f.rowTitles[row])
			}
			y -= rowTitleHeight
		}
		if f.panels[i].blank {
			continue
		}
		dc.FillText(style(9, inkColor, false, text.XLeft, text.YTop), vg.Point{X: x + tickWidth, Y: y}, shorten(f.panels[i].title, int(panelWidth/5)))
		y -= panelTitle
		area := vg.Rectangle{Min: vg.Point{X: x + tickWidth, Y: y - panelHeight}, Max: vg.Point{X: x + tickWidth + panelWidth, Y: y}}
		f.panels[i].draw(draw.Canvas{Canvas: dc.Canvas, Rectangle: area})
	}
	label := f.xLabel
	if label == "" {
		label = "t"
	}
	dc.FillText(style(9, softColor, false, text.XRight, text.YBottom), vg.Point{X: width - figureMargin, Y: figureMargin - 8}, label)

	if format == "png" {
		_, err := canvas.WriteTo(w)
		return err
	}
	// Where Liberation is not installed, a font of the same widths or any
	// other without serifs takes its place.
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return err
	}
	_, err := w.Write(bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;")))
	return err
}

// header draws the title at the left and the legend at the right.
func (f *figure) header(dc *draw.Canvas) {
	base := dc.Max.Y - figureMargin - 12
	title := style(13, inkColor, true, text.XLeft, text.YBottom)
	name := shorten(f.title, 60)
	dc.FillText(title, vg.Point{X: figureMargin, Y: base}, name)
	if f.note != "" {
		dc.FillText(style(9, softColor, false, text.XLeft, text.YBottom), vg.Point{X: figureMargin + title.Width(name) + 10, Y: base}, f.note)
	}
	if f.plain {
		return
	}
	truth := slices.ContainsFunc(f.panels, func(p panel) bool { return len(p.truth.t) > 0 })
	x := dc.Max.X - figureMargin
	y := base + 5
	label := style(9, softColor, false, text.XRight, text.YBottom)
	entry := func(name string, sample func(left, right vg.Length)) {
		dc.FillText(label, vg.Point{X: x, Y: base}, name)
		x -= label.Width(name) + 5
		sample(x-18, x)
		x -= 18 + 12
	}
	entry("not observed", func(l, r vg.Length) {
		box := vg.Rectangle{Min: vg.Point{X: l + 4, Y: y - 5}, Max: vg.Point{X: r, Y: y + 5}}
		dc.FillPolygon(unseenColor, corners(box))
		dc.StrokeLines(draw.LineStyle{Color: frameColor, Width: 0.4}, append(corners(box), box.Min))
	})
	if truth {
		entry("truth", func(l, r vg.Length) { dc.StrokeLine2(truthLine, l, y, r, y) })
	}
	entry("forecast, 80 % band", func(l, r vg.Length) {
		dc.FillPolygon(bandColor, corners(vg.Rectangle{Min: vg.Point{X: l, Y: y - 5}, Max: vg.Point{X: r, Y: y + 5}}))
		dc.StrokeLine2(meanLine, l, y, r, y)
	})
	entry("observed", func(l, r vg.Length) {
		dc.DrawGlyphNoClip(draw.GlyphStyle{Color: pointColor, Radius: 1.8, Shape: draw.CircleGlyph{}}, vg.Point{X: r - 4, Y: y})
	})
}

var (
	meanLine  = draw.LineStyle{Color: meanColor, Width: 1.3}
	truthLine = draw.LineStyle{Color: truthColor, Width: 1, Dashes: []vg.Length{4, 2.5}}
)

func corners(r vg.Rectangle) []vg.Point {
	return []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}
}

// draw draws one panel into the rectangle of c.
func (p *panel) draw(c draw.Canvas) {
	xlo, xhi := span(p.observed.t, p.mean.t, p.truth.t)
	if !(xhi > xlo) {
		pad := math.Max(1, math.Abs(xlo)*0.01)
		xlo, xhi = xlo-pad, xhi+pad
	}
	ylo, yhi := p.valueRange()

	// Everything is mapped in halves, so that a range from -1e308 to 1e308
	// does not overflow.
	toX := func(t float64) vg.Length {
		return c.Min.X + vg.Length((t/2-xlo/2)/(xhi/2-xlo/2))*(c.Max.X-c.Min.X)
	}
	toY := func(y float64) vg.Length {
		y = math.Max(ylo, math.Min(yhi, y))
		return c.Min.Y + vg.Length((y/2-ylo/2)/(yhi/2-ylo/2))*(c.Max.Y-c.Min.Y)
	}
	path := func(q points) []vg.Point {
		line := make([]vg.Point, 0, min(len(q.t), maxPanelPoints))
		for _, i := range thin(len(q.t)) {
			line = append(line, vg.Point{X: toX(q.t[i]), Y: toY(q.y[i])})
		}
		return line
	}

	if p.seenTo >= p.seenFrom && len(p.observed.t) > 0 {
		left, right := toX(math.Max(p.seenFrom, xlo)), toX(math.Min(p.seenTo, xhi))
		for _, r := range []vg.Rectangle{
			{Min: c.Min, Max: vg.Point{X: left, Y: c.Max.Y}},
			{Min: vg.Point{X: right, Y: c.Min.Y}, Max: c.Max},
		} {
			if r.Max.X-r.Min.X > 0.5 {
				c.FillPolygon(unseenColor, corners(r))
			}
		}
		for _, x := range []vg.Length{left, right} {
			if x > c.Min.X+0.5 && x < c.Max.X-0.5 {
				c.StrokeLine2(draw.LineStyle{Color: frameColor, Width: 0.6, Dashes: []vg.Length{1.5, 2}}, x, c.Min.Y, x, c.Max.Y)
			}
		}
	}
	ticks := niceTicks(ylo, yhi, 4)
	for i, name := range tickNames(ticks) {
		y := toY(ticks[i])
		c.StrokeLine2(draw.LineStyle{Color: gridColor, Width: 0.5}, c.Min.X, y, c.Max.X, y)
		c.FillText(style(8, softColor, false, text.XRight, text.YCenter), vg.Point{X: c.Min.X - 4, Y: y}, name)
	}
	ticks = niceTicks(xlo, xhi, max(3, int((c.Max.X-c.Min.X)/70)))
	for i, name := range tickNames(ticks) {
		x := toX(ticks[i])
		c.StrokeLine2(draw.LineStyle{Color: frameColor, Width: 0.5}, x, c.Min.Y, x, c.Min.Y-2.5)
		c.FillText(style(8, softColor, false, text.XCenter, text.YTop), vg.Point{X: x, Y: c.Min.Y - 4}, name)
	}

	if len(p.lo) > 0 {
		var band []vg.Point
		for i, t := range p.mean.t {
			band = append(band, vg.Point{X: toX(t), Y: toY(p.hi[i])})
		}
		for i := len(p.mean.t) - 1; i >= 0; i-- {
			band = append(band, vg.Point{X: toX(p.mean.t[i]), Y: toY(p.lo[i])})
		}
		c.FillPolygon(bandColor, band)
	}
	if len(p.mean.t) > 0 {
		c.StrokeLines(meanLine, path(p.mean))
	}
	switch {
	case len(p.truth.t) > 1:
		c.StrokeLines(truthLine, path(p.truth))
	case len(p.truth.t) == 1:
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: truthColor, Radius: 2.2, Shape: draw.RingGlyph{}}, vg.Point{X: toX(p.truth.t[0]), Y: toY(p.truth.y[0])})
	}
	radius := vg.Length(1.8)
	if n := len(p.observed.t); n > 150 {
		radius = 1.1
	} else if n > 60 {
		radius = 1.4
	}
	for _, at := range path(p.observed) {
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: pointColor, Radius: radius, Shape: draw.CircleGlyph{}}, at)
	}
	c.StrokeLine2(draw.LineStyle{Color: frameColor, Width: 0.7}, c.Min.X, c.Min.Y, c.Max.X, c.Min.Y)
}

// valueRange is the range of the observations, the truth and the mean, with
// as much of the band as does not squash them.
func (p *panel) valueRange() (lo, hi float64) {
	lo, hi = span(p.observed.y, p.truth.y, p.mean.y)
	blo, bhi := span(p.lo, p.hi)
	core := hi/2 - lo/2
	if blo < lo {
		lo = math.Max(blo, lo-core)
	}
	if bhi > hi {
		hi = math.Min(bhi, hi+core)
	}
	pad := 0.05 * (hi/2 - lo/2) * 2
	if !(pad > 0) {
		if pad = 0.1 * math.Max(math.Abs(lo), math.Abs(hi)); !(pad > 0) {
			pad = 1
		}
	}
	return math.Max(lo-pad, -math.MaxFloat64), math.Min(hi+pad, math.MaxFloat64)
}

// span is the range of all finite values, 0 to 0 without any.
func span(lists ...[]float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, list := range lists {
		for _, v := range list {
			if math.Abs(v) <= math.MaxFloat64 {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	if lo > hi {
		return 0, 0
	}
	return lo, hi
}

// thin chooses at most maxPanelPoints of n points, the last one included.
func thin(n int) []int {
	stride := 1 + (n-1)/maxPanelPoints
	var index []int
	for i := 0; i < n; i += stride {
		index = append(index, i)
	}
	if n > 0 && index[len(index)-1] != n-1 {
		index = append(index, n-1)
	}
	return index
}

// niceTicks are about n round numbers inside a range.
func niceTicks(lo, hi float64, n int) []float64 {
	raw := (hi/2 - lo/2) / float64(n) * 2
	if !(raw > 0) || math.IsInf(raw, 0) {
		return nil
	}
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	if power == 0 {
		return nil // the range is below the smallest normal number
	}
	steps := []float64{10 * power, 5 * power, 2 * power, power, 0.5 * power}
	first := 0
	for first < 3 && steps[first+1] >= raw*0.99 {
		first++
	}
	// A finer step where the range happens to hold only one or two multiples.
	var ticks []float64
	for _, step := range steps[first:] {
		ticks = ticks[:0]
		for k := math.Ceil(lo / step); k*step <= hi && len(ticks) < 4*n; k++ {
			ticks = append(ticks, k*step+0) // the sum turns -0 into 0
		}
		if len(ticks) >= 3 {
			break
		}
	}
	return ticks
}

// tickNames are the shortest decimals that tell the ticks apart.
func tickNames(ticks []float64) []string {
	names := make([]string, len(ticks))
	for digits := 2; digits <= 17; digits++ {
		distinct := true
		for i, v := range ticks {
			names[i] = strconv.FormatFloat(v, 'g', digits, 64)
			if math.Abs(v) < 1e5 && math.Abs(v) >= 1e-3 {
				if f, err := strconv.ParseFloat(names[i], 64); err == nil {
					names[i] = strconv.FormatFloat(f, 'f', -1, 64)
				}
			}
			if len(ticks) > 1 {
				step := ticks[1] - ticks[0]
				if f, err := strconv.ParseFloat(names[i], 64); err == nil && math.Abs(f-v) > 0.01*step {
					distinct = false
				}
				if math.Abs(v) < 1e-9*step {
					names[i] = "0"
				}
			}
		}
		if distinct {
			break
		}
	}
	return names
}

// shorten cuts long names in the middle. What no picture can show, and no SVG file may
// hold, becomes a replacement character.
func shorten(s string, n int) string {
	r := []rune(s) // bytes that are no UTF-8 are such characters already
	for i, c := range r {
		if !unicode.IsGraphic(c) {
			r[i] = unicode.ReplacementChar
		}
	}
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n/2]) + "…" + string(r[len(r)-n/2+1:])
}
