package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode/pretrained"
)

// TestSensor: the loop drops broken readings and no others, and raises its alarm
// before the limit is crossed, but not from the beginning.
func TestSensor(t *testing.T) {
	model, err := pretrained.Model()
	require.NoError(t, err)
	var out strings.Builder
	n, err := loop(&out, model, 400)
	require.NoError(t, err)
	t.Log("\n" + out.String())
	require.Positive(t, n.dropped)
	require.Equal(t, n.dropped, strings.Count(out.String(), "is -32.768"))
	crossed := 0.0
	for pressure(crossed) < limit {
		crossed += 0.1
	}
	require.Less(t, n.first, crossed)
	require.Greater(t, n.first, crossed/2)
	require.Less(t, n.alarms, n.forecasts)
}
