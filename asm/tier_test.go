package asm

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// A build that silently lost its assembly would pass every other test.
func TestRequiredTier(t *testing.T) {
	want := os.Getenv("LASSODE_REQUIRE_TIER")
	if want == "" {
		t.Skip("LASSODE_REQUIRE_TIER is not set")
	}
	require.Equal(t, want, Tier())
}
