package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress shows how far a long job is: a bar that is redrawn on a terminal,
// a plain line now and then elsewhere. One goroutine at a time.
type progress struct {
	w        io.Writer
	terminal bool
	every    time.Duration // between plain lines
	start    time.Time
	from     float64 // share at the first call of show: a resumed job has one
	last     time.Time
	width    int // of the line drawn last
}

func newProgress(w io.Writer) *progress {
	now := time.Now()
	p := &progress{w: w, every: 10 * time.Second, start: now, last: now, from: -1}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			p.terminal = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return p
}

// show reports a share between 0 and 1 and a text. Most calls return at once.
func (p *progress) show(share float64, format string, args ...any) {
	if p.from < 0 {
		p.from = share
	}
	now := time.Now()
	pause := p.every
	if p.terminal {
		pause = 100 * time.Millisecond
	}
	if now.Sub(p.last) < pause {
		return
	}
	p.last = now
	text := fmt.Sprintf(format, args...)
	if left := p.remaining(share); left != "" {
		text += ", " + left + " left"
	}
	if !p.terminal {
		fmt.Fprintf(p.w, "%3.0f %%  %s\n", 100*share, text)
		return
	}
	const cells = 24
	full := max(0, min(cells, int(share*cells)))
	line := fmt.Sprintf("[%s%s] %3.0f %%  %s", strings.Repeat("=", full), strings.Repeat(" ", cells-full), 100*share, text)
	fmt.Fprintf(p.w, "\r%-*s", p.width, line)
	p.width = len(line)
}

// remaining estimates the time left, rounded for reading.
func (p *progress) remaining(share float64) string {
	elapsed := time.Since(p.start)
	if share-p.from <= 0.001 || share >= 1 || elapsed < 2*time.Second {
		return ""
	}
	left := time.Duration(float64(elapsed) * (1 - share) / (share - p.from))
	switch {
	case left > time.Hour:
		return left.Round(time.Minute).String()
	default:
		return left.Round(time.Second).String()
	}
}

// done clears the bar.
func (p *progress) done() {
	if p.terminal && p.width > 0 {
		fmt.Fprintf(p.w, "\r%*s\r", p.width, "")
		p.width = 0
	}
}
