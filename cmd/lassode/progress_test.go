package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A job that was at 50 % when this process began, and has made 10 % more in ten
// seconds, has forty to go.
func TestProgressTellsTimeLeft(t *testing.T) {
	var out strings.Builder
	p := newProgress(&out)
	p.every = 0
	p.show(.5, "resumed")
	require.Equal(t, " 50 %  resumed\n", out.String(), "nothing is known yet")
	p.start = p.start.Add(-10 * time.Second)
	out.Reset()
	p.show(.6, "%d trajectories, %s/s", 600, formatSize(2e7))
	require.Equal(t, " 60 %  600 trajectories, 20 MB/s, 40s left\n", out.String())
	p.start = p.start.Add(-10 * time.Hour)
	require.Equal(t, "40h1m0s", p.remaining(.6))
	require.Empty(t, p.remaining(1))

	// Lines are rare where nobody watches a terminal.
	p.every = time.Hour
	out.Reset()
	p.show(.7, "too soon")
	require.Empty(t, out.String())
}
