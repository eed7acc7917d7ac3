package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// waveFigure is a figure with everything in it.
func waveFigure(channels int, scale float64) *figure {
	f := &figure{title: "wave", note: "40 observations"}
	for c := range channels {
		p := panel{title: "channel", seenFrom: 0, seenTo: 5}
		for i := range 40 {
			t := float64(i) / 8
			p.observed.add(t, scale*math.Sin(t+float64(c)))
		}
		for i := range 200 {
			t := float64(i) / 20
			y := math.Sin(t + float64(c))
			w := 0.02 + math.Max(0, t-5)*0.06
			p.mean.add(t, scale*y*0.97)
			p.lo = append(p.lo, scale*(y-w))
			p.hi = append(p.hi, scale*(y+w))
			p.truth.add(t, scale*y)
		}
		f.panels = append(f.panels, p)
	}
	f.arrange()
	return f
}

func TestFigureFormats(t *testing.T) {
	for _, channels := range []int{1, 3, 8, 50} {
		var b bytes.Buffer
		f := waveFigure(channels, 1)
		f.title, f.panels[0].title = "<a>\x01\xff", "b\x1b[31m & \"c\"\ufffe"
		require.LessOrEqual(t, len(f.panels), maxPanels)
		require.NoError(t, f.draw(&b, "svg"))
		d := xml.NewDecoder(bytes.NewReader(b.Bytes()))
		texts := 0
		for {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if s, ok := tok.(xml.StartElement); ok && s.Name.Local == "text" {
				texts++
			}
		}
		require.Greater(t, texts, 5*len(f.panels), "titles and ticks")
	}

	var b bytes.Buffer
	require.NoError(t, waveFigure(3, 1).draw(&b, "png"))
	img, err := png.Decode(&b)
	require.NoError(t, err)
	require.Greater(t, img.Bounds().Dx(), 800)
	colours := map[[3]uint32]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, bl, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r >> 8, g >> 8, bl >> 8}]++
		}
	}
	require.NotZero(t, colours[[3]uint32{0x1d, 0x5f, 0xa8}], "the mean line is drawn")
	require.NotZero(t, colours[[3]uint32{0xc6, 0x5d, 0x1e}], "the truth is drawn")
	require.Error(t, waveFigure(1, 1).draw(&b, "gif"))
}

func TestFigureExtremes(t *testing.T) {
	for _, scale := range []float64{0, 1e300, 1e-300, 5e-324, math.MaxFloat64 / 2} {
		require.NoError(t, waveFigure(2, scale).draw(io.Discard, "svg"), "scale %g", scale)
	}
	empty := &figure{title: "empty", panels: []panel{{title: "x"}}}
	empty.arrange()
	require.NoError(t, empty.draw(io.Discard, "svg"))
	one := &figure{title: "one", panels: []panel{{title: "x", observed: points{[]float64{3}, []float64{7}}, seenFrom: 3, seenTo: 3}}}
	one.arrange()
	require.NoError(t, one.draw(io.Discard, "png"))
}

func TestNiceTicks(t *testing.T) {
	require.Equal(t, []float64{0, 2, 4, 6, 8, 10}, niceTicks(0, 10, 5))
	require.Equal(t, []string{"-1", "-0.5", "0", "0.5", "1"}, tickNames(niceTicks(-1, 1, 4)))
	require.Equal(t, []string{"1000.1", "1000.2", "1000.3"}, tickNames([]float64{1000.1, 1000.2, 1000.3}))
	require.Equal(t, []string{"1e+06", "2e+06"}, tickNames([]float64{1e6, 2e6}))
	require.Empty(t, niceTicks(1, 1, 4))
}

func TestPictureFormat(t *testing.T) {
	f, err := pictureFormatOf("a/b.SVG")
	require.NoError(t, err)
	require.Equal(t, "svg", f)
	_, err = pictureFormatOf("a.pdf")
	require.ErrorContains(t, err, "neither .svg nor .png")
}
