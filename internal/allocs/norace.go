//go:build !race

package allocs

// counted is false under the race detector: sync.Pool then drops entries at random and package asm
// reports what it reads and writes, so that allocations mean nothing.
const counted = true
