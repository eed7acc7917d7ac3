package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSimulator: the wall changes hands both ways, work is saved, and the room
// stays near that of the full simulation.
func TestSimulator(t *testing.T) {
	var out strings.Builder
	r, err := simulate(&out)
	require.NoError(t, err)
	t.Log("\n" + out.String())
	require.GreaterOrEqual(t, r.handovers, 2)
	require.GreaterOrEqual(t, r.returns, 1)
	require.Greater(t, r.saved, .05)
	require.Less(t, r.error, .3)
}
