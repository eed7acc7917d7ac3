//go:build !race

package ode

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// requireNoAllocs fails when f allocates in steady state.
func requireNoAllocs(t *testing.T, runs int, f func()) {
	t.Helper()
	require.Zero(t, testing.AllocsPerRun(runs, f))
}
